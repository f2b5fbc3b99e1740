"""Colour family, on drawn examples."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw, mask

from solver import grid as g


@pytest.mark.parametrize(
    ("call", "picture"),
    [
        (lambda: g.paint_all(draw("102/030"), 4), "404/040"),
        (lambda: g.fill_solid(draw("102/030"), 4), "444/444"),
        (lambda: g.replace_color(draw("102/010"), 1, 3), "302/030"),
        (lambda: g.replace_color(draw("102"), 0, 5), "152"),
        (lambda: g.replace_color(draw("102"), 7, 5), "102"),
        (lambda: g.swap_colors(draw("1203"), 1, 2), "2103"),
        (lambda: g.swap_colors(draw("1203"), 0, 3), "1230"),
        (lambda: g.keep_color(draw("1203"), 2), "0200"),
        (lambda: g.drop_color(draw("1203"), 2), "1003"),
        (lambda: g.keep_ranked_color(draw("111223"), g.MAX), "111000"),
        (lambda: g.keep_ranked_color(draw("111223"), g.MIN), "000003"),
        (lambda: g.keep_ranked_color(draw("111224444"), g.SECOND_MAX), "111000000"),
        (lambda: g.keep_ranked_color(draw("111224444"), g.SECOND_MIN), "111000000"),
        (lambda: g.drop_ranked_color(draw("111223"), g.MAX), "000223"),
        (lambda: g.drop_ranked_color(draw("111223"), g.MIN), "111220"),
        (lambda: g.invert_colors(draw("030/300")), "303/033"),
        (lambda: g.swap_two_colors(draw("1200/0000")), "2100/0000"),
        (lambda: g.swap_background(draw("3331/3302")), "0001/0032"),
        (lambda: g.rank_colors(draw("50777/50220")), "20111/20330"),
        (lambda: g.majority_lines(draw("112/020/120"), g.HORIZONTAL), "111/222/000"),
        (lambda: g.majority_lines(draw("130/134/020"), g.VERTICAL), "134/134/134"),
        (lambda: g.color_list(draw("33305/00552"), g.VERTICAL), "3/5/2"),
        (lambda: g.color_list(draw("33/05/00"), g.HORIZONTAL), "35"),
        (lambda: g.color_list(draw("0052/0000"), g.HORIZONTAL), "52"),
        (lambda: g.color_histogram(draw("33/02/30"), g.HORIZONTAL), "333/200"),
        (lambda: g.color_histogram(draw("33/02/30"), g.VERTICAL), "30/30/32"),
        (lambda: g.fill_mask(draw("12/34"), mask("10/01"), 5), "52/35"),
        (lambda: g.mask_grid(mask("10/01"), 5), "50/05"),
        (lambda: g.apply_mask(draw("12/34"), mask("10/01")), "10/04"),
        (lambda: g.where(mask("10/01"), draw("11/11"), draw("22/22")), "12/21"),
    ],
)
def test_drawn_examples(call, picture):
    out = call()
    assert np.array_equal(out, draw(picture))
    assert out.dtype == np.int8


@pytest.mark.parametrize(
    ("call", "color"),
    [
        (lambda: g.ranked_color(draw("111223"), g.MAX), 1),
        (lambda: g.ranked_color(draw("111223"), g.MIN), 3),
        (lambda: g.ranked_color(draw("111223"), g.SECOND_MIN), 2),
        (lambda: g.ranked_color(draw("0077"), g.SECOND_MAX), None),
        (lambda: g.ranked_color(draw("1122"), g.MAX), None),
        (lambda: g.ranked_color(draw("111223344"), g.SECOND_MAX), None),
        (lambda: g.ranked_color(draw("00"), g.MIN), None),
        (lambda: g.background_color(draw("0001")), 0),
        (lambda: g.background_color(draw("4401")), 4),
        (lambda: g.background_color(draw("4400")), None),
        (lambda: g.border_color(draw("0003/0440/0440")), 4),
        (lambda: g.border_color(draw("555/575/555")), 5),
        (lambda: g.border_color(draw("000/010/000")), None),
        (lambda: g.corner_color(draw("12/34"), g.UP_LEFT), 1),
        (lambda: g.corner_color(draw("12/34"), g.UP_RIGHT), 2),
        (lambda: g.corner_color(draw("12/34"), g.DOWN_LEFT), 3),
        (lambda: g.corner_color(draw("12/34"), g.DOWN_RIGHT), 4),
        (lambda: g.center_color(draw("000/020/000")), 2),
        (lambda: g.center_color(draw("0000/0330/0330/0000")), 3),
        (lambda: g.center_color(draw("12")), None),
        (lambda: g.center_color(draw("7")), 7),
    ],
)
def test_reading_a_color(call, color):
    if color is None:
        with pytest.raises(g.GridError, match="no result"):
            call()
    else:
        assert call() == color


@pytest.mark.parametrize(
    ("call", "picture"),
    [
        (lambda: g.content_mask(draw("102")), "101"),
        (lambda: g.mask_of_color(draw("102"), 2), "001"),
        (lambda: g.mask_of_color(draw("102"), 0), "010"),
        (lambda: g.difference_mask(draw("102"), draw("112")), "010"),
        (lambda: g.stripe_mask(draw("000/000/000"), g.HORIZONTAL, 0), "111/000/111"),
        (lambda: g.stripe_mask(draw("000/000"), g.VERTICAL, 1), "010/010"),
        (lambda: g.checker_mask(draw("000/000"), 0), "101/010"),
        (lambda: g.checker_mask(draw("000/000"), 1), "010/101"),
        (lambda: g.mask_logic(mask("0011"), mask("0101"), g.AND), "0001"),
        (lambda: g.mask_logic(mask("0011"), mask("0101"), g.OR), "0111"),
        (lambda: g.mask_logic(mask("0011"), mask("0101"), g.XOR), "0110"),
        (lambda: g.mask_logic(mask("0011"), mask("0101"), g.NOR), "1000"),
        (lambda: g.mask_logic(mask("0011"), mask("0101"), g.DIFF), "0010"),
        (lambda: g.mask_not(mask("01/10")), "10/01"),
    ],
)
def test_masks(call, picture):
    out = call()
    assert np.array_equal(out, mask(picture))
    assert out.dtype == np.bool_


@pytest.mark.parametrize(
    "call",
    [
        lambda: g.replace_color(draw("1"), 1, 1),
        lambda: g.swap_colors(draw("1"), 1, 1),
        lambda: g.keep_color(draw("10"), 2),
        lambda: g.keep_ranked_color(draw("12"), g.MAX),
        lambda: g.drop_ranked_color(draw("00"), g.MIN),
        lambda: g.invert_colors(draw("12")),
        lambda: g.invert_colors(draw("00")),
        lambda: g.swap_two_colors(draw("123")),
        lambda: g.swap_background(draw("12")),
        lambda: g.color_list(draw("00"), g.VERTICAL),
        lambda: g.color_histogram(np.ones((2, 16), np.int8), g.VERTICAL),
        lambda: g.difference_mask(draw("1"), draw("11")),
        lambda: g.mask_logic(mask("1"), mask("11"), g.OR),
        lambda: g.fill_mask(draw("1"), mask("11"), 1),
        lambda: g.apply_mask(draw("1"), mask("11")),
        lambda: g.where(mask("1"), draw("1"), draw("11")),
    ],
)
def test_not_applicable_is_an_error_for_people(call):
    with pytest.raises(g.GridError):
        call()


def test_colours_by_rank_are_undone():
    grid = draw("0055/0053/0003")
    other = draw("0579/2222")
    coded = g.encode_colors(other, grid)
    assert g.encode_colors(grid, grid).tolist() == draw("0011/0012/0002").tolist()
    assert sorted({*other.ravel().tolist()}) != sorted({*coded.ravel().tolist()})
    assert np.array_equal(g.decode_colors(coded, grid), other)


def test_without_black_the_most_common_colour_becomes_background():
    assert g.encode_colors(draw("444/464"), draw("444/464")).tolist() == draw("000/010").tolist()
