"""Template family, on drawn examples."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw, mask

from solver import grid as g


@pytest.mark.parametrize(
    ("call", "picture"),
    [
        (lambda: g.stamp(draw("0000/0200/0000/1000"), draw("030/333/030"), 2), "0300/3330/0300/1000"),
        (lambda: g.stamp(draw("20/00"), draw("030/333/030"), 2), "33/30"),
        (lambda: g.stamp(draw("000/020/000"), draw("34/56"), 2), "000/034/056"),
        (lambda: g.stamp(draw("11"), draw("3"), 2), "11"),
        (lambda: g.stamp_recolored(draw("10002/00000/00033"), draw("909")), "11022/00000/00033"),
        (lambda: g.recolor_occurrences(draw("12012/34034"), draw("12/34"), 5), "55055/55055"),
        (lambda: g.recolor_occurrences(draw("01011"), draw("010"), 5), "05011"),
        (lambda: g.recolor_occurrences(draw("100/100"), draw("00/00"), 5), "155/155"),
        (lambda: g.replace_patches(draw("1101"), draw("10"), draw("23")), "1231"),
        (lambda: g.replace_patches(draw("111"), draw("11"), draw("22")), "221"),
        (lambda: g.decorate(draw("000/010/000"), 0, 3), "030/313/030"),
        (lambda: g.decorate(draw("000/010/000"), 1, 3), "303/010/303"),
        (lambda: g.decorate(draw("000/010/000"), 2, 3), "333/313/333"),
        (lambda: g.decorate(draw("1002/0000/0000/5550"), 2, 3), "1332/3333/0000/5550"),
    ],
)
def test_drawn_examples(call, picture):
    assert np.array_equal(call(), draw(picture))


@pytest.mark.parametrize(
    ("call", "picture"),
    [
        (lambda: g.find_pattern(draw("12012/34134"), draw("12/34")), "11011/11011"),
        (lambda: g.find_pattern(draw("1110"), draw("11")), "1110"),
        (lambda: g.neighbor_mask(draw("000/012/000"), 1, 0), "010/100/010"),
        (lambda: g.neighbor_mask(draw("000/012/000"), 1, 1), "101/000/101"),
        (lambda: g.neighbor_mask(draw("000/012/000"), 1, 2), "111/100/111"),
        (lambda: g.largest_rectangle(draw("1000/1000/0010"), 0), "0111/0111/0000"),
        (lambda: g.largest_rectangle(draw("0010/0110"), 0), "1101/1001"),
        (lambda: g.largest_rectangle(draw("010/010"), 0), "101/101"),
        (lambda: g.largest_rectangle(draw("12/21"), 1), "10/01"),
        (lambda: g.blocks_of_color(draw("1000/1000/0011"), 0, 2), "0111/0111/0000"),
    ],
)
def test_drawn_masks(call, picture):
    result = call()
    assert result.dtype == np.bool_
    assert np.array_equal(result, mask(picture))


TEMPLATE = "1200000/1110000/0000020/0000000"


def test_copies_are_completed_by_translation():
    out = g.complete_copies(draw(TEMPLATE), 0, 0)
    assert np.array_equal(out, draw("1200000/1110000/0000120/0000111"))
    out = g.complete_copies(draw(TEMPLATE), 0, 1)
    assert np.array_equal(out, draw("0000000/0000000/0000120/0000111"))


def test_copies_are_completed_when_flipped():
    out = g.complete_copies(draw("2110000/0130000/0000000/0000002/0000300"), 1, 0)
    assert np.array_equal(out, draw("2110000/0130000/0000000/0000112/0000310"))


def test_markers_that_do_not_fit_are_left_alone():
    out = g.complete_copies(draw("2110000/0130000/0000000/0000000/0400003"), 0, 0)
    assert np.array_equal(out, draw("2110000/0130000/0000000/0000211/0400013"))


def test_a_copy_whose_rest_is_outside_the_grid_is_none():
    with pytest.raises(g.GridError):
        g.complete_copies(draw("210000/000000/000002"), 0, 0)


@pytest.mark.parametrize(
    "call",
    [
        lambda: g.stamp_recolored(draw("11/11"), draw("1")),
        lambda: g.find_pattern(draw("12"), draw("21")),
        lambda: g.find_pattern(draw("12"), draw("121")),
        lambda: g.recolor_occurrences(draw("12"), draw("1/1"), 3),
        lambda: g.replace_patches(draw("12"), draw("1"), draw("12")),
        lambda: g.replace_patches(draw("12"), draw("3"), draw("4")),
        lambda: g.decorate(draw("11/11"), 2, 3),
        lambda: g.largest_rectangle(draw("11"), 0),
        lambda: g.blocks_of_color(draw("0"), 0, 2),
        lambda: g.complete_copies(draw("000"), 0, 0),
        lambda: g.complete_copies(draw("1200"), 0, 0),
        lambda: g.complete_copies(draw("12003"), 0, 0),
        lambda: g.complete_copies(draw("1110022200"), 1, 0),
    ],
)
def test_not_applicable_is_an_error_for_people(call):
    with pytest.raises(g.GridError):
        call()
