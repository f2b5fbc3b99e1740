"""Drawing and physics: rays, lines, floods, outlines, falling and moving content. Grid in, Grid out.

*Content* is every non-background cell. Rays and floods run through background only; a line that would cross
another drawn by the same call leaves the earlier one on top, unless the function says otherwise.
"""

from __future__ import annotations

import numpy as np

from .geometry import _bounds, _no_grid, _window
from .registry import kernel, primitive
from .types import Axis, Color, Connectivity, Diagonal, Direction, Grid, Int

INKS = tuple(range(1, 10))
"""Colours worth trying where background changes nothing or has no result."""

_DR = (-1, 1, 0, 0, -1, -1, 1, 1)  # row steps of Direction 0..3, Diagonal 4..7
_DC = (0, 0, -1, 1, -1, 1, -1, 1)


@kernel
def _copy(grid):
    """A new contiguous copy."""
    return _window(grid, 0, 0, grid.shape[0], grid.shape[1])


@kernel
def _orient(grid, direction):
    """A copy in which the Direction points down; applying it again turns back."""
    h, w = grid.shape
    out = np.empty((h, w) if direction <= 1 else (w, h), np.int8)
    for r in range(h):
        for c in range(w):
            if direction == 0:
                out[h - 1 - r, c] = grid[r, c]
            elif direction == 1:
                out[r, c] = grid[r, c]
            elif direction == 2:
                out[w - 1 - c, h - 1 - r] = grid[r, c]
            else:
                out[c, r] = grid[r, c]
    return out


@kernel
def _along_rows(grid, axis):
    """A copy in which the lines of the axis are rows; applying it again turns back."""
    return _orient(grid, 1 if axis == 0 else 3)


@kernel
def _shoot_one(grid, out, at, direction, color):
    """Draw on `out` one ray from the flat index `at`, exclusive, through the background of `grid`."""
    h, w = grid.shape
    dr, dc = _DR[direction], _DC[direction]
    y, x = at // w + dr, at % w + dc
    while 0 <= y < h and 0 <= x < w and grid[y, x] == 0:
        if out[y, x] == 0:
            out[y, x] = color
        y += dr
        x += dc


@kernel
def _shoot(grid, out, direction, color):
    """Rays on `out` from all content of `grid`, or from that of one colour (color >= 0)."""
    h, w = grid.shape
    for r in range(h):
        for c in range(w):
            v = grid[r, c]
            if v != 0 and (color < 0 or v == color):
                _shoot_one(grid, out, r * w + c, direction, v)


@kernel
def _first_hit(grid, r, c, direction):
    """Number of background cells from (r, c), exclusive, to the next content; -1 if there is none."""
    h, w = grid.shape
    dr, dc = _DR[direction], _DC[direction]
    y, x = r + dr, c + dc
    n = 0
    while 0 <= y < h and 0 <= x < w:
        if grid[y, x] != 0:
            return n
        y += dr
        x += dc
        n += 1
    return -1


@kernel
def _join(grid, out, direction, color):
    """Lines on `out` between content of one colour in line, in its colour or in `color` (>= 0)."""
    h, w = grid.shape
    dr, dc = _DR[direction], _DC[direction]
    for r in range(h):
        for c in range(w):
            v = grid[r, c]
            if v == 0:
                continue
            n = _first_hit(grid, r, c, direction)
            if n > 0 and grid[r + (n + 1) * dr, c + (n + 1) * dc] == v:
                for k in range(1, n + 1):
                    if out[r + k * dr, c + k * dc] == 0:
                        out[r + k * dr, c + k * dc] = v if color < 0 else color


@kernel
def _has_color(grid, color):
    """Whether a cell has the colour and the colour is not background."""
    h, w = grid.shape
    if color == 0:
        return False
    for r in range(h):
        for c in range(w):
            if grid[r, c] == color:
                return True
    return False


