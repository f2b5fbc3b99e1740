"""Template: put patterns on a canvas, find and replace them, complete partial copies, find rectangles."""

from __future__ import annotations

import numpy as np

from .geometry import _bounds, _no_grid, _transform, _window
from .objects import _components
from .registry import kernel, primitive
from .types import Color, Grid, Int, Mask


@kernel
def _no_mask():
    """The mask that says 'not applicable'."""
    return np.empty((0, 0), np.bool_)


@kernel
def _copy(grid):
    """A new contiguous copy of a grid or mask."""
    return _window(grid, 0, 0, grid.shape[0], grid.shape[1])


@kernel
def _matches(grid, pattern, row, column):
    """Whether all cells of the pattern equal the grid's at (row, column); it must lie inside."""
    for r in range(pattern.shape[0]):
        for c in range(pattern.shape[1]):
            if grid[row + r, column + c] != pattern[r, c]:
                return False
    return True


@kernel
def _lone(grid, row, column):
    """Whether a cell is not background and its 8 neighbours, as far as inside, are."""
    if grid[row, column] == 0:
        return False
    for r in range(max(row - 1, 0), min(row + 2, grid.shape[0])):
        for c in range(max(column - 1, 0), min(column + 2, grid.shape[1])):
            if grid[r, c] and (r != row or c != column):
                return False
    return True


@kernel
def _around(k, shape):
    """Whether the k-th cell (0..8) of a 3 × 3 block belongs to its plus (0), diagonals (1) or ring (2)."""
    return k != 4 and (shape == 2 or k % 2 == 1 - shape)


@kernel
def _stamp_at(out, pattern, row, column, color):
    """Paint the pattern's non-background cells, centred on a cell, into `out`; color > 0 replaces theirs."""
    h, w = pattern.shape
    top, left = row - (h - 1) // 2, column - (w - 1) // 2
    for r in range(max(0, -top), min(h, out.shape[0] - top)):
        for c in range(max(0, -left), min(w, out.shape[1] - left)):
            if pattern[r, c]:
                out[top + r, left + c] = color if color else pattern[r, c]


@primitive("template")
def stamp(canvas: Grid, pattern: Grid, color: Color) -> Grid:
    """Put the pattern, background transparent, centred on every cell of the colour on the canvas.

    The pattern is clipped at the edges; in an even side the cell up or left of the middle is the centre.
    """
    h, w = canvas.shape
    out = _copy(canvas)
    for r in range(h):
        for c in range(w):
            if canvas[r, c] == color:
                _stamp_at(out, pattern, r, c, 0)
    return out


@primitive("template")
def stamp_recolored(canvas: Grid, pattern: Grid) -> Grid:
    """Put the pattern centred on every lone cell of the canvas, in that cell's colour.

    Lone: a non-background cell without non-background neighbours (8). Not applicable without lone cells; the
    pattern is clipped at the edges; in an even side the cell up or left of the middle is the centre.
    """
    h, w = canvas.shape
    out = _copy(canvas)
    found = False
    for r in range(h):
        for c in range(w):
            if _lone(canvas, r, c):
                found = True
                _stamp_at(out, pattern, r, c, canvas[r, c])
    return out if found else _no_grid()


@primitive("template")
def find_pattern(grid: Grid, pattern: Grid) -> Mask:
    """Mask of all cells of the grid where the pattern occurs exactly, background included.

    Occurrences may overlap. Not applicable where there is none.
    """
    h, w = pattern.shape
    mask = np.zeros(grid.shape, np.bool_)
    found = False
    for row in range(grid.shape[0] - h + 1):
        for column in range(grid.shape[1] - w + 1):
            if _matches(grid, pattern, row, column):
                found = True
                for r in range(h):
                    for c in range(w):
                        mask[row + r, column + c] = True
    return mask if found else _no_mask()


@primitive("template")
def recolor_occurrences(grid: Grid, pattern: Grid, color: Color) -> Grid:
    """Give the colour to the non-background cells of the pattern wherever it occurs exactly in the grid.

    All cells of the occurrences, if the pattern is empty. Not applicable where there is none.
    """
    h, w = pattern.shape
    empty = _bounds(pattern)[2] == 0
    out = _copy(grid)
    found = False
    for row in range(grid.shape[0] - h + 1):
        for column in range(grid.shape[1] - w + 1):
            if _matches(grid, pattern, row, column):
                found = True
                for r in range(h):
                    for c in range(w):
                        if empty or pattern[r, c]:
                            out[row + r, column + c] = color
    return out if found else _no_grid()


