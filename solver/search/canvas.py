"""Canvases: the input put on a grid of the outputs' size, where that is larger and follows from the input.

The library can tile, upscale and pad by constants that it has. Here the size may be a number of colours, cells or parts
times the input's, and the input may lie in any corner. What follows then are other fits: what is drawn on it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from ..executor import Value
from ..grid.types import MAX_SIDE
from ..sandbox.executor import FreeValue
from .cells import one_colored
from .layouts import canvas
from .parts import source_of

CANVAS_COST = 5.0
"""Nats that a canvas costs."""

MIN_AGREEMENT = 0.8
"""Share of a canvas's cells that are not 0 that must be so in the output, in every pair."""

PLACES = ("tiled", "upscaled", *itertools.product((0, 1, 2), (0, 1, 2)))

NUMBERS: dict[str, Callable[[np.ndarray], int]] = {
    "len(np.unique(base[base > 0]))": lambda grid: len(np.unique(grid[grid > 0])),
    "len(np.unique(base))": lambda grid: len(np.unique(grid)),
    "(base > 0).sum()": lambda grid: int((grid > 0).sum()),
    "(base == 0).sum()": lambda grid: int((grid == 0).sum()),
    "one_colored(base).max()": lambda grid: int(one_colored(grid).max()),
    "max(base.shape)": lambda grid: max(grid.shape),
}
"""Numbers that a size may be a multiple of, as Python and as what that gives."""


def _sizes(grids: Sequence[np.ndarray], targets: Sequence[np.ndarray], axis: int) -> tuple[str, list[int]] | None:
    """How many rows (or columns) the outputs have: as Python, and for every input; None if nothing gives it."""
    own, wanted = [grid.shape[axis] for grid in grids], [target.shape[axis] for target in targets]
    side = f"base.shape[{axis}]"
    times, more = wanted[0] // own[0], wanted[0] - own[0]
    rules = [(f"{times} * {side}", [times * n for n in own]), (f"{side} + {more}", [n + more for n in own])]
    rules += [(str(wanted[0]), [wanted[0]] * len(own))]
    for text, count in NUMBERS.items():
        number = [count(grid) for grid in grids]
        rules.append((f"{side} * {text}", [n * k for n, k in zip(own, number, strict=True)]))
        if number[0] and wanted[0] % number[0] == 0:
            times = wanted[0] // number[0]
            rules.append((f"{times} * {text}", [times * k for k in number]))
    for text, sizes in rules:
        enough = all(here <= size <= MAX_SIDE for here, size in zip(own, sizes, strict=True))
        if enough and all(size == w for size, w in zip(sizes, wanted, strict=False)):
            return text, sizes
    return None


def canvases(base: Value, targets: Sequence[np.ndarray]) -> list[FreeValue]:
    """The different canvases whose cells are mostly those of the outputs, as executed steps."""
    grids = base.items
    shapes = [(grid.shape, target.shape) for grid, target in zip(grids, targets, strict=False)]
    if all(a == b for a, b in shapes) or any(a[0] > b[0] or a[1] > b[1] for a, b in shapes):
        return []
    rows, columns = _sizes(grids, targets, 0), _sizes(grids, targets, 1)
    if rows is None or columns is None:
        return []
    found: dict[bytes, FreeValue] = {}
    for how in PLACES:
        made = [
            canvas(grid, *size, how) for grid, size in zip(grids, zip(rows[1], columns[1], strict=True), strict=True)
        ]
        pairs = list(zip(made, targets, strict=False))
        if any(((m > 0) & (m == t)).sum() < MIN_AGREEMENT * max(1, (m > 0).sum()) for m, t in pairs):
            continue
        functions = [canvas, *([one_colored] if "one_colored" in rows[0] + columns[0] else [])]
        text = f"{source_of(functions)}\nout = canvas(base, {rows[0]}, {columns[0]}, {how!r})"
        value = FreeValue.fitted(made, (base,), ("base",), text, base.cost + CANVAS_COST)
        found.setdefault(value.key, value)
    return list(found.values())
