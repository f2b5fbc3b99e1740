"""Layout rules: the rules, and the programs that they are written out as."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw
from scattered import bars, never

from solver.executor import input_value
from solver.program import ProgramError, parse
from solver.sandbox.pool import Pool as Sandbox
from solver.search.fit.divided import Parts
from solver.search.fit.layout_rules import LayoutRules, fit_layout
from solver.search.words.parts import one_colored


def fit(inputs, rule, num_train=4):
    return fit_layout(input_value(inputs), [rule(g) for g in inputs[:num_train]], np.random.default_rng(0), never)


def by_length(grid):
    """The colours of the bars, the longest first, in a column."""
    colors = np.unique(grid[grid > 0])
    return np.array(sorted(colors, key=lambda c: -(grid == c).sum()), np.int8)[:, None]


def row_of_colors(grid):
    """The colours of the bars as they lie."""
    return grid.max(0)[1::2][None]


def squares_inside(grid):
    """The colours of the bars as rings, the longest outside."""
    colors = by_length(grid)[:, 0]
    out = np.zeros((5, 5), np.int8)
    for k, color in enumerate(colors):
        out[k : 5 - k, k : 5 - k] = color
    return out


def longest(grid):
    """The longest bar, cut out and lying."""
    color = by_length(grid)[0, 0]
    return np.full((1, (grid == color).sum()), color, np.int8)


def histogram(grid):
    """All bars standing on one line without gaps, the longest first."""
    colors = by_length(grid)[:, 0]
    out = np.zeros(((grid == colors[0]).sum(), 3), np.int8)
    for k, color in enumerate(colors):
        out[len(out) - (grid == color).sum() :, k] = color
    return out


RULES = [by_length, row_of_colors, squares_inside, longest, histogram]


@pytest.mark.parametrize("rule", RULES)
def test_a_layout_rule_is_found_confirmed_and_right_on_the_test_input(rule):
    inputs = bars(1)
    rules, checks = fit(inputs, rule)
    assert checks > 0
    assert rules[0].confirmed >= 3
    assert [g.tolist() for g in rules[0].value.items] == [rule(g).tolist() for g in inputs]


def test_a_rule_is_a_program_that_gives_the_same_in_the_sandbox():
    inputs = bars(2)
    with Sandbox(size=1) as sandbox:
        for rule in RULES:
            rules, _ = fit(inputs, rule)
            assert rules
            for found in rules[:2]:
                text = found.value.program().render()
                with pytest.raises(ProgramError):
                    parse(text)
                outputs = sandbox.run(text, inputs).outputs
                assert [g.tolist() for g in outputs] == [g.tolist() for g in found.value.items]


def kinds(seed, count=7):
    """Two by two panels, each empty, with a full square, or with one cell."""
    rng = np.random.default_rng(seed)
    grids = []
    for _ in range(count):
        grid = np.zeros((7, 7), np.int8)
        grid[3] = grid[:, 3] = 5
        for top in (0, 4):
            for left in (0, 4):
                kind = rng.integers(3)
                grid[top : top + 1 + kind, left : left + 1 + kind] = 1 if kind else 2
        grids.append(grid)
    return grids


def kind_of_panels(grid):
    """For each panel a cell: 3 where there is a square of nine, 4 where there is one of four, else 0."""
    out = np.zeros((2, 2), np.int8)
    for row in (0, 1):
        for column in (0, 1):
            ones = (grid[4 * row : 4 * row + 3, 4 * column : 4 * column + 3] == 1).sum()
            out[row, column] = {0: 0, 4: 4, 9: 3}[int(ones)]
    return out


def test_a_block_rule_says_what_each_panel_gives():
    inputs = kinds(3)
    rules, _ = fit(inputs, kind_of_panels, 6)
    assert rules[0].confirmed >= 5
    assert rules[0].value.items[6].tolist() == kind_of_panels(inputs[6]).tolist()
    with Sandbox(size=1) as sandbox:
        outputs = sandbox.run(rules[0].value.program().render(), inputs).outputs
    assert [g.tolist() for g in outputs] == [g.tolist() for g in rules[0].value.items]


def test_parts_lie_where_those_that_look_alike_do():
    rng = np.random.default_rng(12)
    shapes = [draw("11/10"), draw("11/01"), draw("10/11"), draw("01/11")]
    inputs, targets = [], []
    for _ in range(4):
        grid, target = np.zeros((9, 9), np.int8), np.zeros((4, 4), np.int8)
        colors, corners = rng.permutation(np.arange(1, 10)), rng.permutation(4)
        for k, shape in enumerate(shapes):
            top, left = 1 + 4 * (corners[k] // 2), 1 + 4 * (corners[k] % 2)
            grid[top : top + 2, left : left + 2] = shape * colors[k]
            target[2 * (k // 2) : 2 * (k // 2) + 2, 2 * (k % 2) : 2 * (k % 2) + 2] = shape * colors[k]
        inputs.append(grid)
        targets.append(target)
    rules, _ = fit_layout(input_value(inputs), targets[:2], rng, never)
    assert rules[0].confirmed == 2
    assert [g.tolist() for g in rules[0].value.items] == [g.tolist() for g in targets]
    with Sandbox(size=1) as sandbox:
        outputs = sandbox.run(rules[0].value.program().render(), inputs).outputs
    assert [g.tolist() for g in outputs] == [g.tolist() for g in targets]


def test_noise_has_no_rule():
    rng = np.random.default_rng(4)
    inputs = bars(4)
    for shape in ((3, 3), (1, 3)):
        noise = [rng.integers(1, 9, shape).astype(np.int8) for _ in range(4)]
        rules, _ = fit_layout(input_value(inputs), noise, rng, never)
        assert all(rule.confirmed < 4 for rule in rules)


def test_edges_have_no_rules_and_no_faults():
    empty = [np.zeros((3, 3), np.int8)] * 3
    full = [np.full((30, 30), 1, np.int8)] * 3
    single = [np.full((1, 1), 4, np.int8)] * 3
    wanted = [np.full((2, 2), 1, np.int8)] * 2
    for inputs in (empty, full, single):
        rules, _ = fit_layout(input_value(inputs), wanted, np.random.default_rng(0), never)
        for rule in rules:
            assert all(1 <= min(item.shape) <= max(item.shape) <= 30 for item in rule.value.items)
    assert fit_layout(input_value(bars(5, 2)), [by_length(bars(5, 2)[0])], np.random.default_rng(0), never) == ([], 0)


def test_the_same_seed_gives_the_same_rules_and_stop_ends_the_search():
    inputs = bars(6)
    first, second = fit(inputs, histogram), fit(inputs, histogram)
    assert [rule.value.text for rule in first[0]] == [rule.value.text for rule in second[0]]
    assert first[1] == second[1]
    targets = [histogram(g) for g in inputs[:4]]
    assert fit_layout(input_value(inputs), targets, np.random.default_rng(0), lambda: True) == ([], 0)
    division = LayoutRules(Parts(input_value(inputs), one_colored, 4), targets, lambda: True, 0.0)
    assert division.rules() == []
    assert division.block_rules(np.random.default_rng(0)) == []
