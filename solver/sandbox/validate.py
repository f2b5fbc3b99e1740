"""What came out of the sandbox, as grids: checked here, in the parent, cell by cell."""

from __future__ import annotations

from typing import Any

import numpy as np

from ..grid.types import MAX_SIDE, NUM_COLORS


class NotAGrid(ValueError):  # noqa: N818 - says what it is
    """A value is no grid; str() says why."""


def grid_of(value: Any) -> np.ndarray:
    """The grid that a decoded value is: int8 [H, W], 1 ≤ H, W ≤ 30, values 0..9; a fresh array.

    value: a NumPy array, or a list of rows (lists or tuples) of numbers. Bools and floats are taken only if they
    are exactly 0..9. Raises NotAGrid.
    """
    if type(value) is np.ndarray:
        array = value
        _check_shape(array.shape)
    else:
        array = _from_rows(value)
    if array.dtype.kind not in "biuf":
        raise NotAGrid(f"the output holds {array.dtype}, not integers")
    if array.dtype.kind == "b":
        return array.astype(np.int8, order="C")
    if not (array.min() >= 0 and array.max() < NUM_COLORS):  # false for NaN, too
        raise NotAGrid("the output must hold values 0..9")
    grid = array.astype(np.int8, order="C")
    if array.dtype.kind == "f" and (grid != array).any():
        raise NotAGrid("the output must hold whole numbers")
    return grid


def _check_shape(shape: tuple[int, ...]) -> None:
    if len(shape) != 2:
        raise NotAGrid(f"the output must have two dimensions, not {len(shape)}")
    if not (0 < shape[0] <= MAX_SIDE and 0 < shape[1] <= MAX_SIDE):
        raise NotAGrid(f"the output must be 1×1 to 30×30, not {shape[0]}×{shape[1]}")


def _from_rows(value: Any) -> np.ndarray:
    if type(value) not in (list, tuple):
        raise NotAGrid(f"the output is no grid but {getattr(value, 'type_name', type(value).__name__)}")
    rows = [
        row.tolist() if type(row) is np.ndarray and row.ndim == 1 and row.size <= MAX_SIDE else row for row in value
    ]
    if any(type(row) not in (list, tuple) for row in rows):
        raise NotAGrid("the output must have two dimensions")
    if len({len(row) for row in rows}) > 1:
        raise NotAGrid("the output is not rectangular")
    _check_shape((len(rows), len(rows[0]) if rows else 0))
    cells = [cell.item() if isinstance(cell, np.generic) else cell for row in rows for cell in row]
    if any(type(cell) not in (int, bool, float) for cell in cells):
        raise NotAGrid("the output must hold numbers")
    if not all(0 <= cell < NUM_COLORS for cell in cells):
        raise NotAGrid("the output must hold values 0..9")
    return np.array(cells, np.float64).reshape(len(rows), len(rows[0]))