@primitive("template")
def replace_patches(grid: Grid, before: Grid, after: Grid) -> Grid:
    """Replace every exact occurrence of one pattern by another of the same shape.

    In reading order, each on what the earlier replacements left. Not applicable for different shapes, or
    where there is no occurrence.
    """
    h, w = before.shape
    if after.shape[0] != h or after.shape[1] != w:
        return _no_grid()
    out = _copy(grid)
    found = False
    for row in range(grid.shape[0] - h + 1):
        for column in range(grid.shape[1] - w + 1):
            if _matches(out, before, row, column):
                found = True
                for r in range(h):
                    for c in range(w):
                        out[row + r, column + c] = after[r, c]
    return out if found else _no_grid()


@primitive("template", values={"shape": (0, 1, 2)})
def decorate(grid: Grid, shape: Int, color: Color) -> Grid:
    """Paint the background cells next to every lone cell: shape 0 a plus, 1 the diagonal cells, 2 a ring.

    Lone: a non-background cell without non-background neighbours (8). Not applicable without lone cells.
    """
    h, w = grid.shape
    out = _copy(grid)
    found = False
    for r in range(h):
        for c in range(w):
            if _lone(grid, r, c):
                found = True
                for k in range(9):
                    y, x = r + k // 3 - 1, c + k % 3 - 1
                    if _around(k, shape) and 0 <= y < h and 0 <= x < w and grid[y, x] == 0:
                        out[y, x] = color
    return out if found else _no_grid()


@primitive("template", values={"shape": (0, 1, 2)})
def neighbor_mask(grid: Grid, color: Color, shape: Int) -> Mask:
    """Mask of the background cells next to cells of the colour: shape 0 straight, 1 diagonally, 2 both."""
    h, w = grid.shape
    mask = np.zeros((h, w), np.bool_)
    for r in range(h):
        for c in range(w):
            if grid[r, c] == 0:
                for k in range(9):
                    y, x = r + k // 3 - 1, c + k % 3 - 1
                    if _around(k, shape) and 0 <= y < h and 0 <= x < w and grid[y, x] == color:
                        mask[r, c] = True
    return mask


@primitive("template")
def largest_rectangle(grid: Grid, color: Color) -> Mask:
    """Mask of the largest rectangle that is all of the colour; of all of them, if several are as large.

    Not applicable if no cell has the colour.
    """
    h, w = grid.shape
    tall = np.zeros((h, w), np.int64)
    best = 0
    for r in range(h):
        for c in range(w):
            if grid[r, c] == color:
                tall[r, c] = 1 + (tall[r - 1, c] if r else 0)
    mask = np.zeros((h, w), np.bool_)
    for again in range(2):
        for r in range(h):
            for c in range(w):
                low = tall[r, c]
                left = c
                while left >= 0 and tall[r, left]:
                    low = min(low, tall[r, left])
                    area = low * (c - left + 1)
                    if again == 0:
                        best = max(best, area)
                    elif area == best:
                        for y in range(r - low + 1, r + 1):
                            for x in range(left, c + 1):
                                mask[y, x] = True
                    left -= 1
    return mask if best else _no_mask()


