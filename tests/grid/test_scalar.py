"""Scalar family, on drawn examples."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw

from solver import grid as g


def some_objects(count):
    return g.Objects(draw("102"), np.array([[1, 0, 2]], np.int16), count)


def some_grids(count):
    return g.Grids(np.zeros((count, 30, 30), np.int8), np.ones((count, 2), np.int64))


@pytest.mark.parametrize(
    ("call", "number"),
    [
        (lambda: g.height(draw("12/34/56")), 3),
        (lambda: g.width(draw("12/34/56")), 2),
        (lambda: g.count_cells(draw("102/003")), 3),
        (lambda: g.count_cells(np.ones((30, 30), np.int8)), 99),
        (lambda: g.count_color(draw("102/022"), 2), 3),
        (lambda: g.count_color(draw("102/022"), 0), 2),
        (lambda: g.count_color(draw("102/022"), 5), 0),
        (lambda: g.count_color(np.ones((30, 30), np.int8), 1), 99),
        (lambda: g.count_colors(draw("102/022")), 2),
        (lambda: g.count_colors(draw("00")), 0),
        (lambda: g.count_objects(some_objects(2)), 2),
        (lambda: g.count_objects(some_objects(120)), 99),
        (lambda: g.count_grids(some_grids(3)), 3),
        (lambda: g.add(2, 3), 5),
        (lambda: g.add(60, 40), None),
        (lambda: g.subtract(2, 3), -1),
        (lambda: g.subtract(-60, 40), None),
        (lambda: g.multiply(2, 3), 6),
        (lambda: g.multiply(99, -99), None),
        (lambda: g.divide(7, 2), 3),
        (lambda: g.divide(7, 0), None),
    ],
)
def test_numbers(call, number):
    if number is None:
        with pytest.raises(g.GridError, match="no result"):
            call()
    else:
        assert call() == number


@pytest.mark.parametrize(
    ("call", "picture"),
    [
        (lambda: g.solid(2, 3, 4), "444/444"),
        (lambda: g.blank(2, 3), "000/000"),
        (lambda: g.bar(3, 5, g.HORIZONTAL), "555"),
        (lambda: g.bar(3, 5, g.VERTICAL), "5/5/5"),
        (lambda: g.diagonal(3, 5), "500/050/005"),
        (lambda: g.fill_first(draw("000/100/000"), 4, 5), "555/150/000"),
        (lambda: g.fill_first(draw("00"), 9, 5), "55"),
        (lambda: g.fill_first(draw("01"), 0, 5), "01"),
    ],
)
def test_grids(call, picture):
    out = call()
    assert np.array_equal(out, draw(picture))
    assert out.dtype == np.int8


@pytest.mark.parametrize(
    "call",
    [
        lambda: g.solid(0, 3, 1),
        lambda: g.solid(3, 31, 1),
        lambda: g.blank(31, 3),
        lambda: g.bar(-1, 3, g.VERTICAL),
        lambda: g.diagonal(0, 3),
        lambda: g.diagonal(31, 3),
        lambda: g.fill_first(draw("0"), -1, 3),
    ],
)
def test_not_applicable_is_an_error_for_people(call):
    with pytest.raises(g.GridError):
        call()
