"""Geometry family, on drawn examples."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw

from solver import grid as g


def test_transform_knows_all_seven_symmetries():
    x = draw("12/34/56")
    expected = {
        g.FLIP_UD: "56/34/12",
        g.FLIP_LR: "21/43/65",
        g.ROT90: "531/642",
        g.ROT180: "65/43/21",
        g.ROT270: "246/135",
        g.TRANSPOSE: "135/246",
        g.ANTITRANSPOSE: "642/531",
    }
    for symmetry, picture in expected.items():
        assert np.array_equal(g.transform(x, symmetry), draw(picture)), symmetry


def test_crop_content_cuts_to_the_picture_and_refuses_an_empty_one():
    assert np.array_equal(g.crop_content(draw("000/020/003")), draw("20/03"))
    with pytest.raises(g.GridError, match="no result"):
        g.crop_content(draw("00/00"))


@pytest.mark.parametrize(
    ("call", "picture"),
    [
        (lambda: g.half(draw("12345"), g.LEFT), "12"),
        (lambda: g.half(draw("12345"), g.RIGHT), "45"),
        (lambda: g.half(draw("1/2/3/4"), g.DOWN), "3/4"),
        (lambda: g.trim(draw("111/121/111"), 1), "2"),
        (lambda: g.trim_side(draw("12/34"), g.UP), "34"),
        (lambda: g.trim_side(draw("12/34"), g.RIGHT), "1/3"),
        (lambda: g.pad(draw("1"), 2), "222/212/222"),
        (lambda: g.shift(draw("12/34"), g.DOWN), "00/12"),
        (lambda: g.roll(draw("12/34"), g.LEFT), "21/43"),
        (lambda: g.upscale(draw("12"), 2), "1122/1122"),
        (lambda: g.downscale(draw("1122/1122"), 2), "12"),
        (lambda: g.dedupe_lines(draw("1122/1122/3333")), "12/33"),
        (lambda: g.tile(draw("12"), 2, 2), "1212/1212"),
        (lambda: g.concat(draw("12"), draw("34"), g.HORIZONTAL), "1234"),
        (lambda: g.concat(draw("12"), draw("34"), g.VERTICAL), "12/34"),
        (lambda: g.mirror_concat(draw("12"), g.RIGHT), "1221"),
        (lambda: g.mirror_concat(draw("12"), g.LEFT), "2112"),
        (lambda: g.mirror_concat(draw("1/2"), g.UP), "2/1/1/2"),
        (lambda: g.kaleidoscope(draw("12/34")), "1221/3443/3443/1221"),
        (lambda: g.rotations(draw("12/34")), "1231/3442/2443/1321"),
        (lambda: g.fractal(draw("01/11")), "0001/0011/0101/1111"),
    ],
)
def test_drawn_examples(call, picture):
    assert np.array_equal(call(), draw(picture))


@pytest.mark.parametrize(
    "call",
    [
        lambda: g.half(draw("1"), g.UP),
        lambda: g.trim(draw("11/11"), 1),
        lambda: g.trim_side(draw("1"), g.LEFT),
        lambda: g.pad(np.zeros((29, 3), np.int8), 1),
        lambda: g.upscale(np.zeros((16, 3), np.int8), 2),
        lambda: g.downscale(draw("123"), 2),
        lambda: g.tile(draw("1"), 1, 1),
        lambda: g.concat(draw("1"), draw("1/1"), g.HORIZONTAL),
        lambda: g.rotations(draw("12")),
        lambda: g.fractal(np.ones((6, 6), np.int8)),
    ],
)
def test_not_applicable_is_an_error_for_people(call):
    with pytest.raises(g.GridError):
        call()
