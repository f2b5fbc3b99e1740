"""One tree below several roots that differ by prompt, and when a prompt shows the task's hint."""

from __future__ import annotations

from dataclasses import replace
from itertools import pairwise
from math import log
from pathlib import Path

import numpy as np
import orjson
import pytest
from grids import draw
from test_agents import START, Transforms, standing
from test_preference import Scores

from solver.budget import Budget
from solver.errors import InputError
from solver.lm.engine import QueueEngine, Sampling
from solver.lm.loading import LanguageModel, read_hints
from solver.lm.policy import HintSchedule, LanguageModelPolicy
from solver.lm.prompt import PromptBuilder
from solver.lm.prompt_format import PromptFormat
from solver.lm.template import PromptTask
from solver.search.grammar import Grammar
from solver.search.source import ProgramSource
from solver.search.trace import load_trace, trace_of
from solver.search.tree import Tree, TreeRules
from solver.settings import LanguageModelSettings, SearchSettings
from solver.tasks import Pair, Task

GOLDEN = Path(__file__).parent / "golden"
AGENTS = ["pw-mcts", "mcts", "beam"]


class Counting(Transforms):
    """Keeps the states that it was asked for."""

    def __init__(self, probabilities):
        super().__init__(probabilities)
        self.asked = []

    def propose(self, states, num_steps, rng):
        self.asked += [frozenset(value.key for value in state) for state in states]
        return super().propose(states, num_steps, rng)


def grow(num_steps, agent, policies, preference=None, **rules):
    rules = TreeRules(agent=agent, **{"batch": 2, "max_depth": 3, **rules})
    tree = Tree([((START,), 1.0)], policies, standing, rules, np.random.default_rng(0), preference=preference)
    for _ in range(num_steps):
        if not tree.step():
            break
    return tree


def two():
    return [Counting({0: 0.7, 1: 0.3}), Counting({1: 0.5, 3: 0.3, 5: 0.2})]


@pytest.mark.parametrize("agent", AGENTS)
def test_a_tree_of_trees_is_the_recorded_one(agent):
    trace = trace_of(grow(9, agent, two()))
    del trace.head["seconds"]
    golden = load_trace(GOLDEN / f"two-prompts-{agent}.jsonl")
    assert trace.head == golden.head
    assert len(trace.nodes) == len(golden.nodes)
    for mine, theirs in zip(trace.nodes, golden.nodes, strict=True):
        for name, value in vars(theirs).items():
            assert getattr(mine, name) == (pytest.approx(value) if isinstance(value, float) else value), mine.number


@pytest.mark.parametrize("agent", AGENTS)
def test_every_policy_has_its_own_roots_and_equal_states_are_one_node(agent):
    policies = two()
    tree = grow(200, agent, policies, beam_width=1000)
    assert tree.exhausted
    first, second = tree.root.children
    assert (first.prompt, second.prompt) == (0, 1)
    assert first.prior == second.prior == 0.5
    assert first.key == second.key
    asked = [policy.asked for policy in policies]
    assert all(states[0] == first.key for states in asked)
    below = [set(states[1:]) for states in asked]
    assert not below[0] & below[1]  # each state below the roots is asked for once
    assert all(len(own) == len(states) - 1 for own, states in zip(below, asked, strict=True))
    shared = [child for child in first.children if child in second.children]
    assert shared  # both propose transform 1
    assert len({frozenset(v.key for v in n.values) for n in tree.nodes.values()}) == len(tree.nodes)
    assert all(node.pending == 0 for node in (*tree.nodes.values(), second))


def test_equal_roots_are_worth_the_same_and_both_scored():
    preference = Scores()
    tree = grow(3, "mcts", two(), preference)
    first, second = tree.root.children
    assert first.own == second.own
    assert first.ppm == second.ppm is not None
    numbers = [node.number for node in trace_of(tree).nodes]
    assert numbers == list(range(len(tree.nodes) + 2))


# --- prompts of a language model

GRIDS = [draw("120/003"), draw("400/450")]
TASK = Task("t", tuple(Pair(g, np.ascontiguousarray(np.rot90(g, 3))) for g in GRIDS), (Pair(draw("12/70")),))


class Turner(QueueEngine):
    """An engine that always knows the same step."""

    def generate(self, requests, deadline=None):
        self.answers += [[(f" transform({_newest(request)}, ROT90)\n", log(0.5))] for request in requests]
        return super().generate(requests, deadline)


def _newest(request) -> str:
    number = int(request.prompt.rest.split("\n")[-1].removeprefix("x").removesuffix(" ="))
    return f"x{number - 1}" if number > 1 else "I"


def lm_policy(hint="turn it", **options):
    engine = Turner()
    prompts = PromptBuilder(PromptFormat(), replace(PromptTask.of(TASK), hint=hint), engine.count_tokens, 100_000, 16)
    return LanguageModelPolicy(engine, prompts, Sampling(num_samples=4), **options)


def shown(policy) -> list[bool]:
    return [request.prompt.shared.startswith("hint turn it\n") for request in policy.engine.requests]


