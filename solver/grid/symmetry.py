"""Symmetry, periods and noise: complete, repair and fill in what a regular picture lacks.

A centre is written (a, b) = twice its row and column, so that it can lie between cells. ROT270 completes the
same pictures as ROT90 and is left out.
"""

from __future__ import annotations

import numpy as np

from .color import _color_counts
from .geometry import _bounds, _no_grid, _transform, _window
from .registry import kernel, primitive
from .types import MAX_SIDE, NUM_COLORS, Color, Direction, Grid, Int, Symmetry

_GROUPS = (0, 1, 2, 3, 5, 6)
_MAX_PAIRED = 400  # content cells that a search for a centre compares pairwise


@kernel
def _turns_sides(symmetry):
    """Whether rows become columns."""
    return symmetry == 2 or symmetry >= 4


@kernel
def _image(r, c, symmetry, a, b):
    """The place (row, column) a cell goes to under a Symmetry about the centre (a, b)."""
    if symmetry == 0:
        return a - r, c
    if symmetry == 1:
        return r, b - c
    if symmetry == 2:
        return (a - b) // 2 + c, (a + b) // 2 - r
    if symmetry == 3:
        return a - r, b - c
    if symmetry == 4:
        return (a + b) // 2 - c, r - (a - b) // 2
    if symmetry == 5:
        return c + (a - b) // 2, r - (a - b) // 2
    return (a + b) // 2 - c, (a + b) // 2 - r


@kernel
def _complete(grid, symmetry, a, b):
    """Background cells take the first non-background colour among their images.

    Not applicable if a quarter turn or a transposition about the centre does not map cells to cells.
    """
    h, w = grid.shape
    if _turns_sides(symmetry) and (a - b) % 2:
        return _no_grid()
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            v = grid[r, c]
            y, x = r, c
            for _ in range(3):
                if v:
                    break
                y, x = _image(y, x, symmetry, a, b)
                if 0 <= y < h and 0 <= x < w:
                    v = grid[y, x]
            out[r, c] = v
    return out


@kernel
def _pair_center(y, x, r, c, symmetry):
    """The centre (found, a, b) about which the symmetry takes cell (y, x) to (r, c), if there is one."""
    if symmetry == 0:
        return x == c, y + r, 0
    if symmetry == 1:
        return y == r, 0, x + c
    if symmetry == 2:
        return True, r - x + c + y, c + y - r + x
    if symmetry == 3:
        return True, y + r, x + c
    if symmetry == 4:
        return True, y - c + x + r, x + r - y + c
    if symmetry == 5:
        return r - x == y - c, 2 * (r - x), 0
    return r + x == c + y, 2 * (r + x), 0


@kernel
def _best_center(grid, symmetry):
    """The centre (found, a, b) about which most pairs of cells agree and none contradicts.

    Pairs of non-background cells vote: equal colours for their centre, different ones against it; a cell that
    stays where it is has half a vote. Less than one pair and a half is not enough. A tie goes to the centre
    nearest to that of the bounding box.
    """
    h, w = grid.shape
    top, left, height, width = _bounds(grid)
    rows = np.empty(_MAX_PAIRED, np.int64)
    cols = np.empty(_MAX_PAIRED, np.int64)
    n = 0
    for r in range(h):
        for c in range(w):
            if grid[r, c]:
                if n == _MAX_PAIRED:
                    return False, 0, 0
                rows[n] = r
                cols[n] = c
                n += 1
    side = 4 * MAX_SIDE
    votes = np.zeros((side, side), np.int32)
    turn = symmetry % 2 == 0 and 0 < symmetry < 6
    for i in range(n):
        y, x = rows[i], cols[i]
        for j in range(0 if turn else i, n):
            r, c = rows[j], cols[j]
            found, a, b = _pair_center(y, x, r, c, symmetry)
            # of a turn's centres only those inside the grid count; a transposition's a is −58..58 or 0..116
            p, q = (a + 60, b) if symmetry == 5 else (a, b)
            if found and 0 <= p < side and 0 <= q < side:
                if i == j:
                    votes[p, q] += 1
                else:
                    votes[p, q] += 2 if grid[y, x] == grid[r, c] else -(1 << 20)
    middle_a, middle_b = 2 * top + height - 1, 2 * left + width - 1
    if symmetry == 0:
        middle_b = 0
    elif symmetry == 1:
        middle_a = 0
    elif symmetry == 5:
        middle_a, middle_b = middle_a - middle_b, 0
    elif symmetry == 6:
        middle_a, middle_b = middle_a + middle_b, 0
    most, distance, best_a, best_b = 0, 0, 0, 0
    for p in range(side):
        for q in range(side):
            if votes[p, q] > 0 and votes[p, q] >= most:
                a = p - 60 if symmetry == 5 else p
                d = (a - middle_a) ** 2 + (q - middle_b) ** 2
                if votes[p, q] > most or d < distance:
                    most, distance, best_a, best_b = votes[p, q], d, a, q
    return most >= 3, best_a, best_b


