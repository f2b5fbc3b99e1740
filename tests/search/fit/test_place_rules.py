"""Place rules: parts where others that look alike lie."""

from __future__ import annotations

import numpy as np
from grids import draw
from scattered import never

from solver.executor import input_value
from solver.sandbox.pool import Pool as Sandbox
from solver.search.fit.layout_rules import fit_layout


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
