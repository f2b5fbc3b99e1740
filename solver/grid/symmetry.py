"""Symmetry, periods and noise: complete, repair and fill in what a regular picture lacks.

A centre is written (a, b) = twice its row and column, so that it can lie between cells. ROT270 completes the
same pictures as ROT90 and is left out.
"""

from __future__ import annotations

import numpy as np

from .color import _color_counts
from .geometry import _bounds, _no_grid, _window
from .registry import kernel, primitive
from .types import MAX_SIDE, MISSING, NUM_COLORS, Color, Direction, Grid, Int, Symmetry

_GROUPS = (0, 1, 2, 3, 5, 6)
_MAX_PAIRED = 400  # content cells that a search for a centre compares pairwise

# Tables instead of branches: these are inlined in many loops, and branches there multiply the compile time.
# Row (i, j, l, m) of a Symmetry: about the origin, cell (r, c) goes to (i·r + j·c, l·r + m·c).
_LINEAR = np.array(
    [
        [-1, 0, 0, 1],
        [1, 0, 0, -1],
        [0, 1, -1, 0],
        [-1, 0, 0, -1],
        [0, -1, 1, 0],
        [0, 1, 1, 0],
        [0, -1, -1, 0],
    ],
    np.int64,
)
# A Symmetry takes cell (y, x) to (r, c) about the centre (a, b) if the first of these three products with
# (y, x, r, c) is 0, a is the second and b the third; a transposition has a − b (or a + b) for a, and 0 for b.
_CENTER = np.array(
    [
        [[0, 1, 0, -1], [1, 0, 1, 0], [0, 0, 0, 0]],
        [[1, 0, -1, 0], [0, 0, 0, 0], [0, 1, 0, 1]],
        [[0, 0, 0, 0], [1, -1, 1, 1], [1, 1, -1, 1]],
        [[0, 0, 0, 0], [1, 0, 1, 0], [0, 1, 0, 1]],
        [[0, 0, 0, 0], [1, 1, 1, -1], [-1, 1, 1, 1]],
        [[-1, -1, 1, 1], [0, -2, 2, 0], [0, 0, 0, 0]],
        [[-1, 1, 1, -1], [0, 2, 2, 0], [0, 0, 0, 0]],
    ],
    np.int64,
)


@kernel
def _turns_sides(symmetry):
    """Whether rows become columns."""
    return symmetry == 2 or symmetry >= 4


@kernel
def _map(symmetry, a, b):
    """A Symmetry about the centre (a, b) as (i, j, k, u, v, w): (r, c) goes to row i·r + j·c + k,
    column u·r + v·c + w."""
    i, j, u, v = _LINEAR[symmetry, 0], _LINEAR[symmetry, 1], _LINEAR[symmetry, 2], _LINEAR[symmetry, 3]
    return i, j, (a - i * a - j * b) // 2, u, v, (b - u * a - v * b) // 2


@kernel
def _complete(grid, symmetry, a, b):
    """Background cells take the first non-background colour among their images.

    Not applicable if a quarter turn or a transposition about the centre does not map cells to cells.
    """
    h, w = grid.shape
    if _turns_sides(symmetry) and (a - b) % 2:
        return _no_grid()
    i, j, k, p, q, o = _map(symmetry, a, b)
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            v = grid[r, c]
            y, x = r, c
            for _ in range(3):
                if v:
                    break
                y, x = i * y + j * x + k, p * y + q * x + o
                if 0 <= y < h and 0 <= x < w:
                    v = grid[y, x]
            out[r, c] = v
    return out


