"""Split family, on drawn examples."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw

from solver import grid as g


def grids(*pictures: str) -> g.Grids:
    """Grids of drawn pictures."""
    cells = np.zeros((len(pictures), 30, 30), np.int8)
    shapes = np.zeros((len(pictures), 2), np.int64)
    for i, picture in enumerate(pictures):
        x = draw(picture)
        shapes[i] = x.shape
        cells[i, : x.shape[0], : x.shape[1]] = x
    return g.Grids(cells, shapes)


def drawn(value: g.Grids) -> list[str]:
    """The pictures of grids; every slot is empty outside its grid."""
    out = []
    for cells, (h, w) in zip(value.cells, value.shapes):
        assert cells[h:].max(initial=0) == 0
        assert cells[:, w:].max(initial=0) == 0
        out.append("/".join("".join(map(str, row)) for row in cells[:h, :w].tolist()))
    return out


PANELS = "1052/0053/5555/0253/0154"


@pytest.mark.parametrize(
    ("call", "pictures"),
    [
        (lambda: g.split_separators(draw(PANELS)), ["10/00", "2/3", "02/01", "3/4"]),
        (lambda: g.split_separators(draw("555/512/555/530")), ["12", "30"]),
        (lambda: g.split_halves(draw("12345"), g.HORIZONTAL), ["12", "45"]),
        (lambda: g.split_halves(draw("1/2/3/4"), g.VERTICAL), ["1/2", "3/4"]),
        (lambda: g.split_parts(draw("1234/5678"), 2, 2), ["12", "34", "56", "78"]),
        (lambda: g.split_parts(draw("12034056"), 1, 3), ["12", "34", "56"]),
        (lambda: g.split_square(draw("123456/123456")), ["12/12", "34/34", "56/56"]),
        (lambda: g.split_square(draw("12/12/00/34/34")), ["12/12", "34/34"]),
        (lambda: g.split_lines(draw("12/34"), g.HORIZONTAL), ["12", "34"]),
        (lambda: g.split_lines(draw("12/34"), g.VERTICAL), ["1/3", "2/4"]),
        (lambda: g.split_colors(draw("3120/2200")), ["0020/2200", "0100/0000", "3000/0000"]),
        (lambda: g.pair(draw("12"), draw("3/4")), ["12", "3/4"]),
        (lambda: g.keep_grids(grids("10", "22", "03"), g.SIZE, g.MIN), ["10", "03"]),
        (lambda: g.keep_grids(grids("10", "22", "03"), g.SIZE, g.COMMON), ["10", "03"]),
        (lambda: g.sort_grids(grids("10", "22", "03"), g.SIZE), ["22", "10", "03"]),
        (lambda: g.reverse_grids(grids("1", "2", "3")), ["3", "2", "1"]),
        (lambda: g.dedupe_grids(grids("1", "2", "1")), ["1", "2"]),
        (lambda: g.transform_all(grids("12", "3/4"), g.ROT90), ["1/2", "43"]),
        (lambda: g.crop_contents(grids("000/012", "00", "3")), ["12", "3"]),
    ],
)
def test_drawn_grids(call, pictures):
    assert drawn(call()) == pictures


@pytest.mark.parametrize(
    ("call", "picture"),
    [
        (lambda: g.cell_grid(draw(PANELS)), "12/13"),
        (lambda: g.fill_panels(draw("12/03"), draw(PANELS)), "1152/1152/5555/0053/0053"),
        (lambda: g.remove_separators(draw(PANELS)), "102/003/023/014"),
        (lambda: g.unsplit(g.split_separators(draw(PANELS)), draw(PANELS)), PANELS),
        (lambda: g.keep_panels(draw("10522/00522"), g.SIZE, g.MAX), "00522/00522"),
        (lambda: g.keep_panels(draw("10522/00522"), g.SIZE, g.MIN), "10500/00500"),
        (lambda: g.pick(grids("10", "22", "03"), g.SIZE, g.MAX), "22"),
        (lambda: g.pick(grids("10", "22", "22"), g.SIZE, g.MAX), "22"),
        (lambda: g.pick(grids("10", "22", "33"), g.SIZE, g.UNIQUE), "10"),
        (lambda: g.pick_odd(grids("10", "20", "10")), "20"),
        (lambda: g.pick_odd(grids("12", "21", "22")), "22"),
        (lambda: g.pick_odd(grids("10", "02", "3/0", "11")), "11"),
        (lambda: g.nth(grids("1", "2", "3"), 1), "2"),
        (lambda: g.nth(grids("1", "2", "3"), -1), "3"),
        (lambda: g.merge(grids("1100", "2020"), g.AND, 4), "4000"),
        (lambda: g.merge(grids("1100", "2020"), g.OR, 4), "4440"),
        (lambda: g.merge(grids("1100", "2020", "3000"), g.XOR, 4), "0440"),
        (lambda: g.merge(grids("1100", "2020"), g.NOR, 4), "0004"),
        (lambda: g.merge(grids("1100", "2020"), g.DIFF, 4), "0400"),
        (lambda: g.overlay(draw("110"), draw("020")), "120"),
        (lambda: g.overlay_all(grids("1100", "2020", "3333"), 0), "1123"),
        (lambda: g.overlay_all(grids("1100", "2020", "0030"), 1), "2130"),
        (lambda: g.common_cells(grids("123", "120", "121")), "120"),
        (lambda: g.majority_cells(grids("120", "103", "503")), "103"),
        (lambda: g.stack(grids("12", "3", "45"), g.HORIZONTAL), "12345"),
        (lambda: g.stack(grids("12", "34/56"), g.VERTICAL), "12/34/56"),
        (lambda: g.place(draw("10/11"), draw("222/222/222"), g.UP_RIGHT), "212/211/222"),
        (lambda: g.place(draw("1"), draw("222/222"), g.DOWN_LEFT), "222/122"),
        (lambda: g.center_on(draw("10"), draw("2222/2222/2222")), "2222/2122/2222"),
        (lambda: g.expand_cells(draw("10/02"), draw("34"), 0), "3400/0034"),
        (lambda: g.expand_cells(draw("10/02"), draw("04"), 1), "0100/0002"),
    ],
)
def test_drawn_examples(call, picture):
    assert np.array_equal(call(), draw(picture))


def test_separators_give_panels_of_one_shape_or_are_the_most_lines():
    assert g.separator_color(draw(PANELS)) == 5
    assert g.separator_color(draw("10522/00522/00522")) == 5
    assert g.separator_color(draw("1052/0052/5555/0052/5555/1152")) == 5


MEASURED = grids("0000/0111/0121/0111", "300/303/000/000", "0000/0000/0000/0030")


@pytest.mark.parametrize(
    ("prop", "order"),
    [
        (g.SIZE, "123"),
        (g.HEIGHT, "123"),
        (g.WIDTH, "123"),
        (g.TOP, "312"),
        (g.LEFT_EDGE, "312"),
        (g.COLOR, "231"),
        (g.NUM_COLORS_IN, "123"),
        (g.HOLES, "123"),
        (g.SYMMETRY_COUNT, "132"),
        (g.DENSITY, "132"),
        (g.SHAPE_COUNT, "123"),
        (g.COLOR_COUNT, "231"),
        (g.BORDER_CELLS, "123"),
        (g.MINORITY_CELLS, "123"),
    ],
)
def test_properties_order_grids(prop, order):
    pictures = drawn(MEASURED)
    assert drawn(g.sort_grids(MEASURED, prop)) == [pictures[int(k) - 1] for k in order]


def test_holes_and_shapes_are_counted():
    ring, solid = "111/101/111", "222/222/222"
    assert np.array_equal(g.pick(grids(solid, ring), g.HOLES, g.MAX), draw(ring))
    assert np.array_equal(g.pick(grids(solid, ring, "0000/0111/0101/0111"), g.SHAPE_COUNT, g.MIN), draw(solid))


@pytest.mark.parametrize(
    "call",
    [
        lambda: g.split_separators(draw("12/34")),
        lambda: g.split_separators(draw("11/11")),
        lambda: g.split_separators(draw("0000/1111")),
        lambda: g.split_halves(draw("1"), g.HORIZONTAL),
        lambda: g.split_parts(draw("1234"), 1, 3),
        lambda: g.split_parts(draw("12"), 1, 1),
        lambda: g.split_parts(draw("12"), 3, 1),
        lambda: g.split_square(draw("12/34")),
        lambda: g.split_square(draw("123/456")),
        lambda: g.split_lines(draw("12"), g.HORIZONTAL),
        lambda: g.split_colors(draw("00")),
        lambda: g.cell_grid(draw("12/34")),
        lambda: g.fill_panels(draw("1"), draw(PANELS)),
        lambda: g.separator_color(draw("12/34")),
        lambda: g.remove_separators(draw("12/34")),
        lambda: g.unsplit(grids("1", "2", "3", "4"), draw(PANELS)),
        lambda: g.keep_panels(draw("12/34"), g.SIZE, g.MAX),
        lambda: g.keep_panels(draw("10520/00500"), g.SIZE, g.UNIQUE),
        lambda: g.pick(grids("10", "02"), g.SIZE, g.MAX),
        lambda: g.keep_grids(grids("10", "02"), g.SIZE, g.UNIQUE),
        lambda: g.pick_odd(grids("1", "2", "3")),
        lambda: g.pick_odd(grids("1", "2")),
        lambda: g.nth(grids("1"), 1),
        lambda: g.merge(grids("1", "22"), g.AND, 1),
        lambda: g.merge(grids("1"), g.AND, 1),
        lambda: g.overlay(draw("1"), draw("11")),
        lambda: g.overlay_all(grids("1", "22"), 0),
        lambda: g.common_cells(grids("1", "22")),
        lambda: g.majority_cells(grids("1", "22")),
        lambda: g.stack(grids("1", "2/2"), g.HORIZONTAL),
        lambda: g.stack(grids("1" * 16, "2" * 16), g.HORIZONTAL),
        lambda: g.crop_contents(grids("00", "0")),
        lambda: g.place(draw("111"), draw("11"), g.UP_LEFT),
        lambda: g.center_on(draw("1/1"), draw("11")),
        lambda: g.expand_cells(np.ones((6, 6), np.int8), np.ones((6, 6), np.int8), 0),
    ],
)
def test_not_applicable_is_an_error_for_people(call):
    with pytest.raises(g.GridError):
        call()


def test_more_than_64_panels_can_be_reduced_but_not_listed():
    x = np.full((19, 19), 5, np.int8)
    x[::2, ::2] = 0
    x[0, 0] = 3
    assert g.cell_grid(x).shape == (10, 10)
    assert g.cell_grid(x).sum() == 3
    with pytest.raises(g.GridError):
        g.split_separators(x)


def test_arguments_are_left_alone():
    x = draw(PANELS)
    before = x.copy()
    y = g.split_separators(x)
    cells = y.cells.copy()
    g.transform_all(y, g.ROT180)
    g.keep_panels(x, g.SIZE, g.MAX)
    g.crop_contents(y)
    assert np.array_equal(x, before)
    assert np.array_equal(y.cells, cells)
