"""The families of features of cells: which there are, what they give, kept, and how programs call them."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import lru_cache

import numpy as np

from .cells import (
    boxes,
    ends,
    far_sights,
    lines,
    many_colored,
    measures,
    mirrored_within,
    mirrors,
    nearest,
    nearest_other,
    neighbors,
    one_colored,
    places,
    regions,
    shapes,
    sights,
    squares,
    surroundings,
    whole_grid,
)  # fmt: skip
from .reach import diagonals, free_ways, mirrors_about, whole_content
from .spans import rectangles_around, repeats, runs

Features = dict[str, np.ndarray]

FAMILIES: tuple[tuple[Callable[..., Features], Callable[..., np.ndarray] | None], ...] = (
    (neighbors, None), (sights, None), (places, None), (mirrors, None), (lines, None), (whole_grid, None),
    (nearest, None), (measures, regions), (measures, one_colored), (measures, many_colored), (measures, boxes),
    (shapes, None), (surroundings, None), (ends, None), (squares, None), (nearest_other, None),
    (mirrored_within, boxes), (far_sights, None), (runs, None), (rectangles_around, None), (repeats, None),
    (diagonals, None), (free_ways, None), (mirrors_about, None), (mirrored_within, whole_content),
)  # fmt: skip
"""The functions that give features, and what gives their second argument of the grid, if they have one."""


MAX_KEPT = 300
"""Families of one grid that are kept: those of a task's grids. Of the largest ones they take some 40 MB."""


def family_text(family: int, grid: str) -> str:
    """The call that gives a family's features, as Python. grid: the variable."""
    function, parts = FAMILIES[family]
    return f"{function.__name__}({grid})" if parts is None else f"{function.__name__}({grid}, {parts.__name__}({grid}))"


def compute(family: int, grid: np.ndarray) -> Features:
    """A family's features of one grid, not to be written to. The last ones are kept: several kinds of rules, and views
    in which some grids are the same, ask for them again."""
    return _computed(family, grid.shape, grid.astype(np.int8).tobytes())


@lru_cache(MAX_KEPT)
def _computed(family: int, shape: tuple[int, int], cells: bytes) -> Features:
    grid = np.frombuffer(cells, np.int8).reshape(shape).copy()  # kernels are compiled for grids that may be written to
    function, parts = FAMILIES[family]
    return function(grid) if parts is None else function(grid, parts(grid))


def functions_of(families: Iterable[int]) -> list[Callable[..., np.ndarray | Features]]:
    """The functions that some families call."""
    return [function for family in families for function in FAMILIES[family] if function is not None]