@kernel
def _best_center(grid, symmetry):
    """The centre (found, a, b) about which most pairs of cells agree and none contradicts.

    Pairs of non-background cells vote: equal colours for their centre, different ones against it; a cell that
    stays where it is counts as half a pair. Less than one pair and a half is not enough. A tie goes to
    the centre nearest to that of the bounding box.
    """
    h, w = grid.shape
    top, left, height, width = _bounds(grid)
    cells = np.empty(_MAX_PAIRED, np.int8)
    source = np.empty((3, _MAX_PAIRED), np.int64)
    target = np.empty((3, _MAX_PAIRED), np.int64)
    n = 0
    for r in range(h):
        for c in range(w):
            if grid[r, c]:
                if n == _MAX_PAIRED:
                    return False, 0, 0
                cells[n] = grid[r, c]
                for k in range(3):
                    source[k, n] = _CENTER[symmetry, k, 0] * r + _CENTER[symmetry, k, 1] * c
                    target[k, n] = _CENTER[symmetry, k, 2] * r + _CENTER[symmetry, k, 3] * c
                n += 1
    side = 4 * MAX_SIDE
    base = 60 if symmetry == 5 else 0  # a transposition's a is −58..58; of a turn only centres inside count
    votes = np.zeros((side, side), np.int32)
    for i in range(n):
        for j in range(n):
            p, q = base + source[1, i] + target[1, j], source[2, i] + target[2, j]
            if source[0, i] + target[0, j] == 0 and 0 <= p < side and 0 <= q < side:
                votes[p, q] += 1 if cells[i] == cells[j] else -(1 << 20)
    # twice the middle of the content, as the table has it
    bottom, right = top + height - 1, left + width - 1
    middle_a = middle_b = 0
    for k in range(4):
        v = left + right if k % 2 else top + bottom
        middle_a += _CENTER[symmetry, 1, k] * v
        middle_b += _CENTER[symmetry, 2, k] * v
    middle_a //= 2
    middle_b //= 2
    most, distance, best_a, best_b = 0, 0, 0, 0
    for p in range(side):
        for q in range(side):
            if votes[p, q] > 0 and votes[p, q] >= most:
                a = p - base
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
    i, j, k, p, q, o = _map(symmetry, h - 1, w - 1)
    for r in range(h):
        for c in range(w):
            if grid[r, c] != grid[i * r + j * c + k, p * r + q * c + o]:
                return 0
    return 1


@kernel
def _mismatch(grid, hole, symmetry, a, b):
    """(pairs, mismatches) between cells and their images inside the grid, neither of the hole's colour."""
    h, w = grid.shape
    i, j, k, p, q, o = _map(symmetry, a, b)
    pairs, bad = 0, 0
    for r in range(h):
        for c in range(w):
            y, x = i * r + j * c + k, p * r + q * c + o
            if 0 <= y < h and 0 <= x < w and (y != r or x != c) and grid[r, c] != hole and grid[y, x] != hole:
                pairs += 1
                bad += grid[r, c] != grid[y, x]
    return pairs, bad


