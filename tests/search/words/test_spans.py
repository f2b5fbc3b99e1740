"""Runs and rectangles of one colour, and what lines give if they are repeated."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw
from scattered import noise

from solver.search.words.spans import rectangles_around, repeated_lines, repeats, run_ends, runs


def test_runs_end_where_the_colour_changes():
    first, last = run_ends(draw("11020/00000"))
    assert first.tolist() == [[0, 0, 2, 3, 4], [0] * 5]
    assert last.tolist() == [[1, 1, 2, 3, 4], [4] * 5]


def test_runs_have_a_length_and_something_behind_their_ends():
    found = runs(draw("1102/0000"))
    assert found["run across"].tolist() == [[2, 2, 1, 1], [4, 4, 4, 4]]
    assert found["is longest across"].tolist() == [[1, 1, 0, 1], [1, 1, 1, 1]]
    assert found["color behind right"].tolist() == [[0, 0, 2, -1], [-1] * 4]
    assert found["color behind left"].tolist() == [[-1, -1, 1, 0], [-1] * 4]
    assert found["run down"].tolist() == [[1, 1, 2, 1], [1, 1, 2, 1]]
    assert found["color behind up"].tolist() == [[-1] * 4, [1, 1, -1, 2]]
    assert found["color behind down"].tolist() == [[0, 0, -1, 0], [-1] * 4]


@pytest.mark.parametrize("shape", [(1, 1), (1, 9), (9, 1), (6, 8), (8, 5)])
def test_the_largest_rectangle_around_a_cell_is_what_trying_all_of_them_finds(shape):
    for grid in noise(5, count=4, shape=shape, density=0.3):
        best = np.zeros(shape, np.int64)
        tall = np.zeros(shape, np.int64)
        for top, left in np.ndindex(shape):
            for bottom in range(top, shape[0]):
                for right in range(left, shape[1]):
                    here = (slice(top, bottom + 1), slice(left, right + 1))
                    if (grid[here] == grid[top, left]).all():
                        size, height = (bottom - top + 1) * (right - left + 1), bottom - top + 1
                        better = (best[here] < size) | ((best[here] == size) & (tall[here] < height))
                        best[here][better], tall[here][better] = size, height
        found = rectangles_around(grid)
        assert np.array_equal(found["rectangle size"], best)
        assert np.array_equal(found["rectangle height"], tall)
        assert np.array_equal(found["rectangle height"] * found["rectangle width"], best)


def test_rectangles_have_a_rank_among_those_of_their_colour():
    found = rectangles_around(draw("0010/0010/1111"))
    assert found["rectangle rank"].tolist() == [[1, 1, 2, 2], [1, 1, 2, 2], [1, 1, 1, 1]]
    assert found["free rectangle rank"].tolist() == [[1, 1, 0, 2], [1, 1, 0, 2], [0, 0, 0, 0]]


def test_lines_repeat_from_their_first_cell_to_their_last_with_and_without_a_gap():
    grid = draw("0010200000/0003000000/0000000000")
    without, apart = repeated_lines(grid, 0), repeated_lines(grid, 1)
    assert without.tolist() == [[0, 2, 1, 0, 2, 1, 0, 2, 1, 0], [3] * 10, [0] * 10]
    assert apart.tolist() == [[2, 0, 1, 0, 2, 0, 1, 0, 2, 0], [3] * 10, [0] * 10]


def test_lines_repeat_by_their_common_colour_along_the_longer_side():
    grid = draw("100000/000000/002000")
    across = [1, 0, 2, 0, 1, 0]
    found = repeats(grid)
    assert found["color of lines repeated across with a gap"].tolist() == [across] * 3
    assert found["color of lines repeated along with a gap"].tolist() == [across] * 3
    assert np.array_equal(repeats(grid.T)["color of lines repeated along with a gap"], np.array([across] * 3).T)
    assert found["color of lines repeated down"].tolist() == [[1] * 6, [0] * 6, [2] * 6]
    assert not repeats(draw("10/00"))["color of lines repeated along"].any()


def test_the_content_of_a_grid_repeats_both_ways():
    assert repeats(draw("0000/0120/0000"))["color of content repeated"].tolist() == [[2, 1, 2, 1]] * 3
    empty = np.zeros((2, 3), np.int8)
    assert set(repeats(empty)) == set(repeats(draw("012")))
    assert not any(values.any() for values in repeats(empty).values())