@primitive("template", values={"side": (2, 3, 4)})
def blocks_of_color(grid: Grid, color: Color, side: Int) -> Mask:
    """Mask of all cells in solid blocks of side × side cells of the colour; not applicable without any."""
    h, w = grid.shape
    mask = np.zeros((h, w), np.bool_)
    found = False
    for row in range(h - side + 1):
        for column in range(w - side + 1):
            solid = side > 0
            for k in range(side * side):
                if grid[row + k // side, column + k % side] != color:
                    solid = False
                    break
            if solid:
                found = True
                for k in range(side * side):
                    mask[row + k // side, column + k % side] = True
    return mask if found else _no_mask()


@kernel
def _next_template(grid, marks, count):
    """The largest marked object (1..count) of two colours or more and at most 150 cells; 0: none."""
    sizes = np.zeros((count + 1, 10), np.int64)
    for r in range(grid.shape[0]):
        for c in range(grid.shape[1]):
            sizes[max(marks[r, c], 0), grid[r, c]] += 1
    best, most = 0, 0
    for k in range(1, count + 1):
        different, size = 0, 0
        for color in range(1, 10):
            different += sizes[k, color] > 0
            size += sizes[k, color]
        if different >= 2 and most < size <= 150:
            best, most = k, size
    return best


@kernel
def _fit_score(grid, marks, image, corner, counts):
    """How many marker cells an image at a corner (row, column) covers, 0 unless it adds some to them.

    Every cell of the image lies outside the grid, on background, or on a cell of its colour of a marker
    (marks > 0); each of its colours is found entirely or not at all, and so is each marker.
    counts: [2, 10], number of cells of each colour in the image; the second row is scratch.
    """
    h, w = grid.shape
    side = image.shape[0]
    for v in range(10):
        counts[1, v] = 0
    total, new = 0, 0
    for r in range(side):
        for c in range(side):
            v = image[r, c]
            y, x = corner[0] + r, corner[1] + c
            if v == 0 or y < 0 or y >= h or x < 0 or x >= w:
                continue
            if grid[y, x] == 0:
                new += 1
                continue
            if grid[y, x] != v or marks[y, x] <= 0:
                return 0
            counts[1, v] += 1
            total += 1
            for k in range(9):
                i, j = r + k // 3 - 1, c + k % 3 - 1
                if 0 <= i < side and 0 <= j < side and image[i, j]:
                    continue
                i, j = y + i - r, x + j - c
                if 0 <= i < h and 0 <= j < w and grid[i, j]:
                    return 0
    for v in range(1, 10):
        if counts[1, v] and counts[1, v] != counts[0, v]:
            return 0
    return total if new else 0


@kernel
def _images(grid, marks, label, turns):
    """One marked object as [turns, side, side]: as it is, then after each Symmetry; padded to a square."""
    h, w = grid.shape
    part = np.zeros((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            if marks[r, c] == label:
                part[r, c] = grid[r, c]
    top, left, height, width = _bounds(part)
    side = max(height, width)
    square = np.zeros((side, side), np.int8)
    for r in range(height):
        for c in range(width):
            square[r, c] = part[top + r, left + c]
    images = np.empty((turns, side, side), np.int8)
    for turn in range(turns):
        image = _transform(square, turn - 1) if turn else square
        for r in range(side):
            for c in range(side):
                images[turn, r, c] = image[r, c]
    return images


@kernel
def _complete_one(out, marks, images):
    """Complete the markers of one template in `out`, most covered first, and take them out of `marks`.

    Returns the number of copies drawn.
    """
    h, w = out.shape
    turns, side = images.shape[0], images.shape[1]
    counts = np.zeros((2, 10), np.int64)
    for r in range(side):
        for c in range(side):
            counts[0, images[0, r, c]] += 1
    size = side * side - counts[0, 0]
    scores = np.zeros((turns, h + side, w + side), np.int16)
    for y in range(h):
        for x in range(w):
            if marks[y, x] > 0 and counts[0, out[y, x]]:
                for turn in range(turns):
                    for r in range(side):
                        for c in range(side):
                            if images[turn, r, c] == out[y, x]:
                                scores[turn, y - r + side, x - c + side] = 1
    copies, limit = 0, 1
    score = -1  # first pass: find the scores; then one pass for each score, downwards
    while score != 0:
        for turn in range(turns):
            for i in range(h + side):
                for j in range(w + side):
                    if scores[turn, i, j] == 0 or (score > 0 and scores[turn, i, j] != score):
                        continue
                    top, left = i - side, j - side
                    fit = _fit_score(out, marks, images[turn], (top, left), counts)
                    if score < 0:
                        scores[turn, i, j] = fit if fit < size else 0
                        limit = max(limit, scores[turn, i, j] + 1)
                    elif fit == score:
                        copies += 1
                        for r in range(max(0, -top), min(side, h - top)):
                            for c in range(max(0, -left), min(side, w - left)):
                                if images[turn, r, c]:
                                    out[top + r, left + c] = images[turn, r, c]
                                    marks[top + r, left + c] = -1
        score = limit - 1 if score < 0 else score - 1
    return copies


@primitive("template", values={"symmetric": (0, 1), "erase": (0, 1)})
def complete_copies(grid: Grid, symmetric: Int, erase: Int) -> Grid:
    """Draw the rest of partial copies: where some colours of a template object recur in its arrangement.

    Templates are the 8-connected objects of two colours or more (at most 150 cells), the largest first. Where
    others make up all of a template's cells of some of its colours, moved (symmetric 0) or moved, turned or
    flipped (symmetric 1), the rest is drawn over background; of rival placements the one that covers most
    cells wins, then the unturned one. erase 1: the templates used are removed. Copies are clipped at the
    edges. Not applicable where there is nothing to complete.
    """
    h, w = grid.shape
    marks, count = _components(grid, 1, 1)
    if count < 2 or count > 100:
        return _no_grid()
    out = _copy(grid)
    copies = 0
    for _ in range(6):
        label = _next_template(out, marks, count)
        if label == 0:
            break
        images = _images(out, marks, label, 8 if symmetric else 1)
        for r in range(h):
            for c in range(w):
                if marks[r, c] == label:
                    marks[r, c] = -1 - label
        made = _complete_one(out, marks, images)
        copies += made
        if made and erase:
            for r in range(h):
                for c in range(w):
                    if marks[r, c] == -1 - label:
                        out[r, c] = 0
    return out if copies else _no_grid()
