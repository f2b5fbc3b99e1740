"""What is a grid: rectangular, 1..30 a side, exactly 0..9."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from solver.sandbox.protocol import Opaque
from solver.sandbox.validate import NotAGrid, grid_of

grids = hnp.arrays(np.int8, hnp.array_shapes(min_dims=2, max_dims=2, max_side=30), elements=st.integers(0, 9))


@given(grids, st.sampled_from(["i1", "i8", "u2", "f4", "f8", "list", "tuple", "rows", "floats"]))
def test_grids_in_every_form(grid, form):
    value = {
        "list": grid.tolist,
        "tuple": lambda: tuple(map(tuple, grid.tolist())),
        "rows": lambda: list(grid),
        "floats": lambda: grid.astype(float).tolist(),
    }.get(form, lambda: grid.astype(form))()
    found = grid_of(value)
    assert found.dtype == np.int8
    assert found.flags.c_contiguous
    assert np.array_equal(found, grid)
    assert not np.shares_memory(found, grid)


def test_masks_are_grids_of_0_and_1():
    assert grid_of(np.array([[True, False]])).tolist() == [[1, 0]]
    assert grid_of([[True, 2.0, np.int64(3)]]).tolist() == [[1, 2, 3]]


BAD = [
    None, 3, "012", {}, [], [[]], [1, 2], [[1], [1, 2]], [[10]], [[-1]], [[0.5]], [["1"]], [[None]], [[1j]], [[10**30]],
    [[float("nan")]], [[float("inf")]], [[1e-30]], [[[1]]], [[0] * 31], [[0]] * 31, [[-7, 99], ["x"]], Opaque("A"),
    np.zeros(3, np.int8), np.zeros((0, 3), np.int8), np.zeros((31, 1), np.int8), np.zeros((1, 1, 1), np.int8),
    np.array([[10]]), np.array([[-1]]), np.array([[0.5]]), np.array([[np.nan]]), np.array([[np.inf]]),
    np.array([[256]]),    np.array([[2**63]], np.uint64), np.broadcast_to(np.int8(1), (10**6, 10**6)),
    [np.zeros((1, 1), np.int8)], [{1: 2}],
    [Opaque("A")], [[Opaque("A")]],
]  # fmt: skip


@pytest.mark.parametrize("number", range(len(BAD)))
def test_anything_else_is_none(number):
    with pytest.raises(NotAGrid):
        grid_of(BAD[number])
