"""The words of assembled pieces: what is left over, and one picture put into another."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw

from solver.search.words import assembly as words
from solver.search.words.carried import source_of

MIRRORS = (None, "left right", "up down", "half")

FRAME = draw("33333/30003/30003/30003/33333")


def test_what_is_left_over_beside_a_piece():
    grid = draw("120000/340000/000050/000000/000650")
    assert words.left_over(grid, draw("12/34")).tolist() == draw("05/00/65").tolist()
    for piece in (draw("12/33"), np.ones((6, 6), np.int8), grid):
        with pytest.raises(ValueError, match="nothing else"):
            words.left_over(grid, piece)


def test_a_picture_in_the_middle_is_as_large_as_there_is_room():
    assert words.filling(FRAME, draw("1"), (None,)).tolist() == draw("33333/31113/31113/31113/33333").tolist()
    assert words.filling(FRAME, draw("12"), (None,)).tolist() == draw("33333/30003/31203/30003/33333").tolist()
    for picture in (draw("1111"), np.ones((6, 1), np.int8)):
        with pytest.raises(ValueError, match="no room"):
            words.filling(FRAME, picture, (None,))


def test_a_picture_in_the_middle_is_turned_to_its_own_colours():
    frame = draw("4004/1002/1002/4004")
    assert words.filling(frame, draw("21/21"), (None,)).tolist() == draw("4004/1212/1212/4004").tolist()
    assert words.filling(frame, draw("21/21"), MIRRORS).tolist() == draw("4004/1122/1122/4004").tolist()
    assert words.filling(frame, draw("12/12"), MIRRORS).tolist() == draw("4004/1122/1122/4004").tolist()


def test_a_picture_lies_where_most_of_it_is_there_already():
    frame = draw("000000/002200/002200/000000/000000")
    beside = draw("000000/002200/002200/111100/111100")
    assert words.matching(frame, draw("02/11"), (None,)).tolist() == beside.tolist()
    above = words.matching(frame[::-1], draw("02/11"), MIRRORS)
    assert above.tolist() == draw("111100/111100/002200/002200/000000").tolist()
    assert not frame[3:].any()  # what is given stays
    for picture in (draw("13"), draw("2200000")):
        with pytest.raises(ValueError, match="nowhere"):
            words.matching(frame, picture, MIRRORS)


def test_the_words_run_from_their_source_alone():
    names = {"np": np}
    exec(source_of([words.filling, words.matching, words.left_over]), names)
    for picture in (draw("1"), draw("12/30")):
        np.testing.assert_array_equal(names["filling"](FRAME, picture, MIRRORS), words.filling(FRAME, picture, MIRRORS))
