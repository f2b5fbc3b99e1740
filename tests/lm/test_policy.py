"""Policy and preference model over a queue-fed engine, and mixtures of policies."""

from __future__ import annotations

from math import exp, log, tanh

import numpy as np
import pytest
from grids import draw

from solver.executor import apply, input_value
from solver.grid.registry import FUNCTIONS
from solver.grid.types import Symmetry
from solver.lm.engine import Answer, QueueEngine, Sampling, TemperatureSchedule
from solver.lm.policy import LanguageModelPolicy, PreferenceModel
from solver.lm.prompt import PromptBuilder
from solver.lm.prompt_format import PromptFormat
from solver.lm.template import PromptTask
from solver.policy import GrammarPolicy, MixturePolicy, Step, UniformPolicy
from solver.prefix import Prefix
from solver.search.grammar import Grammar
from solver.search.tree import Tree, TreeRules
from solver.tasks import Pair, Task

GRIDS = [draw("120/003"), draw("400/450")]
TASK = Task("t", tuple(Pair(g, np.ascontiguousarray(np.rot90(g))) for g in GRIDS), (Pair(draw("7")),))
TRANSFORM = FUNCTIONS["transform"]
START = input_value(PromptTask.of(TASK).inputs)
RNG = np.random.default_rng(0)


def policy(answers, context=100_000, prompt_format=PromptFormat(), **options):  # noqa: B008
    engine = QueueEngine(answers, context_length=context)
    prompts = PromptBuilder(prompt_format, PromptTask.of(TASK), engine.count_tokens, context, 16)
    return LanguageModelPolicy(engine, prompts, options.pop("sampling", Sampling(num_samples=4)), **options)


def turned(value, symmetry):
    return apply(TRANSFORM, [value, int(symmetry)])


def test_answers_become_typed_steps_most_likely_first():
    lm = policy([[(" transform(I, ROT90)\n", -2.0), (" transform(I, FLIP_UD)\n", -1.0), (" nonsense(\n", -0.1)]])
    (steps,) = lm.propose([(START,)], 8, RNG)
    assert [s.args for s in steps] == [
        (("value", 0), ("constant", int(Symmetry.FLIP_UD))),
        (("value", 0), ("constant", int(Symmetry.ROT90))),
    ]
    assert [s.log_probability for s in steps] == [-1.0, -2.0]
    assert lm.counts == {"steps": 2, "repeated": 0, "no step": 1}


def test_the_same_step_in_other_words_adds_up_and_the_limit_holds():
    answers = [(" transform(I, ROT90)\n", log(0.2)), (" transform(I,ROT90)\n", log(0.1)), (" fractal(I)\n", log(0.01))]
    lm = policy([answers, answers])
    (steps,) = lm.propose([(START,)], 8, RNG)
    assert steps[0].log_probability == pytest.approx(log(0.3))
    assert len(lm.propose([(START,)], 1, RNG)[0]) == 1


def test_unfinished_answers_are_no_steps():
    lm = policy([])
    lm.engine.generate = lambda requests, deadline: [[Answer(" transform(I, ROT90)", -1.0, 48, 3, ended=False)]]
    assert lm.propose([(START,)], 8, RNG) == [[]]
    assert lm.counts == {"unfinished": 3}


def test_steps_may_use_values_that_a_state_only_implies():
    hidden = turned(START, Symmetry.FLIP_UD)
    shown = turned(hidden, Symmetry.ROT90)
    lm = policy([[(" overlay(x1, x2)\n", -1.0)]])
    ((step,),) = lm.propose([(START, shown)], 8, RNG)
    assert step.args == (("computed", hidden), ("value", 1))
    assert [v.key for v in step.bind((START, shown))] == [hidden.key, shown.key]


def test_tables_are_constants():
    lm = policy([[(" lookup(I, (0, 3, 1))\n", -1.0)]])
    ((step,),) = lm.propose([(START,)], 8, RNG)
    assert step.bind((START,))[1] == (0, 3, 1)


def test_a_tree_grows_by_what_the_model_writes():
    lm = policy([[(" transform(I, ROT90)\n", -0.1)], [(" transform(x1, ROT180)\n", -0.2)]])
    solved = []
    targets = PromptTask.of(TASK).targets

    def evaluate(value):
        if all(np.array_equal(g, t) for g, t in zip(value.items, targets, strict=False)):
            solved.append(value.program().render())
        return 0.0

    tree = Tree([((START,), 1.0)], [lm], evaluate, TreeRules(batch=1, max_depth=2), RNG)
    while not tree.exhausted and not solved:
        tree.step()
    assert solved == [
        "from solver.grid import *\n\n\ndef solve(I):\n    x1 = transform(I, ROT90)\n    x2 = transform(x1, ROT180)\n"
        "    return x2\n"
    ]


