"""Rollouts of a policy before the search, the grammar that they make, and the search that it guides."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw

from solver.budget import Budget
from solver.executor import LibraryExecutor, input_value
from solver.grid.registry import FUNCTIONS
from solver.grid.types import Symmetry
from solver.lm.engine import QueueEngine, Sampling
from solver.lm.loading import LanguageModel
from solver.lm.policy import LanguageModelPolicy
from solver.lm.prompt import PromptBuilder
from solver.lm.prompt_format import PromptFormat
from solver.lm.template import PromptTask
from solver.policy import Step
from solver.program import parse
from solver.search.grammar import Grammar
from solver.search.rollouts import Rollouts, roll_out
from solver.search.root import RootPass
from solver.search.source import ProgramSource
from solver.settings import LanguageModelSettings, SearchSettings
from solver.tasks import Pair, Task
from solver.vote import choose_attempts

GRIDS = [draw("120/003"), draw("400/450"), draw("70/01")]
TRANSFORM, REPLACE = FUNCTIONS["transform"], FUNCTIONS["replace_color"]


def step(function, *args, log_probability=-1.0):
    named = [("value", a.i) if isinstance(a, V) else ("constant", int(a)) for a in args]
    return Step(function, tuple(named), log_probability)


class V:
    def __init__(self, i):
        self.i = i


class Fixed:
    """Draws what it is told: for each round of steps, (state's number, step, count)."""

    def __init__(self, *rounds):
        self.rounds, self.asked = list(rounds), []

    def draw(self, states, counts, rng, deadline=None):
        self.asked.append([([v.type.__name__ for v in state], count) for state, count in zip(states, counts)])
        given = self.rounds.pop(0) if self.rounds else []
        return [[(step, count) for number, step, count in given if number == i] for i in range(len(states))]


UNREACHED = [draw("55"), draw("66")]


def roll(sampler, targets=UNREACHED, **changes):
    rules = {"num_programs": 10, "max_statements": 3, "discount": 0.5, "is_over": lambda: False} | changes
    rng = np.random.default_rng(0)
    return roll_out(sampler, input_value(GRIDS), targets, rng, LibraryExecutor(), **rules)


TURN, MIRROR = step(TRANSFORM, V(0), Symmetry.ROT90), step(TRANSFORM, V(0), Symmetry.FLIP_LR)
NOTHING = step(REPLACE, V(0), 9, 8)
MIRROR_TURNED = step(TRANSFORM, V(1), Symmetry.FLIP_LR)


def test_uses_are_counted_a_program_and_later_steps_count_less():
    found = roll(Fixed([(0, TURN, 6), (0, MIRROR, 2)], [(0, MIRROR_TURNED, 3)]))
    assert found.functions == {"transform": pytest.approx((6 + 2) / 10 + 0.5 * 3 / 10)}
    assert found.constants["transform.symmetry"] == {
        str(int(Symmetry.ROT90)): pytest.approx(0.6),
        str(int(Symmetry.FLIP_LR)): pytest.approx(0.2 + 0.15),
    }
    assert (found.num_drawn, found.num_run) == (11, 11)


def test_programs_go_on_in_the_states_they_reached_and_equal_states_are_one():
    sampler = Fixed(
        [(0, TURN, 6), (0, MIRROR, 4)], [(0, MIRROR_TURNED, 6), (1, step(TRANSFORM, V(0), Symmetry.ROT90), 4)]
    )
    found = roll(sampler)
    assert sampler.asked[0] == [(["Grid"], 10)]
    assert sampler.asked[1] == [(["Grid", "Grid"], 6), (["Grid", "Grid"], 4)]
    assert sum(count for _, count in sampler.asked[2]) == 10
    assert [v.program().render().count("transform") for v in found.values] == [1, 1, 2]


def test_steps_without_a_new_result_end_their_programs_and_count_for_nothing():
    found = roll(sampler := Fixed([(0, NOTHING, 7), (0, step(REPLACE, V(0), 8, 9), 3)]))
    assert len(sampler.asked) == 1
    assert (found.num_drawn, found.num_run, found.values, found.functions) == (10, 0, [], {})


def test_a_finished_program_is_not_gone_on_with():
    targets = [TRANSFORM(g, Symmetry.ROT90) for g in GRIDS[:2]]
    found = roll(sampler := Fixed([(0, TURN, 8), (0, MIRROR, 2)]), targets)
    assert sampler.asked[1] == [(["Grid", "Grid"], 2)]
    assert len(found.values) == 2


def test_a_round_is_drawn_until_the_deadline_and_confirmed_on_the_tasks_own_input():
    deadlines, confirmed = [], []

    class Noting(Fixed):
        def draw(self, states, counts, rng, deadline=None):
            deadlines.append(deadline)
            return super().draw(states, counts, rng)

    class Confirming(LibraryExecutor):
        def confirm(self, value, given):
            confirmed.append(given)
            return True

    given = input_value([grid[::-1].copy() for grid in GRIDS])
    rules = {"num_programs": 10, "max_statements": 1, "discount": 0.5, "is_over": lambda: False}
    roll_out(
        Noting([(0, TURN, 10)]), input_value(GRIDS), UNREACHED, np.random.default_rng(0), Confirming(), **rules,
        deadline=12.5, given=given,
    )  # fmt: skip
    assert deadlines == [12.5]
    assert [value.key for value in confirmed] == [given.key]


def test_rounds_end_when_the_time_is_over():
    answers = iter([False, True])
    found = roll(sampler := Fixed([(0, TURN, 10)], [(0, MIRROR_TURNED, 10)]), is_over=lambda: next(answers))
    assert len(sampler.asked) == 1
    assert len(found.values) == 1


def test_the_grammar_of_a_task_makes_its_words_likelier_and_the_others_less():
    found = Rollouts()
    found.count(step(FUNCTIONS["crop_object"], V(0), 3, 1), 1.0)
    plain = Grammar({"crop_object": 1.0, "mirror": 2.0}, {"crop_object.rank": {"1": 1.0, "2": 4.0}})
    guided = found.guide(plain, 10.0)
    assert guided.functions == {"crop_object": 11.0, "mirror": 2.0}
    assert guided.constants["crop_object.rank"] == {"1": 11.0, "2": 4.0}
    crop = FUNCTIONS["crop_object"]
    assert guided.function_cost(crop) < plain.function_cost(crop)
    other = FUNCTIONS["keep"]
    assert guided.function_cost(other) > plain.function_cost(other)
    assert found.guide(plain, 0.0).functions == plain.functions
    # Votes are weighed by what was known before the task, however often counts are added.
    assert plain.prior is plain
    assert found.guide(guided, 1.0).prior is plain


def test_a_constant_that_no_search_would_try_has_a_cost():
    """A model may write `upscale(I, 7)`; enumeration stops at 5. Found as a KeyError that ended a task's search."""
    text = "def solve(I):\n    x1 = upscale(I, {})\n    return x1\n"
    listed, unlisted = (parse(text.format(factor)) for factor in (5, 7))
    found = Rollouts()
    found.count(step(FUNCTIONS["upscale"], V(0), 7), 1.0)
    for grammar in (Grammar(), Grammar.shipped()):
        cost = grammar.program_cost(unlisted)
        assert grammar.program_cost(listed) < cost < 20
        assert found.guide(grammar, 10.0).program_cost(unlisted) < cost


def test_draw_gives_each_step_with_its_count_and_leaves_out_what_is_none():
    engine = QueueEngine([[(" transform(I, ROT90)\n", -2.0), (" transform(I,ROT90)\n", -3.0), (" what\n", -0.1)]])
    task = PromptTask(tuple(GRIDS[:2]), tuple(GRIDS[:2]), (GRIDS[2],))
    prompts = PromptBuilder(PromptFormat(), task, engine.count_tokens, 10_000, 16)
    policy = LanguageModelPolicy(engine, prompts, Sampling())
    ((found,),) = policy.draw([(input_value(GRIDS),)], [5], np.random.default_rng(0))
    assert found == (Step(TRANSFORM, TURN.args, pytest.approx(np.logaddexp(-2.0, -3.0))), 2)
    assert engine.requests[0].sampling.num_samples == 5


# the search that it guides


class Advisor(QueueEngine):
    """An engine that always writes the same steps for an empty program, and nothing for others."""

    def __init__(self, steps):
        super().__init__()
        self.steps = steps

    def generate(self, requests, deadline=None):
        self.answers.extend([self.steps if r.prompt.rest.endswith("x1 =") else [] for r in requests])
        return super().generate(requests, deadline)


def deep_task(count=4):
    """The object of the second size, scaled: a step too many for a short enumeration."""
    rng = np.random.default_rng(5)
    pairs = []
    program = parse(
        "def solve(I):\n    x1 = find_objects(I, CONN4, ONE_COLOR)\n    x2 = crop_object(x1, SIZE, SECOND_MAX)\n"
        "    x3 = upscale(x2, 3)\n    return x3\n"
    )
    for _ in range(count):
        grid = np.zeros((12, 12), np.int8)
        grid[1:5, 1:5] = rng.integers(1, 3)
        grid[7:9, 1:4] = 4
        grid[7, 2] = grid[2, 2] = 0
        grid[7:10, 8:10] = rng.integers(5, 8)
        pairs.append(Pair(grid, program.run(grid)))
    return Task("deep", tuple(pairs[:-1]), (Pair(pairs[-1].input),)), pairs[-1].output, program


PLAIN = {"num_views": 1, "use_mcts": False, "use_forms": False, "use_part_rules": False, "use_layouts": False}
"""One view and no rules: they would take the few nodes that these tests have."""


def search(task, steps, nodes, **changes):
    settings = LanguageModelSettings(policy="none", engine="transformers", **changes)
    engine = Advisor(steps)
    model = LanguageModel(engine, PromptFormat(), Sampling(num_samples=8, max_new_tokens=16), settings)
    source = ProgramSource(SearchSettings(**PLAIN), language_model=model)
    return source.solve(task, Budget(nodes=nodes), 0, lambda _: None), engine


def test_rollouts_are_asked_for_only_where_the_first_round_settles_nothing():
    easy = Task("easy", tuple(Pair(g, np.ascontiguousarray(np.rot90(g))) for g in GRIDS), (Pair(draw("12/34")),))
    findings, engine = search(easy, [(" transform(I, ROT180)\n", -1.0)], 20_000)
    assert findings.settled
    assert not engine.requests
    _, engine = search(deep_task()[0], [(" transform(I, ROT180)\n", -1.0)], 20_000)
    assert engine.requests[0].sampling.num_samples == LanguageModelSettings().rollout_programs


class Writer(QueueEngine):
    """An engine that writes the first statements of a program, one after the other, and then nothing."""

    def __init__(self, program, num_statements):
        super().__init__()
        lines = [line.strip() for line in program.render().splitlines() if " = " in line]
        self.calls = dict(line.split(" = ") for line in lines[:num_statements])

    def generate(self, requests, deadline=None):
        for request in requests:
            target = request.prompt.rest.split("\n")[-1].removesuffix(" =")
            self.answers.append([(f" {self.calls[target]}\n", -1.0)] if target in self.calls else [])
        return super().generate(requests, deadline)


def guided(task, program, num_statements, **settings):
    own = LanguageModelSettings(policy="none", engine="transformers")
    engine = Writer(program, num_statements)
    model = LanguageModel(engine, PromptFormat(), Sampling(num_samples=8, max_new_tokens=16), own)
    source = ProgramSource(SearchSettings(**PLAIN | settings), language_model=model)
    return source.solve(task, Budget(nodes=2_500), 0, lambda _: None)


def test_a_value_that_a_rollout_reached_is_where_enumeration_goes_on():
    task, truth, program = deep_task()
    alone, _ = search(task, [], 2_500)
    assert not any(answer.exact for answer in alone.answers)
    findings = guided(task, program, 2)
    first, _ = choose_attempts(task, {"program": findings})[0]
    assert first.exact
    assert np.array_equal(first.grid, truth)


def test_rollouts_alone_solve_what_the_model_knows():
    task, truth, program = deep_task()
    settings = {"use_enumeration": False, "use_fitted": False, "use_stacking": False}
    assert not any(answer.exact for answer in guided(task, program, 2, **settings).answers)
    findings = guided(task, program, 3, **settings)
    assert findings.settled
    assert np.array_equal(findings.answers[0].outputs[0], truth)


def test_a_model_that_has_nothing_to_say_does_not_begin_the_root_pass_anew(monkeypatch):
    begun = []
    begin = RootPass.begin.__func__
    monkeypatch.setattr(
        RootPass, "begin", classmethod(lambda cls, *args, **options: begun.append(1) or begin(cls, *args, **options))
    )
    task = deep_task()[0]
    search(task, [], 2_500)
    assert len(begun) == 1
    search(task, [(" transform(I, ROT180)\n", -1.0)], 2_500)
    assert len(begun) == 3


def test_guided_runs_repeat_with_a_budget_of_nodes():
    task, _, _ = deep_task()
    steps = [(" find_objects(I, CONN4, ONE_COLOR)\n", -0.5), (" transform(I, ROT90)\n", -1.0)]
    first, second = (search(task, steps, 5_000)[0] for _ in range(2))
    assert [a.origin for a in first.answers] == [a.origin for a in second.answers]
    assert [a.weight for a in first.answers] == [a.weight for a in second.answers]
