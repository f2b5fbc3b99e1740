"""The pool of known grids, as rows of cells."""

from __future__ import annotations

import numpy as np
from grids import draw
from stores import flip, flop, pool_of, store_of

from solver.executor import apply
from solver.grid.registry import FUNCTIONS
from solver.grid.types import Symmetry
from solver.search.fit.pool import build_pool

INPUTS = [draw("1200/0010"), draw("0040/5000"), draw("0700/0007")]


def transposed(start):
    return apply(FUNCTIONS["transform"], [start, int(Symmetry.TRANSPOSE)])


def test_a_pool_needs_values_of_the_right_size():
    assert pool_of(store_of([draw("12"), draw("3")], [draw("1/2")])) is None


def test_a_pool_holds_the_cells_of_training_grids_cheapest_first_in_one_order():
    store = store_of(INPUTS, [grid[:, ::-1] for grid in INPUTS[:2]], flip, flop)
    store.costs[: len(store)] = [5.0, 1.0, 3.0]
    pool = pool_of(store)
    assert pool.numbers.tolist() == [1, 2, 0]
    assert pool.costs.tolist() == [1.0, 3.0, 5.0]
    for row, number in zip(pool.train, pool.numbers, strict=True):
        assert np.array_equal(row, np.concatenate([g.ravel() for g in store.value(number).items[:2]])[pool.order])
        assert np.array_equal(row, pool.row(store, number))
    assert np.array_equal(pool.target, store.targets[pool.order])
    assert np.array_equal(pool.pair_of, np.repeat([0, 1], 8)[pool.order])
    assert build_pool(store, 2, np.random.default_rng(0)).numbers.tolist() == [1, 2]


def test_every_colour_of_the_outputs_comes_early():
    inputs = [np.zeros((10, 10), np.int8)] * 3
    target = inputs[0].copy()
    target[3, 4:6] = 7, 8
    pool = pool_of(store_of(inputs, [target, target]))
    assert set(pool.target[:110].tolist()) >= {0, 7, 8}


def test_values_of_equal_shapes_on_the_test_inputs_are_told_from_others():
    square = [draw("12/30"), draw("45/60"), draw("7/8")]
    store = store_of(square, [grid.T for grid in square[:2]], flip, transposed)
    pool = pool_of(store)
    shapes = [store.value(number).items[2].shape for number in pool.numbers]
    assert [[a == b for b in pool.test_shape] for a in pool.test_shape] == [[a == b for b in shapes] for a in shapes]
    assert len(set(shapes)) == 2
