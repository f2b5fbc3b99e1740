"""What parts are like: names, numbers and colours."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw
from scattered import SOME_GRIDS, scattered

from solver.search.words.cells import one_colored
from solver.search.words.descriptions import described
from solver.search.words.divisions import DIVISIONS


@pytest.mark.parametrize("division", DIVISIONS)
def test_what_parts_are_like_has_the_same_names_for_all_grids(division):
    names = set()
    for grid in [*SOME_GRIDS, *scattered(1, 2)]:
        labels = division(grid)
        if labels.max():
            found = described(grid, labels)
            names.add(tuple(found))
            for name, values in found.items():
                assert values.shape == (labels.max(),), name
                assert values.dtype == np.int64, name
                if name.startswith("color "):
                    assert values.min() >= 0, name
                    assert values.max() <= 9, name
    assert len(names) == 1


def test_parts_are_counted_ranked_and_compared():
    grid = draw("11000/11022/00022/30000/04000")
    found = described(grid, one_colored(grid))
    assert found["color own"].tolist() == [1, 2, 3, 4]
    assert found["size rank"].tolist() == [1, 1, 2, 2]
    assert found["of the same shape"].tolist() == [2, 2, 2, 2]
    assert found["color seen right"].tolist() == [2, 0, 0, 0]
    assert found["steps right"].tolist() == [2, 0, 0, 0]
    assert found["touching"].tolist() == [0, 0, 1, 1]
    assert found["size mod 2"].tolist() == [0, 0, 1, 1]
    assert found["left rank mod 3"].tolist() == [1, 0, 1, 2]
    ring = draw("1110/1010/1110/0002")
    assert described(ring, one_colored(ring))["holes"].tolist() == [1, 0]


def test_ends_bends_and_junctions_of_a_part_are_counted():
    grid = draw("10002220/10002020/11000000/00003000/00033300/00003000")
    found = described(grid, one_colored(grid))
    assert [found[name].tolist() for name in ("ends", "bends", "junctions")] == [[2, 2, 4], [1, 2, 0], [0, 0, 1]]


def test_a_legend_says_what_lies_beside_a_colour_elsewhere():
    grid = draw("1200000/0000111/3400111/0000000/0330050/0330000")
    found = described(grid, one_colored(grid))
    color = dict(zip(found["size"].tolist(), found["color beside its own elsewhere"].tolist(), strict=True))
    assert (color[6], color[4]) == (2, 4)
    assert found["largest of its color"][found["color own"] == 1].tolist() == [6, 1]
    assert found["largest of its color"][found["color own"] == 5].tolist() == [0]