def test_prompts_of_the_engine_are_of_the_task_and_the_state():
    lm = policy([[], []])
    lm.propose([(START,), (START, turned(START, Symmetry.FLIP_UD))], 8, RNG)
    first, second = lm.engine.requests
    assert first.prompt.shared == second.prompt.shared
    assert first.prompt.rest == "x1 ="
    assert second.prompt.rest.startswith("x1 = transform(I, FLIP_UD)\n# Grid")
    assert first.sampling.stop == "\n"
    assert first.sampling.seed != second.sampling.seed
    assert lm.engine.batches == [2]


def test_thinking_models_are_not_stopped_at_the_end_of_a_line():
    lm = policy([[]], prompt_format=PromptFormat(style="few-shot", thinking=True))
    lm.propose([(START,)], 8, RNG)
    assert lm.engine.requests[0].sampling.stop == ""


def test_what_does_not_fit_gets_no_steps_and_costs_no_engine_time():
    lm = policy([], context=40)
    assert lm.propose([(START,)], 8, RNG) == [[]]
    assert lm.engine.batches == []
    assert lm.prompts.dropped == {"states too long": 1}


def test_the_first_rollout_is_wider_and_temperature_follows_the_schedule():
    schedule = TemperatureSchedule("linear", 0.5, 1.0, num_rollouts=2, per_child=0.25)
    lm = policy([[(" transform(I, ROT90)\n", -1.0)], [], []], schedule=schedule, first_factor=3.0)
    for _ in range(3):
        lm.propose([(START,)], 8, RNG)
    assert [r.sampling.num_samples for r in lm.engine.requests] == [12, 4, 4]
    # The state was given one step in the first rollout.
    assert [r.sampling.temperature for r in lm.engine.requests] == [0.5, 1.0, 1.25]


@pytest.mark.parametrize(
    ("kind", "wanted"),
    [("constant", [0.2, 0.2, 0.2, 0.2]), ("linear", [0.2, 0.4, 0.6, 1.0]), ("beta", [0.2, 0.325, 0.6, 1.0])],
)
def test_temperature_schedules(kind, wanted):
    schedule = TemperatureSchedule(kind, 0.2, 1.0, num_rollouts=8)
    # Beta(2, 2): F(x) = 3x² − 2x³, F(1/4) = 5/32.
    assert [schedule.at(k) for k in (0, 2, 4, 80)] == pytest.approx(wanted)
    with pytest.raises(ValueError, match="none of"):
        TemperatureSchedule("cosine")


def test_nothing_is_asked_that_would_take_longer_than_there_is_time():
    left = [5.0]
    lm = policy([[(" transform(I, ROT90)\n", -1.0)]] * 2, time_left=lambda: left[0])
    assert len(lm.propose([(START,)], 8, RNG)[0]) == 1
    lm.longest_s = 4.0
    assert len(lm.propose([(START,)], 8, RNG)[0]) == 1
    left[0] = 3.9
    assert lm.propose([(START,)], 8, RNG) == [[]]
    assert lm.num_rollouts == 2


def test_states_are_asked_together_without_those_that_do_not_fit():
    one, two = (START, turned(START, Symmetry.ROT180)), (START, turned(START, Symmetry.ROT180), turned(START, 1))
    lengths = [
        len(prompt.shared) + len(prompt.rest) for prompt in map(policy([]).prompts.build, map(Prefix.of, [one, two]))
    ]
    answers = [[(" transform(I, ROT90)\n", -1.0)], [(" transform(x1, ROT90)\n", -2.0)]]
    lm = policy(answers, context=lengths[0] + 16)
    found = lm.propose([(START,), two, one], 4, RNG)
    assert lm.engine.batches == [2]
    assert [len(steps) for steps in found] == [1, 0, 1]
    assert found[2][0].function is TRANSFORM


def test_an_engine_that_is_not_ready_is_not_asked():
    lm = policy([[(" transform(I, ROT90)\n", -1.0)]], first_factor=3.0)
    lm.engine.ready = lambda: False
    before = RNG.bit_generator.state
    assert lm.propose([(START,), (START,)], 8, RNG) == [[], []]
    assert RNG.bit_generator.state == before
    prompts = PromptBuilder(PromptFormat(), PromptTask.of(TASK), len, 100_000, 0)
    preference = PreferenceModel(lm.engine, prompts)
    assert preference.score([(START,)]) == [None]
    assert (lm.engine.batches, preference.num_scored) == ([], 0)
    lm.engine.ready = lambda: True
    assert len(lm.propose([(START,)], 8, RNG)[0]) == 1
    assert lm.engine.requests[0].sampling.num_samples == 12  # still the first rollout


def test_seeds_come_from_the_trees_generator_or_not_at_all():
    seeds = []
    for _ in range(2):
        lm = policy([[]])
        lm.propose([(START,)], 8, np.random.default_rng(5))
        seeds.append(lm.engine.requests[0].sampling.seed)
    assert seeds[0] == seeds[1] is not None
    lm = policy([[]], seeded=False)
    lm.propose([(START,)], 8, RNG)
    assert lm.engine.requests[0].sampling.seed is None


