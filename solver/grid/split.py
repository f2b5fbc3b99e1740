"""Split: cut a grid into several, choose among several, and put several together again."""

from __future__ import annotations

import numpy as np

from .geometry import _bounds, _no_grid, _transform
from .objects import _select
from .registry import kernel, primitive
from .types import (
    MAX_GRIDS,
    MAX_SIDE,
    MISSING,
    Axis,
    Color,
    Diagonal,
    Grid,
    Grids,
    Int,
    Logic,
    Property,
    Rank,
    Symmetry,
)


@kernel
def _no_grids():
    """The grids that say 'not applicable'."""
    return Grids(np.zeros((0, 30, 30), np.int8), np.zeros((0, 2), np.int64))


@kernel
def _take(grids, index):
    """A copy of one of the grids; the index must be valid."""
    h, w = grids.shapes[index, 0], grids.shapes[index, 1]
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            out[r, c] = grids.cells[index, r, c]
    return out


@kernel
def _gather(grids, order, n):
    """The grids with the first n numbers of `order`, in that order."""
    cells = np.empty((n, 30, 30), np.int8)
    shapes = np.empty((n, 2), np.int64)
    for i in range(n):
        j = order[i]
        shapes[i, 0] = grids.shapes[j, 0]
        shapes[i, 1] = grids.shapes[j, 1]
        for r in range(30):
            for c in range(30):
                cells[i, r, c] = grids.cells[j, r, c]
    return Grids(cells, shapes)


@kernel
def _cut(grid, rows, columns):
    """The windows where row bands [a, 2] and column bands [b, 2] (start, end) cross, in reading order."""
    a, b = rows.shape[0], columns.shape[0]
    if a * b < 2 or a * b > MAX_GRIDS:
        return _no_grids()
    cells = np.zeros((a * b, 30, 30), np.int8)
    shapes = np.empty((a * b, 2), np.int64)
    for i in range(a):
        for j in range(b):
            k = i * b + j
            shapes[k, 0] = rows[i, 1] - rows[i, 0]
            shapes[k, 1] = columns[j, 1] - columns[j, 0]
            for r in range(rows[i, 0], rows[i, 1]):
                for c in range(columns[j, 0], columns[j, 1]):
                    cells[k, r - rows[i, 0], c - columns[j, 0]] = grid[r, c]
    return Grids(cells, shapes)


@kernel
def _bands(side, parts):
    """`side` lines in equal parts, adjacent or one line apart: [parts, 2] (start, end), or [0, 2]."""
    gap = 0
    if parts < 1 or side < parts:
        return np.zeros((0, 2), np.int64)
    if side % parts:
        gap = 1
        if (side + 1) % parts or (side + 1) // parts < 2:
            return np.zeros((0, 2), np.int64)
    size = (side + gap) // parts - gap
    out = np.empty((parts, 2), np.int64)
    for i in range(parts):
        out[i, 0] = i * (size + gap)
        out[i, 1] = i * (size + gap) + size
    return out


