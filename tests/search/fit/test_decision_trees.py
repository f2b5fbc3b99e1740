"""Decision trees over a pool, on made-up tasks whose rule is known."""

from __future__ import annotations

import numpy as np
from stores import flip, flop, pool_of, store_of

from solver.executor import apply, execute
from solver.grid.registry import FUNCTIONS
from solver.search.fit.decision_trees import Decider


def test_a_decision_tree_asks_more_than_three_values():
    rng = np.random.default_rng(7)
    inputs = [rng.integers(0, 2, (8, 8)).astype(np.int8) for _ in range(5)]

    def rule(g):
        # 3 where all four mirror images are set, else the cell itself
        images = [np.rot90(g, 2), g[::-1], g[:, ::-1], g.T]
        return np.where(np.all(images, axis=0), 3, g).astype(np.int8)

    targets = [rule(g) for g in inputs[:4]]

    def image(symmetry):
        return lambda start: apply(FUNCTIONS["transform"], [start, symmetry])

    store = store_of(inputs, targets, image(0), image(1), image(3), image(5))
    fits = Decider(store, pool_of(store)).fits(lambda: False)
    assert fits
    assert fits[0].confirmed == 4
    assert np.array_equal(fits[0].value.items[4], rule(inputs[4]))
    assert execute(fits[0].value.program(), store.value(0)).key == fits[0].value.key


def test_noise_has_no_small_decision_tree():
    rng = np.random.default_rng(8)
    inputs = [rng.integers(0, 4, (8, 8)).astype(np.int8) for _ in range(3)]
    store = store_of(inputs, [rng.integers(0, 4, (8, 8)).astype(np.int8) for _ in range(2)], flip, flop)
    assert Decider(store, pool_of(store)).fits(lambda: False) == []
