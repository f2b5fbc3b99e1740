"""The words of layout rules: blocks, and how they are laid out."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw
from scattered import bars

from solver.search.fit.layout_rules import DIVIDED
from solver.search.words import layouts as words
from solver.search.words.carried import source_of
from solver.search.words.cells import one_colored
from solver.search.words.descriptions import described


def test_blocks_of_a_part():
    grid = draw("1120/1020/0000")
    labels = one_colored(grid)
    seen = described(grid, labels)
    give = lambda *how: words.block(grid, labels, seen, 0, *how).tolist()  # noqa: E731
    assert give("cell", None, "color own") == [[1]]
    assert give("alone", None, None) == [[1, 1], [1, 0]]
    assert give("alone", "half", 3) == [[0, 3], [3, 3]]
    assert give("bar across:size", None, 4) == [[4, 4, 4]]
    assert give("bar up:size", None, "color seen right") == [[2], [2], [2]]
    assert give("corner:0 2 1 0", None, None) == [[1, 0]]
    assert give("corner:0 2 1 0", None, 7) == [[7, 0]]
    assert words.shrunk(draw("1122/1122/0022")).tolist() == [[1, 2], [0, 2]]
    assert words.scaled_down(draw("1122/1122/0022/0022")).tolist() == [[1, 2], [0, 2]]
    assert words.scaled_down(draw("112/112")).tolist() == [[1, 1, 2], [1, 1, 2]]


def test_layouts():
    one, two, three = (np.full((1, 1), k, np.int8) for k in (1, 2, 3))
    tall = np.full((2, 1), 4, np.int8)
    assert words.in_line([one, tall], None, 0, 0, 0).tolist() == [[1, 4], [0, 4]]
    assert words.in_line([one, tall], None, 0, 1, 1).tolist() == [[0, 0, 4], [1, 0, 4]]
    assert words.in_line([one, tall], None, 1, 0, 0).tolist() == [[1], [4], [4]]
    assert words.in_rows([one, two, three], None, 0, 2, 0, 1).tolist() == [[1, 2], [0, 3]]
    assert words.in_rows([one, two, three], None, 2, 0, 1, 0).tolist() == [[1, 3], [2, 0]]
    assert words.diagonally([one, two], None, 0).tolist() == [[0, 2], [1, 0]]
    assert words.rings([one, two], None, 1).tolist() == [[1, 1, 1], [1, 2, 1], [1, 1, 1]]
    assert [int(b[0, 0]) for b in words.without_repeats([one, one, two, one], False)] == [1, 2, 1]
    assert [int(b[0, 0]) for b in words.without_repeats([one, one, two, one], True)] == [1, 2]
    boxes = np.array([[0, 0, 3], [1, 1, 4], [0, 3, 3], [1, 4, 4]])
    assert words.as_they_lie([one, two, three], boxes, 0).tolist() == [[1, 2], [0, 3]]
    for wrong in (
        lambda: words.in_rows([one, two, three], None, 1, 2, 0, 0),
        lambda: words.in_rows([one, tall], None, 0, 2, 0, 0),
        lambda: words.as_they_lie([one, two], boxes[:, [0, 0]], 0),
    ):
        with pytest.raises(ValueError, match=r"blocks|place"):
            wrong()


def test_the_sources_of_all_words_run_by_themselves():
    functions = [words.block, words.in_order, words.boxes, words.counted, words.in_line, words.in_rows, words.rings]
    functions += [words.diagonally, words.as_they_lie, words.over_one_another, words.without_repeats, words.canvas]
    names = {"np": np}
    exec("from solver.grid import *", names)
    exec(source_of([*DIVIDED, *functions]), names)
    grid = bars(7, 1)[0]
    for divide in DIVIDED:
        labels = divide(grid)
        assert np.array_equal(names[divide.__name__](grid), labels)
        found = names["counted"](grid, labels)
        for name, values in words.counted(grid, labels).items():
            assert np.array_equal(found[name], values), name


def test_a_grid_goes_on_by_the_fewest_rows_and_the_least_way():
    def went_on(text, tall):
        return ["".join(map(str, row)) for row in words.going_on(draw(text), tall).tolist()]

    assert went_on("100/010", 4) == ["100", "010", "001", "000"]
    assert went_on("110/101/110", 5) == ["110", "101", "110", "101", "110"]
    assert went_on("12/12", 3) == ["12", "12", "12"]
    assert went_on("12/34", 3) == ["12", "34", "00"]  # nothing tells how
    assert went_on("12", 2) == ["12", "00"]
    assert went_on("12/00", 3)[:2] == ["12", "00"]
    assert words.canvas(draw("10/01"), 2, 4, "going on").tolist() == [[1, 0, 0, 0], [0, 1, 0, 0]]
    assert words.canvas(draw("101"), 1, 5, "going on").tolist() == [[1, 0, 1, 0, 1]]
    assert words.canvas(draw("12"), 1, 4, "symmetric").tolist() == [[1, 2, 2, 1]]
    assert words.canvas(draw("123"), 2, 5, "reflect").tolist() == [[1, 2, 3, 2, 1]] * 2
