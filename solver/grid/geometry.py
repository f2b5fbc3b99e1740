"""Geometry: symmetries, crop, pad, scale, tile. Every function is Grid in, Grid out."""

from __future__ import annotations

import numpy as np

from .registry import kernel, primitive
from .types import MAX_SIDE, Axis, Color, Direction, Grid, Int, Symmetry


@kernel
def _no_grid():
    """The grid that says 'not applicable'."""
    return np.empty((0, 0), np.int8)


@kernel
def _transform(grid, symmetry):
    """Apply a Symmetry. grid: [H, W] of any dtype. Returns a new contiguous array."""
    h, w = grid.shape
    if symmetry <= 1 or symmetry == 3:
        out = np.empty((h, w), grid.dtype)
    else:
        out = np.empty((w, h), grid.dtype)
    for r in range(h):
        for c in range(w):
            v = grid[r, c]
            if symmetry == 0:
                out[h - 1 - r, c] = v
            elif symmetry == 1:
                out[r, w - 1 - c] = v
            elif symmetry == 2:
                out[c, h - 1 - r] = v
            elif symmetry == 3:
                out[h - 1 - r, w - 1 - c] = v
            elif symmetry == 4:
                out[w - 1 - c, r] = v
            elif symmetry == 5:
                out[c, r] = v
            else:
                out[w - 1 - c, h - 1 - r] = v
    return out


@kernel
def _bounds(mask_or_grid):
    """Bounding box (top, left, height, width) of the nonzero cells; height 0 if there are none."""
    h, w = mask_or_grid.shape
    top, left, bottom, right = h, w, -1, -1
    for r in range(h):
        for c in range(w):
            if mask_or_grid[r, c]:
                top = min(top, r)
                bottom = max(bottom, r)
                left = min(left, c)
                right = max(right, c)
    if bottom < 0:
        return 0, 0, 0, 0
    return top, left, bottom - top + 1, right - left + 1


@kernel
def _window(grid, top, left, height, width):
    """A new contiguous copy of a window that lies inside the grid."""
    out = np.empty((height, width), grid.dtype)
    for r in range(height):
        for c in range(width):
            out[r, c] = grid[top + r, left + c]
    return out


@kernel
def _concat(a, b, axis):
    """a and b side by side (axis 0) or a above b (axis 1); not applicable if the common side differs."""
    ha, wa = a.shape
    hb, wb = b.shape
    if axis == 0:
        if ha != hb or wa + wb > MAX_SIDE:
            return _no_grid()
        out = np.empty((ha, wa + wb), np.int8)
        out[:, :wa] = a
        out[:, wa:] = b
        return out
    if wa != wb or ha + hb > MAX_SIDE:
        return _no_grid()
    out = np.empty((ha + hb, wa), np.int8)
    out[:ha] = a
    out[ha:] = b
    return out


@primitive("geometry")
def transform(grid: Grid, symmetry: Symmetry) -> Grid:
    """Flip, rotate or transpose the grid.

    [H, W] becomes [W, H] for ROT90, ROT270, TRANSPOSE, ANTITRANSPOSE.
    """
    return _transform(grid, symmetry)


@primitive("geometry")
def crop_content(grid: Grid) -> Grid:
    """Crop to the bounding box of all non-background cells. Not applicable to an empty grid."""
    top, left, height, width = _bounds(grid)
    if height == 0:
        return _no_grid()
    return _window(grid, top, left, height, width)


@primitive("geometry")
def half(grid: Grid, direction: Direction) -> Grid:
    """The half of the grid on the given side; the middle line of an odd side is left out.

    Not applicable where the halved side is 1.
    """
    h, w = grid.shape
    if direction <= 1:
        n = h // 2
        if n == 0:
            return _no_grid()
        return _window(grid, 0 if direction == 0 else h - n, 0, n, w)
    n = w // 2
    if n == 0:
        return _no_grid()
    return _window(grid, 0, 0 if direction == 2 else w - n, h, n)


@primitive("geometry", values={"lines": (1, 2)})
def trim(grid: Grid, lines: Int) -> Grid:
    """Cut `lines` rows and columns off every edge. Not applicable if nothing is left."""
    h, w = grid.shape
    if lines < 1 or h <= 2 * lines or w <= 2 * lines:
        return _no_grid()
    return _window(grid, lines, lines, h - 2 * lines, w - 2 * lines)


@primitive("geometry")
def trim_side(grid: Grid, direction: Direction) -> Grid:
    """Cut one row or column off the given side. Not applicable if nothing is left."""
    h, w = grid.shape
    if (direction <= 1 and h == 1) or (direction >= 2 and w == 1):
        return _no_grid()
    if direction <= 1:
        return _window(grid, 1 if direction == 0 else 0, 0, h - 1, w)
    return _window(grid, 0, 1 if direction == 2 else 0, h, w - 1)


@primitive("geometry")
def pad(grid: Grid, color: Color) -> Grid:
    """Add a frame of one cell of the colour around the grid. Not applicable above 28 rows or columns."""
    h, w = grid.shape
    if h + 2 > MAX_SIDE or w + 2 > MAX_SIDE:
        return _no_grid()
    out = np.full((h + 2, w + 2), color, np.int8)
    out[1 : h + 1, 1 : w + 1] = grid
    return out


