"""The grid library: the words of the step language, plain functions over int8 grids, compiled with numba.

>>> from solver.grid import transform, FLIP_LR
>>> transform([[1, 2]], FLIP_LR).tolist()
[[2, 1]]
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from .registry import CONSTANTS, FAMILIES, FUNCTIONS, Function, GridError, as_grid
from .types import Color, Grid, Grids, Int, Mask, Objects, Table

for _family in FAMILIES:
    import_module(f"{__name__}.{_family}")


def __getattr__(name: str) -> Any:
    """Library functions and named constants, looked up in the registry."""
    if name in FUNCTIONS:
        return FUNCTIONS[name]
    if name in CONSTANTS:
        return CONSTANTS[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return [*globals(), *FUNCTIONS, *CONSTANTS]


__all__ = [
    "CONSTANTS", "FAMILIES", "FUNCTIONS", "Color", "Function", "Grid", "GridError", "Grids", "Int", "Mask",
    "Objects", "Table", "as_grid", *FUNCTIONS, *CONSTANTS,
]  # fmt: skip
