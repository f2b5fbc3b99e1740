"""Part rules: drawing rules, stamps, and the programs that they are written out as."""

from __future__ import annotations

import numpy as np
import pytest
from scattered import fall, largest_alone, never, scattered

from solver.executor import apply, input_value
from solver.grid.registry import FUNCTIONS
from solver.program import ProgramError, parse
from solver.sandbox.pool import Pool as Sandbox
from solver.search.fit.divided import Parts
from solver.search.fit.drawing_rules import DrawingRules
from solver.search.fit.part_rules import fit_parts
from solver.search.words.cells import one_colored
from solver.search.words.drawings import painted, stamped
from solver.search.words.parts import stack_of


@pytest.mark.parametrize("rule", [largest_alone, fall])
def test_a_drawing_rule_is_found_confirmed_and_right_on_the_test_input(rule):
    inputs = scattered(3)
    rules, checks = fit_parts(input_value(inputs), [rule(g) for g in inputs[:4]], np.random.default_rng(0), never)
    assert checks > 0
    assert rules[0].confirmed == 4
    assert [g.tolist() for g in rules[0].value.items] == [rule(g).tolist() for g in inputs]


def test_a_rule_is_a_program_that_gives_the_same_in_the_sandbox():
    inputs = scattered(5)
    start = apply(FUNCTIONS["transform"], [input_value(inputs), 1])
    with Sandbox(size=1) as sandbox:
        for rule in (largest_alone, fall):
            rules, _ = fit_parts(start, [rule(g) for g in start.items[:4]], np.random.default_rng(0), never)
            assert rules
            for found in rules[:3]:
                final = apply(FUNCTIONS["transform"], [found.value, 1])
                text = final.program().render()
                with pytest.raises(ProgramError):
                    parse(text)
                outputs = sandbox.run(text, inputs).outputs
                assert [g.tolist() for g in outputs] == [g.tolist() for g in final.items]


def test_stamps_are_read_off_the_outputs():
    inputs = scattered(6, sizes=(2, 3), shape=(12, 12), number=2)
    targets = []
    for grid in inputs[:4]:
        stack = stack_of(grid, one_colored(grid))
        stamp = stamped(grid, stack, ((-1, -1, 7), (2, 2, 8)))
        targets.append(painted(grid, stack, np.zeros(len(stack), int), [(stamp, True, None)]))
    rules, _ = fit_parts(input_value(inputs), targets, np.random.default_rng(0), never)
    assert rules[0].confirmed == 4
    assert "stamped" in rules[0].value.text


def test_stamps_lie_around_the_middle_of_parts_of_any_size():
    rng = np.random.default_rng(5)
    inputs, outputs = [], []
    for far in (1, 3, 2, 4, 2):
        grid = np.zeros((9, 11), np.int8)
        row, middle = rng.integers(1, 8), rng.integers(4, 7)
        grid[row, [middle - far, middle + far]] = 1
        inputs.append(grid)
        outputs.append(grid.copy())
        for down, right in ((0, 0), (1, 0), (-1, 0)):
            outputs[-1][row + down, middle + right] = 3
    rules, _ = fit_parts(input_value(inputs), outputs[:4], np.random.default_rng(0), never)
    assert rules[0].confirmed == 4
    assert "stamped_in_middle" in rules[0].value.text
    assert np.array_equal(rules[0].value.items[4], outputs[4])
    with Sandbox(size=1) as sandbox:
        given = sandbox.run(rules[0].value.program().render(), inputs).outputs
    assert [g.tolist() for g in given] == [g.tolist() for g in rules[0].value.items]


def test_noise_is_never_confirmed():
    rng = np.random.default_rng(5)
    inputs = scattered(7)
    targets = [rng.integers(0, 9, g.shape).astype(np.int8) for g in inputs[:4]]
    rules, _ = fit_parts(input_value(inputs), targets, rng, never)
    assert not rules
    small = [rng.integers(0, 9, (3, 3)).astype(np.int8) for _ in range(4)]
    assert not fit_parts(input_value(inputs), small, rng, never)[0]


def test_one_pair_is_confirmed_by_nothing():
    inputs = scattered(8, count=2)
    rules, _ = fit_parts(input_value(inputs), [fall(inputs[0])], np.random.default_rng(0), never)
    assert all(rule.confirmed == 0 for rule in rules)


def test_outputs_that_are_the_inputs_have_no_rule():
    inputs = scattered(9)
    assert not fit_parts(input_value(inputs), inputs[:4], np.random.default_rng(0), never)[0]


def test_an_empty_grid_is_one_part_of_background():
    empty = input_value([np.zeros((3, 3), np.int8)] * 3)
    rules, _ = fit_parts(empty, [np.ones((3, 3), np.int8)] * 2, np.random.default_rng(0), never)
    assert rules[0].confirmed == 2
    assert "free_regions" in rules[0].value.text
    assert (rules[0].value.items[2] == 1).all()


def test_the_same_seed_gives_the_same_rules_and_stop_ends_the_search():
    inputs = scattered(10)
    targets = [largest_alone(g) for g in inputs[:4]]
    first, second = (fit_parts(input_value(inputs), targets, np.random.default_rng(3), never)[0] for _ in range(2))
    assert [rule.value.text for rule in first] == [rule.value.text for rule in second]
    assert fit_parts(input_value(inputs), targets, np.random.default_rng(3), lambda: True) == ([], 0)
    parts = Parts(input_value(inputs), one_colored, 4)
    assert DrawingRules(parts, targets, lambda: True).fits(np.random.default_rng(0)) == []
