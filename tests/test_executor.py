"""Executor: one statement on all inputs, digests, histories."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from solver.executor import apply, digest, execute, input_value
from solver.grid.registry import FUNCTIONS
from solver.grid.types import Grid, Mask
from solver.program import parse

grids = st.tuples(st.integers(1, 6), st.integers(1, 6)).flatmap(
    lambda shape: arrays(np.int8, shape, elements=st.integers(0, 3))
)


def test_a_statement_runs_on_all_inputs_and_remembers_how():
    start = input_value([draw("12"), draw("34")])
    flipped = apply(FUNCTIONS["transform"], [start, 1])
    assert [g.tolist() for g in flipped.items] == [[[2, 1]], [[4, 3]]]
    assert flipped.program().render().splitlines()[4] == "    x1 = transform(I, FLIP_LR)"


def test_a_statement_without_result_on_one_input_is_dropped():
    start = input_value([draw("12"), draw("00")])
    assert apply(FUNCTIONS["crop_content"], [start]) is None
    assert apply(FUNCTIONS["upscale"], [input_value([np.zeros((16, 2), np.int8)]), 2]) is None


def test_shared_parts_are_written_once():
    start = input_value([draw("120/000")])
    a = apply(FUNCTIONS["transform"], [start, 0])
    b = apply(FUNCTIONS["overlay"], [a, a])
    c = apply(FUNCTIONS["concat"], [b, a, 0])
    assert len(c.program()) == 3
    assert execute(c.program(), start).key == c.key


def test_a_program_that_fails_midway_gives_nothing():
    program = parse("def solve(I):\n    x = crop_content(I)\n    y = transform(x, ROT90)\n    return y")
    assert execute(program, input_value([draw("0")])) is None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        (["12/34"], ["1234"]),
        (["12", "3"], ["1", "23"]),
        (["12"], ["21"]),
        (["1/2", "345/678"], ["12", "345/678"]),
    ],
)
def test_different_values_have_different_digests(one, other):
    assert input_value([draw(p) for p in one]).key != input_value([draw(p) for p in other]).key


def test_a_mask_is_not_a_grid():
    cells = np.ones((2, 2), np.int8)
    assert digest(Grid, [cells]) != digest(Mask, [cells.astype(bool)])


@settings(max_examples=50, deadline=None)
@given(st.lists(grids, min_size=1, max_size=3), st.lists(grids, min_size=1, max_size=3))
def test_digests_are_equal_exactly_for_equal_values(one, other):
    same = len(one) == len(other) and all(np.array_equal(a, b) for a, b in zip(one, other, strict=True))
    assert (input_value(one).key == input_value(other).key) == same


def test_no_library_function_changes_its_arguments():
    grid = draw("1200/0330/0030/4000")
    before = grid.copy()
    start = input_value([grid])
    for function in FUNCTIONS.values():
        if all(p.type is Grid or p.values for p in function.parameters):
            args = [start if p.type is Grid else p.values[0] for p in function.parameters]
            if any(p.type is Grid for p in function.parameters):
                apply(function, args)
    assert np.array_equal(start.items[0], before)


def test_a_statement_of_constants_alone_has_a_value_for_every_input():
    start = input_value([draw("12"), draw("34"), draw("5")])
    canvas = apply(FUNCTIONS["solid"], [1, 2, 3], num_inputs=3)
    assert [g.tolist() for g in canvas.items] == [[[3, 3]]] * 3
    program = parse("def solve(I):\n    x1 = solid(2, 2, 3)\n    x2 = overlay(x1, x1)\n    return x2")
    assert len(execute(program, start).items) == 3
    with pytest.raises(ValueError, match="number of inputs"):
        apply(FUNCTIONS["solid"], [1, 2, 3])
