"""Stacking: partial results laid over one another."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw
from stores import flip, flop, pool_of, store_of

from solver.executor import execute
from solver.search.stack import stack


def test_pieces_that_never_contradict_are_stacked():
    inputs = [draw("1000/0020"), draw("0300/0004"), draw("0050/6000")]
    targets = [g | np.ascontiguousarray(g[:, ::-1]) for g in inputs[:2]]
    store = store_of(inputs, targets, flip, flop)
    best = stack(store, pool_of(store))[0]
    assert best.covered == 1.0
    assert np.array_equal(best.value.items[2], inputs[2] | inputs[2][:, ::-1])
    assert execute(best.value.program(), store.value(0)).key == best.value.key


def test_a_stack_may_cover_a_part_only():
    inputs = [draw("1000"), draw("0300"), draw("0050")]
    targets = [draw("1021"), draw("0332")]
    store = store_of(inputs, targets, flip)
    (pile,) = stack(store, pool_of(store))
    assert pile.covered == pytest.approx(4 / 6)


@pytest.mark.parametrize("target", ["0000", "1111"])
def test_nothing_to_stack(target):
    store = store_of([draw("1000"), draw("0300")], [draw(target)])
    assert stack(store, pool_of(store)) == []
