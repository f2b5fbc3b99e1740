"""Blocks of parts: which there are, and that they are what the words of layout rules give."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw
from scattered import never, scattered

from solver.executor import input_value
from solver.search.fit.divided import Parts
from solver.search.fit.layout_blocks import Block, Blocks, num_needed
from solver.search.words.cells import one_colored
from solver.search.words.divisions import single_cells
from solver.search.words.layouts import block, whole

TARGETS = [draw("12/30")] * 2


@pytest.mark.parametrize("divide", [one_colored, single_cells, whole])
def test_blocks_are_what_their_calls_give_and_have_the_cells_that_they_say(divide):
    parts = Parts(input_value(scattered(1, 3)), divide, 2)
    blocks = Blocks(parts, TARGETS, never)
    assert len(blocks.every) == len(blocks.colors)
    for number, (one, colors) in enumerate(zip(blocks.every, blocks.colors, strict=True)):
        made = iter(blocks.made(number))
        counts = np.array([np.bincount(picture.ravel(), minlength=10)[1:] for picture in blocks.made(number)])
        assert np.array_equal(counts, colors), one
        for grid, (base, labels) in enumerate(zip(parts.base.items, parts.labels, strict=True)):
            seen = {name: values[parts.of(grid)] for name, values in parts.features.items()}
            names = {"block": block, "base": base, "labels": labels, "seen": seen}
            for k in range(labels.max()):
                assert np.array_equal(eval(one.call, names | {"k": k}), next(made)), one


def test_single_cells_give_cells_only_in_colours_that_the_outputs_have():
    inputs = input_value([draw("10/02"), draw("30/04"), draw("50/06")])
    blocks = Blocks(Parts(inputs, single_cells, 2), TARGETS, never)
    assert {one.how for one in blocks.every} == {"cell"}
    assert {one.ink for one in blocks.every if isinstance(one.ink, int)} == {1, 2, 3}


def test_a_stop_leaves_the_cells():
    parts = Parts(input_value(scattered(2, 3)), one_colored, 2)
    assert {one.how for one in Blocks(parts, TARGETS, lambda: True).every} == {"cell"}


def test_all_pairs_but_one_are_needed_and_both_of_two():
    assert [num_needed(pairs) for pairs in (1, 2, 3, 4)] == [1, 2, 2, 3]
    assert Block("cell", None, 3, 1.0).call == "block(base, labels, seen, k, 'cell', None, 3)"
