"""Drawing family, on drawn examples."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw

from solver import grid as g

DRAWING = [f for f in g.FUNCTIONS.values() if f.family == "drawing"]


@pytest.mark.parametrize(
    ("call", "picture"),
    [
        (lambda: g.rays(draw("00100/00000/00203"), g.UP), "00103/00203/00203"),
        (lambda: g.rays(draw("10200"), g.RIGHT), "11222"),
        (lambda: g.rays_diagonal(draw("100/000/000"), g.DOWN_RIGHT), "100/010/001"),
        (lambda: g.rays_diagonal(draw("001/020/000"), g.DOWN_LEFT), "001/020/200"),
        (lambda: g.rays_axis(draw("0100200"), g.HORIZONTAL), "1122222"),
        (lambda: g.rays_axis(draw("0/1/0"), g.VERTICAL), "1/1/1"),
        (lambda: g.rays_of(draw("1000/2003"), 2, g.RIGHT), "1000/2223"),
        (lambda: g.rays_away(draw("00000/00220/00210/00200"), 1), "00000/00220/00211/00210"),
        (lambda: g.cross(draw("100/000/002"), g.HORIZONTAL), "111/102/222"),
        (lambda: g.cross(draw("100/000/002"), g.VERTICAL), "112/102/122"),
        (lambda: g.cross_of(draw("100/000/002"), 1), "111/100/102"),
        (lambda: g.diagonals(draw("000/010/000")), "101/010/101"),
        (lambda: g.diagonals_of(draw("0002/0100/0000"), 1), "1012/0100/1010"),
        (lambda: g.lines_through(draw("010/202/000"), 1, g.VERTICAL), "010/212/010"),
        (lambda: g.lines_through(draw("030/202/000"), 2, g.HORIZONTAL), "030/222/000"),
    ],
)
def test_rays(call, picture):
    assert np.array_equal(call(), draw(picture))


@pytest.mark.parametrize(
    ("call", "picture"),
    [
        (lambda: g.extend_lines(draw("00000/01100/00000")), "00000/11111/00000"),
        (lambda: g.extend_lines(draw("0000/0100/1000/0002")), "0010/0100/1000/0002"),
        (lambda: g.extend_lines(draw("00000/01100/01000")), "00000/01100/01000"),
        (lambda: g.extend_lines(draw("0101/0000")), "0101/0000"),
        (lambda: g.bounce(draw("0000/1000/0102/0002/0002/0002")), "0000/1000/0102/0012/0102/1002"),
        (lambda: g.bounce(draw("100/010/003")), "100/010/003"),
        (lambda: g.zigzag(draw("000/000/000/000/100"), g.UP), "100/010/001/010/100"),
        (lambda: g.zigzag(draw("0001"), g.LEFT), "1111"),
        (lambda: g.zigzag(draw("0010/0000/0000"), g.DOWN), "0010/0100/1000"),
        (
            lambda: g.spiral(np.zeros((6, 6), np.int8), 3),
            "333333/000003/333303/303303/300003/333333",
        ),
        (lambda: g.spiral(draw("000/020/000"), 3), "333/023/333"),
        (lambda: g.spiral(draw("0"), 3), "3"),
        (lambda: g.connect(draw("1001/2001/0200"), g.HORIZONTAL), "1111/2001/0200"),
        (lambda: g.connect(draw("10/00/11"), g.VERTICAL), "10/10/11"),
        (lambda: g.connect(draw("10201"), g.HORIZONTAL), "10201"),
        (lambda: g.connect_with(draw("1001"), g.HORIZONTAL, 3), "1331"),
        (lambda: g.connect_both(draw("020/101/020"), g.HORIZONTAL), "020/111/020"),
        (lambda: g.connect_both(draw("020/101/020"), g.VERTICAL), "020/121/020"),
        (lambda: g.connect_diagonal(draw("100/000/001")), "100/010/001"),
        (lambda: g.connect_to(draw("1002/0000/0100"), 1), "1112/0000/0100"),
    ],
)
def test_lines(call, picture):
    assert np.array_equal(call(), draw(picture))


@pytest.mark.parametrize(
    ("call", "picture"),
    [
        (lambda: g.gravity(draw("12/00/30/00"), g.DOWN), "00/00/10/32"),
        (lambda: g.gravity(draw("0102"), g.LEFT), "1200"),
        (lambda: g.gravity(draw("0102"), g.RIGHT), "0012"),
        (lambda: g.gravity(draw("0/1/2"), g.UP), "1/2/0"),
        (lambda: g.gravity_of(draw("1/0/2/1/0"), 1, g.DOWN), "0/1/2/0/1"),
        (lambda: g.gravity_objects(draw("110/100/000/002"), g.DOWN), "000/000/110/102"),
        (lambda: g.gravity_objects(draw("1100/0100/0000/1000"), g.DOWN), "0000/0000/1100/1100"),
        (lambda: g.gravity_objects(draw("00102"), g.LEFT), "12000"),
        (lambda: g.gravity_objects(draw("010/000/101/111"), g.UP), "111/111/000/000"),
        (lambda: g.move_until_contact(draw("010/000/000"), draw("000/000/020"), g.DOWN), "000/010/020"),
        (lambda: g.move_until_contact(draw("010/000/000"), draw("000/000/002"), g.DOWN), "000/000/012"),
        (lambda: g.attract(draw("11000/10002/00000"), 1), "00011/00012/00000"),
        (lambda: g.attract(draw("2/0/0/1"), 1), "2/1/0/0"),
        (lambda: g.attract_cells(draw("10020/00000/00003"), 2), "00120/00000/00003"),
        (lambda: g.attract_cells(draw("1102003"), 2), "0112300"),
        (lambda: g.squeeze(draw("1002/0000/0003")), "12/03"),
        (lambda: g.sort_lines(draw("110/111/100/022"), g.HORIZONTAL), "100/110/022/111"),
        (lambda: g.sort_lines(draw("120/100"), g.VERTICAL), "021/001"),
        (lambda: g.shear(draw("100/200/300"), g.RIGHT), "100/020/003"),
        (lambda: g.shear(draw("123/000/000"), g.UP), "100/003/020"),
    ],
)
def test_physics(call, picture):
    assert np.array_equal(call(), draw(picture))


@pytest.mark.parametrize(
    ("call", "picture"),
    [
        (lambda: g.flood(draw("0100/1010/0100"), 3, g.CONN4), "0100/1310/0100"),
        (lambda: g.flood(draw("0100/1010/0100"), 3, g.CONN8), "0100/1010/0100"),
        (lambda: g.flood(draw("1110/1010/1110"), 3, g.CONN8), "1110/1310/1110"),
        (lambda: g.flood_outside(draw("1110/1010/1110"), 3), "1113/1013/1113"),
        (lambda: g.flood_own(draw("0100020/1010202/0100020")), "0100020/1110222/0100020"),
        (lambda: g.flood_from(draw("2010/0010/1110"), 2), "2210/2210/1110"),
        (lambda: g.fill_sheltered(draw("1101/1001/1111"), 3, 3), "1131/1331/1111"),
        (lambda: g.fill_sheltered(draw("0111/0001/0111/1000"), 3, 4), "0111/0001/0111/1000"),
        (lambda: g.fill_lines(draw("0100/0102/0000"), g.HORIZONTAL), "1111/0102/0000"),
        (lambda: g.fill_lines(draw("010/000/100"), g.VERTICAL), "110/110/110"),
        (lambda: g.fill_between(draw("01020/00100"), g.HORIZONTAL, 3), "01320/00100"),
        (lambda: g.fill_between(draw("1/0/0/2/0"), g.VERTICAL, 3), "1/3/3/2/0"),
        (lambda: g.fill_content_box(draw("0000/0100/0010"), 3), "0000/0130/0310"),
    ],
)
def test_filling(call, picture):
    assert np.array_equal(call(), draw(picture))


@pytest.mark.parametrize(
    ("call", "picture"),
    [
        (lambda: g.outline(draw("0000/0100/0000"), 3, g.CONN4), "0300/3130/0300"),
        (lambda: g.outline(draw("0000/0100/0000"), 3, g.CONN8), "3330/3130/3330"),
        (lambda: g.inner_border(draw("1111/1111/1111"), 3, g.CONN4), "3333/3113/3333"),
        (lambda: g.inner_border(draw("01110/11111/11111/11111"), 0, g.CONN4), "00000/01110/01110/00000"),
        (lambda: g.inner_border(draw("01110/11111/11111/11111"), 3, g.CONN8), "03330/33133/31113/33333"),
        (lambda: g.interior(draw("1110/1110/1120"), 0), "1110/1110/1120"),
        (lambda: g.interior(draw("111/111/111"), 0), "111/101/111"),
        (lambda: g.dilate(draw("1000/0000/0002"), g.CONN4), "1100/1002/0022"),
        (lambda: g.dilate(draw("1000/0000/0002"), g.CONN8), "1100/1122/0022"),
        (lambda: g.spread_colors(draw("10002"), g.CONN4), "11122"),
        (lambda: g.spread_colors(draw("100/000/002"), g.CONN8), "111/112/122"),
        (lambda: g.rings(draw("00000/00000/00100/00000/00000")), "11111/10001/10101/10001/11111"),
        (lambda: g.rings(draw("000")), "000"),
        (lambda: g.mark_corners(draw("0000/0110/0110/0000"), 3), "3003/0110/0110/3003"),
        (lambda: g.mark_corners(draw("100/000/002"), 3), "100/030/002"),
        (lambda: g.draw_frame(draw("111/121/111"), 3), "333/323/333"),
        (lambda: g.draw_side(draw("11/22"), g.DOWN, 3), "11/33"),
        (lambda: g.draw_side(draw("11/22"), g.LEFT, 3), "31/32"),
    ],
)
def test_borders_and_growth(call, picture):
    assert np.array_equal(call(), draw(picture))


@pytest.mark.parametrize(
    ("call", "picture"),
    [
        (lambda: g.mirror_across(draw("00000/12000/00000"), g.RIGHT), "00000/12210/00000"),
        (lambda: g.mirror_across(draw("00120"), g.LEFT), "21120"),
        (lambda: g.mirror_across(draw("0/1/2"), g.UP), "1/1/2"),
        (lambda: g.mirror_across(draw("1/2/0/0"), g.DOWN), "1/2/2/1"),
        (lambda: g.repeat_content(draw("1200000"), g.RIGHT, 0), "1212121"),
        (lambda: g.repeat_content(draw("1200000"), g.RIGHT, 1), "1201201"),
        (lambda: g.repeat_content(draw("0/0/0/1"), g.UP, 1), "0/1/0/1"),
        (lambda: g.reverse_layers(draw("11111/12221/12321/12221/11111")), "33333/32223/32123/32223/33333"),
        (lambda: g.reverse_layers(draw("0000/0111/0121/0111")), "0000/0222/0212/0222"),
        (lambda: g.cycle_layers(draw("11111/12221/12321/12221/11111")), "33333/31113/31213/31113/33333"),
    ],
)
def test_copies_and_layers(call, picture):
    assert np.array_equal(call(), draw(picture))


@pytest.mark.parametrize(
    "call",
    [
        lambda: g.rays_of(draw("12"), 3, g.UP),
        lambda: g.rays_of(draw("10"), 0, g.UP),
        lambda: g.rays_away(draw("12"), 3),
        lambda: g.cross_of(draw("12"), 3),
        lambda: g.diagonals_of(draw("12"), 3),
        lambda: g.lines_through(draw("12"), 3, g.VERTICAL),
        lambda: g.connect_to(draw("12"), 3),
        lambda: g.gravity_of(draw("12"), 3, g.UP),
        lambda: g.move_until_contact(draw("12"), draw("1"), g.UP),
        lambda: g.move_until_contact(draw("00"), draw("12"), g.UP),
        lambda: g.attract(draw("10/02"), 1),
        lambda: g.attract(draw("11"), 1),
        lambda: g.attract_cells(draw("12"), 3),
        lambda: g.squeeze(draw("00")),
        lambda: g.flood_from(draw("12"), 3),
        lambda: g.fill_content_box(draw("00"), 3),
        lambda: g.spread_colors(draw("00"), g.CONN4),
        lambda: g.mirror_across(draw("00"), g.UP),
        lambda: g.repeat_content(draw("00"), g.UP, 0),
        lambda: g.repeat_content(draw("10"), g.UP, -1),
        lambda: g.reverse_layers(draw("111/111")),
        lambda: g.cycle_layers(draw("01/10")),
    ],
)
def test_not_applicable_is_an_error_for_people(call):
    with pytest.raises(g.GridError):
        call()


def every_call(function, pictures):
    """Arguments of the function with each of its first constants, for every picture."""
    for picture in pictures:
        grids = sum(p.type is g.Grid for p in function.parameters)
        constants = [p.values for p in function.parameters if p.type is not g.Grid]
        for k in range(max([len(v) for v in constants], default=1)):
            yield [picture] * grids + [v[k % len(v)] for v in constants]


@pytest.mark.parametrize("function", DRAWING, ids=lambda f: f.name)
def test_results_are_new_grids_of_colors_and_arguments_stay(function):
    random = np.random.default_rng(0)
    pictures = [np.zeros((30, 30), np.int8), np.ones((1, 1), np.int8), np.zeros((1, 30), np.int8)]
    for h, w, share in ((30, 30, 0.02), (30, 30, 0.5), (1, 7, 0.3), (13, 2, 0.3), (30, 30, 1.0)):
        picture = random.integers(1, 10, (h, w)) * (random.random((h, w)) < share)
        pictures.append(picture.astype(np.int8))
    for arguments in every_call(function, pictures):
        before = arguments[0].copy()
        out = function.kernel(*arguments)
        assert np.array_equal(arguments[0], before)
        assert out.dtype == np.int8
        assert out.flags.c_contiguous
        assert not np.shares_memory(out, arguments[0])
        assert out.size == 0 or (out.min() >= 0 and out.max() <= 9 and max(out.shape) <= 30)


def test_every_function_has_few_argument_combinations():
    for function in DRAWING:
        sizes = [len(p.values) for p in function.parameters if p.type is not g.Grid]
        assert np.prod(sizes) <= 60, function.name
