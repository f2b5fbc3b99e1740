"""Diagonals, ways over the background, and mirrored places."""

from __future__ import annotations

import numpy as np
from grids import draw

from solver.search.words.reach import diagonals, free_ways, mirrors_about, whole_content


def test_diagonals_have_a_common_colour_and_cells():
    found = diagonals(draw("100/020/300"))
    assert found["color of diagonal falling"].tolist() == [[1, 0, 0], [0, 1, 0], [3, 0, 1]]
    assert found["cells in diagonal falling"].tolist() == [[2, 0, 0], [0, 2, 0], [1, 0, 2]]
    assert found["color of diagonal rising"].tolist() == [[1, 0, 2], [0, 2, 0], [2, 0, 0]]


def test_ways_begin_at_the_rarest_colour_beside_a_region_and_go_around_walls():
    found = free_ways(draw("20080/88080/00080"))
    # The last column sees walls only.
    assert found["way"].tolist() == [[0, 1, 2, 0, 1], [0, 0, 3, 0, 1], [6, 5, 4, 0, 1]]
    assert found["way mod 2"][2].tolist() == [0, 1, 0, 0, 1]
    assert found["color rarest around"].tolist() == [[8, 2, 2, 0, 8], [2, 2, 2, 0, 8], [2, 2, 2, 0, 8]]


def test_there_are_no_ways_where_nothing_lies_beside_the_background():
    found = free_ways(np.zeros((2, 3), np.int8))
    assert not any(values.any() for values in found.values())
    assert not free_ways(draw("11/11"))["way"].any()


def test_colours_are_mirrored_about_the_rarest_colour():
    found = mirrors_about(draw("1100/0020/3300"))
    assert found["color about it left right"].tolist() == [[-1, 0, 0, 1], [-1, 0, 2, 0], [-1, 0, 0, 3]]
    assert found["color about it up down"].tolist() == [[3, 3, 0, 0], [0, 0, 2, 0], [1, 1, 0, 0]]
    assert found["color about it turned"][0].tolist() == [-1, 0, 0, 3]
    # (row, column) comes from (column − 1, row + 1).
    assert found["color about it transposed"].tolist() == [[-1, 1, 0, 3], [-1, 0, 2, 0], [-1, 0, 0, 0]]


def test_diagonal_mirrors_need_a_middle_on_the_lattice():
    found = mirrors_about(draw("0220/1111"))
    assert (found["color about it transposed"] == -1).all()
    assert found["color about it left right"].tolist() == [[0, 2, 2, 0], [1, 1, 1, 1]]


def test_the_box_of_all_content():
    assert whole_content(draw("0000/0102/0000")).tolist() == [[0] * 4, [0, 1, 1, 1], [0] * 4]
    assert not whole_content(np.zeros((3, 3), np.int8)).any()
