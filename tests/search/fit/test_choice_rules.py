"""Choice rules: which part the output is cut out of."""

from __future__ import annotations

import numpy as np
import pytest
from scattered import never, scattered

from solver.executor import input_value
from solver.search.fit.choice_rules import CUTS, choice_rules
from solver.search.fit.divided import Parts
from solver.search.words.cells import one_colored
from solver.search.words.descriptions import described
from solver.search.words.drawings import cut_out


def with_one_largest(seed, count):
    """Grids with one largest part, and its number in each."""
    found = []
    for grid in scattered(seed, count=40, sizes=(2, 5)):
        size = described(grid, one_colored(grid))["size"]
        if (size == size.max()).sum() == 1:
            found.append((grid, int(size.argmax())))
    return found[:count]


@pytest.mark.parametrize("how", CUTS)
def test_the_largest_part_is_found_and_cut_out_of_the_test_input(how):
    shown = with_one_largest(4, 6)
    cut = [cut_out(grid, one_colored(grid), number, how) for grid, number in shown]
    parts = Parts(input_value([grid for grid, _ in shown]), one_colored, 5)
    rules, checks = choice_rules(parts, cut[:5], np.random.default_rng(0), never)
    assert checks > 0
    assert rules[0].confirmed >= 4
    assert rules[0].value.items[5].tolist() == cut[5].tolist()


def test_outputs_that_are_no_part_have_no_rule():
    parts = Parts(input_value([grid for grid, _ in with_one_largest(4, 4)]), one_colored, 3)
    rules, checks = choice_rules(parts, [np.full((2, 2), 9, np.int8)] * 3, np.random.default_rng(0), never)
    assert rules == []
    assert checks == len(CUTS) * len(parts.grid_of)


def test_stop_ends_the_search():
    shown = with_one_largest(4, 4)
    cut = [cut_out(grid, one_colored(grid), number, "alone") for grid, number in shown]
    parts = Parts(input_value([grid for grid, _ in shown]), one_colored, 3)
    assert choice_rules(parts, cut[:3], np.random.default_rng(0), lambda: True)[0] == []
