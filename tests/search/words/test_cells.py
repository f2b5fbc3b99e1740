"""Features of cells."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw
from scattered import SOME_GRIDS, noise

from solver.search.words.cells import (
    boxes,
    colors_at,
    content_box,
    ends,
    far_sights,
    measures,
    mirrored_within,
    nearest,
    nearest_other,
    on_grid,
    paired_colors,
    ranked_colors,
    regions,
    sights,
    squares,
    surroundings,
    ways,
)


def test_a_cell_sees_the_first_content_in_a_direction():
    seen = sights(draw("1002/0000/3000"))
    assert seen["color seen right"].tolist() == [[2, 2, 2, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert seen["steps right"].tolist() == [[3, 2, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert seen["color seen up"].tolist() == [[0, 0, 0, 0], [1, 0, 0, 2], [1, 0, 0, 2]]
    assert seen["steps up"].tolist() == [[0, 0, 0, 0], [1, 0, 0, 1], [2, 0, 0, 2]]


def test_a_cell_sees_beyond_the_first_colour():
    seen = far_sights(draw("0110203/0000000/1000000"))
    assert seen["color beyond right"][0].tolist() == [2, 2, 3, 3, 0, 0, 0]
    assert seen["color at the end right"][0].tolist() == [3, 3, 3, 3, 3, 3, 0]
    assert seen["color beyond left"][0].tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert seen["color at the end down"][:, 0].tolist() == [1, 1, 0]


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (9, 16), (17, 8)])
def test_what_a_cell_sees_is_what_walking_from_it_finds(shape):
    for grid in noise(3, count=3, shape=shape, density=0.2):
        seen, far = sights(grid), far_sights(grid)
        for name, down, right in ways():
            for row, column in np.ndindex(shape):
                r, c, line = row + down, column + right, []
                while 0 <= r < shape[0] and 0 <= c < shape[1]:
                    line.append(int(grid[r, c]))
                    r, c = r + down, c + right
                colors = [color for color in line if color]
                first = colors[0] if colors else 0
                assert seen["color seen " + name][row, column] == first
                assert seen["steps " + name][row, column] == (line.index(first) + 1 if first else 0)
                if f"color beyond {name}" in far:
                    others = [color for color in colors if color != first]
                    assert far["color beyond " + name][row, column] == (others[0] if others else 0)
                    assert far["color at the end " + name][row, column] == (colors[-1] if colors else 0)


def test_what_is_equally_near_is_counted():
    found = nearest(draw("10002"))
    assert found["as near"].tolist() == [[1, 1, 2, 1, 1]]
    assert found["nearest mod 2"].tolist() == [[0, 1, 0, 1, 0]]
    assert list(nearest(np.zeros((2, 2), np.int8))) != []
    assert set(nearest(np.zeros((2, 2), np.int8))) == set(found)


def test_the_nearest_content_lies_some_rows_and_columns_away_on_a_side():
    found = nearest(draw("0000/0100/0000"))
    assert found["rows away"].tolist() == [[1] * 4, [0] * 4, [1] * 4]
    assert found["columns away"].tolist() == [[1, 0, 1, 2]] * 3
    assert found["columns away mod 2"].tolist() == [[1, 0, 1, 0]] * 3
    assert found["below it"][:, 0].tolist() == [0, 1, 2]
    assert found["right of it"][0].tolist() == [0, 1, 2, 2]


def test_colours_are_paired_by_lying_beside_each_other_most_often():
    assert paired_colors(draw("3100/3100/0020/0320")).tolist() == [0, 3, 3, 1, 0, 0, 0, 0, 0, 0]


def test_parts_are_measured_and_ranked():
    grid = draw("1100/1100/0002")
    found = measures(grid, regions(grid))
    assert found["size"].tolist() == [[4, 4, 7, 7], [4, 4, 7, 7], [7, 7, 7, 1]]
    assert found["size rank"].tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 2]]
    assert found["from left"][0].tolist() == [0, 1, 2, 3]
    assert surroundings(draw("111/101/111"))["color around"].tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_a_cell_knows_the_ends_of_its_row_and_column():
    found = ends(draw("0120/0000/3000"))
    assert found["color first in row"].tolist() == [[1] * 4, [0] * 4, [3] * 4]
    assert found["color last in row"].tolist() == [[2] * 4, [0] * 4, [3] * 4]
    assert found["color last in column"][0].tolist() == [3, 1, 2, 0]
    assert found["color foremost in row"][:, 0].tolist() == [0, 0, 3]
    assert found["color rearmost in column"][0].tolist() == [3, 0, 0, 0]


def test_the_largest_square_of_one_colour_is_that_which_is_found_cell_by_cell():
    for grid in [*SOME_GRIDS, *noise(5, 4, (9, 6), 2, 0.2)]:
        side = np.ones(grid.shape, np.int64)
        for size in range(2, min(grid.shape) + 1):
            for row in range(grid.shape[0] - size + 1):
                for column in range(grid.shape[1] - size + 1):
                    square = (slice(row, row + size), slice(column, column + size))
                    if (grid[square] == grid[row, column]).all():
                        side[square] = size
        assert np.array_equal(squares(grid)["square"], side)


def test_the_nearest_content_elsewhere_is_not_of_the_cells_own_part():
    found = nearest_other(draw("11020/00001"))
    assert found["color nearest other"].tolist() == [[2, 2, 1, 1, 2], [1, 1, 1, 2, 2]]
    assert found["nearest other"][0].tolist() == [3, 2, 1, 2, 1]
    assert found["nearest of own color elsewhere"][0].tolist() == [5, 4, 99, 99, 99]


def test_a_cell_sees_itself_mirrored_within_the_box_of_its_part():
    grid = draw("1200/0110/0000")
    found = mirrored_within(grid, boxes(grid))
    assert found["color within left right"].tolist() == [[0, 2, 1, -1], [1, 1, 0, -1], [-1] * 4]
    assert found["color within up down"][0].tolist() == [0, 1, 1, -1]
    assert found["color within transposed"].max() == -1
    square = draw("12/30")
    assert mirrored_within(square, boxes(square))["color within transposed"].tolist() == [[1, 3], [2, 0]]


def test_a_smaller_box_lies_over_a_larger_one():
    assert boxes(draw("1111/1000/1020")).tolist() == [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 2, 1]]


@pytest.mark.parametrize(
    ("text", "box"), [("0000/0102/0300", "102/300"), ("5", "5"), ("000/000", ""), ("00/01", "1"), ("123", "123")]
)
def test_the_box_of_all_content(text, box):
    grid = draw(text)
    found = grid[content_box(grid)]
    assert found.tolist() == (draw(box).tolist() if box else [])


def test_colours_at_places_that_may_lie_outside():
    grid = draw("12/34")
    rows, columns = np.array([0, 1, -1, 2, 0]), np.array([1, 0, 0, 0, 2])
    fine = on_grid(rows, columns, grid.shape)
    assert fine.tolist() == [True, True, False, False, False]
    found = colors_at(grid, rows, columns, fine)
    assert found.tolist() == [2, 3, -1, -1, -1]
    assert found.dtype == np.int64


def test_colours_are_ranked_by_how_common_they_are_and_then_by_number():
    assert ranked_colors(draw("0030/2113/0000")).tolist() == [1, 3, 2]
    assert ranked_colors(draw("000")).tolist() == []
