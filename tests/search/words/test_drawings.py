"""Drawings: what is painted for a part, and what is not."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from grids import draw
from scattered import SOME_GRIDS, scattered

from solver.search.words.cells import many_colored, one_colored, ways
from solver.search.words.drawings import (
    DRAWINGS,
    copied,
    edge,
    inside,
    mat,
    rays,
    rest_of_box,
    stamped_in_middle,
    without_main,
)
from solver.search.words.parts import stack_of


@pytest.mark.parametrize("drawing", DRAWINGS, ids=lambda one: f"{one[0].__name__}{one[1]}")
def test_a_drawing_paints_colours_of_the_grids_shape_and_changes_nothing(drawing):
    function, arguments, _ = drawing
    for grid in [*SOME_GRIDS, *scattered(1, 2)]:
        before, stack = grid.copy(), stack_of(grid, many_colored(grid))
        picture = function(grid, stack, *arguments)
        assert picture.shape == stack.shape
        assert picture.min(initial=0) >= -1
        assert picture.max(initial=0) <= 9
        assert np.array_equal(grid, before)


def test_rays_are_those_of_going_on_cell_by_cell():
    for grid in scattered(5, count=4):
        stack = stack_of(grid, many_colored(grid))
        for (_, down, right), through in itertools.product(ways(), (0, 1)):
            wanted = np.full(stack.shape, -1, np.int8)
            for k, row, column in np.argwhere(stack >= 0):
                r, c = row + down, column + right
                while 0 <= r < grid.shape[0] and 0 <= c < grid.shape[1] and stack[k, r, c] < 0:
                    if grid[r, c] and not through:
                        break
                    wanted[k, r, c] = stack[k, row, column]
                    r, c = r + down, c + right
            assert np.array_equal(rays(grid, stack, down, right, through), wanted)


def test_the_rest_of_a_box_and_a_part_without_its_main_colour():
    grid = draw("1130/1200/0000")
    stack = stack_of(grid, one_colored(grid))
    assert np.argwhere(rest_of_box(grid, stack)[0] >= 0).tolist() == [[1, 1]]
    whole = stack_of(grid, many_colored(grid))
    assert np.argwhere(without_main(grid, whole)[0] >= 0).tolist() == [[0, 2], [1, 1]]


def test_a_mat_lies_in_and_around_the_box():
    grid = draw("00000/02220/02020/02220/00000")
    stack = stack_of(grid, one_colored(grid))
    ring = draw("22222/20002/20002/20002/22222")
    assert np.maximum(mat(grid, stack, 0)[0], 0).tolist() == ring.tolist()
    ring[2, 2] = 2
    assert np.maximum(mat(grid, stack, 1)[0], 0).tolist() == ring.tolist()


def test_nothing_is_stamped_around_a_middle_between_cells():
    grid = draw("0110/0000")
    stack = stack_of(grid, one_colored(grid))
    assert (stamped_in_middle(grid, stack, ((0, 0, 5),)) < 0).all()


def test_copies_of_a_part_go_on_to_the_border_and_the_last_lie_above():
    part = stack_of(draw("1200000"), draw("1100000").astype(np.int64))
    assert copied(part, 0, 1).tolist() == [[-1, 1, 1, 1, 1, 1, 1]]
    assert copied(part, 0, 3).tolist() == [[-1, -1, -1, 1, 2, -1, 1]]
    assert copied(part, 1, 0).max() == -1


def test_a_cell_of_a_part_is_inside_or_at_its_edge():
    grid = draw("1110/1210/1110/0000")
    stack = stack_of(grid, many_colored(grid))
    assert inside(grid, stack).tolist()[0] == [[-1] * 4, [-1, 1, -1, -1], [-1] * 4, [-1] * 4]
    assert ((edge(grid, stack) >= 0) ^ (inside(grid, stack) >= 0) == (stack >= 0)).all()
