"""What the tree begins from, and how it values what the root pass knows already."""

from __future__ import annotations

import numpy as np
import pytest

from solver.executor import LibraryExecutor, apply
from solver.grid.registry import FUNCTIONS
from solver.grid.types import Grid, Symmetry
from solver.search.candidates import baseline_match, reward
from solver.search.deepen import NUM_ROOTS, _Judge, tree_pass
from solver.search.grammar import Grammar
from solver.search.root import RootPass, ViewedTask
from solver.search.root_settings import RootSettings
from solver.search.tree import TreeRules
from solver.search.views import views
from solver.task_sets import trainable
from solver.tasks import Pair, Task


@pytest.fixture(scope="module", params=["05269061", "007bbfb7"])
def grown(request):
    """A root pass without fits that has not settled its task, and the tree over it."""
    task = trainable()[request.param]
    settings = RootSettings(use_fitted=False, use_stacking=False)
    seen = ViewedTask.of(task, views(task, 1)[0])
    root = RootPass.begin(seen, Grammar.shipped(), settings, np.random.default_rng(0))
    root.run(lambda share, nodes: nodes > 20_000 * share)
    exact = root.store.matches[: len(root.store), 1] == (1 << root.store.num_train) - 1
    known = len(root.store), exact
    _, tree = tree_pass(root, Grammar.shipped(), TreeRules(batch=8, max_depth=3), False, lambda nodes: nodes > 2000)
    return root, tree, known


def test_the_input_is_always_among_the_roots_and_nothing_that_solves_the_task(grown):
    root, tree, (_, exact) = grown
    roots = [child.values for child in tree.root.children]
    assert 1 < len(roots) <= NUM_ROOTS
    assert [root.store.value(0).key] in [[value.key for value in values] for values in roots]
    solved = {root.store.value(int(k)).key for k in np.flatnonzero(exact)}
    assert solved.isdisjoint(values[-1].key for values in roots)


def test_states_that_end_in_what_is_known_are_worth_its_reward(grown):
    root, tree, (num_known, _) = grown
    baseline = baseline_match(root.seen.inputs, root.seen.targets)
    rewards = {root.store.value(k).key: reward(root.store, k, baseline) for k in range(num_known)}
    seen = [node for node in tree.nodes.values() if node.values[-1].type is Grid and node.values[-1].key in rewards]
    assert len(seen) > 10
    wanted = [rewards[node.values[-1].key] for node in seen]
    assert [node.own for node in seen] == pytest.approx([score if score < 1.0 else 0.0 for score in wanted])
    assert max(node.own for node in seen) > 0.1


def test_a_tree_that_has_its_memory_grows_no_more(grown):
    root, _, _ = grown
    rules = TreeRules(batch=8, max_depth=3, max_bytes=1 << 20)
    _, tree = tree_pass(root, Grammar.shipped(), rules, False, lambda nodes: nodes > 10**9)
    assert tree.full
    assert tree.num_bytes < 3 << 20  # a batch beyond it


class Doubting(LibraryExecutor):
    """Confirms programs of two statements alone, as if others had used chance."""

    def confirm(self, value, start):
        return len(value.program()) == 2


@pytest.mark.parametrize("wanted", [Symmetry.FLIP_UD, Symmetry.ROT90])
def test_what_one_program_does_not_give_again_another_may(wanted):
    """The outputs are upside down, all or the first one alone."""
    inputs = [np.random.default_rng(k).integers(0, 9, (4, 4)).astype(np.int8) for k in range(3)]
    turn = FUNCTIONS["transform"]
    outputs = [turn(inputs[0], Symmetry.FLIP_UD), turn(inputs[1], wanted)]
    pairs = tuple(Pair(*both) for both in zip(inputs, outputs, strict=False))
    task = Task("t", pairs, (Pair(inputs[2]),))
    seen = ViewedTask.of(task, views(task, 1)[0])
    root = RootPass.begin(seen, Grammar.shipped(), RootSettings(), np.random.default_rng(0))
    judge = _Judge(root, Grammar.shipped(), Doubting(), use_fitted=False)
    short = apply(turn, [seen.start, int(Symmetry.FLIP_UD)])
    long = apply(turn, [apply(turn, [seen.start, int(Symmetry.ROT180)]), int(Symmetry.FLIP_LR)])
    assert short.key == long.key
    worth = judge.evaluate(short)
    assert judge.found == []
    assert judge.evaluate(long) == worth
    (found,) = judge.found
    assert found.value.key == long.key
    assert found.exact == judge.is_solved == (worth == 1.0) == (wanted == Symmetry.FLIP_UD)
    for again in (short, long):
        judge.evaluate(again)
    assert judge.found == [found]


def test_no_leaf_is_expanded_when_the_time_is_over(grown):
    root, _, _ = grown
    left = iter([1.0, 1.0, 1.0, 0.0])
    rules = TreeRules(batch=8, max_depth=3)
    _, tree = tree_pass(root, Grammar.shipped(), rules, False, lambda nodes: nodes > 0, time_left=lambda: next(left))
    assert sum(node.expanded for node in tree.nodes.values()) == 3