@kernel
def _mirror_axis(grid, hole, symmetry, middle, count):
    """The mirror axis with the smallest share of mismatches, MISSING if none has fewer than 1 in 10.

    `count` axes are tried from the middle outwards. Returns a of the centre for FLIP_UD, b for FLIP_LR,
    a − b for TRANSPOSE.
    """
    best, best_pairs, best_bad = MISSING, 10, 1
    for i in range(count):
        a = middle + ((i + 1) // 2 if i % 2 else -(i // 2))
        pairs, bad = _mismatch(grid, hole, symmetry, a, a if symmetry == 1 else 0)
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
    axes = np.zeros(3, np.int64)
    for k in range(3):
        side = w if k else h
        middle, count = (side - 1, side // 2 * 2 + 1) if k < 2 else (axes[0] - axes[1], 1)
        axes[k] = _mirror_axis(grid, hole, k if k < 2 else 5, middle, count)
    a, b = axes[0], axes[1]
    allowed[0] = a != MISSING
    allowed[1] = b != MISSING
    allowed[3] = allowed[0] and allowed[1]
    if axes[2] != MISSING and (a - b) % 2 == 0:
        allowed[5] = allowed[3] or (not allowed[0] and not allowed[1] and h == w)
        allowed[2] = allowed[4] = allowed[6] = allowed[3]
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            out[r, c] = grid[r, c]
    filled = False
    for s in range(7):
        if allowed[s]:
            i, j, k, p, q, o = _map(s, a, b)
            for r in range(h):
                for c in range(w):
                    y, x = i * r + j * c + k, p * r + q * c + o
                    if out[r, c] == hole and 0 <= y < h and 0 <= x < w and grid[y, x] != hole:
                        out[r, c] = grid[y, x]
                        filled = True
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
        start = (r % p) * q
        i = (-s * (r // p)) % q
        for c in range(w):
            v = grid[r, c]
            if v == hole:
                unknown = True
            elif tile[start + i] < 0:
                tile[start + i] = v
            elif tile[start + i] != v:
                return False
            i += 1
            if i == q:
                i = 0
    if unknown:
        for r in range(h):
            for c in range(w):
                if grid[r, c] == hole and tile[(r % p) * q + (c - s * (r // p)) % q] < 0:
                    return False
    return True


@kernel
def _find_period(grid, hole):
    """The smallest repeated tile (rows, columns, shift) that `_fits`; rows 0 if there is none.

    A side is at most half of the grid's, or all of it; shifts are tried for tiles of at most 10 × 10 if there
    is a hole (colour not negative).
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
            shifts = q if hole >= 0 and p <= min(10, h // 2) and q <= min(10, w // 2) else 1
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
    p, q, s = _find_period(grid, hole)
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
    p, q, _ = _find_period(grid, -grid.shape[0])
    if p == 0:
        return _no_grid()
    return _window(grid, 0, 0, p, q)


@kernel
def _common_tile(grid, p, q, counts, tile):
    """Write the most common colour of each cell of the tile p × q; return how many cells follow it.

    tile: int8 [900], in reading order; of equally common colours the smallest. counts: int16 [900, 10],
    scratch.
    """
    h, w = grid.shape
    for i in range(p * q):
        for v in range(NUM_COLORS):
            counts[i, v] = 0
    for r in range(h):
        i = (r % p) * q
        end = i + q
        for c in range(w):
            counts[i, grid[r, c]] += 1
            i += 1
            if i == end:
                i -= q
    good = 0
    for i in range(p * q):
        most = 0
        for v in range(NUM_COLORS):
            if counts[i, v] > counts[i, most]:
                most = v
        tile[i] = most
        good += counts[i, most]
    return good


@primitive("symmetry")
def repair_period(grid: Grid) -> Grid:
    """Find the tile whose repetition explains the grid best, and make the cells that deviate follow it.

    Of all tiles (at most a third of the grid's cells) the one with the least cells + 3 × deviations is
    taken. Not applicable if more than a fifth of the cells deviate from every tile.
    """
    h, w = grid.shape
    counts = np.empty((MAX_SIDE * MAX_SIDE, NUM_COLORS), np.int16)
    tile = np.empty(MAX_SIDE * MAX_SIDE, np.int8)
    out = np.empty((h, w), np.int8)
    best = 4 * h * w
    for p in range(1, h + 1):
        if p > h // 2 and p < h:
            continue
        for q in range(1, w + 1):
            if (q > w // 2 and q < w) or 3 * p * q > h * w or p * q >= best:
                continue
            bad = h * w - _common_tile(grid, p, q, counts, tile)
            if 5 * bad <= h * w and p * q + 3 * bad < best:
                best = p * q + 3 * bad
                for r in range(h):
                    for c in range(w):
                        out[r, c] = tile[(r % p) * q + c % q]
    if best == 4 * h * w:
        return _no_grid()
    return out


@primitive("symmetry")
def extend_period(grid: Grid, direction: Direction) -> Grid:
    """Continue the sequence of rows or columns towards the given side until the grid is full.

    The sequence is what lies between the first and the last line with content; its period is the smallest it
    has. Without one: two lines alternate at their distance, anything else is repeated as a whole. Not
    applicable if the last line on that side is not background.
    """
    h, w = grid.shape
    lines, cells = (h, w) if direction <= 1 else (w, h)
    back = direction % 2 == 0
    view = np.empty((lines, cells), np.int8)  # in the order in which lines follow each other
    first, last, filled = lines, -1, 0
    for i in range(lines):
        k = lines - 1 - i if back else i
        content = False
        for j in range(cells):
            view[i, j] = grid[k, j] if direction <= 1 else grid[j, k]
            content = content or view[i, j] != 0
        if content:
            first = min(first, i)
            last = i
            filled += 1
    if filled == 0 or last == lines - 1:
        return _no_grid()
    n = last - first + 1
    period = 2 * (n - 1) if filled == 2 else n
    for p in range(1, n):
        same = True
        for i in range(first, last + 1 - p):
            for j in range(cells):
                same = same and view[i, j] == view[i + p, j]
        if same:
            period = p
            break
    for i in range(last + 1, lines):
        k = (i - first) % period
        if k < n:
            for j in range(cells):
                view[i, j] = view[first + k, j]
    out = np.empty((h, w), np.int8)
    for i in range(lines):
        k = lines - 1 - i if back else i
        for j in range(cells):
            if direction <= 1:
                out[k, j] = view[i, j]
            else:
                out[j, k] = view[i, j]
    return out


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
