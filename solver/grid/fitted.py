"""Fitted from the pairs: functions with a Table of parameters, and the per-cell features that tables are fitted on.

The tables are found by `solver.search.fit` from a task's own training pairs and are written into the program as
tuples, so that a finished program needs no pairs. What a table does not know is not applicable.
"""

from __future__ import annotations

import numpy as np

from .geometry import _no_grid
from .objects import _measure, _select
from .registry import kernel, primitive
from .types import Axis, Grid, Int, Objects, Property, Rank, Table

COPY_FIRST = 10
COPY_SECOND = 11


@kernel
def _same_shape(a, b):
    return a.shape[0] == b.shape[0] and a.shape[1] == b.shape[1]


@primitive("fitted")
def lookup(grid: Grid, table: Table) -> Grid:
    """Map every cell's colour by a table of (colour, new colour) entries.

    table: entries one after the other. A colour without an entry makes it not applicable.
    """
    h, w = grid.shape
    known = np.zeros(10, np.int8)
    for k in range(10):
        known[k] = -1
    for k in range(0, len(table) - 1, 2):
        if 0 <= table[k] < 10:
            known[table[k]] = table[k + 1]
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            v = known[grid[r, c]]
            if v < 0 or v > 9:
                return _no_grid()
            out[r, c] = v
    return out


@primitive("fitted")
def lookup2(first: Grid, second: Grid, table: Table) -> Grid:
    """Map every pair of cells at one place by a table of (first, second, new colour) entries.

    The grids must have one shape. A pair without an entry makes it not applicable.
    """
    if not _same_shape(first, second):
        return _no_grid()
    h, w = first.shape
    known = np.zeros(100, np.int8)
    for k in range(100):
        known[k] = -1
    for k in range(0, len(table) - 2, 3):
        if 0 <= table[k] < 10 and 0 <= table[k + 1] < 10:
            known[table[k] * 10 + table[k + 1]] = table[k + 2]
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            v = known[first[r, c] * 10 + second[r, c]]
            if v < 0 or v > 9:
                return _no_grid()
            out[r, c] = v
    return out


@primitive("fitted")
def lookup3(first: Grid, second: Grid, third: Grid, table: Table) -> Grid:
    """Map every triple of cells at one place by a table of (first, second, third, new colour) entries.

    The grids must have one shape. A triple without an entry makes it not applicable.
    """
    if not (_same_shape(first, second) and _same_shape(first, third)):
        return _no_grid()
    h, w = first.shape
    known = np.zeros(1000, np.int8)
    for k in range(1000):
        known[k] = -1
    for k in range(0, len(table) - 3, 4):
        if 0 <= table[k] < 10 and 0 <= table[k + 1] < 10 and 0 <= table[k + 2] < 10:
            known[table[k] * 100 + table[k + 1] * 10 + table[k + 2]] = table[k + 3]
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            v = known[np.int64(first[r, c]) * 100 + second[r, c] * 10 + third[r, c]]
            if v < 0 or v > 9:
                return _no_grid()
            out[r, c] = v
    return out


@kernel
def _relation(a, b):
    """How two cells relate: 0 both background, 1 only the first is not, 2 only the second, 3 equal, 4 different."""
    if a == 0:
        return 0 if b == 0 else 2
    if b == 0:
        return 1
    return 3 if a == b else 4


@primitive("fitted")
def combine(first: Grid, second: Grid, table: Table) -> Grid:
    """Combine two grids cell by cell by five rules that do not depend on colours.

    table: what to write where both cells are background, only the first is not, only the second is not, both are
    equal, both differ: a colour 0..9, 10 to copy the first cell, 11 to copy the second, −1 for not applicable.
    """
    if not _same_shape(first, second) or len(table) != 5:
        return _no_grid()
    h, w = first.shape
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            action = table[_relation(first[r, c], second[r, c])]
            if action == COPY_FIRST:
                out[r, c] = first[r, c]
            elif action == COPY_SECOND:
                out[r, c] = second[r, c]
            elif 0 <= action <= 9:
                out[r, c] = action
            else:
                return _no_grid()
    return out


@kernel
def _paint_actions(objects, canvas, actions):
    """Canvas with object k in colour actions[k], erased (0), or in its own colours (COPY_FIRST)."""
    h, w = canvas.shape
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            label = objects.labels[r, c]
            if label == 0:
                out[r, c] = canvas[r, c]
            elif actions[label - 1] == COPY_FIRST:
                out[r, c] = objects.grid[r, c]
            elif 0 <= actions[label - 1] <= 9:
                out[r, c] = actions[label - 1]
            else:
                return _no_grid()
    return out