def test_values_are_tanh_and_asked_for_together():
    scorer = QueueEngine(scores=[0.5, -3.0])
    prompts = PromptBuilder(PromptFormat(), PromptTask.of(TASK), len, 100_000, 16)
    tight = PromptBuilder(PromptFormat(), PromptTask.of(TASK), len, 40, 16)
    turn = turned(START, Symmetry.ROT180)
    assert PreferenceModel(scorer, tight).score([(START,)]) == [None]
    assert scorer.batches == []
    assert PreferenceModel(scorer, prompts).score([(START,), (START, turn)]) == [tanh(0.5), tanh(-3.0)]
    assert scorer.batches == [2]
    assert scorer.scored[1].rest.endswith("solved 0/2\n")


def test_a_state_that_was_not_scored_in_time_has_no_value():
    scorer = QueueEngine()
    scorer.score = lambda prompts, deadline: [None, 0.5]
    model = PreferenceModel(scorer, PromptBuilder(PromptFormat(), PromptTask.of(TASK), len, 100_000, 16))
    assert model.score([(START,), (START, turned(START, Symmetry.ROT180))]) == [None, tanh(0.5)]
    assert model.num_scored == 1


def test_what_is_no_number_is_no_score():
    """A tree that backed it up could compare no states any more."""
    scorer = QueueEngine(scores=[float("nan"), float("inf")])
    model = PreferenceModel(scorer, PromptBuilder(PromptFormat(), PromptTask.of(TASK), len, 100_000, 16))
    assert model.score([(START,), (START, turned(START, Symmetry.ROT180))]) == [None, 1.0]
    assert model.num_scored == 1


def test_nothing_is_scored_that_would_take_longer_than_there_is_time():
    left = [5.0]
    prompts = PromptBuilder(PromptFormat(), PromptTask.of(TASK), len, 100_000, 0)
    model = PreferenceModel(QueueEngine(scores=[1.0, 2.0]), prompts, lambda: left[0])
    assert model.score([(START,)]) == [tanh(1.0)]
    model.longest_s = 4.0
    left[0] = 3.9
    assert model.score([(START,), (START,)]) == [None, None]
    left[0] = 4.1
    assert model.score([(START,)]) == [tanh(2.0)]
    assert model.num_scored == 2


class Fixed:
    def __init__(self, masses):
        self.masses = masses

    def propose(self, states, num_steps, rng):
        steps = [Step(TRANSFORM, (("value", 0), ("constant", k)), log(p)) for k, p in self.masses.items()]
        return [sorted(steps, key=lambda s: -s.log_probability)[:num_steps] for _ in states]


def test_a_mixture_adds_weighted_probabilities():
    mixture = MixturePolicy([(Fixed({0: 0.5, 1: 0.1}), 3.0), (Fixed({1: 0.8, 2: 0.2}), 1.0)])
    (steps,) = mixture.propose([(START,)], 8, RNG)
    found = {step.args[1][1]: exp(step.log_probability) for step in steps}
    assert found == pytest.approx({0: 0.375, 1: 0.275, 2: 0.05})
    assert [step.args[1][1] for step in steps] == [0, 1, 2]


def test_no_part_of_a_mixture_is_crowded_out():
    sure = Fixed(dict.fromkeys(range(5), 0.2))
    doubtful = Fixed(dict.fromkeys(range(5, 7), 0.001))
    (steps,) = MixturePolicy([(sure, 0.75), (doubtful, 0.25)]).propose([(START,)], 4, RNG)
    found = [step.args[1][1] for step in steps]
    assert len(found) == 4
    assert found[-1] == 5
    assert MixturePolicy([(sure, 0.0), (doubtful, 1.0)]).propose([(START,)], 4, RNG)[0][0].args[1][1] == 5


def test_a_mixture_without_weights_is_refused():
    for parts in ([], [(Fixed({}), 0.0)], [(Fixed({}), -1.0), (Fixed({}), 2.0)]):
        with pytest.raises(ValueError, match="weights"):
            MixturePolicy(parts)


def test_the_uniform_policy_prefers_nothing():
    (steps,) = UniformPolicy([0, 1]).propose([(START,)], 10**6, RNG)
    (ranked,) = GrammarPolicy(Grammar(), [0, 1]).propose([(START,)], 10**6, RNG)
    assert {(s.function, s.args) for s in steps} == {(s.function, s.args) for s in ranked}
    assert {round(exp(s.log_probability) * len(steps), 6) for s in steps} == {1.0}
    (some,) = UniformPolicy([0, 1]).propose([(START,)], 20, RNG)
    assert len({(s.function, s.args) for s in some}) == 20