@primitive("geometry")
def shift(grid: Grid, direction: Direction) -> Grid:
    """Move the picture by one cell; what leaves the grid is lost, what is bared is background."""
    h, w = grid.shape
    dr = (-1, 1, 0, 0)[direction]
    dc = (0, 0, -1, 1)[direction]
    out = np.zeros((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            if 0 <= r + dr < h and 0 <= c + dc < w:
                out[r + dr, c + dc] = grid[r, c]
    return out


@primitive("geometry")
def roll(grid: Grid, direction: Direction) -> Grid:
    """Move the picture by one cell; what leaves on one side comes back on the other."""
    h, w = grid.shape
    dr = (-1, 1, 0, 0)[direction]
    dc = (0, 0, -1, 1)[direction]
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            out[(r + dr) % h, (c + dc) % w] = grid[r, c]
    return out


@primitive("geometry", values={"factor": (2, 3, 4, 5)})
def upscale(grid: Grid, factor: Int) -> Grid:
    """Every cell becomes a block of factor × factor cells. Not applicable above 30×30."""
    h, w = grid.shape
    if factor < 1 or h * factor > MAX_SIDE or w * factor > MAX_SIDE:
        return _no_grid()
    out = np.empty((h * factor, w * factor), np.int8)
    for r in range(h * factor):
        for c in range(w * factor):
            out[r, c] = grid[r // factor, c // factor]
    return out


@primitive("geometry", values={"factor": (2, 3, 4, 5)})
def downscale(grid: Grid, factor: Int) -> Grid:
    """Keep every factor-th row and column, from the first. Not applicable where a side is no multiple."""
    h, w = grid.shape
    if factor < 2 or h % factor or w % factor:
        return _no_grid()
    out = np.empty((h // factor, w // factor), np.int8)
    for r in range(h // factor):
        for c in range(w // factor):
            out[r, c] = grid[r * factor, c * factor]
    return out


@primitive("geometry")
def dedupe_lines(grid: Grid) -> Grid:
    """Drop every row and every column that repeats the one before it: stripes become single lines."""
    h, w = grid.shape
    rows = np.ones(h, np.bool_)
    cols = np.ones(w, np.bool_)
    for r in range(1, h):
        rows[r] = np.any(grid[r] != grid[r - 1])
    for c in range(1, w):
        cols[c] = np.any(grid[:, c] != grid[:, c - 1])
    out = np.empty((rows.sum(), cols.sum()), np.int8)
    i = 0
    for r in range(h):
        if rows[r]:
            j = 0
            for c in range(w):
                if cols[c]:
                    out[i, j] = grid[r, c]
                    j += 1
            i += 1
    return out


@primitive("geometry", values={"rows": (1, 2, 3, 4, 5), "columns": (1, 2, 3, 4, 5)})
def tile(grid: Grid, rows: Int, columns: Int) -> Grid:
    """Repeat the grid rows × columns times. Not applicable above 30×30, or for 1 × 1."""
    h, w = grid.shape
    if rows < 1 or columns < 1 or rows * columns == 1 or h * rows > MAX_SIDE or w * columns > MAX_SIDE:
        return _no_grid()
    out = np.empty((h * rows, w * columns), np.int8)
    for r in range(h * rows):
        for c in range(w * columns):
            out[r, c] = grid[r % h, c % w]
    return out


@primitive("geometry")
def concat(first: Grid, second: Grid, axis: Axis) -> Grid:
    """Put two grids side by side (HORIZONTAL) or one above the other (VERTICAL).

    Not applicable where the sides that meet differ, or above 30 cells.
    """
    return _concat(first, second, axis)


@primitive("geometry")
def mirror_concat(grid: Grid, direction: Direction) -> Grid:
    """Attach the mirror image of the grid on the given side. Not applicable above 30 cells."""
    if direction <= 1:
        image = _transform(grid, 0)
        return _concat(image, grid, 1) if direction == 0 else _concat(grid, image, 1)
    image = _transform(grid, 1)
    return _concat(image, grid, 0) if direction == 2 else _concat(grid, image, 0)


@primitive("geometry")
def kaleidoscope(grid: Grid) -> Grid:
    """Four mirror images: [H, W] becomes [2H, 2W], symmetric both ways. Not applicable above 15 a side."""
    right = _concat(grid, _transform(grid, 1), 0)
    if right.shape[0] == 0:
        return right
    return _concat(right, _transform(right, 0), 1)


@primitive("geometry")
def rotations(grid: Grid) -> Grid:
    """A square grid and its three rotations clockwise around the centre: [N, N] becomes [2N, 2N]."""
    h, w = grid.shape
    if h != w or 2 * h > MAX_SIDE:
        return _no_grid()
    top = _concat(grid, _transform(grid, 2), 0)
    bottom = _concat(_transform(grid, 4), _transform(grid, 3), 0)
    return _concat(top, bottom, 1)


@primitive("geometry")
def fractal(grid: Grid) -> Grid:
    """Put a copy of the grid wherever it has a non-background cell: [H, W] becomes [H·H, W·W]."""
    h, w = grid.shape
    if h * h > MAX_SIDE or w * w > MAX_SIDE or h * w == 1:
        return _no_grid()
    out = np.zeros((h * h, w * w), np.int8)
    for r in range(h):
        for c in range(w):
            if grid[r, c]:
                out[r * h : (r + 1) * h, c * w : (c + 1) * w] = grid
    return out
