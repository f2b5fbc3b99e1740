"""Block rules: what each part of a grid gives, all laid out."""

from __future__ import annotations

import numpy as np
from scattered import never

from solver.executor import input_value
from solver.sandbox.pool import Pool as Sandbox
from solver.search.fit.layout_rules import fit_layout


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
    targets = [kind_of_panels(grid) for grid in inputs[:6]]
    rules, _ = fit_layout(input_value(inputs), targets, np.random.default_rng(0), never)
    assert rules[0].confirmed >= 5
    assert rules[0].value.items[6].tolist() == kind_of_panels(inputs[6]).tolist()
    with Sandbox(size=1) as sandbox:
        outputs = sandbox.run(rules[0].value.program().render(), inputs).outputs
    assert [g.tolist() for g in outputs] == [g.tolist() for g in rules[0].value.items]