@kernel
def _runs(line, n):
    """Runs of False among the first n: [k, 2] (start, end)."""
    out = np.empty((n // 2 + 1, 2), np.int64)
    k = 0
    for i in range(n):
        if not line[i]:
            if i == 0 or line[i - 1]:
                out[k, 0] = i
                k += 1
            out[k - 1, 1] = i + 1
    bands = np.empty((k, 2), np.int64)
    for i in range(k):
        bands[i, 0] = out[i, 0]
        bands[i, 1] = out[i, 1]
    return bands


@kernel
def _equal_bands(bands):
    """Whether all bands [n, 2] (start, end) are equally wide."""
    equal = True
    for i in range(1, bands.shape[0]):
        equal = equal and bands[i, 1] - bands[i, 0] == bands[0, 1] - bands[0, 0]
    return equal


@kernel
def _panels(grid):
    """Separator colour, row bands and column bands of the panels between separators; colour 0: none.

    Separators are the full rows and columns of one non-background colour that gives 2 panels or more: if
    possible of one shape, and then the colour with the most lines.
    """
    h, w = grid.shape
    row_color = np.empty(h, np.int64)
    column_color = np.empty(w, np.int64)
    votes = np.zeros(10, np.int64)
    for r in range(h):
        row_color[r] = grid[r, 0]
        for c in range(1, w):
            if grid[r, c] != grid[r, 0]:
                row_color[r] = 0
                break
        votes[row_color[r]] += 1
    for c in range(w):
        column_color[c] = grid[0, c]
        for r in range(1, h):
            if grid[r, c] != grid[0, c]:
                column_color[c] = 0
                break
        votes[column_color[c]] += 1
    color, best = 0, 0
    row_line = np.zeros(h, np.bool_)
    column_line = np.zeros(w, np.bool_)
    rows = np.zeros((0, 2), np.int64)
    columns = np.zeros((0, 2), np.int64)
    for k in range(1, 10):
        if votes[k] == 0:
            continue
        for r in range(h):
            row_line[r] = row_color[r] == k
        for c in range(w):
            column_line[c] = column_color[c] == k
        a = _runs(row_line, h)
        b = _runs(column_line, w)
        if a.shape[0] * b.shape[0] < 2:
            continue
        score = votes[k] + (100 if _equal_bands(a) and _equal_bands(b) else 0)
        if score > best:
            color, best, rows, columns = k, score, a, b
    return color, rows, columns


@kernel
def _main_color(grid, top, bottom, left, right):
    """Most common non-background colour of a window (ties: the smaller), 0 if it is empty."""
    counts = np.zeros(10, np.int64)
    for r in range(top, bottom):
        for c in range(left, right):
            counts[grid[r, c]] += 1
    best = 0
    counts[0] = 0
    for k in range(1, 10):
        if counts[k] > counts[best]:
            best = k
    return best


@kernel
def _same_shape(grids):
    """Whether there are two grids or more and all have one shape."""
    n = grids.shapes.shape[0]
    for i in range(1, n):
        if grids.shapes[i, 0] != grids.shapes[0, 0] or grids.shapes[i, 1] != grids.shapes[0, 1]:
            return False
    return n >= 2


@kernel
def _alike(grids, i, j, symmetry, shape_only):
    """Whether grid j is grid i, after a Symmetry (−1: none); shape_only: whatever the colours."""
    h, w = grids.shapes[i, 0], grids.shapes[i, 1]
    turned = symmetry == 2 or symmetry >= 4
    if (grids.shapes[j, 1] if turned else grids.shapes[j, 0]) != h:
        return False
    if (grids.shapes[j, 0] if turned else grids.shapes[j, 1]) != w:
        return False
    for r in range(h):
        for c in range(w):
            y, x = r, c
            if symmetry in (0, 2, 3, 6):
                y = h - 1 - r
            if symmetry in (1, 3, 4, 6):
                x = w - 1 - c
            if turned:
                y, x = x, y
            a, b = grids.cells[i, r, c], grids.cells[j, y, x]
            if a != b and not (shape_only and a and b):
                return False
    return True


@kernel
def _holes(grid):
    """Number of 4-connected background regions that do not touch the border."""
    h, w = grid.shape
    seen = np.zeros((h, w), np.bool_)
    stack = np.empty(h * w, np.int64)
    holes = 0
    for start in range(h * w):
        if grid[start // w, start % w] or seen[start // w, start % w]:
            continue
        seen[start // w, start % w] = True
        stack[0] = start
        top = 1
        closed = 1
        while top:
            top -= 1
            r, c = stack[top] // w, stack[top] % w
            for k in range(4):
                y = r + (k == 1) - (k == 0)
                x = c + (k == 3) - (k == 2)
                if y < 0 or y >= h or x < 0 or x >= w:
                    closed = 0
                elif not grid[y, x] and not seen[y, x]:
                    seen[y, x] = True
                    stack[top] = y * w + x
                    top += 1
        holes += closed
    return holes


@kernel
def _measure_grids(grids, prop):
    """A Property of each of the grids' non-background cells: int64 [n]; an empty grid has 0."""
    n = grids.shapes.shape[0]
    out = np.zeros(n, np.int64)
    crops = Grids(np.zeros((n, 30, 30), np.int8), np.zeros((n, 2), np.int64))
    colors = np.zeros(n, np.int64)
    for i in range(n):
        grid = _take(grids, i)
        top, left, h, w = _bounds(grid)
        crops.shapes[i, 0] = h
        crops.shapes[i, 1] = w
        if h == 0:
            continue
        counts = np.zeros(10, np.int64)
        border = 0
        for r in range(top, top + h):
            for c in range(left, left + w):
                v = grid[r, c]
                crops.cells[i, r - top, c - left] = v
                counts[v] += 1
                if v and (r == 0 or c == 0 or r == grid.shape[0] - 1 or c == grid.shape[1] - 1):
                    border += 1
        size = h * w - counts[0]
        counts[0] = 0
        kinds = 0
        for k in range(1, 10):
            if counts[k] > counts[colors[i]]:
                colors[i] = k
            if counts[k]:
                kinds += 1
        if prop == 0:
            out[i] = size
        elif prop == 1:
            out[i] = h
        elif prop == 2:
            out[i] = w
        elif prop == 3:
            out[i] = top
        elif prop == 4:
            out[i] = left
        elif prop == 5:
            out[i] = colors[i]
        elif prop == 6:
            out[i] = kinds
        elif prop == 7:
            out[i] = _holes(grid)
        elif prop == 8:
            for symmetry in (0, 1, 5, 6):
                out[i] += _alike(crops, i, i, symmetry, False)
        elif prop == 9:
            out[i] = 1000 * size // (h * w)
        elif prop == 12:
            out[i] = border
        elif prop == 13:
            out[i] = size - counts[colors[i]]
    if prop >= 10 and prop <= 11:
        for i in range(n):
            for j in range(n):
                if prop == 10:
                    out[i] += _alike(crops, i, j, -1, True)
                else:
                    out[i] += colors[i] == colors[j]
    return out


@kernel
def _qualify(grids, prop, rank):
    """Numbers of the grids whose Property has the Rank, int64 [n], and how many they are."""
    chosen = _select(_measure_grids(grids, prop), rank)
    out = np.zeros(len(chosen), np.int64)
    k = 0
    for i in range(len(chosen)):
        if chosen[i]:
            out[k] = i
            k += 1
    return out, k


@kernel
def _paste(canvas, top, row, column):
    """A copy of the canvas with the non-background cells of `top` at (row, column), clipped."""
    h, w = canvas.shape
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            out[r, c] = canvas[r, c]
            y, x = r - row, c - column
            if 0 <= y < top.shape[0] and 0 <= x < top.shape[1] and top[y, x]:
                out[r, c] = top[y, x]
    return out


@primitive("split")
def split_separators(grid: Grid) -> Grids:
    """The panels between full rows and columns of one non-background colour, in reading order.

    The separator colour is one that gives panels of one shape if there is one, and then the one with the most
    full lines. Not applicable below 2 or above 64 panels.
    """
    color, rows, columns = _panels(grid)
    if color == 0:
        return _no_grids()
    return _cut(grid, rows, columns)


@primitive("split")
def split_halves(grid: Grid, axis: Axis) -> Grids:
    """The left and right half (HORIZONTAL) or the upper and lower half (VERTICAL) of the grid.

    The middle line of an odd side is left out. Not applicable where the halved side is 1.
    """
    h, w = grid.shape
    if axis == 0:
        if w < 2:
            return _no_grids()
        return _cut(grid, _bands(h, 1), _bands(w, 2))
    if h < 2:
        return _no_grids()
    return _cut(grid, _bands(h, 2), _bands(w, 1))


@primitive("split", values={"rows": (1, 2, 3, 4), "columns": (1, 2, 3, 4)})
def split_parts(grid: Grid, rows: Int, columns: Int) -> Grids:
    """Cut the grid into rows × columns equal parts, adjacent or with one line between them, in reading order.

    Not applicable where a side cannot be divided so, and for 1 × 1.
    """
    h, w = grid.shape
    return _cut(grid, _bands(h, rows), _bands(w, columns))


@primitive("split")
def split_square(grid: Grid) -> Grids:
    """Cut a long grid into squares along its long side, adjacent or with one line between them.

    Not applicable where the squares do not fit.
    """
    h, w = grid.shape
    side, length = min(h, w), max(h, w)
    parts = 0
    if length % side == 0:
        parts = length // side
    elif (length + 1) % (side + 1) == 0:
        parts = (length + 1) // (side + 1)
    return _cut(grid, _bands(h, parts if h == length else 1), _bands(w, 1 if h == length else parts))


@primitive("split")
def split_lines(grid: Grid, axis: Axis) -> Grids:
    """The rows (HORIZONTAL, each [1, W]) or the columns (VERTICAL, each [H, 1]) of the grid, in order.

    Not applicable to a single line.
    """
    h, w = grid.shape
    return _cut(grid, _bands(h, h if axis == 0 else 1), _bands(w, 1 if axis == 0 else w))


@primitive("split")
def split_colors(grid: Grid) -> Grids:
    """One grid of the same shape for each non-background colour, holding only it, the most common first.

    Equally common colours come in the order of their numbers. Not applicable to an empty grid.
    """
    h, w = grid.shape
    counts = np.zeros(10, np.int64)
    for r in range(h):
        for c in range(w):
            counts[grid[r, c]] += 1
    counts[0] = 0
    number = np.zeros(10, np.int64)
    n = 0
    for k in range(1, 10):
        n += counts[k] > 0
        for j in range(1, 10):
            if counts[j] > counts[k] or (counts[j] == counts[k] and j < k):
                number[k] += 1
    if n == 0:
        return _no_grids()
    cells = np.zeros((n, 30, 30), np.int8)
    shapes = np.empty((n, 2), np.int64)
    for i in range(n):
        shapes[i, 0] = h
        shapes[i, 1] = w
    for r in range(h):
        for c in range(w):
            if grid[r, c]:
                cells[number[grid[r, c]], r, c] = grid[r, c]
    return Grids(cells, shapes)


@primitive("split")
def pair(first: Grid, second: Grid) -> Grids:
    """Two grids as a sequence, to be merged, compared or stacked."""
    cells = np.zeros((2, 30, 30), np.int8)
    shapes = np.empty((2, 2), np.int64)
    for i in range(2):
        grid = first if i == 0 else second
        h, w = grid.shape
        shapes[i, 0] = h
        shapes[i, 1] = w
        for r in range(h):
            for c in range(w):
                cells[i, r, c] = grid[r, c]
    return Grids(cells, shapes)


@primitive("split")
def cell_grid(grid: Grid) -> Grid:
    """Reduce every panel between separators to a cell: its most common non-background colour, 0 if empty.

    Panels as in split_separators, any number of them. Not applicable without separators.
    """
    color, rows, columns = _panels(grid)
    if color == 0:
        return _no_grid()
    out = np.empty((rows.shape[0], columns.shape[0]), np.int8)
    for i in range(rows.shape[0]):
        for j in range(columns.shape[0]):
            out[i, j] = _main_color(grid, rows[i, 0], rows[i, 1], columns[j, 0], columns[j, 1])
    return out


@primitive("split")
def fill_panels(cells: Grid, like: Grid) -> Grid:
    """Fill each panel between the separators of `like` with the colour of the corresponding cell of `cells`.

    Not applicable where `like` has no separators, or not one panel for each cell of `cells`.
    """
    color, rows, columns = _panels(like)
    if color == 0 or rows.shape[0] != cells.shape[0] or columns.shape[0] != cells.shape[1]:
        return _no_grid()
    h, w = like.shape
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            out[r, c] = color
    for i in range(rows.shape[0]):
        for j in range(columns.shape[0]):
            for r in range(rows[i, 0], rows[i, 1]):
                for c in range(columns[j, 0], columns[j, 1]):
                    out[r, c] = cells[i, j]
    return out


@primitive("split")
def separator_color(grid: Grid) -> Color:
    """The colour of the separators (full rows and columns). Not applicable without separators."""
    color, _, _ = _panels(grid)
    return color if color else MISSING


@primitive("split")
def remove_separators(grid: Grid) -> Grid:
    """Cut the separator rows and columns out of the grid, so that its panels meet.

    Not applicable without separators.
    """
    color, rows, columns = _panels(grid)
    if color == 0:
        return _no_grid()
    h, w = 0, 0
    for i in range(rows.shape[0]):
        h += rows[i, 1] - rows[i, 0]
    for j in range(columns.shape[0]):
        w += columns[j, 1] - columns[j, 0]
    out = np.empty((h, w), np.int8)
    y = 0
    for i in range(rows.shape[0]):
        for r in range(rows[i, 0], rows[i, 1]):
            x = 0
            for j in range(columns.shape[0]):
                for c in range(columns[j, 0], columns[j, 1]):
                    out[y, x] = grid[r, c]
                    x += 1
            y += 1
    return out


@primitive("split")
def unsplit(grids: Grids, like: Grid) -> Grid:
    """Put the grids, in reading order, into the panels between the separators of `like`.

    Not applicable unless there is one grid for every panel, of its shape.
    """
    color, rows, columns = _panels(like)
    a, b = rows.shape[0], columns.shape[0]
    if color == 0 or a * b != grids.shapes.shape[0]:
        return _no_grid()
    h, w = like.shape
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            out[r, c] = color
    for i in range(a):
        for j in range(b):
            k = i * b + j
            height, width = rows[i, 1] - rows[i, 0], columns[j, 1] - columns[j, 0]
            if grids.shapes[k, 0] != height or grids.shapes[k, 1] != width:
                return _no_grid()
            for r in range(height):
                for c in range(width):
                    out[rows[i, 0] + r, columns[j, 0] + c] = grids.cells[k, r, c]
    return out


@primitive("split", values={"rank": (0, 1, 2, 3)})
def keep_panels(grid: Grid, prop: Property, rank: Rank) -> Grid:
    """Empty every panel between separators but those whose property has the rank; all that qualify are kept.

    rank: MAX, MIN, UNIQUE or COMMON. Not applicable without separators, above 64 panels or if none qualifies.
    """
    color, rows, columns = _panels(grid)
    if color == 0:
        return _no_grid()
    order, k = _qualify(_cut(grid, rows, columns), prop, rank)
    if k == 0:
        return _no_grid()
    h, w = grid.shape
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            out[r, c] = grid[r, c]
    at = 0
    b = columns.shape[0]
    for i in range(rows.shape[0] * b):
        if at < k and order[at] == i:
            at += 1
            continue
        for r in range(rows[i // b, 0], rows[i // b, 1]):
            for c in range(columns[i % b, 0], columns[i % b, 1]):
                out[r, c] = 0
    return out


@primitive("split", values={"rank": (0, 1, 2, 3)})
def pick(grids: Grids, prop: Property, rank: Rank) -> Grid:
    """The grid whose property has the rank among the grids, e.g. the one with the most non-background cells.

    rank: MAX, MIN, UNIQUE or COMMON. Not applicable where none qualifies, or several that are not identical.
    """
    order, k = _qualify(grids, prop, rank)
    if k == 0:
        return _no_grid()
    for i in range(1, k):
        if not _alike(grids, order[0], order[i], -1, False):
            return _no_grid()
    return _take(grids, order[0])


@primitive("split", values={"rank": (0, 1, 2, 3)})
def keep_grids(grids: Grids, prop: Property, rank: Rank) -> Grids:
    """All grids whose property has the rank among the grids, in order.

    rank: MAX, MIN, UNIQUE or COMMON. Not applicable where none qualifies.
    """
    order, k = _qualify(grids, prop, rank)
    return _gather(grids, order, k)


@primitive("split")
def pick_odd(grids: Grids) -> Grid:
    """The one grid that has no equal among the others, while every other has one.

    Grids are compared exactly; if that singles out none, up to symmetry; then by shape alone, up to symmetry.
    Not applicable if no comparison singles out exactly one, or below 3 grids.
    """
    n = grids.shapes.shape[0]
    if n < 3:
        return _no_grid()
    for level in range(3):
        odd, count = 0, 0
        for i in range(n):
            found = False
            for j in range(n):
                if i != j and not found:
                    for symmetry in range(-1, 0 if level == 0 else 7):
                        if _alike(grids, i, j, symmetry, level == 2):
                            found = True
                            break
            if not found:
                odd = i
                count += 1
        if count == 1:
            return _take(grids, odd)
    return _no_grid()


@primitive("split", values={"index": (0, 1, 2, 3, -1)})
def nth(grids: Grids, index: Int) -> Grid:
    """The grid of that number: 0 is the first, −1 the last. Not applicable where there are not so many."""
    n = grids.shapes.shape[0]
    if index < 0:
        index += n
    if index < 0 or index >= n:
        return _no_grid()
    return _take(grids, index)


@primitive("split", values={"color": (1, 2, 3, 4, 5, 6, 7, 8, 9)})
def merge(grids: Grids, how: Logic, color: Color) -> Grid:
    """Paint, on an empty grid, the cells whose being non-background in the grids satisfies a logic.

    AND: in all of them; OR: in any; XOR: in exactly one; NOR: in none; DIFF: in the first and no other. Not
    applicable unless there are two grids or more of one shape.
    """
    if not _same_shape(grids):
        return _no_grid()
    n, h, w = grids.shapes.shape[0], grids.shapes[0, 0], grids.shapes[0, 1]
    out = np.zeros((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            count = 0
            for i in range(n):
                count += grids.cells[i, r, c] != 0
            if (
                (how == 0 and count == n)
                or (how == 1 and count > 0)
                or (how == 2 and count == 1)
                or (how == 3 and count == 0)
                or (how == 4 and count == 1 and grids.cells[0, r, c] != 0)
            ):
                out[r, c] = color
    return out


@primitive("split")
def overlay(bottom: Grid, top: Grid) -> Grid:
    """Lay one grid over another of the same shape: non-background cells of `top` hide those of `bottom`."""
    if bottom.shape[0] != top.shape[0] or bottom.shape[1] != top.shape[1]:
        return _no_grid()
    return _paste(bottom, top, 0, 0)


@primitive("split", values={"reverse": (0, 1)})
def overlay_all(grids: Grids, reverse: Int) -> Grid:
    """Lay all grids over each other, the first on top (reverse 0) or the last on top (reverse 1).

    Background is transparent. Not applicable unless there are two grids or more of one shape.
    """
    if not _same_shape(grids):
        return _no_grid()
    n, h, w = grids.shapes.shape[0], grids.shapes[0, 0], grids.shapes[0, 1]
    out = np.zeros((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            for i in range(n):
                v = grids.cells[n - 1 - i if reverse else i, r, c]
                if v:
                    out[r, c] = v
                    break
    return out


@primitive("split")
def common_cells(grids: Grids) -> Grid:
    """Keep the cells that have the same colour in all grids; the others are background.

    Not applicable unless there are two grids or more of one shape.
    """
    if not _same_shape(grids):
        return _no_grid()
    n, h, w = grids.shapes.shape[0], grids.shapes[0, 0], grids.shapes[0, 1]
    out = np.zeros((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            v = grids.cells[0, r, c]
            for i in range(1, n):
                if grids.cells[i, r, c] != v:
                    v = 0
            out[r, c] = v
    return out


@primitive("split")
def majority_cells(grids: Grids) -> Grid:
    """The most common colour, background included, of every cell over all grids; ties go to the earlier grid.

    Not applicable unless there are two grids or more of one shape.
    """
    if not _same_shape(grids):
        return _no_grid()
    n, h, w = grids.shapes.shape[0], grids.shapes[0, 0], grids.shapes[0, 1]
    out = np.zeros((h, w), np.int8)
    counts = np.zeros(10, np.int64)
    for r in range(h):
        for c in range(w):
            for k in range(10):
                counts[k] = 0
            for i in range(n):
                counts[grids.cells[i, r, c]] += 1
            best = 0
            for i in range(n):
                v = grids.cells[i, r, c]
                if counts[v] > best:
                    best = counts[v]
                    out[r, c] = v
    return out


@primitive("split")
def stack(grids: Grids, axis: Axis) -> Grid:
    """Put all grids side by side (HORIZONTAL) or one above the other (VERTICAL), in order.

    Not applicable where the sides that meet differ, or above 30 cells.
    """
    n = grids.shapes.shape[0]
    if n == 0:
        return _no_grid()
    side, length = grids.shapes[0, axis], 0
    for i in range(n):
        length += grids.shapes[i, 1 - axis]
        if grids.shapes[i, axis] != side:
            return _no_grid()
    if length > MAX_SIDE:
        return _no_grid()
    out = np.empty((side if axis == 0 else length, length if axis == 0 else side), np.int8)
    at = 0
    for i in range(n):
        for r in range(grids.shapes[i, 0]):
            for c in range(grids.shapes[i, 1]):
                out[r if axis == 0 else at + r, at + c if axis == 0 else c] = grids.cells[i, r, c]
        at += grids.shapes[i, 1 - axis]
    return out


@primitive("split")
def sort_grids(grids: Grids, prop: Property) -> Grids:
    """Order the grids by a property of their non-background cells, largest first; ties keep their order."""
    values = _measure_grids(grids, prop)
    n = values.shape[0]
    order = np.empty(n, np.int64)
    for i in range(n):
        place = 0
        for j in range(n):
            if values[j] > values[i] or (values[j] == values[i] and j < i):
                place += 1
        order[place] = i
    return _gather(grids, order, n)


@primitive("split")
def reverse_grids(grids: Grids) -> Grids:
    """The grids in the opposite order."""
    n = grids.shapes.shape[0]
    order = np.empty(n, np.int64)
    for i in range(n):
        order[i] = n - 1 - i
    return _gather(grids, order, n)


@primitive("split")
def dedupe_grids(grids: Grids) -> Grids:
    """Drop every grid that equals an earlier one."""
    n = grids.shapes.shape[0]
    order = np.empty(n, np.int64)
    k = 0
    for i in range(n):
        new = True
        for j in range(k):
            if _alike(grids, i, order[j], -1, False):
                new = False
                break
        if new:
            order[k] = i
            k += 1
    return _gather(grids, order, k)


@primitive("split")
def transform_all(grids: Grids, symmetry: Symmetry) -> Grids:
    """Flip, rotate or transpose each of the grids."""
    n = grids.shapes.shape[0]
    cells = np.zeros((n, 30, 30), np.int8)
    shapes = np.empty((n, 2), np.int64)
    for i in range(n):
        image = _transform(_take(grids, i), symmetry)
        h, w = image.shape
        shapes[i, 0] = h
        shapes[i, 1] = w
        for r in range(h):
            for c in range(w):
                cells[i, r, c] = image[r, c]
    return Grids(cells, shapes)


@primitive("split")
def crop_contents(grids: Grids) -> Grids:
    """Crop each of the grids to its non-background cells; empty grids are dropped.

    Not applicable if all are empty.
    """
    n = grids.shapes.shape[0]
    order = np.empty(n, np.int64)
    k = 0
    for i in range(n):
        if _bounds(grids.cells[i])[2]:
            order[k] = i
            k += 1
    cells = np.zeros((k, 30, 30), np.int8)
    shapes = np.empty((k, 2), np.int64)
    for i in range(k):
        top, left, h, w = _bounds(grids.cells[order[i]])
        shapes[i, 0] = h
        shapes[i, 1] = w
        for r in range(h):
            for c in range(w):
                cells[i, r, c] = grids.cells[order[i], top + r, left + c]
    return Grids(cells, shapes)


@primitive("split")
def place(top: Grid, canvas: Grid, corner: Diagonal) -> Grid:
    """Paste a grid, background transparent, in a corner of the canvas; not applicable if it does not fit."""
    h, w = top.shape
    y, x = canvas.shape[0] - h, canvas.shape[1] - w
    if y < 0 or x < 0:
        return _no_grid()
    return _paste(canvas, top, 0 if corner <= 5 else y, 0 if corner in (4, 6) else x)


@primitive("split")
def center_on(top: Grid, canvas: Grid) -> Grid:
    """Paste a grid, background transparent, into the middle of the canvas. Not applicable if it does not fit.

    Where the middle is between two cells, up and left.
    """
    h, w = top.shape
    y, x = canvas.shape[0] - h, canvas.shape[1] - w
    if y < 0 or x < 0:
        return _no_grid()
    return _paste(canvas, top, y // 2, x // 2)


@primitive("split", values={"colored": (0, 1)})
def expand_cells(pattern: Grid, tile: Grid, colored: Int) -> Grid:
    """Replace every non-background cell of the pattern by the tile, and every other by an empty one.

    colored 1: the tile's non-background cells take the colour of the pattern's cell. [H, W] and [h, w] become
    [H·h, W·w]. Not applicable above 30×30.
    """
    h, w = tile.shape
    height, width = pattern.shape[0] * h, pattern.shape[1] * w
    if height > MAX_SIDE or width > MAX_SIDE:
        return _no_grid()
    out = np.zeros((height, width), np.int8)
    for r in range(height):
        for c in range(width):
            v = pattern[r // h, c // w]
            if v and tile[r % h, c % w]:
                out[r, c] = v if colored else tile[r % h, c % w]
    return out
