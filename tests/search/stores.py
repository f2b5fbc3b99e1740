"""Stores and pools of made-up tasks."""

from __future__ import annotations

import numpy as np

from solver.executor import apply, input_value
from solver.fused import GridStore
from solver.grid.registry import FUNCTIONS
from solver.search.fit.pool import build_pool


def store_of(inputs, targets, *extra):
    """A store with the input and some values over it; extra: functions of the start value."""
    store = GridStore(targets, len(inputs))
    start = input_value(inputs)
    store.add(start)
    for make in extra:
        assert store.add(make(start)) > 0
    return store


def pool_of(store):
    return build_pool(store, 100, np.random.default_rng(0))


def flip(start):
    return apply(FUNCTIONS["transform"], [start, 1])


def flop(start):
    return apply(FUNCTIONS["transform"], [start, 0])
