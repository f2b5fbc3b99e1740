"""Layouts: which there are for some shapes, and what they say of themselves."""

from __future__ import annotations

import numpy as np
import pytest

from solver.search.fit.layout_kinds import Layout, possible_layouts
from solver.search.words import layouts as words

ONE, TWO = (np.full((1, 1), k, np.int8) for k in (1, 2))
BOXES = np.zeros((4, 3), np.int64)


def test_rows_are_as_wide_as_outputs_or_as_these_have_blocks_of_three():
    rows = [layout.arguments for layout in possible_layouts([(6, 4), (2, 9)]) if layout.function is words.in_rows]
    assert {wide for tall, wide, by_column, _ in rows if not by_column} == {3, 4, 9}
    assert {tall for tall, _, by_column, _ in rows if by_column} == {2, 6}
    assert (6, 4, 0, 0) in [one.arguments for one in possible_layouts([(6, 4)] * 2) if one.function is words.in_rows]


def test_blocks_are_laid_out_without_repeats_and_not_beyond_a_grid():
    assert Layout(words.in_line, (0, 0, 0), 0, 0.0).lay_out([ONE, ONE, TWO], BOXES).tolist() == [[1, 1, 2]]
    assert Layout(words.in_line, (0, 0, 0), 1, 0.0).lay_out([ONE, ONE, TWO], BOXES).tolist() == [[1, 2]]
    assert Layout(words.in_line, (0, 0, 0), 2, 0.0).lay_out([ONE, TWO, ONE], BOXES).tolist() == [[1, 2]]
    assert Layout(words.in_line, (0, 0, 0), 0, 0.0).lay_out([ONE] * 31, BOXES) is None
    assert Layout(words.as_they_lie, (0,), 0, 0.0).lay_out([ONE, TWO], BOXES[:, :2]) is None  # both at one place


@pytest.mark.parametrize(
    ("layout", "shapes"),
    [
        (Layout(words.in_line, (0, 0, 0), 0, 0.0), {(1, 5)}),
        (Layout(words.in_line, (1, 1, 0), 0, 0.0), {(5, 1)}),
        (Layout(words.in_line, (0, 0, 1), 0, 0.0), {(1, 5), (5, 1), (5, 5), (2, 3)}),
        (Layout(words.rings, (1,), 0, 0.0), {(5, 5)}),
        (Layout(words.diagonally, (1,), 0, 0.0), {(5, 5)}),
        (Layout(words.as_they_lie, (0,), 0, 0.0), {(1, 5), (5, 1), (5, 5), (2, 3)}),
    ],
)
def test_single_cells_have_some_shapes_only(layout, shapes):
    every = {(1, 5), (5, 1), (5, 5), (2, 3)}
    assert {shape for shape in every if layout.may_hold_cells(shape)} == shapes


@pytest.mark.parametrize("layout", possible_layouts([(3, 3), (3, 3)]))
def test_a_layout_is_a_program_that_lays_out_the_same(layout):
    expected = layout.lay_out([ONE, TWO, TWO], np.array([[0, 0, 2], [0, 0, 2], [0, 2, 0], [0, 2, 0]]))
    lines, functions = layout.program("where")
    names = {function.__name__: function for function in functions}
    names |= {"blocks": [ONE, TWO, TWO], "where": np.array([[0, 0, 2], [0, 0, 2], [0, 2, 0], [0, 2, 0]])}
    if expected is None:
        with pytest.raises(ValueError, match=r"blocks|place"):
            exec("\n".join(lines), names)
    else:
        exec("\n".join(lines), names)
        assert np.array_equal(names["out"], expected)
    counts = None if expected is None else np.bincount(expected.ravel(), minlength=3)[1:].tolist()
    if layout.keeps_counts and layout.function is not words.over_one_another and counts is not None:
        assert counts == [1, 2]
