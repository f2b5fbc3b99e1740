"""Numbers: counting, measuring, arithmetic; grids whose size or content is a number.

Counts are capped at 99. Arithmetic is not applicable where the result leaves -99..99.
"""

from __future__ import annotations

import numpy as np

from .color import _color_counts
from .geometry import _no_grid
from .registry import kernel, primitive
from .types import MAX_SIDE, MISSING, NUM_COLORS, Axis, Color, Grid, Grids, Int, Objects

MAX_INT = 99


@kernel
def _in_range(number):
    """The number, or MISSING outside -99..99."""
    return number if -MAX_INT <= number <= MAX_INT else MISSING


@kernel
def _solid(height, width, color):
    """A grid of one colour; not applicable unless both sides are 1..30."""
    if height < 1 or width < 1 or height > MAX_SIDE or width > MAX_SIDE:
        return _no_grid()
    out = np.empty((height, width), np.int8)
    for r in range(height):
        for c in range(width):
            out[r, c] = color
    return out


@primitive("scalar")
def height(grid: Grid) -> Int:
    """The number of rows."""
    return grid.shape[0]


@primitive("scalar")
def width(grid: Grid) -> Int:
    """The number of columns."""
    return grid.shape[1]


@primitive("scalar")
def count_cells(grid: Grid) -> Int:
    """The number of non-background cells, at most 99."""
    h, w = grid.shape
    return min(h * w - _color_counts(grid)[0], MAX_INT)


@primitive("scalar")
def count_color(grid: Grid, color: Color) -> Int:
    """The number of cells of the colour (0: the background), at most 99."""
    return min(_color_counts(grid)[color], MAX_INT)


@primitive("scalar")
def count_colors(grid: Grid) -> Int:
    """The number of different non-background colours."""
    counts = _color_counts(grid)
    n = 0
    for v in range(1, NUM_COLORS):
        n += counts[v] > 0
    return n


@primitive("scalar")
def count_objects(objects: Objects) -> Int:
    """The number of objects, at most 99; 0 if there is none."""
    return min(objects.count, MAX_INT)


@primitive("scalar")
def count_grids(grids: Grids) -> Int:
    """The number of grids."""
    return grids.shapes.shape[0]


@primitive("scalar", values={"b": (1, 2)})
def add(a: Int, b: Int) -> Int:
    """The sum of two numbers."""
    return _in_range(a + b)


@primitive("scalar", values={"b": (1, 2)})
def subtract(a: Int, b: Int) -> Int:
    """The first number minus the second."""
    return _in_range(a - b)


@primitive("scalar", values={"b": (2, 3)})
def multiply(a: Int, b: Int) -> Int:
    """The product of two numbers."""
    return _in_range(a * b)


@primitive("scalar", values={"b": (2, 3, 4)})
def divide(a: Int, b: Int) -> Int:
    """The first number divided by the second, rounded down. Not applicable to a divisor below 1."""
    if b < 1:
        return MISSING
    return a // b


@primitive("scalar")
def solid(height: Int, width: Int, color: Color) -> Grid:
    """A grid of the given size, all of the colour. Not applicable unless both sides are 1..30."""
    return _solid(height, width, color)


@primitive("scalar", values={"height": (1, 2, 3, 4, 5, 6, 9), "width": (1, 2, 3, 4, 5, 6, 9)})
def blank(height: Int, width: Int) -> Grid:
    """An empty grid of the given size: a canvas to draw on. Not applicable unless both sides are 1..30."""
    return _solid(height, width, 0)


@primitive("scalar")
def bar(length: Int, color: Color, axis: Axis) -> Grid:
    """A single row (HORIZONTAL) or column (VERTICAL) of the colour, `length` cells long (1..30)."""
    if axis == 0:
        return _solid(1, length, color)
    return _solid(length, 1, color)


@primitive("scalar", values={"color": range(1, NUM_COLORS)})
def diagonal(size: Int, color: Color) -> Grid:
    """An empty square grid with its main diagonal in the colour; size 1..30."""
    out = _solid(size, size, 0)
    for i in range(out.shape[0]):
        out[i, i] = color
    return out


@primitive("scalar", values={"color": range(1, NUM_COLORS)})
def fill_first(grid: Grid, count: Int, color: Color) -> Grid:
    """Give the first `count` background cells in reading order the colour; all of them if there are fewer.

    Not applicable to a count below 0.
    """
    if count < 0:
        return _no_grid()
    h, w = grid.shape
    out = np.empty((h, w), np.int8)
    left = count
    for r in range(h):
        for c in range(w):
            v = grid[r, c]
            if v == 0 and left > 0:
                out[r, c] = color
                left -= 1
            else:
                out[r, c] = v
    return out