def test_hints_are_shown_first_then_less_and_less_then_never():
    schedule = HintSchedule(5, 30)
    assert [schedule.probability(k) for k in (0, 4, 35, 100)] == [1, 1, 0, 0]
    falling = [schedule.probability(k) for k in range(4, 36)]
    assert all(0 <= b < a <= 1 for a, b in pairwise(falling))
    policy, rng = lm_policy(hints=schedule), np.random.default_rng(0)
    for _ in range(60):
        policy.propose([(START,), (START,)], 4, rng)
    seen = shown(policy)
    assert seen[::2] == seen[1::2]  # one decision a rollout
    assert all(seen[:10])
    assert 0.2 < np.mean(seen[10:70]) < 0.8
    assert not any(seen[70:])


def test_without_a_schedule_the_hint_is_always_shown_and_without_a_hint_nothing_is_drawn():
    policy, rng = lm_policy(), np.random.default_rng(0)
    for _ in range(30):
        policy.propose([(START,)], 4, rng)
    assert all(shown(policy))
    states = []
    for options in ({"hints": HintSchedule(1, 5)}, {}):
        policy, rng = lm_policy(hint="", seeded=False, **options), np.random.default_rng(0)
        for _ in range(9):
            policy.propose([(START,)], 4, rng)
        states.append(rng.bit_generator.state)
    assert states[0] == states[1]


def run(tmp_path, hints=None, task=TASK, **lm):
    """A run of the tree alone on the task; the engine and the traces of its views."""
    settings = LanguageModelSettings(policy="none", engine="transformers", rollout_programs=0, weight=1.0,
                                     grammar_weight=0.0, uniform_weight=0.0, **lm)  # fmt: skip
    engine = Turner()
    model = LanguageModel(engine, PromptFormat(), Sampling(num_samples=4), settings, hints=hints or {})
    search = SearchSettings(num_views=2, use_enumeration=False, use_fitted=False, use_stacking=False, max_depth=2,
                            root_share=0.05, trace=str(tmp_path))  # fmt: skip
    ProgramSource(search, language_model=model).solve(task, Budget(nodes=400), 0, lambda _: None)
    return engine, [load_trace(path) for path in sorted(tmp_path.glob("*.jsonl"))]


def test_settings_make_a_tree_of_trees_with_and_without_the_hint(tmp_path):
    engine, traces = run(tmp_path, {"t": "turn it"}, num_prompts=2)
    assert {(n.depth, n.prompt) for n in traces[0].nodes[1:] if n.depth == 0} == {(0, 0), (0, 1)}
    first = [request.prompt for request in engine.requests if request.prompt.rest == "x1 ="]
    assert [prompt.shared.startswith("hint turn it\n") for prompt in first[:2]] == [True, False]
    engine, traces = run(tmp_path, {"t": "turn it"})
    assert {node.prompt for node in traces[0].nodes} == {0}


def test_a_hint_is_not_shown_where_the_view_changes_the_grids(tmp_path):
    rng = np.random.default_rng(0)
    grids = [rng.integers(0, 9, (4, 5)).astype(np.int8) for _ in range(3)]
    noise = [rng.integers(0, 9, (3, 3)).astype(np.int8) for _ in range(3)]
    task = Task("t", tuple(map(Pair, grids[:2], noise[:2])), (Pair(grids[2]),))
    engine, traces = run(tmp_path, {"t": "turn it"}, task)
    assert len(traces) == 2
    seen = {request.prompt.shared.startswith("hint turn it\n") for request in engine.requests}
    assert seen == {True, False}
    engine, _ = run(tmp_path, {"other": "turn it"}, task)
    assert not any(request.prompt.shared.startswith("hint") for request in engine.requests)


def test_the_preference_model_sees_no_hint():
    settings = LanguageModelSettings(policy="none", ppm="none", engine="transformers")
    scorer = QueueEngine(scores=[0.5])
    model = LanguageModel(Turner(), PromptFormat(), Sampling(), settings, scorer, PromptFormat(), {"t": "turn it"})
    policy = model.task_policy(replace(PromptTask.of(TASK), hint="turn it"), Grammar(), [0, 1])
    policy.preference.score([(START,)])
    assert "hint" not in scorer.scored[0].shared
    policy.owns[0].propose([(START,)], 4, np.random.default_rng(0))
    assert model.engine.requests[0].prompt.shared.startswith("hint turn it\n")


def test_hints_are_read_from_a_file_of_texts(tmp_path):
    path = tmp_path / "hints.json"
    settings = LanguageModelSettings(hints=str(path))
    assert read_hints(LanguageModelSettings()) == {}
    path.write_bytes(orjson.dumps({"t": "turn it"}))
    assert read_hints(settings) == {"t": "turn it"}
    for content in ('["t"]', '{"t": 3}', "nonsense"):
        path.write_text(content)
        with pytest.raises(InputError, match=r"hints\.json"):
            read_hints(settings)
    path.unlink()
    with pytest.raises(InputError, match=r"hints\.json"):
        read_hints(settings)