@primitive("symmetry", values={"symmetry": _GROUPS})
def complete_symmetry(grid: Grid, symmetry: Symmetry) -> Grid:
    """Make the picture symmetric about the grid's centre by filling background from its images.

    ROT90 gives all four rotations. Not applicable to a quarter turn or transposition unless square.
    """
    h, w = grid.shape
    if h != w and _turns_sides(symmetry):
        return _no_grid()
    return _complete(grid, symmetry, h - 1, w - 1)


@primitive("symmetry", values={"symmetry": _GROUPS})
def complete_symmetry_content(grid: Grid, symmetry: Symmetry) -> Grid:
    """Make the picture symmetric about the centre of its bounding box by filling background from its images.

    Images outside the grid are lost. Not applicable to an empty grid, or where a quarter turn or
    transposition about this centre does not map cells to cells.
    """
    top, left, height, width = _bounds(grid)
    if height == 0:
        return _no_grid()
    return _complete(grid, symmetry, 2 * top + height - 1, 2 * left + width - 1)


@primitive("symmetry", values={"symmetry": _GROUPS})
def complete_symmetry_found(grid: Grid, symmetry: Symmetry) -> Grid:
    """Make the picture symmetric about the centre that most of it already agrees with.

    The centre is the one with most pairs of equal non-background cells (and cells that stay in place, which
    count half) and no pair of different ones; a tie goes to the one nearest to the middle of the content. Not
    applicable if there is less than a pair and a half, or to more than 400 content cells.
    """
    found, a, b = _best_center(grid, symmetry)
    if not found:
        return _no_grid()
    return _complete(grid, symmetry, a, b)


@primitive("symmetry")
def mirror_half(grid: Grid, direction: Direction) -> Grid:
    """Replace the other half of the grid by the mirror image of the half on the given side."""
    h, w = grid.shape
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            y, x = r, c
            if (direction == 0 and 2 * r >= h) or (direction == 1 and 2 * r < h - 1):
                y = h - 1 - r
            elif (direction == 2 and 2 * c >= w) or (direction == 3 and 2 * c < w - 1):
                x = w - 1 - c
            out[r, c] = grid[y, x]
    return out


@primitive("symmetry")
def repair_symmetry(grid: Grid) -> Grid:
    """Every cell takes the most common colour among itself and its three mirror images in the grid.

    A cell keeps its colour if no other is more common. Background counts as a colour.
    """
    h, w = grid.shape
    out = np.empty((h, w), np.int8)
    counts = np.zeros(NUM_COLORS, np.int64)
    for r in range(h):
        for c in range(w):
            y, x = h - 1 - r, w - 1 - c
            counts[grid[r, c]] = 0
            counts[grid[y, c]] = 0
            counts[grid[r, x]] = 0
            counts[grid[y, x]] = 0
            counts[grid[r, c]] += 1
            counts[grid[y, c]] += 1
            counts[grid[r, x]] += 1
            counts[grid[y, x]] += 1
            best = grid[r, c]
            for v in (grid[y, c], grid[r, x], grid[y, x]):
                if counts[v] > counts[best]:
                    best = v
            out[r, c] = best
    return out


@primitive("symmetry")
def is_symmetric(grid: Grid, symmetry: Symmetry) -> Int:
    """1 if the symmetry leaves the grid unchanged, else 0."""
    h, w = grid.shape
    if h != w and _turns_sides(symmetry):
        return 0
    image = _transform(grid, symmetry)
    for r in range(h):
        for c in range(w):
            if grid[r, c] != image[r, c]:
                return 0
    return 1


