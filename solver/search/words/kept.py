"""Functions that keep what they gave, for words that are asked the same again and again.

Nobody may change what these give. Programs carry the functions along as they are without that (`carried.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from functools import lru_cache, wraps
from typing import TypeVar

import numpy as np

T = TypeVar("T")

MAX_GRIDS = 64
"""Grids for which a function keeps what it gives: those of one task, and some more."""

MAX_ARGUMENTS = 256
"""The same for arguments that are told by their identity: those of one task's grids under a division into parts."""


def kept_by_cells(function: Callable[[np.ndarray], T]) -> Callable[[np.ndarray], T]:
    """A function of one grid (int8 [H, W]) that keeps what it gives for the last grids, told by their cells."""

    @lru_cache(MAX_GRIDS)
    def of_cells(cells: bytes, shape: tuple[int, int]) -> T:
        return function(np.frombuffer(cells, np.int8).reshape(shape))

    @wraps(function)
    def of_grid(grid: np.ndarray) -> T:
        return of_cells(grid.astype(np.int8).tobytes(), grid.shape)

    return of_grid


def kept_by_identity(function: Callable[..., T]) -> Callable[..., T]:
    """A function that keeps what it gives for the last arguments, told by their identity: that costs next to nothing
    where the same stack of parts is asked about again and again. Nobody may change these arguments either. Equal ones
    that are not the same are worked out anew."""
    found: dict[tuple[int, ...], tuple[tuple[object, ...], T]] = {}

    @wraps(function)
    def of_arguments(*arguments: object) -> T:
        key = tuple(map(id, arguments))
        known = found.get(key)
        if known is None:
            if len(found) >= MAX_ARGUMENTS:
                del found[next(iter(found))]
            # The arguments are held: what is there keeps its identity to itself.
            known = found[key] = arguments, function(*arguments)
        return known[1]

    return of_arguments
