"""Agents on one tree, node by node, and traces of trees."""

from __future__ import annotations

from math import log
from pathlib import Path

import numpy as np
import pytest
from grids import draw

from solver.errors import InputError
from solver.executor import input_value
from solver.grid.registry import FUNCTIONS
from solver.policy import Step
from solver.search.trace import Trace, load_trace, save_trace, trace_of
from solver.search.tree import Tree, TreeRules
from solver.settings import SearchSettings, SettingsError

TRANSFORM = FUNCTIONS["transform"]
START = input_value([draw("120/003/400")])
GOLDEN = Path(__file__).parent / "golden"


class Transforms:
    """Proposes transforms of the newest value with given probabilities."""

    def __init__(self, probabilities):
        self.probabilities = probabilities

    def propose(self, states, num_steps, rng):
        return [
            [
                Step(TRANSFORM, (("value", len(values) - 1), ("constant", symmetry)), log(p))
                for symmetry, p in self.probabilities.items()
            ]
            for values in states
        ]


def standing(value) -> float:
    """A made-up reward that depends on the value alone."""
    return (value.key[0] % 8) / 8


def grow(num_steps, agent, evaluate=standing, probabilities=None, **rules):
    policy = Transforms(probabilities or {0: 0.4, 1: 0.3, 3: 0.2, 5: 0.1})
    rules = TreeRules(agent=agent, **{"batch": 1, "max_depth": 3, **rules})
    tree = Tree([((START,), 1.0)], [policy], evaluate, rules, np.random.default_rng(0))
    for _ in range(num_steps):
        if not tree.step():
            break
    return tree


@pytest.mark.parametrize("agent", ["pw-mcts", "mcts", "beam"])
def test_each_agent_grows_the_recorded_tree(agent):
    """Golden files: priors used, values at every ancestor, closed nodes, transpositions, widening."""
    trace = trace_of(grow(9, agent))
    del trace.head["seconds"]
    golden = load_trace(GOLDEN / f"{agent}.jsonl")
    assert trace.head == golden.head
    assert len(trace.nodes) == len(golden.nodes)
    for mine, theirs in zip(trace.nodes, golden.nodes, strict=True):
        for name, value in vars(theirs).items():
            assert getattr(mine, name) == (pytest.approx(value) if isinstance(value, float) else value), mine.number


@pytest.mark.parametrize("agent", ["pw-mcts", "mcts", "beam"])
def test_a_trace_says_what_the_tree_is(agent):
    tree = grow(12, agent, batch=3)
    trace = trace_of(tree, task_id="t")
    assert [node.number for node in trace.nodes] == list(range(len(tree.nodes) + 1))
    by_number = {node.number: node for node in trace.nodes}
    assert by_number[0].visits == tree.root.visits
    for node in trace.nodes[1:]:
        assert node.parents
        if node.number == 1:
            continue
        assert node.step.startswith("x")
        assert "transform(" in node.step
        assert all(node in trace.children(parent) for parent in node.parents)
        if node.visits:  # what was backed up below it reached every node on the way
            assert max(by_number[parent].best for parent in node.parents) >= node.best
    assert set(trace.head["seconds"]) == {"policy", "expand"}


def test_without_widening_all_children_open_at_once():
    assert len(grow(2, "mcts").root.children[0].children) == 4
    assert len(grow(2, "pw-mcts", widening=1.0).root.children[0].children) == 1


def test_a_beam_expands_the_best_of_each_depth_and_no_more():
    tree = grow(100, "beam", beam_width=2)
    assert tree.exhausted
    by_depth = {}
    for node in tree.nodes.values():
        by_depth.setdefault(node.depth, []).append(node)
    assert [sum(n.expanded for n in by_depth[d]) for d in sorted(by_depth)] == [1, 2, 2, 0]
    for depth in (1, 2):
        kept = [n.own for n in by_depth[depth] if n.expanded]
        left = [n.own for n in by_depth[depth] if not n.expanded]
        assert min(kept) >= max(left)


def test_a_wide_beam_reaches_what_its_depth_holds():
    goal = START.items[0][::-1, ::-1]
    found = []

    def evaluate(value):
        if np.array_equal(value.items[0], goal):
            found.append(value)
        return 0.0

    grow(100, "beam", evaluate, {0: 0.5, 1: 0.5}, beam_width=50)
    assert found


@pytest.mark.parametrize("agent", ["pw-mcts", "mcts", "beam"])
def test_every_agent_ends_a_finite_tree(agent):
    tree = grow(500, agent, probabilities={0: 0.5, 1: 0.5}, beam_width=1000, batch=4)
    assert tree.exhausted
    assert tree.step() == 0
    assert all(node.pending == 0 for node in tree.nodes.values())


def test_settings_name_the_agents():
    with pytest.raises(SettingsError, match="one of pw-mcts, mcts, beam"):
        SearchSettings(agent="greedy")


def test_traces_round_trip(tmp_path):
    trace = trace_of(grow(6, "pw-mcts"), task_id="t", view=1)
    path = tmp_path / "new" / "t-1.jsonl"
    save_trace(path, trace)
    again = load_trace(path)
    assert again == trace
    assert again.head["task_id"] == "t"


@pytest.mark.parametrize("text", ["", "nonsense", '{"kind": "node"}', '{"kind": "tree"}\n{"kind": "node", "x": 1}'])
def test_what_is_no_trace_is_refused(tmp_path, text):
    path = tmp_path / "t.jsonl"
    path.write_text(text)
    with pytest.raises(InputError, match="no trace of a tree"):
        load_trace(path)
    with pytest.raises(InputError, match="cannot be read"):
        load_trace(tmp_path / "none")
    with pytest.raises(InputError, match="cannot be written"):
        save_trace(path / "below", Trace({}))
