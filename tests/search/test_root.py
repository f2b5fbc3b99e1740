"""The root pass: what it seeks, how often, and for how long."""

from __future__ import annotations

import time
from dataclasses import replace

import numpy as np

from solver.search.grammar import Grammar
from solver.search.root import RootPass, ViewedTask
from solver.search.root_settings import RootSettings
from solver.search.views import View
from solver.tasks import Pair, Task


def test_rules_are_sought_once_in_a_view_and_in_a_third_of_the_time():
    inputs = [np.eye(5, dtype=np.int8) * k for k in (1, 2, 3)]
    pairs = tuple(Pair(grid, np.rot90(grid).copy()) for grid in inputs[:2])
    seen = ViewedTask.of(Task("t", pairs, (Pair(inputs[2]),)), View("plain"))
    asked, rules = [], {}

    def search(base, targets, rng, stop):
        asked.append(stop())
        return [], 7

    def begin():
        return RootPass.begin(seen, Grammar.shipped(), RootSettings(), np.random.default_rng(0), rules=rules)

    for expected in (7, 0):
        root = begin()
        assert not root.fitting._keep_rules(search, root.store.value(0), lambda: False, 5)
        assert root.fitting.num_checks == expected
    assert asked == [False]
    rules.clear()
    for _ in range(2):  # what the clock cut short is sought again
        root = begin()
        root.fitting._keep_rules(search, root.store.value(0), lambda: True, 5)
        assert root.fitting.num_checks == 7
    stops = []
    fitting = root.fitting
    fitting._fit_layout = lambda stop: stops.append(stop) or True
    fitting.settings = replace(fitting.settings, use_part_rules=False)
    for deadline in (time.monotonic() - 1.0, time.monotonic() + 100.0, None):
        assert fitting._fit_rules(None, lambda: False, deadline)
    assert [stop() for stop in stops] == [True, False, False]
