"""Parts: how far they can move, and what is counted of them."""

from __future__ import annotations

import numpy as np
from grids import draw
from scattered import scattered

from solver.search.words.cells import one_colored, ways
from solver.search.words.parts import (
    color_counts,
    free_steps,
    gaps,
    main_colors,
    pushed,
    shape_keys,
    sizes,
    stack_of,
    widened,
)


def test_a_part_moves_up_to_content_or_the_border():
    grid = draw("1000/0000/1020/0000")
    stack = stack_of(grid, one_colored(grid))
    steps, stopped = free_steps(grid, stack, 1, 0)
    assert steps.tolist() == [1, 1, 1]
    assert stopped.tolist() == [True, False, False]
    steps, stopped = free_steps(grid, stack, 0, 1)
    assert steps.tolist() == [3, 1, 1]
    assert stopped.tolist() == [False, True, False]


def test_the_most_common_colour_of_no_part_and_the_lowest_of_equally_common_ones():
    assert len(main_colors(np.zeros((0, 3, 3), np.int8))) == 0
    stack = np.full((2, 2, 2), -1, np.int8)
    stack[0, 0], stack[1, 1] = (7, 3), (9, 9)
    assert main_colors(stack).tolist() == [3, 9]


def test_free_steps_are_those_of_moving_step_by_step():
    for grid in scattered(2, 20, (7, 6), (1, 3), 6):
        stack = stack_of(grid, one_colored(grid))
        for _, down, right in ways()[:4]:
            steps, _ = free_steps(grid, stack, down, right)
            for part, far in zip(stack, steps, strict=True):
                for step in range(1, 9):
                    moved = pushed(part[None], down * step, right * step)[0]
                    whole = (moved >= 0).sum() == (part >= 0).sum()
                    if not whole or ((moved >= 0) & (grid > 0) & (part < 0)).any():
                        assert far == step - 1
                        break


def test_what_is_counted_of_parts():
    grid = draw("1102/1300/0000/4400/5000")
    stack = stack_of(grid, draw("1102/1100/0000/3300/3000").astype(np.int64))
    assert sizes(stack).tolist() == [4, 1, 3]
    assert color_counts(stack).tolist()[:6] == [[0, 0, 0], [3, 0, 0], [0, 1, 0], [1, 0, 0], [0, 0, 2], [0, 0, 1]]
    assert gaps(stack).tolist() == [[0, 2, 2], [2, 0, 5], [2, 5, 0]]
    keys = shape_keys(stack_of(draw("1020/1122"), draw("1020/1122").astype(np.int64)))
    assert keys[0] == keys[1]
    assert len(set(shape_keys(stack))) == 3


def test_cells_are_widened_to_those_next_to_them():
    own = draw("1000/0000/0000")[None] > 0
    assert widened(own)[0].tolist() == (draw("1100/1100/0000") > 0).tolist()
    assert widened(own, straight=1)[0].tolist() == (draw("1100/1000/0000") > 0).tolist()