@primitive("fitted")
def color_objects(objects: Objects, canvas: Grid, prop: Property, table: Table) -> Grid:
    """Paint each object on the canvas as a table of (property value, colour) entries says.

    Colour 0 erases an object, 10 keeps its own colours. A value without an entry makes it not applicable.
    """
    if not _same_shape(objects.labels, canvas):
        return _no_grid()
    values = _measure(objects, prop)
    actions = np.empty(objects.count, np.int64)
    for k in range(objects.count):
        actions[k] = -1
        for e in range(0, len(table) - 1, 2):
            if table[e] == values[k]:
                actions[k] = table[e + 1]
    return _paint_actions(objects, canvas, actions)


@primitive("fitted")
def color_ranked_objects(objects: Objects, canvas: Grid, prop: Property, rank: Rank, table: Table) -> Grid:
    """Paint the objects that have a rank in a property in one colour on the canvas, all others in another.

    table: (colour of those that have it, colour of the others); 0 erases, 10 keeps an object's own colours.
    """
    if not _same_shape(objects.labels, canvas) or len(table) != 2:
        return _no_grid()
    chosen = _select(_measure(objects, prop), rank)
    actions = np.empty(objects.count, np.int64)
    for k in range(objects.count):
        actions[k] = table[0] if chosen[k] else table[1]
    return _paint_actions(objects, canvas, actions)


@primitive("fitted", values={"period": (2, 3, 4)})
def index_cells(grid: Grid, axis: Axis, period: Int) -> Grid:
    """A feature: every cell becomes its column (HORIZONTAL) or row (VERTICAL) number modulo the period."""
    h, w = grid.shape
    out = np.empty((h, w), np.int8)
    if period < 1 or period > 10:
        return _no_grid()
    for r in range(h):
        for c in range(w):
            out[r, c] = (c if axis == 0 else r) % period
    return out


@primitive("fitted", values={"period": (2, 3, 4)})
def index_diagonals(grid: Grid, period: Int) -> Grid:
    """A feature: every cell becomes the sum of its row and column number modulo the period."""
    h, w = grid.shape
    out = np.empty((h, w), np.int8)
    if period < 1 or period > 10:
        return _no_grid()
    for r in range(h):
        for c in range(w):
            out[r, c] = (r + c) % period
    return out


@primitive("fitted")
def border_distance(grid: Grid) -> Grid:
    """A feature: every cell becomes its distance from the nearest border, 0 on it, at most 9."""
    h, w = grid.shape
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            out[r, c] = min(9, r, h - 1 - r, c, w - 1 - c)
    return out


@primitive("fitted", values={"diagonal": (0, 1)})
def count_neighbors(grid: Grid, diagonal: Int) -> Grid:
    """A feature: every cell becomes the number of its non-background neighbours (4, or 8 if diagonal is 1)."""
    h, w = grid.shape
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            n = 0
            for dr in range(-1, 2):
                for dc in range(-1, 2):
                    if (dr == 0 and dc == 0) or (diagonal == 0 and dr != 0 and dc != 0):
                        continue
                    if 0 <= r + dr < h and 0 <= c + dc < w and grid[r + dr, c + dc]:
                        n += 1
            out[r, c] = n
    return out


@primitive("fitted")
def count_same_neighbors(grid: Grid) -> Grid:
    """A feature: every cell becomes the number of its 8 neighbours that have its own colour."""
    h, w = grid.shape
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            n = 0
            for dr in range(-1, 2):
                for dc in range(-1, 2):
                    if (dr or dc) and 0 <= r + dr < h and 0 <= c + dc < w and grid[r + dr, c + dc] == grid[r, c]:
                        n += 1
            out[r, c] = n
    return out


@primitive("fitted")
def count_in_line(grid: Grid, axis: Axis) -> Grid:
    """A feature: every cell becomes the number of non-background cells in its row (HORIZONTAL) or column, ≤ 9."""
    h, w = grid.shape
    out = np.empty((h, w), np.int8)
    n = h if axis == 0 else w
    m = w if axis == 0 else h
    for i in range(n):
        count = 0
        for j in range(m):
            count += (grid[i, j] if axis == 0 else grid[j, i]) != 0
        for j in range(m):
            if axis == 0:
                out[i, j] = min(9, count)
            else:
                out[j, i] = min(9, count)
    return out


@primitive("fitted")
def color_in_line(grid: Grid, axis: Axis) -> Grid:
    """A feature: every cell becomes the most common non-background colour of its row (HORIZONTAL) or column."""
    h, w = grid.shape
    out = np.empty((h, w), np.int8)
    n = h if axis == 0 else w
    m = w if axis == 0 else h
    counts = np.empty(10, np.int64)
    for i in range(n):
        for k in range(10):
            counts[k] = 0
        for j in range(m):
            counts[grid[i, j] if axis == 0 else grid[j, i]] += 1
        best = 0
        for k in range(1, 10):
            if counts[k] and (best == 0 or counts[k] > counts[best]):
                best = k
        for j in range(m):
            if axis == 0:
                out[i, j] = best
            else:
                out[j, i] = best
    return out