@kernel
def _mismatch(grid, hole, symmetry, a, b):
    """(pairs, mismatches) between cells and their images inside the grid, neither of the hole's colour."""
    h, w = grid.shape
    pairs, bad = 0, 0
    for r in range(h):
        for c in range(w):
            y, x = _image(r, c, symmetry, a, b)
            if 0 <= y < h and 0 <= x < w and (y != r or x != c) and grid[r, c] != hole and grid[y, x] != hole:
                pairs += 1
                bad += grid[r, c] != grid[y, x]
    return pairs, bad


@kernel
def _mirror_axis(grid, hole, symmetry):
    """Twice the row (FLIP_UD) or column (FLIP_LR) of the mirror axis with the smallest share of mismatches.

    At least half of the grid must overlap its image. −1 if no axis has fewer than 1 in 10.
    """
    n = grid.shape[0] if symmetry == 0 else grid.shape[1]
    best, best_pairs, best_bad = -1, 10, 1
    for step in range(n):
        for sign in (1, -1):
            a = n - 1 + sign * step
            if 2 * (n - step) < n or (step == 0 and sign < 0):
                continue
            pairs, bad = _mismatch(grid, hole, symmetry, a, a)
            if pairs > 0 and bad * best_pairs < best_bad * pairs:
                best, best_pairs, best_bad = a, pairs, bad
    return best


@kernel
def _fill_symmetry(grid, hole):
    """`fill_hole_symmetry`."""
    h, w = grid.shape
    allowed = np.zeros(7, np.bool_)
    if _color_counts(grid)[hole] == 0:
        return _no_grid()
    a = _mirror_axis(grid, hole, 0)
    b = _mirror_axis(grid, hole, 1)
    allowed[0] = a >= 0
    allowed[1] = b >= 0
    allowed[3] = a >= 0 and b >= 0
    if (a >= 0 and b >= 0 and (a - b) % 2 == 0) or (a < 0 and b < 0 and h == w):
        pairs, bad = _mismatch(grid, hole, 5, a, b)
        if pairs > 0 and 10 * bad < pairs:
            allowed[5] = True
            allowed[2] = allowed[4] = allowed[6] = a >= 0
    out = np.empty((h, w), np.int8)
    filled = False
    for r in range(h):
        for c in range(w):
            v = grid[r, c]
            if v == hole:
                for k in range(7):
                    if allowed[k]:
                        y, x = _image(r, c, k, a, b)
                        if 0 <= y < h and 0 <= x < w and grid[y, x] != hole:
                            v = grid[y, x]
                            filled = True
                            break
            out[r, c] = v
    if not filled:
        return _no_grid()
    return out


@kernel
def _hole_window(grid, filled, hole):
    """What `filled` has in the bounding box of the hole; not applicable if `filled` is."""
    if filled.shape[0] == 0:
        return _no_grid()
    h, w = grid.shape
    cells = np.zeros((h, w), np.bool_)
    for r in range(h):
        for c in range(w):
            cells[r, c] = grid[r, c] == hole
    top, left, height, width = _bounds(cells)
    return _window(filled, top, left, height, width)


@primitive("symmetry")
def fill_hole_symmetry(grid: Grid, hole: Color) -> Grid:
    """Fill the cells of the hole's colour from the mirror axes of the rest, wherever these lie.

    The row axis and the column axis are those with the fewest mismatches (below 1 in 10, over at least half
    of the grid); diagonals are used if they match, too. Cells whose images are all unknown stay. Not
    applicable if there is no hole, or nothing can be filled.
    """
    return _fill_symmetry(grid, hole)


@primitive("symmetry")
def patch_symmetry(grid: Grid, hole: Color) -> Grid:
    """The content that fill_hole_symmetry finds for the bounding box of the hole's colour."""
    return _hole_window(grid, _fill_symmetry(grid, hole), hole)


