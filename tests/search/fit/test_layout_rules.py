"""Layout rules: the rules, and the programs that they are written out as."""

from __future__ import annotations

import numpy as np
import pytest
from scattered import bars, never

from solver.executor import input_value
from solver.program import ProgramError, parse
from solver.sandbox.pool import Pool as Sandbox
from solver.search.fit.block_rules import block_rules
from solver.search.fit.divided import Parts
from solver.search.fit.layout_blocks import Blocks
from solver.search.fit.layout_rules import fit_layout
from solver.search.fit.order_rules import OrderRules
from solver.search.words.cells import one_colored


def fit(inputs, rule, num_train=4):
    return fit_layout(input_value(inputs), [rule(g) for g in inputs[:num_train]], np.random.default_rng(0), never)


def by_length(grid):
    """The colours of the bars, the longest first, in a column."""
    colors = np.unique(grid[grid > 0])
    return np.array(sorted(colors, key=lambda c: -(grid == c).sum()), np.int8)[:, None]


def row_of_colors(grid):
    """The colours of the bars as they lie."""
    return grid.max(0)[1::2][None]


def squares_inside(grid):
    """The colours of the bars as rings, the longest outside."""
    colors = by_length(grid)[:, 0]
    out = np.zeros((5, 5), np.int8)
    for k, color in enumerate(colors):
        out[k : 5 - k, k : 5 - k] = color
    return out


def longest(grid):
    """The longest bar, cut out and lying."""
    color = by_length(grid)[0, 0]
    return np.full((1, (grid == color).sum()), color, np.int8)


def histogram(grid):
    """All bars standing on one line without gaps, the longest first."""
    colors = by_length(grid)[:, 0]
    out = np.zeros(((grid == colors[0]).sum(), 3), np.int8)
    for k, color in enumerate(colors):
        out[len(out) - (grid == color).sum() :, k] = color
    return out


RULES = [by_length, row_of_colors, squares_inside, longest, histogram]


@pytest.mark.parametrize("rule", RULES)
def test_a_layout_rule_is_found_confirmed_and_right_on_the_test_input(rule):
    inputs = bars(1)
    rules, checks = fit(inputs, rule)
    assert checks > 0
    assert rules[0].confirmed >= 3
    assert [g.tolist() for g in rules[0].value.items] == [rule(g).tolist() for g in inputs]


def test_a_rule_is_a_program_that_gives_the_same_in_the_sandbox():
    inputs = bars(2)
    with Sandbox(size=1) as sandbox:
        for rule in RULES:
            rules, _ = fit(inputs, rule)
            assert rules
            for found in rules[:2]:
                text = found.value.program().render()
                with pytest.raises(ProgramError):
                    parse(text)
                outputs = sandbox.run(text, inputs).outputs
                assert [g.tolist() for g in outputs] == [g.tolist() for g in found.value.items]


def test_noise_has_no_rule():
    rng = np.random.default_rng(4)
    inputs = bars(4)
    for shape in ((3, 3), (1, 3)):
        noise = [rng.integers(1, 9, shape).astype(np.int8) for _ in range(4)]
        rules, _ = fit_layout(input_value(inputs), noise, rng, never)
        assert all(rule.confirmed < 4 for rule in rules)


def test_edges_have_no_rules_and_no_faults():
    empty = [np.zeros((3, 3), np.int8)] * 3
    full = [np.full((30, 30), 1, np.int8)] * 3
    single = [np.full((1, 1), 4, np.int8)] * 3
    wanted = [np.full((2, 2), 1, np.int8)] * 2
    for inputs in (empty, full, single):
        rules, _ = fit_layout(input_value(inputs), wanted, np.random.default_rng(0), never)
        for rule in rules:
            assert all(1 <= min(item.shape) <= max(item.shape) <= 30 for item in rule.value.items)
    assert fit_layout(input_value(bars(5, 2)), [by_length(bars(5, 2)[0])], np.random.default_rng(0), never) == ([], 0)


def test_the_same_seed_gives_the_same_rules_and_stop_ends_the_search():
    inputs = bars(6)
    first, second = fit(inputs, histogram), fit(inputs, histogram)
    assert [rule.value.text for rule in first[0]] == [rule.value.text for rule in second[0]]
    assert first[1] == second[1]
    targets = [histogram(g) for g in inputs[:4]]
    assert fit_layout(input_value(inputs), targets, np.random.default_rng(0), lambda: True) == ([], 0)
    blocks = Blocks(Parts(input_value(inputs), one_colored, 4), targets, lambda: True)
    assert OrderRules(blocks, targets, lambda: True, 0.0).rules() == []
    assert block_rules(blocks, targets, np.random.default_rng(0), lambda: True) == ([], 0)
