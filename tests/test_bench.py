"""The benchmark's parts, run briefly: figures are positive and the ratios are of what they name."""

from __future__ import annotations

import os

import numpy as np
import pytest

from solver import bench
from solver.executor import apply, input_value
from solver.grid.registry import FUNCTIONS


def test_rates_are_measured(monkeypatch):
    monkeypatch.setattr(bench, "RUN_S", 0.05)
    inputs = bench._inputs()
    assert len(inputs) == bench.NUM_PAIRS
    assert bench._rate([lambda: sum(range(10))]) > 1000
    assert bench._fused_rate(inputs, bench._cheap_steps()) > 1000


def test_contenders_take_turns(monkeypatch):
    monkeypatch.setattr(bench, "RUN_S", 0.0)
    monkeypatch.setattr(bench, "_rate", lambda steps: steps[0]())
    calls = []
    kinds = [[lambda name=name: calls.append(name) or float(len(calls))] for name in "ab"]
    first, second = bench._rates_in_turns(*kinds)
    assert calls == ["a", "b"] * (bench.REPEATS + 1)  # each once before, uncounted
    assert first == [float(n) for n in range(3, len(calls) + 1, 2)]
    assert second == [rate + 1 for rate in first]


def test_both_contenders_compute_the_same_statements():
    inputs = bench._inputs()
    start = input_value(inputs)
    for (name, constants), expression in zip(bench.STATEMENTS, bench.NUMPY_STATEMENTS, strict=True):
        ours = apply(FUNCTIONS[name], [start, *constants])
        assert all(np.array_equal(a, expression(g)) for a, g in zip(ours.items, inputs, strict=True)), name


def test_the_sandbox_is_measured_on_the_same_program_as_its_alternative(monkeypatch):
    monkeypatch.setattr(bench, "RUN_S", 0.1)
    cores = os.sched_getaffinity(0)
    rates = bench._sandbox_rates(bench._inputs())
    assert os.sched_getaffinity(0) == cores
    assert rates["sandbox_programs_per_s"] > rates["fresh_python_programs_per_s"] > 0
    ratio = rates["sandbox_programs_per_s"] / rates["fresh_python_programs_per_s"]
    assert rates["sandbox_over_fresh_python"] == ratio
    assert rates["sandbox_steps_per_s"] > 0


def test_a_program_that_fails_is_not_counted():
    with pytest.raises(RuntimeError, match="timeout"):
        bench._count_rate(lambda: "timeout")
