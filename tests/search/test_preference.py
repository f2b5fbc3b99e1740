"""A preference model in the tree: the mixture of values, batches, ancestors, beams, traces."""

from __future__ import annotations

import numpy as np
import pytest
from test_agents import START, Transforms, standing

from solver.search.trace import load_trace, save_trace, trace_of
from solver.search.tree import Tree, TreeRules

AGENTS = ["pw-mcts", "mcts", "beam"]


def liking(state) -> float:
    """A made-up score that depends on the newest value alone."""
    return state[-1].key[1] / 128 - 1


class Scores:
    """A preference that keeps what it was asked."""

    def __init__(self, score=liking):
        self.of, self.batches = score, []

    def score(self, states):
        self.batches.append(list(states))
        return [self.of(state) for state in states]


def grow(num_steps, agent, preference, evaluate=standing, probabilities=None, **rules):
    rules = TreeRules(agent=agent, **{"batch": 4, "max_depth": 3, **rules})
    policy = Transforms(probabilities or {0: 0.4, 1: 0.3, 3: 0.2, 5: 0.1})
    tree = Tree([((START,), 1.0)], [policy], evaluate, rules, np.random.default_rng(0), preference=preference)
    for _ in range(num_steps):
        if not tree.step():
            break
    return tree


@pytest.mark.parametrize("agent", AGENTS)
@pytest.mark.parametrize("weight", [0.5, 0.2])
def test_a_state_is_worth_a_mixture_of_reward_and_score(agent, weight):
    tree = grow(6, agent, Scores(), ppm_weight=weight)
    assert len(tree.nodes) > 10
    for node in tree.nodes.values():
        assert node.ppm == liking(node.values)
        mixed = (1 - weight) * standing(node.values[-1]) + weight * (node.ppm + 1) / 2
        assert node.own == pytest.approx(mixed)


@pytest.mark.parametrize("agent", AGENTS)
def test_every_new_state_is_scored_once_and_those_of_a_step_together(agent):
    preference = Scores()
    tree = grow(0, agent, preference)
    assert preference.batches == []
    sizes = []
    while True:
        before, opened = len(preference.batches), len(tree.nodes)
        left = tree.step()
        if before:  # the first call scores the roots
            assert len(preference.batches) - before == (len(tree.nodes) > opened)
        sizes.append(len(tree.nodes) - opened)
        if not left:
            break
    asked = [frozenset(value.key for value in state) for batch in preference.batches for state in batch]
    assert len(asked) == len(set(asked)) == len(tree.nodes)
    assert max(sizes) > 3
    assert set(tree.seconds) == {"policy", "expand", "ppm"}


@pytest.mark.parametrize("agent", AGENTS)
def test_mixed_values_reach_every_ancestor(agent):
    tree = grow(500, agent, Scores(), probabilities={0: 0.5, 1: 0.5}, beam_width=1000)
    assert tree.exhausted
    evaluated = [node for node in tree.nodes.values() if node.visits]
    assert any(node.depth == tree.rules.max_depth for node in evaluated)
    assert tree.root.best == max(node.own for node in evaluated)
    for node in evaluated:
        assert node.best >= node.own
        assert all(
            node.best >= child.best for child in node.children if child.visits and len(parents(tree, child)) == 1
        )
    assert all(node.pending == 0 for node in tree.nodes.values())


def parents(tree, child):
    return [node for node in tree.nodes.values() if child in node.children]


@pytest.mark.parametrize("agent", AGENTS)
def test_a_solution_is_worth_1_and_never_scored(agent):
    goal = START.items[0][::-1]
    preference = Scores(lambda state: -1.0)
    tree = grow(4, agent, preference, lambda value: float(np.array_equal(value.items[0], goal)))
    (solved,) = [n for n in tree.nodes.values() if np.array_equal(n.values[-1].items[0], goal) and n.depth == 1]
    assert solved.own == 1.0
    assert solved.ppm is None
    assert not any(np.array_equal(s[-1].items[0], goal) for batch in preference.batches for s in batch)
    assert {n.own for n in tree.nodes.values()} == {0.0, 1.0}


def test_a_state_without_a_score_keeps_its_reward():
    tree = grow(4, "mcts", Scores(lambda state: None))
    assert all(node.own == standing(node.values[-1]) and node.ppm is None for node in tree.nodes.values())


@pytest.mark.parametrize("agent", AGENTS)
def test_scores_of_no_weight_change_no_tree(agent):
    plain = trace_of(grow(8, agent, None, max_depth=20)).nodes
    scored = trace_of(grow(8, agent, Scores(), max_depth=20, ppm_weight=0.0)).nodes
    assert all(node.ppm is not None for node in scored[1:])
    for node in scored:
        node.ppm = None
    assert scored == plain


def test_scores_lead_the_search():
    """Two children, equal in prior and reward: the one that is liked gets the visits."""
    shares = []
    for liked in (0, 1):
        wanted = [START.items[0][::-1], START.items[0][:, ::-1]][liked]
        preference = Scores(
            lambda s, wanted=wanted: 0.9 if any(np.array_equal(v.items[0], wanted) for v in s) else -0.9
        )
        tree = grow(12, "mcts", preference, lambda value: 0.0, {0: 0.5, 1: 0.5, 5: 0.5}, batch=1, max_depth=6)
        (node,) = [n for n in tree.nodes.values() if n.depth == 1 and np.array_equal(n.values[-1].items[0], wanted)]
        shares.append(node.visits / tree.root.visits)
    assert min(shares) > 0.5  # of three; the others are equal


def test_a_beam_keeps_what_is_liked():
    tree = grow(100, "beam", Scores(), lambda value: 0.0, beam_width=2)
    for depth in (1, 2):
        level = [n for n in tree.nodes.values() if n.depth == depth]
        assert min(n.ppm for n in level if n.expanded) >= max(n.ppm for n in level if not n.expanded)


@pytest.mark.parametrize("agent", AGENTS)
def test_a_step_that_ends_early_leaves_a_whole_tree(agent):
    preference = Scores()
    tree = grow(2, agent, preference)
    whole, unscored = preference.score, len(tree._unscored)

    def fail(states):
        raise RuntimeError("made up")

    preference.score = tree.policies[0].propose = fail
    with pytest.raises(RuntimeError, match="made up"):
        tree.step()
    assert len(tree._unscored) >= unscored
    assert tree.root.pending == 0
    assert all(node.pending == 0 for node in tree.nodes.values())
    preference.score = whole
    del tree.policies[0].propose
    assert tree.step() > 0
    assert all(node.ppm is not None for node in tree.nodes.values())


def test_traces_hold_the_scores(tmp_path):
    trace = trace_of(grow(4, "pw-mcts", Scores()))
    assert trace.nodes[0].ppm is None
    assert {type(node.ppm) for node in trace.nodes[1:]} == {float}
    save_trace(tmp_path / "t.jsonl", trace)
    assert load_trace(tmp_path / "t.jsonl") == trace
