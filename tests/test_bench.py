"""The benchmark's parts, run briefly: figures are positive and the ratios are of what they name."""

from __future__ import annotations

import numpy as np

from solver import bench
from solver.executor import apply, input_value
from solver.grid.registry import FUNCTIONS


def test_rates_are_measured(monkeypatch):
    monkeypatch.setattr(bench, "RUN_S", 0.05)
    inputs = bench._inputs()
    assert len(inputs) == bench.NUM_PAIRS
    assert bench._rate([lambda: sum(range(10))]) > 1000
    assert bench._fused_rate(inputs, bench._cheap_steps()) > 1000


def test_both_contenders_compute_the_same_statements():
    inputs = bench._inputs()
    start = input_value(inputs)
    for (name, constants), expression in zip(bench.STATEMENTS, bench.NUMPY_STATEMENTS, strict=True):
        ours = apply(FUNCTIONS[name], [start, *constants])
        assert all(np.array_equal(a, expression(g)) for a, g in zip(ours.items, inputs, strict=True)), name
