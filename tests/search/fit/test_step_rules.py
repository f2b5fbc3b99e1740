"""Two-step rules: the steps that do no harm, and what goes on from them."""

from __future__ import annotations

import numpy as np
import pytest
from scattered import never, scattered

from solver.executor import input_value
from solver.sandbox.pool import Pool as Sandbox
from solver.search.fit import step_rules as module
from solver.search.fit.part_rules import fit_parts
from solver.search.fit.step_rules import fit_steps
from solver.search.grammar import Grammar
from solver.search.root import RootPass, ViewedTask
from solver.search.root_settings import RootSettings
from solver.search.views import View
from solver.search.words.cells import one_colored
from solver.search.words.drawings import boxed
from solver.search.words.parts import stack_of
from solver.tasks import Pair, Task


def filled_and_marked(grid):
    """The boxes of all parts filled with 7; then 8 in every free cell below a 7."""
    stack = stack_of(grid, one_colored(grid))
    out = np.where(boxed(stack).any(0) & (grid == 0), 7, grid)
    below = np.vstack([np.zeros((1, grid.shape[1]), int), out[:-1]])
    return np.where((out == 0) & (below == 7), 8, out).astype(np.int8)


def bent(seed, count):
    """Grids with some angles: three cells of a square each."""
    grids = []
    for k, grid in enumerate(scattered(seed, count, (10, 11), (2, 4), 3)):
        labels = one_colored(grid)
        for label in range(1, labels.max() + 1):
            rows, columns = np.nonzero(labels == label)
            grid[rows.max(), columns.max() if (label + k) % 2 else columns.min()] = 0
        grids.append(grid)
    return grids


def steps_of(inputs, targets):
    steps = []
    rules, _ = fit_parts(input_value(inputs), targets, np.random.default_rng(0), never, steps)
    return rules, steps


def test_steps_explain_a_part_in_two_pairs_and_do_no_harm():
    inputs = bent(1, 6)
    targets = [filled_and_marked(grid) for grid in inputs[:5]]
    rules, steps = steps_of(inputs, targets)
    assert all(rule.confirmed < 5 for rule in rules)
    assert steps
    for step in steps:
        changed = [item != grid for item, grid in zip(step.value.items, inputs, strict=True)]
        for mask, item, target in zip(changed, step.value.items, targets, strict=False):
            assert np.array_equal(item[mask], target[mask])
        assert sum(mask.any() for mask in changed[:5]) >= 2
        assert step.explained == sum(int(mask.sum()) for mask in changed[:5])
        assert any(not np.array_equal(a, b) for a, b in zip(step.value.items, targets, strict=False))


def test_there_are_no_steps_where_a_rule_is_sure():
    inputs = scattered(3)
    targets = [np.where(grid > 0, 5, 0).astype(np.int8) for grid in inputs[:4]]
    rules, steps = steps_of(inputs, targets)
    assert rules[0].confirmed == 4
    assert not steps


def test_a_two_step_rule_is_found_right_on_the_test_input_and_the_same_in_the_sandbox():
    inputs = bent(1, 6)
    targets = [filled_and_marked(grid) for grid in inputs[:5]]
    _, steps = steps_of(inputs, targets)
    rules, checks = fit_steps(input_value(inputs), targets, np.random.default_rng(0), never, steps)
    assert checks > 0
    assert rules[0].confirmed == 5
    assert np.array_equal(rules[0].value.items[5], filled_and_marked(inputs[5]))
    with Sandbox(size=1) as sandbox:
        for rule in rules[:3]:
            outputs = sandbox.run(rule.value.program().render(), inputs).outputs
            assert [out.tolist() for out in outputs] == [item.tolist() for item in rule.value.items]


def test_without_steps_or_time_there_are_no_rules():
    inputs = bent(1, 6)
    targets = [filled_and_marked(grid) for grid in inputs[:5]]
    _, steps = steps_of(inputs, targets)
    start, rng = input_value(inputs), np.random.default_rng(0)
    assert fit_steps(start, targets, rng, never) == ([], 0)
    assert fit_steps(start, targets, rng, lambda: True, steps) == ([], 0)


@pytest.mark.parametrize("use", [True, False])
def test_a_root_pass_goes_on_from_steps_once_where_nothing_is_sure(use, monkeypatch):
    asked = []
    monkeypatch.setattr("solver.search.fitting.fit_steps", lambda *args, steps: asked.append(len(steps)) or ([], 0))
    inputs = bent(1, 4)
    rng = np.random.default_rng(2)
    targets = [np.where(filled_and_marked(g) == 8, rng.integers(1, 9, g.shape), filled_and_marked(g)) for g in inputs]
    pairs = tuple(Pair(a, b.astype(np.int8)) for a, b in zip(inputs, targets, strict=True))
    seen = ViewedTask.of(Task("t", pairs[:3], (Pair(inputs[3]),)), View("plain"))
    root = RootPass.begin(seen, Grammar.shipped(), RootSettings(use_steps=use), np.random.default_rng(0))
    root.run(lambda share, nodes: nodes > share * 30_000)
    assert len(asked) == (1 if use else 0)
    assert all(asked)


def test_nothing_is_sought_where_there_are_too_many_cells(monkeypatch):
    inputs = bent(1, 6)
    targets = [filled_and_marked(grid) for grid in inputs[:5]]
    _, steps = steps_of(inputs, targets)
    monkeypatch.setattr(module, "MAX_CELLS", 10)
    monkeypatch.setattr(module, "CellRules", None)
    assert fit_steps(input_value(inputs), targets, np.random.default_rng(0), never, steps) == ([], 0)


def test_a_pass_that_need_not_seek_part_rules_again_goes_on_from_their_steps():
    inputs = bent(1, 6)
    pairs = tuple(Pair(grid, filled_and_marked(grid)) for grid in inputs)
    seen = ViewedTask.of(Task("t", pairs[:5], (Pair(inputs[5]),)), View("plain"))
    rules = {}
    for is_first in (True, False):
        root = RootPass.begin(seen, Grammar.shipped(), RootSettings(), np.random.default_rng(0), rules=rules)
        assert not root.fitting._fit_parts(None, never)
        assert (root.fitting.num_checks > 0) == is_first
    root.fitting._fit_steps(never)
    (best, *_) = sorted(root.candidates, key=lambda candidate: -candidate.exact)
    assert best.exact
    assert np.array_equal(best.value.items[5], pairs[5].output)
