"""Actions: for which parts a drawing in a colour is right, and what it explains."""

from __future__ import annotations

import numpy as np
import pytest
from scattered import fall, largest_alone, never, scattered

from solver.executor import input_value
from solver.search.fit.divided import CHECKS_PER_DRAWING, Parts
from solver.search.fit.part_actions import MAX_ACTIONS, ActionTable
from solver.search.words.cells import one_colored
from solver.search.words.divisions import layers
from solver.search.words.drawings import DRAWINGS, MOVING
from solver.search.words.parts import stack_of


def table_of(rule, divide=one_colored, stop=never):
    inputs = scattered(3)
    return ActionTable(Parts(input_value(inputs), divide, 4), [rule(grid) for grid in inputs[:4]], stop)


@pytest.mark.parametrize("rule", [largest_alone, fall])
def test_an_action_that_is_right_for_a_part_changes_what_it_explains_as_the_output_does(rule):
    table = table_of(rule)
    assert 0 < len(table.actions) <= MAX_ACTIONS
    assert table.valid.shape == table.reach.shape == (len(table.parts.train), len(table.actions))
    assert table.covered.shape == (len(table.actions), table.num_changed)
    assert ((table.reach >= 0) == table.valid).all()
    for action in range(len(table.actions)):
        choice = np.full(len(table.parts.grid_of), -1)
        choice[table.parts.train[table.valid[:, action]]] = 0
        right = []
        for grid, target, number in zip(table.parts.base.items, table.targets, range(4), strict=False):
            made = table.paint((action,), choice, number)
            right.append(((made == target) & (grid != target)).ravel()[(grid != target).ravel()])
        assert np.concatenate(right)[table.covered[action]].all()


def test_what_is_painted_is_what_the_program_says():
    table = table_of(largest_alone)
    parts = table.parts
    plain = next(k for k, action in enumerate(table.actions) if action.is_plain)
    inked = next(k for k, action in enumerate(table.actions) if action.ink == 5)
    choice = (parts.features["size"] == 1) * 1
    lines, functions = table.program((plain, inked), '(seen["size"] == 1) * 1')
    value = parts.value(
        [table.paint((plain, inked), choice, number) for number in range(len(parts.stacks))], lines, functions
    )
    for grid, item in zip(parts.base.items, value.items, strict=True):
        names = {"np": np, "base": grid}
        exec("from solver.grid import *", names)
        exec(value.text, names)
        assert np.array_equal(names["out"], item)


def test_a_drawing_is_made_once_and_costs_once():
    table = table_of(fall)
    spent = table.num_checks
    assert table.draw(0, 4) is table.draw(0, 4)
    assert table.num_checks == spent + CHECKS_PER_DRAWING
    grid = table.parts.base.items[4]
    function, arguments, _ = DRAWINGS[0]
    assert np.array_equal(table.draw(0, 4), function(grid, stack_of(grid, one_colored(grid)), *arguments))


def test_actions_that_draw_nothing_new_cost_least():
    table = table_of(fall)
    plain = [table.price(k) for k, action in enumerate(table.actions) if action.is_plain]
    others = [table.price(k) for k, action in enumerate(table.actions) if not action.is_plain]
    assert set(plain) == {0.5}
    assert min(others) > 0.5


def test_without_time_or_changes_there_is_nothing_to_explain():
    assert table_of(fall, stop=lambda: True).actions == []
    same = table_of(np.copy)
    assert same.num_changed == 0
    assert all(action.is_plain for action in same.actions)


def test_parts_that_do_not_move_have_no_moves():
    moving = {function for function, _, _ in DRAWINGS} & set(MOVING)
    table = table_of(fall, layers)
    assert not any(table.drawings[action.drawing].function in moving for action in table.actions)
