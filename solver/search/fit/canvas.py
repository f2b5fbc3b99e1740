"""Canvases: the input put on a grid of the outputs' size, where that is larger and follows from the input.

The library can tile, upscale and pad by constants that it has. Here the size may be a number of colours, cells or parts
times the input's, and the input may lie in any corner, go on beyond itself, or each copy of it may be turned in its
own way. What follows then are other fits: what is drawn on it.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Sequence

import numpy as np

from ...executor import Value
from ...grid.types import MAX_SIDE
from ...sandbox.executor import FreeValue
from ..words.carried import source_of
from ..words.cells import one_colored
from ..words.layouts import canvas

CANVAS_COST = 5.0
"""Nats that a canvas costs."""

MIN_AGREEMENT = 0.8
"""Share of a canvas's cells that are not 0 that must be so in the output, in every pair."""

TILE_COST, MAX_TILES = 0.5, 25
"""Nats that every copy of a grid in a mosaic costs beyond that, and how many there may be."""

TURNS = (None, "left right", "up down", "half", "diagonal", "left", "right", "blank")
"""What a copy in a mosaic may be; of those that agree equally the first."""

MIRRORS = ("left right", "up down", "half")
"""Those that keep the shape."""

Mosaic = tuple[tuple[str | None, ...], ...]
"""Rows of turns, see `layouts.canvas`."""

PLACES = ("tiled", "upscaled", *itertools.product((0, 1, 2), (0, 1, 2)), "symmetric", "reflect", "going on")

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
    other = [grid.shape[1 - axis] for grid in grids]
    if other[0] % wanted[0] == 0:
        parts = other[0] // wanted[0]
        rules.append((f"base.shape[{1 - axis}] // {parts}", [n // parts for n in other]))
    rules += _linear(side, own, wanted)
    for text, sizes in rules:
        enough = all(here <= size <= MAX_SIDE for here, size in zip(own, sizes, strict=True))
        if enough and all(size == w for size, w in zip(sizes, wanted, strict=False)):
            return text, sizes
    return None


def _linear(side: str, own: Sequence[int], wanted: Sequence[int]) -> list[tuple[str, list[int]]]:
    """The whole multiple of the input's own side, and what is added to it, that two pairs of different sizes tell."""
    for here, size in zip(own[1:], wanted[1:], strict=False):
        times, rest = divmod(size - wanted[0], here - own[0]) if here != own[0] else (0, 0)
        if times > 1 and rest == 0:
            more = wanted[0] - times * own[0]
            return [(f"{times} * {side} {more:+d}", [times * n + more for n in own])]
    return []


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
    tiled = mosaic(grids, targets)
    for how in (*PLACES, *([tiled] if tiled else [])):
        made = [
            canvas(grid, *size, how) for grid, size in zip(grids, zip(rows[1], columns[1], strict=True), strict=True)
        ]
        pairs = list(zip(made, targets, strict=False))
        if any(((m > 0) & (m == t)).sum() < MIN_AGREEMENT * max(1, (m > 0).sum()) for m, t in pairs):
            continue
        functions = [canvas, *([one_colored] if "one_colored" in rows[0] + columns[0] else [])]
        text = f"{source_of(functions)}\nout = canvas(base, {rows[0]}, {columns[0]}, {how!r})"
        cost = base.cost + CANVAS_COST + (mosaic_cost(how) if how is tiled else 0.0)
        value = FreeValue.fitted(made, (base,), ("base",), text, cost)
        found.setdefault(value.key, value)
    return list(found.values())


def mosaic(grids: Sequence[np.ndarray], targets: Sequence[np.ndarray]) -> Mosaic | None:
    """How the outputs are laid out from turned copies of the grids, the same in all pairs; None if they are not, or if
    there is one copy only. Some of the cells may be others."""
    shapes = [(grid.shape, target.shape) for grid, target in zip(grids, targets, strict=False)]
    (high, wide), size = shapes[0]
    down, across = size[0] // high, size[1] // wide
    if not 1 < down * across <= MAX_TILES or any((down * h, across * w) != t for (h, w), t in shapes):
        return None
    if any(down * grid.shape[0] > MAX_SIDE or across * grid.shape[1] > MAX_SIDE for grid in grids):
        return None
    square = all(grid.shape[0] == grid.shape[1] for grid in grids)
    turns = TURNS if square else (None, *MIRRORS, "blank")
    agreements = np.empty((len(turns), down, across))  # the least of all pairs
    for number, turn in enumerate(turns):
        same = [canvas(grid, 0, 0, ((turn,) * across,) * down) == t for grid, t in zip(grids, targets, strict=False)]
        shares = [cells.reshape(down, len(cells) // down, across, -1).mean((1, 3)) for cells in same]
        agreements[number] = np.min(shares, axis=0)
    best = agreements.argmax(0)
    if agreements.max(0).mean() < MIN_AGREEMENT or all(turns[number] == "blank" for number in best.flat):
        return None
    return tuple(tuple(turns[number] for number in row) for row in best)


def mosaic_cost(how: Mosaic) -> float:
    """Nats that a mosaic costs."""
    return TILE_COST * sum(map(len, how))
