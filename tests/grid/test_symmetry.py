"""Symmetry family, on drawn examples."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw

from solver import grid as g

MOSAIC = draw("123321/456654/789987/789987/456654/123321")


def mosaic(shift, top, left, height, width):
    """A 9 × 9 window of a larger symmetric mosaic, its centre off by `shift`, with a hole of colour 9."""
    quarter = np.random.default_rng(0).integers(1, 8, (6, 6)).astype(np.int8)
    quarter = np.maximum(quarter, quarter.T)
    whole = np.block([[quarter, quarter[:, ::-1]], [quarter[::-1], quarter[::-1, ::-1]]])
    whole = np.ascontiguousarray(whole[shift : shift + 9, shift : shift + 9])
    broken = whole.copy()
    broken[top : top + height, left : left + width] = 9
    return whole, broken


@pytest.mark.parametrize(
    ("call", "picture"),
    [
        (lambda: g.complete_symmetry(draw("12/00/00"), g.FLIP_UD), "12/00/12"),
        (lambda: g.complete_symmetry(draw("100/020"), g.FLIP_LR), "101/020"),
        (lambda: g.complete_symmetry(draw("120/000/000"), g.ROT90), "121/202/121"),
        (lambda: g.complete_symmetry(draw("120/003"), g.ROT180), "120/023"),
        (lambda: g.complete_symmetry(draw("123/000/000"), g.TRANSPOSE), "123/200/300"),
        (lambda: g.complete_symmetry(draw("123/000/000"), g.ANTITRANSPOSE), "123/002/001"),
        (lambda: g.complete_symmetry_content(draw("1100/1000/0000"), g.ROT180), "1100/1100/0000"),
        (lambda: g.complete_symmetry_content(draw("00100/01110"), g.FLIP_UD), "01110/01110"),
        (lambda: g.complete_symmetry_content(draw("2000/0000/0030/0000"), g.ROT90), "2030/0000/2030/0000"),
        (lambda: g.complete_symmetry_found(draw("011000/033000/010000"), g.FLIP_LR), "011000/033000/011000"),
        (lambda: g.complete_symmetry_found(draw("0000/2120/0120/0000"), g.FLIP_LR), "0000/2120/2120/0000"),
        (lambda: g.complete_symmetry_found(draw("000/010/111/010/020"), g.FLIP_UD), "020/010/111/010/020"),
        (lambda: g.complete_symmetry_found(draw("00000/00100/01110/00100/00200"), g.ROT90),
         "00200/00100/21112/00100/00200"),
        (lambda: g.complete_symmetry_found(draw("2000/0330/0330/0040"), g.ROT180), "2400/0330/0330/0042"),
        (lambda: g.complete_symmetry_found(draw("3000/0302/0030/0000"), g.TRANSPOSE), "3000/0302/0030/0200"),
        (lambda: g.complete_symmetry_found(draw("0003/0230/0300/3000"), g.ANTITRANSPOSE),
         "0003/0230/0320/3000"),
        (lambda: g.mirror_half(draw("123"), g.LEFT), "121"),
        (lambda: g.mirror_half(draw("1234"), g.RIGHT), "4334"),
        (lambda: g.mirror_half(draw("1/2/3"), g.UP), "1/2/1"),
        (lambda: g.mirror_half(draw("1/2/3/4"), g.DOWN), "4/3/3/4"),
        (lambda: g.repair_symmetry(draw("1002/0330/1001")), "1001/0330/1001"),
        (lambda: g.repair_symmetry(draw("12/12")), "12/12"),
        (lambda: g.fill_hole_period(draw("1212/2121/1288/2188"), 8), "1212/2121/1212/2121"),
        (lambda: g.fill_hole_period(draw("123123/231200/312300"), 0), "123123/231231/312312"),
        (lambda: g.fill_hole_period(draw("1203/0000/2031/0000").clip(0, 3), 9), None),
        (lambda: g.fill_hole_period(draw("100200/020010/200100/010020/999999"), 9), None),
        (lambda: g.fill_hole_period(draw("123412/341234/123412/349934"), 9), "123412/341234/123412/341234"),
        (lambda: g.patch_period(draw("1212/2121/1288/2188"), 8), "12/21"),
        (lambda: g.find_tile(draw("12121/34343/12121/34343")), "12/34"),
        (lambda: g.find_tile(draw("123/123")), "123"),
        (lambda: g.find_tile(draw("12/34")), None),
        (lambda: g.repair_period(draw("121212/212121/121512/212121")), "121212/212121/121212/212121"),
        (lambda: g.repair_period(draw("3333/3303/3333")), "3333/3333/3333"),
        (lambda: g.repair_period(draw("1234/5678")), None),
        (lambda: g.extend_period(draw("10000000/10000000"), g.RIGHT), "11111111/11111111"),
        (lambda: g.extend_period(draw("0120000"), g.RIGHT), "0121212"),
        (lambda: g.extend_period(draw("1030100000"), g.RIGHT), "1030103010"),
        (lambda: g.extend_period(draw("00000321"), g.LEFT), "21321321"),
        (lambda: g.extend_period(draw("1/0/0/0"), g.DOWN), "1/1/1/1"),
        (lambda: g.extend_period(draw("0/0/0/2/1/2/1"), g.UP), "1/2/1/2/1/2/1"),
        (lambda: g.extend_period(draw("12/00"), g.UP), None),
        (lambda: g.extend_period(draw("00/00"), g.DOWN), None),
        (lambda: g.drop_specks(draw("1020/0102/0003")), "1020/0102/0000"),
        (lambda: g.blend_specks(draw("1110/1210/1111/1121")), "1110/1110/1111/1111"),
        (lambda: g.blend_specks(draw("000/030/000")), "000/000/000"),
        (lambda: g.blend_specks(draw("12")), "21"),
        (lambda: g.blend_specks(draw("7")), "7"),
        (lambda: g.majority_filter(draw("1111/1201/1111")), "1111/1111/1111"),
        (lambda: g.majority_filter(draw("7")), "7"),
        (lambda: g.majority_filter(draw("12/33")), "33/33"),
    ],
)  # fmt: skip
def test_drawn_examples(call, picture):
    if picture is None:
        with pytest.raises(g.GridError, match="no result"):
            call()
        return
    out = call()
    assert np.array_equal(out, draw(picture))
    assert out.dtype == np.int8
    assert out.flags.c_contiguous


@pytest.mark.parametrize("shift", [1, 2])
def test_a_hole_is_filled_from_axes_off_the_centre(shift):
    whole, broken = mosaic(shift, 1, 2, 3, 4)
    assert np.array_equal(g.fill_hole_symmetry(broken, 9), whole)
    assert np.array_equal(g.patch_symmetry(broken, 9), whole[1:4, 2:6])


def test_a_hole_on_one_axis_is_filled_from_the_other_or_the_diagonal():
    broken = MOSAIC.copy()
    broken[2:4, 0:2] = 0
    assert np.array_equal(g.fill_hole_symmetry(broken, 0), MOSAIC)
    whole, broken = mosaic(1, 4, 0, 2, 3)
    assert np.array_equal(g.fill_hole_symmetry(broken, 9), whole)


def test_what_has_no_known_image_stays():
    broken = MOSAIC.copy()
    broken[0] = broken[5] = 0
    broken[2, 1] = 0
    expected = broken.copy()
    expected[2, 1] = 8
    assert np.array_equal(g.fill_hole_symmetry(broken, 0), expected)


def test_is_symmetric():
    assert g.is_symmetric(draw("121/343"), g.FLIP_LR) == 1
    assert g.is_symmetric(draw("121/343"), g.FLIP_UD) == 0
    assert g.is_symmetric(draw("121/343"), g.ROT90) == 0
    assert g.is_symmetric(draw("121/242/121"), g.ROT90) == 1


@pytest.mark.parametrize(
    "call",
    [
        lambda: g.complete_symmetry(draw("12"), g.ROT90),
        lambda: g.complete_symmetry_content(draw("00/00"), g.FLIP_UD),
        lambda: g.complete_symmetry_content(draw("12/00"), g.TRANSPOSE),
        lambda: g.complete_symmetry_found(draw("12/00"), g.FLIP_LR),
        lambda: g.complete_symmetry_found(np.ones((30, 30), np.int8), g.ROT180),
        lambda: g.fill_hole_symmetry(MOSAIC, 0),
        lambda: g.patch_symmetry(MOSAIC, 0),
        lambda: g.fill_hole_symmetry(draw("1234/5678/2468/8099"), 0),
        lambda: g.fill_hole_period(MOSAIC, 0),
        lambda: g.patch_period(draw("1234/5678/2468/8099"), 0),
    ],
)
def test_not_applicable_is_an_error_for_people(call):
    with pytest.raises(g.GridError):
        call()
