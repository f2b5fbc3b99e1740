"""Parts: divisions, what parts are like, drawings, and the sources that programs carry along."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw
from scattered import scattered

from solver.search import parts as words
from solver.search.parts import DIVISIONS, DRAWINGS, DRAWN_DIVISIONS, described, free_steps, source_of, stack_of

GRIDS = [np.zeros((1, 1), np.int8), np.full((2, 5), 3, np.int8), draw("0120/0030/4000/0005"), np.eye(30, dtype=np.int8)]


@pytest.mark.parametrize("division", DRAWN_DIVISIONS)
def test_a_division_numbers_its_parts_without_gaps(division):
    for grid in [*GRIDS, *scattered(1, 2)]:
        labels = division(grid)
        assert labels.shape == grid.shape
        assert labels.dtype == np.int64
        assert sorted(set(labels.ravel()) | {0}) == list(range(labels.max() + 1))


@pytest.mark.parametrize("division", DIVISIONS)
def test_what_parts_are_like_has_the_same_names_for_all_grids(division):
    names = set()
    for grid in [*GRIDS, *scattered(1, 2)]:
        labels = division(grid)
        if labels.max():
            found = described(grid, labels)
            names.add(tuple(found))
            for name, values in found.items():
                assert values.shape == (labels.max(),), name
                assert values.dtype == np.int64, name
                if name.startswith("color "):
                    assert values.min() >= 0, name
                    assert values.max() <= 9, name
    assert len(names) == 1


@pytest.mark.parametrize("drawing", DRAWINGS, ids=lambda one: f"{one[0].__name__}{one[1]}")
def test_a_drawing_paints_colours_of_the_grids_shape_and_changes_nothing(drawing):
    function, arguments, _ = drawing
    for grid in [*GRIDS, *scattered(1, 2)]:
        before, stack = grid.copy(), stack_of(grid, words.many_colored(grid))
        picture = function(grid, stack, *arguments)
        assert picture.shape == stack.shape
        assert picture.min(initial=0) >= -1
        assert picture.max(initial=0) <= 9
        assert np.array_equal(grid, before)


def test_parts_are_counted_ranked_and_compared():
    grid = draw("11000/11022/00022/30000/04000")
    found = described(grid, words.one_colored(grid))
    assert found["color own"].tolist() == [1, 2, 3, 4]
    assert found["size rank"].tolist() == [1, 1, 2, 2]
    assert found["of the same shape"].tolist() == [2, 2, 2, 2]
    assert found["color seen right"].tolist() == [2, 0, 0, 0]
    assert found["steps right"].tolist() == [2, 0, 0, 0]
    assert found["touching"].tolist() == [0, 0, 1, 1]
    assert found["size mod 2"].tolist() == [0, 0, 1, 1]
    assert found["left rank mod 3"].tolist() == [1, 0, 1, 2]
    ring = draw("1110/1010/1110/0002")
    assert described(ring, words.one_colored(ring))["holes"].tolist() == [1, 0]


def test_ends_bends_and_junctions_of_a_part_are_counted():
    grid = draw("10002220/10002020/11000000/00003000/00033300/00003000")
    found = described(grid, words.one_colored(grid))
    assert [found[name].tolist() for name in ("ends", "bends", "junctions")] == [[2, 2, 4], [1, 2, 0], [0, 0, 1]]


def test_a_legend_says_what_lies_beside_a_colour_elsewhere():
    grid = draw("1200000/0000111/3400111/0000000/0330050/0330000")
    found = described(grid, words.one_colored(grid))
    color = dict(zip(found["size"].tolist(), found["color beside its own elsewhere"].tolist(), strict=True))
    assert (color[6], color[4]) == (2, 4)
    assert found["largest of its color"][found["color own"] == 1].tolist() == [6, 1]
    assert found["largest of its color"][found["color own"] == 5].tolist() == [0]


def test_cells_of_a_loose_part_may_be_one_cell_apart():
    grid = draw("1020100/0000000/1000001/0002000")
    labels = words.loose(grid)
    assert labels.tolist() == [
        [1, 0, 2, 0, 3, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
        [1, 0, 0, 0, 0, 0, 3],
        [0, 0, 0, 4, 0, 0, 0],
    ]


def test_the_rest_of_a_box_and_a_part_without_its_main_colour():
    grid = draw("1130/1200/0000")
    stack = stack_of(grid, words.one_colored(grid))
    assert np.argwhere(words.rest_of_box(grid, stack)[0] >= 0).tolist() == [[1, 1]]
    whole = stack_of(grid, words.many_colored(grid))
    assert np.argwhere(words.without_main(grid, whole)[0] >= 0).tolist() == [[0, 2], [1, 1]]


def test_panels_lie_between_lines_or_are_squares_in_a_row():
    assert words.panels(draw("1050/0150/5555/0052")).tolist() == [
        [1, 1, 0, 2],
        [1, 1, 0, 2],
        [0, 0, 0, 0],
        [3, 3, 0, 4],
    ]
    # Empty lines separate only where no content does.
    assert words.panels(draw("100/000/555/000/020")).tolist() == [[1] * 3, [1] * 3, [0] * 3, [2] * 3, [2] * 3]
    assert words.panels(draw("110/110/000/220/220"))[2].tolist() == [0, 0, 0]
    assert words.panels(draw("12/30/45/60")).tolist() == [[1, 1], [1, 1], [2, 2], [2, 2]]
    assert not words.panels(draw("12/34")).any()


def test_a_mat_lies_in_and_around_the_box():
    grid = draw("00000/02220/02020/02220/00000")
    stack = stack_of(grid, words.one_colored(grid))
    ring = draw("22222/20002/20002/20002/22222")
    assert np.maximum(words.mat(grid, stack, 0)[0], 0).tolist() == ring.tolist()
    ring[2, 2] = 2
    assert np.maximum(words.mat(grid, stack, 1)[0], 0).tolist() == ring.tolist()


def test_a_part_moves_up_to_content_or_the_border():
    grid = draw("1000/0000/1020/0000")
    stack = stack_of(grid, words.one_colored(grid))
    steps, stopped = free_steps(grid, stack, 1, 0)
    assert steps.tolist() == [1, 1, 1]
    assert stopped.tolist() == [True, False, False]
    steps, stopped = free_steps(grid, stack, 0, 1)
    assert steps.tolist() == [3, 1, 1]
    assert stopped.tolist() == [False, True, False]


def test_free_steps_are_those_of_moving_step_by_step():
    for grid in scattered(2, 20, (7, 6), (1, 3), 6):
        stack = stack_of(grid, words.one_colored(grid))
        for _, down, right in words.ways()[:4]:
            steps, _ = free_steps(grid, stack, down, right)
            for part, far in zip(stack, steps, strict=True):
                for step in range(1, 9):
                    moved = words.pushed(part[None], down * step, right * step)[0]
                    whole = (moved >= 0).sum() == (part >= 0).sum()
                    if not whole or ((moved >= 0) & (grid > 0) & (part < 0)).any():
                        assert far == step - 1
                        break


def test_nothing_is_stamped_around_a_middle_between_cells():
    grid = draw("0110/0000")
    stack = stack_of(grid, words.one_colored(grid))
    assert (words.stamped_in_middle(grid, stack, ((0, 0, 5),)) < 0).all()


def test_the_sources_of_all_words_run_by_themselves():
    names = {"np": np}
    exec("from solver.grid import *", names)
    exec(source_of([*DRAWN_DIVISIONS, *(f for f, _, _ in DRAWINGS), stack_of, described, words.painted]), names)
    grid = scattered(1, 1)[0]
    labels = words.one_colored(grid)
    stack = names["stack_of"](grid, labels)
    for division in DRAWN_DIVISIONS:
        assert np.array_equal(names[division.__name__](grid), division(grid))
    for function, arguments, _ in DRAWINGS:
        assert np.array_equal(names[function.__name__](grid, stack, *arguments), function(grid, stack, *arguments))
    found = names["described"](grid, labels)
    assert all(np.array_equal(found[name], values) for name, values in described(grid, labels).items())


def test_the_source_of_a_word_holds_what_it_needs_in_comprehensions_too():
    for function in {*DRAWN_DIVISIONS, *(f for f, _, _ in DRAWINGS), described, words.cut_out}:
        names = {"np": np}
        exec("from solver.grid import *", names)
        exec(source_of([function]), names)
        used = {name for name in words._words(function.__code__) if hasattr(words, name)}
        assert used <= set(names)