@kernel
def _region(grid, seen, cells, at, connectivity):
    """Collect the connected cells of the colour of the cell with flat index `at`.

    seen: bool [H, W], gets True for them. cells: int16 [H * W], gets their flat indices. Returns how many.
    """
    h, w = grid.shape
    color = grid[at // w, at % w]
    seen[at // w, at % w] = True
    cells[0] = at
    head, tail = 0, 1
    steps = 4 if connectivity == 0 else 8
    while head < tail:
        at = cells[head]
        head += 1
        for d in range(steps):
            y, x = at // w + _DR[d], at % w + _DC[d]
            if 0 <= y < h and 0 <= x < w and not seen[y, x] and grid[y, x] == color:
                seen[y, x] = True
                cells[tail] = y * w + x
                tail += 1
    return tail


@kernel
def _solid(grid):
    """1 where there is content, else 0."""
    h, w = grid.shape
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            out[r, c] = 1 if grid[r, c] != 0 else 0
    return out


@kernel
def _outside(grid, connectivity):
    """Mask of the background connected to the border."""
    h, w = grid.shape
    seen = np.zeros((h, w), np.bool_)
    cells = np.empty(h * w, np.int16)
    for r in range(h):
        for c in range(w):
            if (r in (0, h - 1) or c in (0, w - 1)) and grid[r, c] == 0 and not seen[r, c]:
                _region(grid, seen, cells, r * w + c, connectivity)
    return seen


@kernel
def _grow(grid, connectivity, steps):
    """Content grown over background by at most `steps` cells, and each cell's distance (-1: not reached)."""
    h, w = grid.shape
    out = _copy(grid)
    distance = np.empty((h, w), np.int16)
    cells = np.empty(h * w, np.int16)
    head, tail = 0, 0
    for r in range(h):
        for c in range(w):
            distance[r, c] = -1
            if grid[r, c] != 0:
                distance[r, c] = 0
                cells[tail] = r * w + c
                tail += 1
    sides = 4 if connectivity == 0 else 8
    while head < tail:
        r, c = cells[head] // w, cells[head] % w
        head += 1
        if distance[r, c] >= steps:
            break
        for d in range(sides):
            y, x = r + _DR[d], c + _DC[d]
            if 0 <= y < h and 0 <= x < w and distance[y, x] < 0:
                distance[y, x] = distance[r, c] + 1
                out[y, x] = out[r, c]
                cells[tail] = y * w + x
                tail += 1
    return out, distance


@kernel
def _touches(grid, r, c, connectivity, same):
    """Whether a neighbour of (r, c) is content (same = 0), or outside or not of its colour (same = 1)."""
    h, w = grid.shape
    for d in range(4 if connectivity == 0 else 8):
        y, x = r + _DR[d], c + _DC[d]
        inside = 0 <= y < h and 0 <= x < w
        if same == 0:
            if inside and grid[y, x] != 0:
                return True
        elif not inside or grid[y, x] != grid[r, c]:
            return True
    return False


@kernel
def _line_of(cells, n, w):
    """Step (rows, columns) of n >= 2 cells in reading order if they are a straight gapless line, else (0, 0).

    cells: flat indices, any order; a grid row has w cells. Returns (first, last, row step, column step).
    """
    first, last = cells[0], cells[0]
    for i in range(n):
        first = min(first, cells[i])
        last = max(last, cells[i])
    rows = last // w - first // w
    cols = last % w - first % w
    if n < 2 or max(rows, abs(cols)) != n - 1 or (rows != 0 and cols != 0 and rows != abs(cols)):
        return first, last, 0, 0
    dr = 1 if rows > 0 else 0
    dc = 1 if cols > 0 else (-1 if cols < 0 else 0)
    for i in range(n):
        k = cells[i] // w - first // w if dr else cells[i] % w - first % w
        if cells[i] != first + k * (dr * w + dc):
            return first, last, 0, 0
    return first, last, dr, dc


@kernel
def _blocked(grid, r, c):
    """Whether (r, c) is content or outside the grid."""
    return not (0 <= r < grid.shape[0] and 0 <= c < grid.shape[1]) or grid[r, c] != 0


@kernel
def _bounce(grid, out, at, dr, dc):
    """A diagonal path on `out` from a flat index, reflected by content, up to the border or a dead end."""
    h, w = grid.shape
    r, c = at // w, at % w
    color = grid[r, c]
    for _ in range(2 * h * w):
        if not (0 <= r + dr < h and 0 <= c + dc < w):
            return
        if _blocked(grid, r + dr, c):
            dr = -dr
        if _blocked(grid, r, c + dc):
            dc = -dc
        if _blocked(grid, r + dr, c + dc):
            return
        r += dr
        c += dc
        out[r, c] = color


@kernel
def _layers(grid):
    """Colours met on the diagonal from the top left corner of the content's box to its middle.

    Returns (colours int8 [10], how many); 0 if the corner is background or there is no content.
    """
    colors = np.empty(10, np.int8)
    top, left, height, width = _bounds(grid)
    n = 0
    for d in range((min(height, width) + 1) // 2):
        v = grid[top + d, left + d]
        known = False
        for i in range(n):
            if colors[i] == v:
                known = True
        if d == 0 and v == 0:
            return colors, 0
        if not known:
            colors[n] = v
            n += 1
    return colors, n


# Rays


@primitive("drawing")
def rays(grid: Grid, direction: Direction) -> Grid:
    """Every content cell shoots a ray of its colour through background, up to content or the border."""
    out = _copy(grid)
    _shoot(grid, out, direction, -1)
    return out


@primitive("drawing")
def rays_diagonal(grid: Grid, diagonal: Diagonal) -> Grid:
    """Every content cell shoots a diagonal ray through background, up to content or the border."""
    out = _copy(grid)
    _shoot(grid, out, diagonal, -1)
    return out


@primitive("drawing")
def rays_axis(grid: Grid, axis: Axis) -> Grid:
    """Every content cell shoots rays of its colour both ways along the axis, up to content or the border.

    Where two rays share cells, the one that runs UP (HORIZONTAL: LEFT) keeps them.
    """
    out = _copy(grid)
    _shoot(grid, out, 2 if axis == 0 else 0, -1)
    _shoot(grid, out, 3 if axis == 0 else 1, -1)
    return out


@primitive("drawing", values={"color": INKS})
def rays_of(grid: Grid, color: Color, direction: Direction) -> Grid:
    """Every cell of the colour shoots a ray through background, up to content or the border.

    Not applicable where no cell has the colour, or for background.
    """
    if not _has_color(grid, color):
        return _no_grid()
    out = _copy(grid)
    _shoot(grid, out, direction, color)
    return out


@primitive("drawing", values={"color": INKS})
def rays_away(grid: Grid, color: Color) -> Grid:
    """Every cell of the colour shoots rays straight away from neighbours of other colours.

    Neighbours are the content cells on the four sides. Not applicable where no cell has the colour, or for
    background.
    """
    if not _has_color(grid, color):
        return _no_grid()
    out = _copy(grid)
    h, w = grid.shape
    for r in range(h):
        for c in range(w):
            if grid[r, c] != color:
                continue
            for d in range(4):
                y, x = r - _DR[d], c - _DC[d]
                if 0 <= y < h and 0 <= x < w and grid[y, x] != 0 and grid[y, x] != color:
                    _shoot_one(grid, out, r * w + c, d, color)
    return out


@primitive("drawing")
def cross(grid: Grid, axis: Axis) -> Grid:
    """Every content cell shoots rays in the four directions; those along the axis lie on top at crossings."""
    out = _copy(grid)
    for k in range(4):
        _shoot(grid, out, (k + 2) % 4 if axis == 0 else k, -1)
    return out


@primitive("drawing", values={"color": INKS})
def cross_of(grid: Grid, color: Color) -> Grid:
    """Every cell of the colour shoots rays in the four directions, up to content or the border.

    Not applicable where no cell has the colour, or for background.
    """
    if not _has_color(grid, color):
        return _no_grid()
    out = _copy(grid)
    for direction in range(4):
        _shoot(grid, out, direction, color)
    return out


@primitive("drawing")
def diagonals(grid: Grid) -> Grid:
    """Every content cell shoots rays in the four diagonal directions, up to content or the border."""
    out = _copy(grid)
    for direction in range(4, 8):
        _shoot(grid, out, direction, -1)
    return out


@primitive("drawing", values={"color": INKS})
def diagonals_of(grid: Grid, color: Color) -> Grid:
    """Every cell of the colour shoots rays in the four diagonal directions, up to content or the border.

    Not applicable where no cell has the colour, or for background.
    """
    if not _has_color(grid, color):
        return _no_grid()
    out = _copy(grid)
    for direction in range(4, 8):
        _shoot(grid, out, direction, color)
    return out


@primitive("drawing", values={"color": INKS})
def lines_through(grid: Grid, color: Color, axis: Axis) -> Grid:
    """Every row (VERTICAL: column) that holds the colour becomes a full line of it, over all else.

    Not applicable where no cell has the colour, or for background.
    """
    if not _has_color(grid, color):
        return _no_grid()
    out = _along_rows(grid, axis)
    h, w = out.shape
    for r in range(h):
        found = False
        for c in range(w):
            found = found or out[r, c] == color
        if found:
            for c in range(w):
                out[r, c] = color
    return _along_rows(out, axis)


# Lines


@primitive("drawing")
def extend_lines(grid: Grid) -> Grid:
    """Straight and diagonal line segments go on at both ends through background, up to content or the border.

    A segment is an 8-connected group of two or more cells of one colour in one line.
    """
    h, w = grid.shape
    out = _copy(grid)
    seen = np.zeros((h, w), np.bool_)
    cells = np.empty(h * w, np.int16)
    for r in range(h):
        for c in range(w):
            if grid[r, c] == 0 or seen[r, c]:
                continue
            n = _region(grid, seen, cells, r * w + c, 1)
            first, last, dr, dc = _line_of(cells, n, w)
            if dr == 0 and dc == 0:
                continue
            for d in range(8):
                if _DR[d] == dr and _DC[d] == dc:
                    _shoot_one(grid, out, last, d, grid[r, c])
                elif _DR[d] == -dr and _DC[d] == -dc:
                    _shoot_one(grid, out, first, d, grid[r, c])
    return out


@primitive("drawing")
def bounce(grid: Grid) -> Grid:
    """Diagonal line segments go on at both ends, are reflected by content, and end at the border.

    A segment is an 8-connected group of two or more cells of one colour in a diagonal line. A path that meets
    content at a corner only, or in a dead end, stops.
    """
    h, w = grid.shape
    out = _copy(grid)
    seen = np.zeros((h, w), np.bool_)
    cells = np.empty(h * w, np.int16)
    for r in range(h):
        for c in range(w):
            if grid[r, c] == 0 or seen[r, c]:
                continue
            n = _region(grid, seen, cells, r * w + c, 1)
            first, last, dr, dc = _line_of(cells, n, w)
            if dr != 0 and dc != 0:
                _bounce(grid, out, first, -dr, -dc)
                _bounce(grid, out, last, dr, dc)
    return out


@primitive("drawing")
def zigzag(grid: Grid, direction: Direction) -> Grid:
    """Every content cell sends a diagonal path in the direction that is reflected by the side borders.

    The path first turns away from the nearer side border and ends at the far border or at content. In a grid
    of one line it is straight.
    """
    turned = _orient(grid, direction)
    out = _copy(turned)
    h, w = turned.shape
    for r in range(h):
        for c in range(w):
            if turned[r, c] == 0:
                continue
            y, x = r, c
            side = 1 if 2 * c <= w - 1 else -1
            while True:
                if not 0 <= x + side < w:
                    side = -side
                y += 1
                x += side if w > 1 else 0
                if y >= h or turned[y, x] != 0:
                    break
                if out[y, x] == 0:
                    out[y, x] = turned[r, c]
    return _orient(out, direction)


@primitive("drawing", values={"color": INKS})
def spiral(grid: Grid, color: Color) -> Grid:
    """Draw a spiral on the background: from the top left corner clockwise inwards, one cell between arms."""
    h, w = grid.shape
    out = _copy(grid)
    path = np.zeros((h, w), np.bool_)
    turns = (3, 1, 2, 0)
    r, c, turn, stuck = 0, 0, 0, 0
    path[0, 0] = True
    while stuck < 2:
        dr, dc = _DR[turns[turn]], _DC[turns[turn]]
        y, x = r + dr, c + dc
        ahead, beyond = False, True
        if 0 <= y < h and 0 <= x < w:
            ahead = not path[y, x]
            if 0 <= y + dr < h and 0 <= x + dc < w:
                beyond = not path[y + dr, x + dc]
        if ahead and beyond:
            r, c, stuck = y, x, 0
            path[r, c] = True
        else:
            turn = (turn + 1) % 4
            stuck += 1
    for r in range(h):
        for c in range(w):
            if path[r, c] and out[r, c] == 0:
                out[r, c] = color
    return out


@primitive("drawing")
def connect(grid: Grid, axis: Axis) -> Grid:
    """Join cells of one colour that see each other in a row (VERTICAL: column) by lines of their colour."""
    out = _copy(grid)
    _join(grid, out, 3 if axis == 0 else 1, -1)
    return out


@primitive("drawing", values={"color": INKS})
def connect_with(grid: Grid, axis: Axis, color: Color) -> Grid:
    """Join cells of one colour that see each other in a row (VERTICAL: column) by lines of `color`."""
    out = _copy(grid)
    _join(grid, out, 3 if axis == 0 else 1, color)
    return out


@primitive("drawing")
def connect_both(grid: Grid, axis: Axis) -> Grid:
    """Join cells of one colour that see each other in a row or column; lines along the axis lie on top."""
    out = _copy(grid)
    _join(grid, out, 3 if axis == 0 else 1, -1)
    _join(grid, out, 1 if axis == 0 else 3, -1)
    return out


@primitive("drawing")
def connect_diagonal(grid: Grid) -> Grid:
    """Join cells of one colour that see each other on a diagonal by lines of their colour."""
    out = _copy(grid)
    _join(grid, out, 7, -1)
    _join(grid, out, 6, -1)
    return out


@primitive("drawing", values={"color": INKS})
def connect_to(grid: Grid, color: Color) -> Grid:
    """Draw a line from every cell of the colour to other-coloured content it sees in the four directions.

    Lines run through background. Not applicable where no cell has the colour, or for background.
    """
    if not _has_color(grid, color):
        return _no_grid()
    out = _copy(grid)
    h, w = grid.shape
    for r in range(h):
        for c in range(w):
            if grid[r, c] != color:
                continue
            for d in range(4):
                n = _first_hit(grid, r, c, d)
                if n > 0 and grid[r + (n + 1) * _DR[d], c + (n + 1) * _DC[d]] != color:
                    _shoot_one(grid, out, r * w + c, d, color)
    return out


# Physics


@primitive("drawing")
def gravity(grid: Grid, direction: Direction) -> Grid:
    """All content cells fall in the direction, each on its own, and pile up in their order."""
    turned = _orient(grid, direction)
    h, w = turned.shape
    out = np.zeros((h, w), np.int8)
    for c in range(w):
        floor = h - 1
        for r in range(h - 1, -1, -1):
            if turned[r, c]:
                out[floor, c] = turned[r, c]
                floor -= 1
    return _orient(out, direction)


@primitive("drawing", values={"color": INKS})
def gravity_of(grid: Grid, color: Color, direction: Direction) -> Grid:
    """Cells of the colour fall in the direction, each on its own; all other content stays and stops them.

    Not applicable where no cell has the colour, or for background.
    """
    if not _has_color(grid, color):
        return _no_grid()
    out = _orient(grid, direction)
    h, w = out.shape
    for c in range(w):
        floor = h - 1
        for r in range(h - 1, -1, -1):
            if out[r, c] == color:
                out[r, c] = 0
                out[floor, c] = color
                floor -= 1
            elif out[r, c] != 0:
                floor = r - 1
    return _orient(out, direction)


@primitive("drawing")
def gravity_objects(grid: Grid, direction: Direction) -> Grid:
    """Objects (8-connected content of any colours) fall rigidly until they rest on the border or others."""
    turned = _orient(grid, direction)
    h, w = turned.shape
    solid = _solid(turned)
    seen = np.zeros((h, w), np.bool_)
    cells = np.empty(h * w, np.int16)
    labels = np.zeros((h, w), np.int16)
    count = 0
    for r in range(h):
        for c in range(w):
            if solid[r, c] and not seen[r, c]:
                count += 1
                for i in range(_region(solid, seen, cells, r * w + c, 1)):
                    labels[cells[i] // w, cells[i] % w] = count
    rests = np.empty(count + 1, np.bool_)
    for _ in range(h):
        for k in range(count + 1):
            rests[k] = False
        changed = True
        while changed:
            changed = False
            for r in range(h - 1, -1, -1):
                for c in range(w):
                    k = labels[r, c]
                    if k and not rests[k] and (r == h - 1 or rests[labels[r + 1, c]]):
                        rests[k] = True
                        changed = True
        moved = False
        for r in range(h - 2, -1, -1):
            for c in range(w):
                k = labels[r, c]
                if k and not rests[k]:
                    labels[r + 1, c] = k
                    labels[r, c] = 0
                    turned[r + 1, c] = turned[r, c]
                    turned[r, c] = 0
                    moved = True
        if not moved:
            break
    return _orient(turned, direction)


@kernel
def _free_way(movers, obstacles, direction, wall):
    """Cells that the movers' content can move as a whole before obstacles' content.

    Without obstacles in the way: up to the border (wall = 1), or -1 (wall = 0). -1, too, without movers.
    """
    h, w = movers.shape
    best = -1
    for r in range(h):
        for c in range(w):
            if movers[r, c] == 0:
                continue
            n = 0 if obstacles[r, c] != 0 else _first_hit(obstacles, r, c, direction)
            if n < 0 and wall == 1:
                n = (r, h - 1 - r, c, w - 1 - c)[direction]
            if n >= 0 and (best < 0 or n < best):
                best = n
    return best


@kernel
def _moved(movers, obstacles, direction, steps):
    """The obstacles with the movers' content, moved by some cells, on top; clipped."""
    h, w = movers.shape
    out = _copy(obstacles)
    for r in range(h):
        for c in range(w):
            y, x = r + steps * _DR[direction], c + steps * _DC[direction]
            if movers[r, c] != 0 and 0 <= y < h and 0 <= x < w:
                out[y, x] = movers[r, c]
    return out


@primitive("drawing")
def move_until_contact(movers: Grid, obstacles: Grid, direction: Direction) -> Grid:
    """All content of one grid moves as a whole until it meets that of the other or the border.

    The result shows both. Movers that already lie on obstacles stay, on top. Not applicable where the shapes
    differ or there is nothing to move.
    """
    if movers.shape[0] != obstacles.shape[0] or movers.shape[1] != obstacles.shape[1]:
        return _no_grid()
    steps = _free_way(movers, obstacles, direction, 1)
    if steps < 0:
        return _no_grid()
    return _moved(movers, obstacles, direction, steps)


@primitive("drawing", values={"color": INKS})
def attract(grid: Grid, color: Color) -> Grid:
    """The cells of the colour move as a whole, straight, until they touch the nearest other content.

    The direction is that of the shortest way. Not applicable where no straight move leads to other content.
    """
    h, w = grid.shape
    movers = np.zeros((h, w), np.int8)
    obstacles = np.zeros((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            if grid[r, c] == color:
                movers[r, c] = color
            else:
                obstacles[r, c] = grid[r, c]
    best, way = -1, 0
    for d in range(4):
        n = _free_way(movers, obstacles, d, 0)
        if n >= 0 and (best < 0 or n < best):
            best, way = n, d
    if best < 0:
        return _no_grid()
    return _moved(movers, obstacles, way, best)


@primitive("drawing", values={"anchor": INKS})
def attract_cells(grid: Grid, anchor: Color) -> Grid:
    """Every cell of another colour moves straight to the nearest cell of the anchor colour in its line.

    Cells that go the same way pile up in front of the anchor; cells with no anchor in their row or column
    stay. Not applicable where no cell has the anchor's colour, or for background.
    """
    if not _has_color(grid, anchor):
        return _no_grid()
    h, w = grid.shape
    ways = np.empty((h, w), np.int8)
    out = np.zeros((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            ways[r, c] = -1
            if grid[r, c] == anchor:
                out[r, c] = anchor
            elif grid[r, c] != 0:
                best = 100
                for d in range(4):
                    y, x, n = r, c, 0
                    while 0 <= y < h and 0 <= x < w and grid[y, x] != anchor:
                        y += _DR[d]
                        x += _DC[d]
                        n += 1
                    if 0 <= y < h and 0 <= x < w and n < best:
                        best = n
                        ways[r, c] = d
                if ways[r, c] < 0:
                    out[r, c] = grid[r, c]
    for r in range(h):
        for c in range(w):
            if grid[r, c] != anchor:
                continue
            for d in range(4):
                y, x = r - _DR[d], c - _DC[d]
                slot_y, slot_x = y, x
                while 0 <= y < h and 0 <= x < w and grid[y, x] != anchor:
                    if ways[y, x] == d:
                        out[slot_y, slot_x] = grid[y, x]
                        slot_y -= _DR[d]
                        slot_x -= _DC[d]
                    y -= _DR[d]
                    x -= _DC[d]
    return out


@primitive("drawing")
def squeeze(grid: Grid) -> Grid:
    """Drop every row and every column without content, so that all content moves together.

    Not applicable to an empty grid.
    """
    h, w = grid.shape
    rows = np.zeros(h, np.bool_)
    cols = np.zeros(w, np.bool_)
    for r in range(h):
        for c in range(w):
            if grid[r, c]:
                rows[r] = True
                cols[c] = True
    height, width = 0, 0
    for r in range(h):
        height += rows[r]
    for c in range(w):
        width += cols[c]
    out = np.empty((height, width), np.int8)
    y = 0
    for r in range(h):
        if rows[r]:
            x = 0
            for c in range(w):
                if cols[c]:
                    out[y, x] = grid[r, c]
                    x += 1
            y += 1
    return out


@primitive("drawing")
def sort_lines(grid: Grid, axis: Axis) -> Grid:
    """Sort the rows (VERTICAL: columns) by number of content cells, fewest first; equal ones keep order."""
    turned = _along_rows(grid, axis)
    h, w = turned.shape
    counts = np.zeros(h, np.int64)
    for r in range(h):
        for c in range(w):
            counts[r] += turned[r, c] != 0
    out = np.empty((h, w), np.int8)
    for r in range(h):
        place = 0
        for k in range(h):
            if counts[k] < counts[r] or (counts[k] == counts[r] and k < r):
                place += 1
        for c in range(w):
            out[place, c] = turned[r, c]
    return _along_rows(out, axis)


@primitive("drawing")
def shear(grid: Grid, direction: Direction) -> Grid:
    """Roll row number r by r cells LEFT or RIGHT, or column number c by c cells UP or DOWN."""
    h, w = grid.shape
    out = np.empty((h, w), np.int8)
    for r in range(h):
        for c in range(w):
            n = r if direction >= 2 else c
            out[(r + n * _DR[direction]) % h, (c + n * _DC[direction]) % w] = grid[r, c]
    return out


# Filling


@primitive("drawing", values={"color": INKS})
def flood(grid: Grid, color: Color, connectivity: Connectivity) -> Grid:
    """Fill enclosed background, which has no way to the border, with the colour.

    CONN8: the way may pass between cells that touch at a corner.
    """
    outside = _outside(grid, connectivity)
    out = _copy(grid)
    for r in range(out.shape[0]):
        for c in range(out.shape[1]):
            if out[r, c] == 0 and not outside[r, c]:
                out[r, c] = color
    return out


@primitive("drawing", values={"color": INKS})
def flood_outside(grid: Grid, color: Color) -> Grid:
    """Fill the background that has a way (4-connected) to the border with the colour."""
    outside = _outside(grid, 0)
    out = _copy(grid)
    for r in range(out.shape[0]):
        for c in range(out.shape[1]):
            if outside[r, c]:
                out[r, c] = color
    return out


@primitive("drawing")
def flood_own(grid: Grid) -> Grid:
    """Fill each enclosed background region with the most common colour of the content around it.

    Regions are 4-connected; equally common colours: the lower number.
    """
    h, w = grid.shape
    out = _copy(grid)
    seen = _outside(grid, 0)
    cells = np.empty(h * w, np.int16)
    for r in range(h):
        for c in range(w):
            if grid[r, c] != 0 or seen[r, c]:
                continue
            n = _region(grid, seen, cells, r * w + c, 0)
            counts = np.zeros(10, np.int64)
            for i in range(n):
                for d in range(4):
                    # Enclosed cells are never on the border, so all four neighbours exist.
                    counts[grid[cells[i] // w + _DR[d], cells[i] % w + _DC[d]]] += 1
            best = 1
            for k in range(2, 10):
                if counts[k] > counts[best]:
                    best = k
            for i in range(n):
                out[cells[i] // w, cells[i] % w] = best
    return out


@primitive("drawing", values={"color": INKS})
def flood_from(grid: Grid, color: Color) -> Grid:
    """Paint-bucket: all background that a cell of the colour reaches (4-connected) takes the colour.

    Not applicable where no cell has the colour, or for background.
    """
    if not _has_color(grid, color):
        return _no_grid()
    h, w = grid.shape
    out = _copy(grid)
    seen = np.zeros((h, w), np.bool_)
    cells = np.empty(h * w, np.int16)
    for r in range(h):
        for c in range(w):
            if grid[r, c] != color:
                continue
            for d in range(4):
                y, x = r + _DR[d], c + _DC[d]
                if 0 <= y < h and 0 <= x < w and grid[y, x] == 0 and not seen[y, x]:
                    for i in range(_region(grid, seen, cells, y * w + x, 0)):
                        out[cells[i] // w, cells[i] % w] = color
    return out


@primitive("drawing", values={"color": INKS, "sides": (3, 4)})
def fill_sheltered(grid: Grid, color: Color, sides: Int) -> Grid:
    """Background cells that see content in at least `sides` of the four directions take the colour.

    3 fills bays and rooms with doors.
    """
    h, w = grid.shape
    out = _copy(grid)
    for r in range(h):
        for c in range(w):
            if grid[r, c] == 0:
                seen = 0
                for d in range(4):
                    seen += _first_hit(grid, r, c, d) >= 0
                if seen >= sides:
                    out[r, c] = color
    return out


@primitive("drawing")
def fill_lines(grid: Grid, axis: Axis) -> Grid:
    """Every row (VERTICAL: column) whose content has one colour only is filled with it."""
    out = _along_rows(grid, axis)
    h, w = out.shape
    for r in range(h):
        color = 0
        for c in range(w):
            v = out[r, c]
            if v != 0:
                if color == 0:
                    color = v
                elif color != v:
                    color = -1
        if color > 0:
            for c in range(w):
                out[r, c] = color
    return _along_rows(out, axis)


@primitive("drawing", values={"color": INKS})
def fill_between(grid: Grid, axis: Axis, color: Color) -> Grid:
    """Background cells with content on both sides in their row (VERTICAL: column) take the colour."""
    out = _along_rows(grid, axis)
    h, w = out.shape
    for r in range(h):
        last = -1
        for c in range(w):
            if out[r, c] != 0:
                if last >= 0:
                    for k in range(last + 1, c):
                        out[r, k] = color
                last = c
    return _along_rows(out, axis)


@primitive("drawing", values={"color": INKS})
def fill_content_box(grid: Grid, color: Color) -> Grid:
    """Background inside the bounding box of all content takes the colour. Not applicable to an empty grid."""
    top, left, height, width = _bounds(grid)
    if height == 0:
        return _no_grid()
    out = _copy(grid)
    for r in range(top, top + height):
        for c in range(left, left + width):
            if out[r, c] == 0:
                out[r, c] = color
    return out


# Borders and growth


@primitive("drawing", values={"color": INKS})
def outline(grid: Grid, color: Color, connectivity: Connectivity) -> Grid:
    """Background cells that touch content (CONN8: also at a corner) take the colour."""
    out = _copy(grid)
    for r in range(out.shape[0]):
        for c in range(out.shape[1]):
            if grid[r, c] == 0 and _touches(grid, r, c, connectivity, 0):
                out[r, c] = color
    return out


@primitive("drawing")
def inner_border(grid: Grid, color: Color, connectivity: Connectivity) -> Grid:
    """Content cells that touch another colour, background or the grid's edge take the colour (0: erosion)."""
    out = _copy(grid)
    for r in range(out.shape[0]):
        for c in range(out.shape[1]):
            if grid[r, c] != 0 and _touches(grid, r, c, connectivity, 1):
                out[r, c] = color
    return out


@primitive("drawing")
def interior(grid: Grid, color: Color) -> Grid:
    """Content cells whose eight neighbours all have their own colour take the colour (0: hollows shapes out).

    Cells on the grid's edge are never interior.
    """
    out = _copy(grid)
    for r in range(out.shape[0]):
        for c in range(out.shape[1]):
            if grid[r, c] != 0 and not _touches(grid, r, c, 1, 1):
                out[r, c] = color
    return out


@primitive("drawing")
def dilate(grid: Grid, connectivity: Connectivity) -> Grid:
    """All content grows by one cell of its colour over background; the earlier in reading order wins ties."""
    return _grow(grid, connectivity, 1)[0]


@primitive("drawing")
def spread_colors(grid: Grid, connectivity: Connectivity) -> Grid:
    """Every background cell takes the colour of the nearest content (CONN4: in steps along rows and columns).

    Equally near content: what was reached first, in reading order. Not applicable to an empty grid.
    """
    if _bounds(grid)[2] == 0:
        return _no_grid()
    return _grow(grid, connectivity, 100)[0]


@primitive("drawing")
def rings(grid: Grid) -> Grid:
    """Draw square rings of its colour around all content, at every second cell of distance."""
    out, distance = _grow(grid, 1, 100)
    for r in range(out.shape[0]):
        for c in range(out.shape[1]):
            if distance[r, c] % 2 != 0:
                out[r, c] = 0
    return out


@primitive("drawing", values={"color": INKS})
def mark_corners(grid: Grid, color: Color) -> Grid:
    """Background cells diagonally outside the corners of each object's bounding box take the colour.

    Objects are 8-connected content of any colours.
    """
    h, w = grid.shape
    out = _copy(grid)
    solid = _solid(grid)
    seen = np.zeros((h, w), np.bool_)
    cells = np.empty(h * w, np.int16)
    for r in range(h):
        for c in range(w):
            if solid[r, c] == 0 or seen[r, c]:
                continue
            top, bottom, left, right = h, -1, w, -1
            for i in range(_region(solid, seen, cells, r * w + c, 1)):
                top = min(top, cells[i] // w)
                bottom = max(bottom, cells[i] // w)
                left = min(left, cells[i] % w)
                right = max(right, cells[i] % w)
            for k in range(4):
                y = top - 1 if k < 2 else bottom + 1
                x = left - 1 if k % 2 == 0 else right + 1
                if 0 <= y < h and 0 <= x < w and out[y, x] == 0:
                    out[y, x] = color
    return out


@primitive("drawing")
def draw_frame(grid: Grid, color: Color) -> Grid:
    """The first and last row and column take the colour, over all else."""
    h, w = grid.shape
    out = _copy(grid)
    for r in range(h):
        for c in range(w):
            if r in (0, h - 1) or c in (0, w - 1):
                out[r, c] = color
    return out


@primitive("drawing")
def draw_side(grid: Grid, direction: Direction, color: Color) -> Grid:
    """The outermost row or column on the given side takes the colour, over all else."""
    h, w = grid.shape
    out = _copy(grid)
    for r in range(h):
        for c in range(w):
            if (r, h - 1 - r, c, w - 1 - c)[direction] == 0:
                out[r, c] = color
    return out


# Copies and layers


@primitive("drawing")
def mirror_across(grid: Grid, direction: Direction) -> Grid:
    """Reflect all content over that side of its bounding box, onto the background beyond; clipped.

    Not applicable to an empty grid.
    """
    top, left, height, width = _bounds(grid)
    if height == 0:
        return _no_grid()
    h, w = grid.shape
    out = _copy(grid)
    for r in range(top, top + height):
        for c in range(left, left + width):
            y, x = r, c
            if direction <= 1:
                y = 2 * top - 1 - r if direction == 0 else 2 * (top + height) - 1 - r
            else:
                x = 2 * left - 1 - c if direction == 2 else 2 * (left + width) - 1 - c
            if 0 <= y < h and 0 <= x < w and grid[r, c] != 0:
                out[y, x] = grid[r, c]
    return out


@primitive("drawing", values={"gap": (0, 1, 2)})
def repeat_content(grid: Grid, direction: Direction, gap: Int) -> Grid:
    """Repeat the content's box in the direction up to the border, with `gap` empty lines between.

    The last copy is clipped. A negative gap makes copies overlap; they change background only. Not applicable
    to an empty grid, or where a copy would not move.
    """
    top, left, height, width = _bounds(grid)
    step = (height if direction <= 1 else width) + gap
    if height == 0 or step <= 0:
        return _no_grid()
    h, w = grid.shape
    out = _copy(grid)
    for r in range(top, top + height):
        for c in range(left, left + width):
            y, x = r, c
            while grid[r, c] != 0:
                y += step * _DR[direction]
                x += step * _DC[direction]
                if not (0 <= y < h and 0 <= x < w):
                    break
                if out[y, x] == 0:
                    out[y, x] = grid[r, c]
    return out


@primitive("drawing")
def reverse_layers(grid: Grid) -> Grid:
    """Nested frames swap colours, outermost with innermost and so on.

    The order of colours is that on the diagonal from the top left corner of the content's bounding box. Not
    applicable where that corner is background, or with fewer than two colours.
    """
    colors, n = _layers(grid)
    if n < 2:
        return _no_grid()
    out = _copy(grid)
    top, left, height, width = _bounds(grid)
    for r in range(top, top + height):
        for c in range(left, left + width):
            for i in range(n):
                if grid[r, c] == colors[i]:
                    out[r, c] = colors[n - 1 - i]
    return out


@primitive("drawing")
def cycle_layers(grid: Grid) -> Grid:
    """Nested frames take the colour of the next frame outside them, and the outermost that of the innermost.

    The order of colours is that on the diagonal from the top left corner of the content's bounding box. Not
    applicable where that corner is background, or with fewer than two colours.
    """
    colors, n = _layers(grid)
    if n < 2:
        return _no_grid()
    out = _copy(grid)
    top, left, height, width = _bounds(grid)
    for r in range(top, top + height):
        for c in range(left, left + width):
            for i in range(n):
                if grid[r, c] == colors[i]:
                    out[r, c] = colors[(i + n - 1) % n]
    return out
