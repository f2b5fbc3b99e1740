"""Divisions of grids into parts."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw
from scattered import SOME_GRIDS, noise, scattered

from solver.search.words.divisions import (
    DRAWN_DIVISIONS,
    loose,
    panels,
    single_cells,
)


@pytest.mark.parametrize("division", DRAWN_DIVISIONS)
def test_a_division_numbers_its_parts_without_gaps(division):
    for grid in [*SOME_GRIDS, *scattered(1, 2), *noise(1, 2)]:
        labels = division(grid)
        assert labels.shape == grid.shape
        assert labels.dtype == np.int64
        assert sorted(set(labels.ravel()) | {0}) == list(range(labels.max() + 1))


def test_cells_of_a_loose_part_may_be_one_cell_apart():
    grid = draw("1020100/0000000/1000001/0002000")
    labels = loose(grid)
    assert labels.tolist() == [
        [1, 0, 2, 0, 3, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
        [1, 0, 0, 0, 0, 0, 3],
        [0, 0, 0, 4, 0, 0, 0],
    ]


def test_panels_lie_between_lines_or_are_squares_in_a_row():
    assert panels(draw("1050/0150/5555/0052")).tolist() == [
        [1, 1, 0, 2],
        [1, 1, 0, 2],
        [0, 0, 0, 0],
        [3, 3, 0, 4],
    ]
    # Empty lines separate only where no content does.
    assert panels(draw("100/000/555/000/020")).tolist() == [[1] * 3, [1] * 3, [0] * 3, [2] * 3, [2] * 3]
    assert panels(draw("110/110/000/220/220"))[2].tolist() == [0, 0, 0]
    assert panels(draw("12/30/45/60")).tolist() == [[1, 1], [1, 1], [2, 2], [2, 2]]
    assert not panels(draw("12/34")).any()


def shown(labels):
    return "/".join("".join(map(str, row)) for row in labels)


def test_every_cell_of_content_may_be_a_part():
    assert shown(single_cells(draw("011/200"))) == "012/300"
