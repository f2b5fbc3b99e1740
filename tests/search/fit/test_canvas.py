"""Canvases and mosaics."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw
from scattered import bars

from solver.executor import input_value
from solver.sandbox.pool import Pool as Sandbox
from solver.search.fit.canvas import canvases, mosaic
from solver.search.words import layouts as words


def test_a_canvas_lies_where_the_outputs_say_and_is_as_large_as_its_colours_say():
    inputs = [draw("100/000"), draw("120/000"), draw("103/020"), draw("000/400")]
    targets = []
    for grid in inputs[:3]:
        number = len(np.unique(grid[grid > 0]))
        targets.append(np.zeros((2 * number + 2 * (number == 1), 3), np.int8))
        targets[-1] = words.canvas(grid, 3 * number, 3, (2, 0))
        targets[-1][0] = 7
    found = canvases(input_value(inputs), targets)
    assert any(value.items[2].tolist()[-2:] == inputs[2].tolist() and value.items[2].shape == (9, 3) for value in found)
    assert all(value.items[3].shape == (3, 3) for value in found)
    with Sandbox(size=1) as sandbox:
        for value in found:
            outputs = sandbox.run(value.program().render(), inputs).outputs
            assert [g.tolist() for g in outputs] == [g.tolist() for g in value.items]


def test_canvases_are_for_larger_outputs_only():
    inputs = bars(8)
    assert not canvases(input_value(inputs), inputs[:4])
    assert not canvases(input_value(inputs), [grid[:5] for grid in inputs[:4]])
    sizes = [words.canvas(g, 12, 12 + k, (0, 0)) for k, g in enumerate(inputs[:4])]
    assert not canvases(input_value(inputs), sizes)


MOSAICS = [((None, "left right"), ("up down", "half")), (("blank", "left", None),)]


@pytest.mark.parametrize("how", MOSAICS)
def test_a_mosaic_is_made_of_copies_that_are_turned_each_in_its_own_way(how):
    rng = np.random.default_rng(3)
    inputs = [rng.integers(0, 4, (3, 3)).astype(np.int8) for _ in range(4)]
    targets = [words.canvas(grid, 0, 0, how) for grid in inputs]
    assert mosaic(inputs, targets[:3]) == how
    found = [v for v in canvases(input_value(inputs), targets[:3]) if np.array_equal(v.items[3], targets[3])]
    assert found
    with Sandbox(size=1) as sandbox:
        outputs = sandbox.run(found[0].program().render(), inputs).outputs
    assert [g.tolist() for g in outputs] == [g.tolist() for g in targets]


def test_there_is_a_mosaic_only_if_all_outputs_are_as_many_times_as_large():
    grid = np.eye(3, dtype=np.int8)
    assert mosaic([grid], [grid]) is None
    assert mosaic([grid, grid], [np.tile(grid, (2, 2)), np.tile(grid, (2, 3))]) is None
    assert mosaic([grid], [grid[:2]]) is None
    assert mosaic([grid, np.zeros((16, 1), np.int8)], [np.tile(grid, (2, 2))]) is None
    assert mosaic([grid, grid], [np.tile(grid, (2, 2))]) == ((None, None), (None, None))


@pytest.mark.parametrize("how", ["tiled", "upscaled", (0, 0), (1, 2)])
def test_a_canvas_may_be_found_in_any_way(how):
    inputs = bars(9)
    found = canvases(input_value(inputs), [words.canvas(g, 18, 14, how) for g in inputs[:4]])
    assert [words.canvas(g, 18, 14, how).tolist() for g in inputs] in [[g.tolist() for g in v.items] for v in found]


@pytest.mark.parametrize("how", ["symmetric", "reflect", "going on"])
def test_a_canvas_goes_on_beyond_the_grid(how):
    inputs = [draw(text) for text in ("1200/0120", "0303/0030/0303/0030", "400/040", "012/120", "1000/0100/0020")]
    targets = [words.canvas(grid, 2 * len(grid) + 3, grid.shape[1], how) for grid in inputs]
    found = canvases(input_value(inputs), targets[:4])
    assert [t.tolist() for t in targets] in [[g.tolist() for g in value.items] for value in found]
    with Sandbox(size=1) as sandbox:
        for value in found:
            outputs = sandbox.run(value.program().render(), inputs).outputs
            assert [g.tolist() for g in outputs] == [g.tolist() for g in value.items]


def test_a_size_may_be_a_part_of_the_other_side_or_a_multiple_and_more():
    inputs = [np.eye(2, 2 * n, dtype=np.int8) for n in (3, 4, 5, 6)]
    found = canvases(input_value(inputs), [words.canvas(g, g.shape[1] // 2, g.shape[1], (0, 0)) for g in inputs[:3]])
    assert found
    assert all([item.shape for item in value.items] == [(3, 6), (4, 8), (5, 10), (6, 12)] for value in found)
    inputs = [np.eye(n, 3, dtype=np.int8) for n in (2, 3, 4, 6)]
    found = canvases(input_value(inputs), [words.canvas(g, 4 * len(g) - 3, 3, (0, 0)) for g in inputs[:3]])
    assert found
    assert all([item.shape for item in value.items] == [(5, 3), (9, 3), (13, 3), (21, 3)] for value in found)
    assert not canvases(input_value(inputs), [words.canvas(g, n, 3, (0, 0)) for g, n in zip(inputs, (5, 9, 14))])
    assert not canvases(
        input_value([*inputs[:3], np.eye(9, 3, dtype=np.int8)]),
        [words.canvas(g, 4 * len(g) - 3, 3, (0, 0)) for g in inputs[:3]],
    )