@kernel
def _fits(grid, hole, period, tile):
    """Whether a repeated tile explains all known cells and determines the hole.

    period: (p, q, s), the tile is p × q and shifted by s columns every p rows. tile: int8 [900], receives the
    tile in reading order.
    """
    h, w = grid.shape
    p, q, s = period
    for i in range(p * q):
        tile[i] = -1
    unknown = False
    for r in range(h):
        for c in range(w):
            v = grid[r, c]
            if v == hole:
                unknown = True
                continue
            i = (r % p) * q + (c - s * (r // p)) % q
            if tile[i] < 0:
                tile[i] = v
            elif tile[i] != v:
                return False
    if unknown:
        for r in range(h):
            for c in range(w):
                if tile[(r % p) * q + (c - s * (r // p)) % q] < 0:
                    return False
    return True


@kernel
def _find_period(grid, hole, sheared):
    """The smallest repeated tile (rows, columns, shift) that `_fits`; rows 0 if there is none.

    A side is at most half of the grid's, or all of it; shifts are tried for tiles of at most 10 × 10.
    """
    h, w = grid.shape
    tile = np.empty(MAX_SIDE * MAX_SIDE, np.int8)
    best, best_p, best_q, best_s = h * w, 0, 0, 0
    for p in range(1, h + 1):
        if p > h // 2 and p < h:
            continue
        for q in range(1, w + 1):
            if (q > w // 2 and q < w) or p * q >= best:
                continue
            shifts = q if sheared and p <= min(10, h // 2) and q <= min(10, w // 2) else 1
            for s in range(shifts):
                if _fits(grid, hole, (p, q, s), tile):
                    best, best_p, best_q, best_s = p * q, p, q, s
                    break
    return best_p, best_q, best_s


@kernel
def _fill_period(grid, hole):
    """`fill_hole_period`."""
    h, w = grid.shape
    if _color_counts(grid)[hole] == 0:
        return _no_grid()
    p, q, s = _find_period(grid, hole, True)
    if p == 0:
        return _no_grid()
    tile = np.empty(MAX_SIDE * MAX_SIDE, np.int8)
    _fits(grid, hole, (p, q, s), tile)
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            out[r, c] = tile[(r % p) * q + (c - s * (r // p)) % q]
    return out


@primitive("symmetry")
def fill_hole_period(grid: Grid, hole: Color) -> Grid:
    """Fill the cells of the hole's colour by the smallest tile whose repetition gives all other cells.

    The tile may be shifted sideways from row to row of tiles (diagonal stripes). Not applicable if there is
    no hole, or no tile is consistent and determines every cell.
    """
    return _fill_period(grid, hole)


@primitive("symmetry")
def patch_period(grid: Grid, hole: Color) -> Grid:
    """The content that fill_hole_period finds for the bounding box of the hole's colour."""
    return _hole_window(grid, _fill_period(grid, hole), hole)


@primitive("symmetry")
def find_tile(grid: Grid) -> Grid:
    """The smallest tile (from the upper left corner) whose repetition gives the grid, cut off at the edges.

    A side of the tile is at most half of the grid's, or all of it. Not applicable if there is no smaller one.
    """
    p, q, _ = _find_period(grid, -1, False)
    if p == 0:
        return _no_grid()
    return _window(grid, 0, 0, p, q)


@primitive("symmetry")
def repair_period(grid: Grid) -> Grid:
    """Find the tile whose repetition explains the grid best, and make the cells that deviate follow it.

    Of all tiles (at most a third of the grid's cells) the one with the least cells + 3 × deviations is
    taken. Not applicable if more than a fifth of the cells deviate from every tile.
    """
    h, w = grid.shape
    counts = np.empty((MAX_SIDE * MAX_SIDE, NUM_COLORS), np.int16)
    best, best_p, best_q = 4 * h * w, 0, 0
    for p in range(1, h + 1):
        if p > h // 2 and p < h:
            continue
        for q in range(1, w + 1):
            if (q > w // 2 and q < w) or 3 * p * q > h * w or p * q >= best:
                continue
            good = _tile_counts(grid, p, q, counts)
            bad = h * w - good
            if 5 * bad <= h * w and p * q + 3 * bad < best:
                best, best_p, best_q = p * q + 3 * bad, p, q
    if best_p == 0:
        return _no_grid()
    _tile_counts(grid, best_p, best_q, counts)
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            i = (r % best_p) * best_q + c % best_q
            v = grid[r, c]
            for u in range(NUM_COLORS):
                if counts[i, u] > counts[i, v]:
                    v = u
            out[r, c] = v
    return out


@kernel
def _tile_counts(grid, p, q, counts):
    """Count the colours of every cell of the tile p × q into counts [p·q, 10]; return how many follow it."""
    h, w = grid.shape
    for i in range(p * q):
        for v in range(NUM_COLORS):
            counts[i, v] = 0
    for r in range(h):
        for c in range(w):
            counts[(r % p) * q + c % q, grid[r, c]] += 1
    good = 0
    for i in range(p * q):
        most = 0
        for v in range(NUM_COLORS):
            most = max(most, counts[i, v])
        good += most
    return good


@kernel
def _extend_down(grid):
    """`extend_period` to the last row."""
    h, w = grid.shape
    top, _, n, _ = _bounds(grid)
    if n == 0 or top + n == h:
        return _no_grid()
    filled = 0
    for r in range(top, top + n):
        for c in range(w):
            if grid[r, c]:
                filled += 1
                break
    period = 2 * (n - 1) if filled == 2 else n
    for p in range(1, n):
        same = True
        for r in range(top, top + n - p):
            for c in range(w):
                same = same and grid[r, c] == grid[r + p, c]
        if same:
            period = p
            break
    out = np.zeros((h, w), np.int8)
    for r in range(top, h):
        i = (r - top) % period
        if r < top + n or i < n:
            for c in range(w):
                out[r, c] = grid[r if r < top + n else top + i, c]
    return out


@primitive("symmetry")
def extend_period(grid: Grid, direction: Direction) -> Grid:
    """Continue the sequence of rows or columns towards the given side until the grid is full.

    The sequence is what lies between the first and the last line with content; its period is the smallest it
    has. Without one: two lines alternate at their distance, anything else is repeated as a whole. Not
    applicable if the last line on that side is not background.
    """
    if direction == 1:
        return _extend_down(grid)
    turn = 0 if direction == 0 else (6 if direction == 2 else 5)
    out = _extend_down(_transform(grid, turn))
    if out.shape[0] == 0:
        return out
    return _transform(out, turn)


@kernel
def _is_speck(grid, r, c):
    """Whether no 8-neighbour of the cell has its colour."""
    h, w = grid.shape
    for y in range(max(r - 1, 0), min(r + 2, h)):
        for x in range(max(c - 1, 0), min(c + 2, w)):
            if (y != r or x != c) and grid[y, x] == grid[r, c]:
                return False
    return True


@kernel
def _common_around(grid, r, c, own, counts):
    """The most common colour around a cell, the cell itself counting `own` times; its own colour on a tie."""
    h, w = grid.shape
    for v in range(NUM_COLORS):
        counts[v] = 0
    for y in range(max(r - 1, 0), min(r + 2, h)):
        for x in range(max(c - 1, 0), min(c + 2, w)):
            counts[grid[y, x]] += 1 if y != r or x != c else own
    best, tied = np.int64(0), False
    for v in range(1, NUM_COLORS):
        if counts[v] > counts[best]:
            best, tied = v, False
        elif counts[v] == counts[best]:
            tied = True
    return np.int64(grid[r, c]) if tied else best


@primitive("symmetry")
def drop_specks(grid: Grid) -> Grid:
    """Erase single cells: those that touch no cell of their colour, not even at a corner."""
    h, w = grid.shape
    out = np.zeros((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            if grid[r, c] and not _is_speck(grid, r, c):
                out[r, c] = grid[r, c]
    return out


@primitive("symmetry")
def blend_specks(grid: Grid) -> Grid:
    """Single cells take the most common colour around them.

    These are cells (background, too) that touch no cell of their colour, not even at a corner. A tie leaves
    the cell as it is.
    """
    h, w = grid.shape
    out = np.empty((h, w), np.int8)
    counts = np.zeros(NUM_COLORS, np.int64)
    for r in range(h):
        for c in range(w):
            out[r, c] = _common_around(grid, r, c, 0, counts) if _is_speck(grid, r, c) else grid[r, c]
    return out


@primitive("symmetry")
def majority_filter(grid: Grid) -> Grid:
    """Every cell takes the most common colour of the 3 × 3 cells around it, background included.

    A tie leaves the cell as it is; at the edges only the cells inside the grid count.
    """
    h, w = grid.shape
    out = np.empty((h, w), np.int8)
    counts = np.zeros(NUM_COLORS, np.int64)
    for r in range(h):
        for c in range(w):
            out[r, c] = _common_around(grid, r, c, 1, counts)
    return out
