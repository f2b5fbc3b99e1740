"""Growth rules: their orders, the trees, and the programs that they are written out as."""

from __future__ import annotations

import numpy as np
from grids import draw

from solver.executor import input_value
from solver.sandbox.pool import Pool as Sandbox
from solver.search.fit.growth_rules import around, fit_growth, waves


def never():
    return False


def test_colours_beside_a_cell_are_counted():
    seen = around(draw("303/050/305"))
    assert seen["3 beside 4"][0, 1] == 2
    assert (seen["3 beside 4"][1, 1], seen["3 beside 8"][1, 1], seen["5 beside 8"][1, 1]) == (0, 3, 1)
    assert seen["color here"][1, 1] == 5
    assert not seen["9 beside 8"].any()


def flooded(grid):
    """3 spreads over free cells, also across corners."""
    out = grid.copy()
    while True:
        padded = np.pad(out == 3, 1)
        near = np.any([np.roll(padded, (a, b), (0, 1)) for a in (-1, 0, 1) for b in (-1, 0, 1)], 0)[1:-1, 1:-1]
        new = near & (out == 0)
        if not new.any():
            return out
        out[new] = 3


def striped(grid):
    """Below every 1 follow 2 and 1 in turns, over whatever is there."""
    out = grid.copy()
    for row in range(1, len(out)):
        out[row] = np.where(out[row - 1] == 1, 2, np.where(out[row - 1] == 2, 1, out[row]))
    return out


def mazes(seed, number=5):
    rng = np.random.default_rng(seed)
    grids = [(5 * (rng.random((9, 8)) < 0.45)).astype(np.int8) for _ in range(number)]
    for grid in grids:
        grid[4, 3] = 3
    return grids


def dots(seed, number=5):
    rng = np.random.default_rng(seed)
    grids = [np.zeros((10, 9), np.int8) for _ in range(number)]
    for grid in grids:
        for column in rng.choice(9, 3, replace=False):
            grid[rng.integers(0, 8), column] = 1
    return grids


def best(inputs, rule):
    targets = [rule(grid) for grid in inputs[:-1]]
    return fit_growth(input_value(inputs), targets, np.random.default_rng(0), never)[0][0]


def test_waves_start_from_seeds_and_turn_corners():
    base = draw("300/550/000")
    target = draw("333/553/333")
    assert waves(base, target, base == 3, True).tolist() == [[0, 1, 2], [0, 0, 2], [4, 3, 3]]
    assert waves(draw("30/00"), draw("33/04"), draw("10/00") > 0, True) is None
    assert waves(draw("50/00"), draw("53/00"), draw("00/00") > 0, False) is None


def test_a_flood_and_an_alternating_line_are_found_and_right_on_the_test_input():
    for inputs, rule in ((mazes(1), flooded), (dots(2), striped)):
        found = best(inputs, rule)
        assert found.confirmed == 4
        assert np.array_equal(found.value.items[-1], rule(inputs[-1]))


def test_a_rule_is_a_program_that_gives_the_same_in_the_sandbox():
    for inputs, rule in ((mazes(3), flooded), (dots(4), striped)):
        value = best(inputs, rule).value
        with Sandbox(size=1) as sandbox:
            outputs = sandbox.run(value.program().render(), inputs).outputs
        assert [g.tolist() for g in outputs] == [g.tolist() for g in value.items]


def test_nothing_is_sought_where_shapes_differ_or_time_is_over():
    inputs = dots(5)
    assert fit_growth(input_value(inputs), [g[1:] for g in inputs[:-1]], np.random.default_rng(0), never) == ([], 0)
    assert fit_growth(input_value(inputs), inputs[:-1], np.random.default_rng(0), lambda: True)[0] == []


def test_pictures_without_a_question_to_ask_have_no_rule():
    inputs = [np.array([[k]], np.int8) for k in (1, 1, 1)]
    targets = [np.array([[2]], np.int8)] * 2
    rules, _ = fit_growth(input_value(inputs), targets, np.random.default_rng(0), lambda: False)
    assert rules == []
