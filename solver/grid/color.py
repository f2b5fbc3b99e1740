"""Colours and masks: recolouring by name or by frequency, reading a colour off a grid, cell-wise logic."""

from __future__ import annotations

import numpy as np

from .geometry import _no_grid
from .registry import kernel, primitive
from .types import MAX_SIDE, MISSING, NUM_COLORS, Axis, Color, Diagonal, Grid, Int, Logic, Mask, Rank


@kernel
def _no_mask():
    """The mask that says 'not applicable'."""
    return np.empty((0, 0), np.bool_)


@kernel
def _color_counts(grid):
    """Number of cells of each colour: int64 [10]."""
    counts = np.zeros(NUM_COLORS, np.int64)
    for r in range(grid.shape[0]):
        for c in range(grid.shape[1]):
            counts[grid[r, c]] += 1
    return counts


@kernel
def _colors_by_count(counts, grid):
    """The non-background colours with a count, most frequent first: int64 [k].

    Equal counts: in reading order of the first cell in the grid.
    """
    first = np.zeros(NUM_COLORS, np.int64)
    h, w = grid.shape
    for i in range(h * w - 1, -1, -1):
        first[grid[i // w, i % w]] = i
    n = 0
    for v in range(1, NUM_COLORS):
        n += counts[v] > 0
    order = np.empty(n, np.int64)
    n = 0
    for v in range(1, NUM_COLORS):
        if counts[v] > 0:
            i = n
            while i > 0:
                u = order[i - 1]
                if counts[u] > counts[v] or (counts[u] == counts[v] and first[u] < first[v]):
                    break
                order[i] = u
                i -= 1
            order[i] = v
            n += 1
    return order


@kernel
def _ranked_color(counts, rank):
    """The non-background colour whose count is MAX, MIN, SECOND_MAX or SECOND_MIN; MISSING if tied or absent.

    SECOND_*: the second of the colours in order of count; neither the first nor the third may have as many.
    """
    skip = 1 if rank >= 4 else 0
    sign = 1 if rank % 4 == 0 else -1
    best = MISSING
    for v in range(1, NUM_COLORS):
        if counts[v] == 0:
            continue
        better = 0
        tied = False
        for u in range(1, NUM_COLORS):
            if u != v and counts[u] > 0:
                if counts[u] == counts[v]:
                    tied = True
                elif sign * counts[u] > sign * counts[v]:
                    better += 1
        if better == skip and not tied:
            best = v
    return best


@kernel
def _most_common(counts):
    """The non-background colour of the largest count; MISSING if there is none, or a tie."""
    best, n, tied = MISSING, 0, False
    for v in range(1, NUM_COLORS):
        if counts[v] > n:
            best, n, tied = v, counts[v], False
        elif n > 0 and counts[v] == n:
            tied = True
    return MISSING if tied else best


@kernel
def _exchange(grid, a, b):
    """Cells of colour a become b, cells of colour b become a."""
    h, w = grid.shape
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            v = grid[r, c]
            if v == a:
                out[r, c] = b
            elif v == b:
                out[r, c] = a
            else:
                out[r, c] = v
    return out


@kernel
def _replace(grid, old, new):
    """Cells of colour old become new."""
    h, w = grid.shape
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            out[r, c] = new if grid[r, c] == old else grid[r, c]
    return out


@kernel
def _only(grid, color):
    """Cells of another colour become background."""
    h, w = grid.shape
    out = np.zeros((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            if grid[r, c] == color:
                out[r, c] = color
    return out


@kernel
def _logic(a, b, how):
    """Logic of two booleans."""
    if how == 0:
        return a and b
    if how == 1:
        return a or b
    if how == 2:
        return a != b
    if how == 3:
        return not (a or b)
    return a and not b


@primitive("color", values={"color": range(1, NUM_COLORS)})
def paint_all(grid: Grid, color: Color) -> Grid:
    """Give every non-background cell the colour."""
    h, w = grid.shape
    out = np.zeros((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            if grid[r, c]:
                out[r, c] = color
    return out


@primitive("color")
def fill_solid(grid: Grid, color: Color) -> Grid:
    """A grid of the same size, all of the colour."""
    h, w = grid.shape
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            out[r, c] = color
    return out


@primitive("color")
def replace_color(grid: Grid, old: Color, new: Color) -> Grid:
    """Recolour the cells of one colour (background included) to another.

    Unchanged if the grid has no cell of the old colour. Not applicable where old and new are the same.
    """
    if old == new:
        return _no_grid()
    return _replace(grid, old, new)


@primitive("color", values={"first": range(9), "second": range(1, NUM_COLORS)})
def swap_colors(grid: Grid, first: Color, second: Color) -> Grid:
    """Exchange two colours. Not applicable where they are the same."""
    if first == second:
        return _no_grid()
    return _exchange(grid, first, second)


@primitive("color", values={"color": range(1, NUM_COLORS)})
def keep_color(grid: Grid, color: Color) -> Grid:
    """Erase all cells that are not of the colour. Not applicable if none is."""
    if _color_counts(grid)[color] == 0:
        return _no_grid()
    return _only(grid, color)


@primitive("color", values={"color": range(1, NUM_COLORS)})
def drop_color(grid: Grid, color: Color) -> Grid:
    """Erase the cells of the colour."""
    return _replace(grid, color, 0)


@primitive("color", values={"rank": (0, 1, 4, 5)})
def keep_ranked_color(grid: Grid, rank: Rank) -> Grid:
    """Erase all but the most common, least common, ... non-background colour.

    rank: MAX, MIN, SECOND_MAX, SECOND_MIN by number of cells. Not applicable if tied or absent.
    """
    color = _ranked_color(_color_counts(grid), rank)
    if color == MISSING:
        return _no_grid()
    return _only(grid, color)


@primitive("color", values={"rank": (0, 1, 4, 5)})
def drop_ranked_color(grid: Grid, rank: Rank) -> Grid:
    """Erase the most common, least common, ... non-background colour.

    rank: MAX, MIN, SECOND_MAX, SECOND_MIN by number of cells. Not applicable if tied or absent.
    """
    color = _ranked_color(_color_counts(grid), rank)
    if color == MISSING:
        return _no_grid()
    return _replace(grid, color, 0)


@primitive("color", values={"rank": (0, 1, 4, 5)})
def ranked_color(grid: Grid, rank: Rank) -> Color:
    """The most common, least common, ... non-background colour.

    rank: MAX, MIN, SECOND_MAX, SECOND_MIN by number of cells. Not applicable if tied or absent.
    """
    return _ranked_color(_color_counts(grid), rank)


@primitive("color")
def background_color(grid: Grid) -> Color:
    """The most common of all colours, background included. Not applicable on a tie."""
    counts = _color_counts(grid)
    best, tied = 0, False
    for v in range(1, NUM_COLORS):
        if counts[v] > counts[best]:
            best, tied = v, False
        elif counts[v] == counts[best]:
            tied = True
    return MISSING if tied else best


@primitive("color")
def border_color(grid: Grid) -> Color:
    """The most common non-background colour on the border. Not applicable on a tie or an empty border."""
    h, w = grid.shape
    counts = np.zeros(NUM_COLORS, np.int64)
    for r in range(h):
        for c in range(w):
            if r == 0 or c == 0 or r == h - 1 or c == w - 1:
                counts[grid[r, c]] += 1
    return _most_common(counts)


@primitive("color")
def corner_color(grid: Grid, corner: Diagonal) -> Color:
    """The colour (background, too) of a corner cell."""
    h, w = grid.shape
    r = 0 if corner <= 5 else h - 1
    c = 0 if corner % 2 == 0 else w - 1
    return np.int64(grid[r, c])


@primitive("color")
def center_color(grid: Grid) -> Color:
    """The colour of the middle cell, or of the two or four middle cells of even sides if they agree."""
    h, w = grid.shape
    color = np.int64(grid[h // 2, w // 2])
    for r in range((h - 1) // 2, h // 2 + 1):
        for c in range((w - 1) // 2, w // 2 + 1):
            if grid[r, c] != color:
                return MISSING
    return color


@primitive("color")
def invert_colors(grid: Grid) -> Grid:
    """Exchange background and the only other colour. Not applicable unless there is exactly one."""
    counts = _color_counts(grid)
    color, n = 0, 0
    for v in range(1, NUM_COLORS):
        if counts[v]:
            color = v
            n += 1
    if n != 1:
        return _no_grid()
    return _exchange(grid, 0, color)


@primitive("color")
def swap_two_colors(grid: Grid) -> Grid:
    """Exchange the two non-background colours of the grid. Not applicable unless there are exactly two."""
    order = _colors_by_count(_color_counts(grid), grid)
    if order.shape[0] != 2:
        return _no_grid()
    return _exchange(grid, order[0], order[1])


@primitive("color")
def swap_background(grid: Grid) -> Grid:
    """Exchange background and the most common other colour. Not applicable on a tie or an empty grid."""
    color = _most_common(_color_counts(grid))
    if color == MISSING:
        return _no_grid()
    return _exchange(grid, 0, color)


@primitive("color")
def rank_colors(grid: Grid) -> Grid:
    """Renumber the non-background colours by frequency: the most common becomes 1, the next 2, ...

    Equal frequencies: the colour that comes first in reading order gets the smaller number.
    """
    order = _colors_by_count(_color_counts(grid), grid)
    new = np.zeros(NUM_COLORS, np.int8)
    for i in range(order.shape[0]):
        new[order[i]] = i + 1
    h, w = grid.shape
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            out[r, c] = new[grid[r, c]]
    return out


@primitive("color")
def majority_lines(grid: Grid, axis: Axis) -> Grid:
    """Every row (HORIZONTAL) or column (VERTICAL) becomes its most common non-background colour throughout.

    A line becomes background if it has no such colour, or a tie.
    """
    h, w = grid.shape
    out = np.zeros((h, w), np.int8)
    lines, cells = (h, w) if axis == 0 else (w, h)
    for i in range(lines):
        counts = np.zeros(NUM_COLORS, np.int64)
        for j in range(cells):
            counts[grid[i, j] if axis == 0 else grid[j, i]] += 1
        color = _most_common(counts)
        if color == MISSING:
            continue
        for j in range(cells):
            if axis == 0:
                out[i, j] = color
            else:
                out[j, i] = color
    return out


@primitive("color")
def color_list(grid: Grid, axis: Axis) -> Grid:
    """The non-background colours as one row (HORIZONTAL) or column (VERTICAL), most common first.

    [1, k] or [k, 1]; equal frequencies in reading order of the first cell. Not applicable to an empty grid.
    """
    order = _colors_by_count(_color_counts(grid), grid)
    n = order.shape[0]
    if n == 0:
        return _no_grid()
    out = np.empty((1, n) if axis == 0 else (n, 1), np.int8)
    for i in range(n):
        if axis == 0:
            out[0, i] = order[i]
        else:
            out[i, 0] = order[i]
    return out


@primitive("color")
def color_histogram(grid: Grid, axis: Axis) -> Grid:
    """A bar for each non-background colour, as long as it has cells, longest first.

    HORIZONTAL: bars are rows that start at the left, [k, longest]. VERTICAL: bars are columns that stand
    on the last row, [longest, k]. Not applicable to an empty grid or above 30 cells.
    """
    counts = _color_counts(grid)
    order = _colors_by_count(counts, grid)
    k = order.shape[0]
    if k == 0 or counts[order[0]] > MAX_SIDE:
        return _no_grid()
    n = counts[order[0]]
    out = np.zeros((k, n) if axis == 0 else (n, k), np.int8)
    for i in range(k):
        for j in range(counts[order[i]]):
            if axis == 0:
                out[i, j] = order[i]
            else:
                out[n - 1 - j, i] = order[i]
    return out


@primitive("color")
def content_mask(grid: Grid) -> Mask:
    """The cells that are not background."""
    h, w = grid.shape
    out = np.empty((h, w), np.bool_)
    for r in range(h):
        for c in range(w):
            out[r, c] = grid[r, c] != 0
    return out


@primitive("color")
def mask_of_color(grid: Grid, color: Color) -> Mask:
    """The cells of the colour (0: the background)."""
    h, w = grid.shape
    out = np.empty((h, w), np.bool_)
    for r in range(h):
        for c in range(w):
            out[r, c] = grid[r, c] == color
    return out


@primitive("color")
def difference_mask(first: Grid, second: Grid) -> Mask:
    """The cells in which two grids of the same size differ."""
    h, w = first.shape
    if second.shape[0] != h or second.shape[1] != w:
        return _no_mask()
    out = np.empty((h, w), np.bool_)
    for r in range(h):
        for c in range(w):
            out[r, c] = first[r, c] != second[r, c]
    return out


@primitive("color", values={"start": (0, 1)})
def stripe_mask(grid: Grid, axis: Axis, start: Int) -> Mask:
    """Every second row (HORIZONTAL) or column (VERTICAL) of the grid, from the `start`-th (0: the first)."""
    h, w = grid.shape
    out = np.empty((h, w), np.bool_)
    for r in range(h):
        for c in range(w):
            out[r, c] = ((r if axis == 0 else c) + start) % 2 == 0
    return out


@primitive("color", values={"start": (0, 1)})
def checker_mask(grid: Grid, start: Int) -> Mask:
    """Every second cell of the grid like a chessboard, with (start 0) or without (1) the upper left cell."""
    h, w = grid.shape
    out = np.empty((h, w), np.bool_)
    for r in range(h):
        for c in range(w):
            out[r, c] = (r + c + start) % 2 == 0
    return out


@primitive("color")
def mask_logic(first: Mask, second: Mask, how: Logic) -> Mask:
    """Combine two masks of the same size cell by cell. Not applicable where the sizes differ."""
    h, w = first.shape
    if second.shape[0] != h or second.shape[1] != w:
        return _no_mask()
    out = np.empty((h, w), np.bool_)
    for r in range(h):
        for c in range(w):
            out[r, c] = _logic(first[r, c], second[r, c], how)
    return out


@primitive("color")
def mask_not(mask: Mask) -> Mask:
    """The cells that are not in the mask."""
    h, w = mask.shape
    out = np.empty((h, w), np.bool_)
    for r in range(h):
        for c in range(w):
            out[r, c] = not mask[r, c]
    return out


@primitive("color")
def fill_mask(grid: Grid, mask: Mask, color: Color) -> Grid:
    """Give the cells of the mask the colour, over what is there. Not applicable where the sizes differ."""
    h, w = grid.shape
    if mask.shape[0] != h or mask.shape[1] != w:
        return _no_grid()
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            out[r, c] = color if mask[r, c] else grid[r, c]
    return out


@primitive("color", values={"color": range(1, NUM_COLORS)})
def mask_grid(mask: Mask, color: Color) -> Grid:
    """Draw the mask in the colour on background."""
    h, w = mask.shape
    out = np.zeros((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            if mask[r, c]:
                out[r, c] = color
    return out


@primitive("color")
def apply_mask(grid: Grid, mask: Mask) -> Grid:
    """Erase the cells outside the mask. Not applicable where the sizes differ."""
    h, w = grid.shape
    if mask.shape[0] != h or mask.shape[1] != w:
        return _no_grid()
    out = np.zeros((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            if mask[r, c]:
                out[r, c] = grid[r, c]
    return out


@primitive("color")
def where(mask: Mask, inside: Grid, outside: Grid) -> Grid:
    """Cells in the mask from one grid, the others from another. Not applicable if sizes differ."""
    h, w = mask.shape
    if inside.shape[0] != h or inside.shape[1] != w or outside.shape[0] != h or outside.shape[1] != w:
        return _no_grid()
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            out[r, c] = inside[r, c] if mask[r, c] else outside[r, c]
    return out


@kernel
def _color_codes(like):
    """int8 [10]: the code of every colour, a permutation. Background keeps 0 where the grid has any; otherwise its
    most common colour gets 0. The other colours follow by frequency, then those that the grid lacks, in order."""
    counts = _color_counts(like)
    codes = np.zeros(NUM_COLORS, np.int8)
    order = _colors_by_count(counts, like)
    for k in range(NUM_COLORS):
        codes[k] = -1
    code = 0
    if counts[0] > 0:
        codes[0] = 0
        code = 1
    for i in range(order.shape[0]):
        if codes[order[i]] < 0:
            codes[order[i]] = code
            code += 1
    for k in range(NUM_COLORS):
        if codes[k] < 0:
            codes[k] = code
            code += 1
    return codes


@kernel
def _recode(grid, codes):
    h, w = grid.shape
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            out[r, c] = codes[grid[r, c]]
    return out


@primitive("color")
def encode_colors(grid: Grid, like: Grid) -> Grid:
    """Rename the colours by their rank in another grid, so that pictures in different colours become alike.

    Background stays 0 if `like` has any, else the most common colour of `like` becomes 0; the others follow by
    frequency, then the colours that `like` lacks. `decode_colors` undoes it.
    """
    return _recode(grid, _color_codes(like))


@primitive("color")
def decode_colors(grid: Grid, like: Grid) -> Grid:
    """Undo `encode_colors` by the same other grid."""
    codes = _color_codes(like)
    colors = np.empty(NUM_COLORS, np.int8)
    for k in range(NUM_COLORS):
        colors[codes[k]] = k
    return _recode(grid, colors)
