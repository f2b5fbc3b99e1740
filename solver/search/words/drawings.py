"""What may be drawn for the parts of a grid, or cut out of it: the words of part rules (`fit/part_rules.py`).

A drawing takes a grid (int8 [H, W]) and its parts (a stack, int8 [n, H, W], −1 outside the part) and gives a stack of
what it would paint, −1 elsewhere. More of them are in `relations.py` and `moves.py`. The functions are plain NumPy,
because the programs that use them carry their source along (`carried.py`).
"""

from __future__ import annotations

from collections.abc import Callable
from typing import NamedTuple

import numpy as np

from .cells import on_grid, ways
from .kept import kept_by_identity
from .parts import color_counts, crops, extents, free_steps, main_colors, placed, pushed, sizes, widened


def in_main_color(stack, mask):
    """A stack that has each part's most common colour where a mask (bool [n, H, W]) is."""
    return np.where(mask, main_colors(stack)[:, None, None], -1).astype(np.int8)


def keep(grid, stack):
    """The part as it is."""
    return stack


def left(grid, stack):
    """Nothing: the part stays as it is, but what is drawn for others may lie over it."""
    return np.full(stack.shape, -1, np.int8)


def nothing(grid, stack):
    """Nothing."""
    return np.full(stack.shape, -1, np.int8)


def boxed(stack):
    """The cells of every part's bounding box, bool [n, H, W]."""
    row, column = np.indices(stack.shape[1:])
    top, bottom, left, right = extents(stack)[:, :, None, None]
    return (row >= top) & (row <= bottom) & (column >= left) & (column <= right)


def box(grid, stack):
    """The background in its box."""
    return in_main_color(stack, boxed(stack) & (grid == 0))


def rest_of_box(grid, stack):
    """All of its box that it is not."""
    return in_main_color(stack, boxed(stack) & (stack < 0))


def whole_box(grid, stack):
    """All of its box."""
    return in_main_color(stack, boxed(stack))


def holes(grid, stack):
    """The background that it encloses."""
    own = stack >= 0
    outside = np.pad(np.zeros(own.shape, bool), ((0, 0), (1, 1), (1, 1)), constant_values=True)
    free = np.pad(~own, ((0, 0), (1, 1), (1, 1)), constant_values=True)
    while True:
        wider = outside.copy()
        wider[:, 1:] |= outside[:, :-1]
        wider[:, :-1] |= outside[:, 1:]
        wider[:, :, 1:] |= wider[:, :, :-1]
        wider[:, :, :-1] |= wider[:, :, 1:]
        wider &= free
        if (wider == outside).all():
            return in_main_color(stack, ~outside[:, 1:-1, 1:-1] & ~own & (grid == 0))
        outside = wider


def frame(grid, stack):
    """The cells just outside its box."""
    within = boxed(stack)
    return in_main_color(stack, widened(within) & ~within)


def mat(grid, stack, through):
    """The background in its box and in the cells just outside of that; through: also what it encloses."""
    drawn = in_main_color(stack, widened(boxed(stack)) & (grid == 0))
    return drawn if through else np.where(holes(grid, stack) >= 0, -1, drawn).astype(np.int8)


def outline(grid, stack, straight):
    """The background next to it, or straight beside it only."""
    own = stack >= 0
    return in_main_color(stack, widened(own, straight) & ~own & (grid == 0))


def inside(grid, stack):
    """Its cells that are surrounded by it."""
    own = stack >= 0
    for _, down, right in ways():
        own = own & (pushed(stack, down, right) >= 0)
    return in_main_color(stack, own)


def edge(grid, stack):
    """Its cells that are not surrounded by it."""
    return in_main_color(stack, (stack >= 0) & (inside(grid, stack) < 0))


@kept_by_identity
def rays(grid, stack, down, right, through):
    """Rays from all of its cells in a direction, through background, or through everything."""
    own = stack >= 0
    free = ~own & ((grid == 0) | through)
    # The first cell behind that is not free: its colour, −2 if it is not the part's; −1 if it is farther than `reach`.
    behind, reach = pushed(np.where(free, -1, np.where(own, stack, -2)), down, right), 1
    while reach < max(grid.shape):
        behind = np.where(behind == -1, pushed(behind, reach * down, reach * right), behind)
        reach *= 2
    return np.where(free & (behind >= 0), behind, -1).astype(np.int8)


def middle_lines(grid, stack, upright, across, through):
    """The lines through its middle, upright or across or both: through background, or through everything."""
    own = stack >= 0
    row, column = np.indices(grid.shape)
    top, bottom, left, right = extents(stack)[:, :, None, None]
    lines = np.zeros(stack.shape, bool)
    if upright:
        lines |= abs(2 * column - left - right) <= (left + right) % 2
    if across:
        lines |= abs(2 * row - top - bottom) <= (top + bottom) % 2
    return in_main_color(stack, lines & ~own & ((grid == 0) | through))


def moved_until(grid, stack, down, right, how):
    """The part where it stops if it moves in a direction: at content or the 'border'; at 'content', if there is some;
    or 'over' content, one step farther."""
    steps, stopped = free_steps(grid, stack, down, right)
    if how != "border":
        steps = np.where(stopped, steps + (how == "over"), 0)
    return placed(stack, np.stack([steps * down, steps * right], 1))


def moved_to(grid, stack, which, farther):
    """The part moved straight until it touches content that it sees: the nearest, or that of its colour or of another
    colour, or the largest part's; and then `farther` cells more."""
    n = len(stack)
    shifts, best = np.zeros((n, 2), np.int64), np.full(n, 99)
    color = main_colors(stack)
    largest = sizes(stack).argmax() if n else 0
    for _, down, right in ways()[:4]:
        steps, stopped = free_steps(grid, stack, down, right)
        after = placed(stack, np.stack([(steps + 1) * down, (steps + 1) * right], 1))
        hit = (after >= 0) & ~(stack >= 0) & (grid > 0)
        met = np.where(hit, grid, 0)
        wanted = stopped & (steps < best)
        if which == "own color":
            wanted &= (met == color[:, None, None]).any((1, 2))
        if which == "other color":
            wanted &= ((met > 0) & (met != color[:, None, None])).any((1, 2))
        if which == "largest" and n:
            wanted &= (hit & (stack[largest] >= 0)).any((1, 2))
        best = np.where(wanted, steps, best)
        far = steps + farther
        shifts = np.where(wanted[:, None], np.stack([far * down, far * right], 1), shifts)
    return placed(stack, shifts)


def moved_toward(grid, stack, which):
    """The part moved by one step, diagonally too, toward the middle of the largest or of the rarest part."""
    goal = moved_onto(grid, stack, which)
    top, _, left, _ = extents(stack)
    goal_top, _, goal_left, _ = extents(goal)
    return placed(stack, np.stack([np.sign(goal_top - top), np.sign(goal_left - left)], 1))


def moved_by(grid, stack, down, right, unit):
    """The part moved by rows and columns: of one cell, of its own height and width, or of its box and a cell."""
    top, bottom, left, right_end = extents(stack)
    tall, broad = (bottom - top + 1, right_end - left + 1) if unit else (np.ones(len(stack), int),) * 2
    extra = 1 if unit == 2 else 0
    return placed(stack, np.stack([(tall + extra) * down, (broad + extra) * right], 1).reshape(-1, 2))


def moved_onto(grid, stack, which):
    """The part with its middle on that of another: the largest, the smallest, or the one of the rarest colour."""
    n = len(stack)
    if not n:
        return stack
    top, bottom, left, right = extents(stack)
    size, color = sizes(stack), main_colors(stack)
    often = np.bincount(color, minlength=10)[color]
    goal = size.argmax() if which == "largest" else size.argmin() if which == "smallest" else often.argmin()
    down, across = (top[goal] + bottom[goal] - top - bottom) // 2, (left[goal] + right[goal] - left - right) // 2
    return placed(stack, np.stack([down, across], 1))


def reflected(grid, stack, how, down, right):
    """The part turned over within its box, the box then moved by its own height and width. Turned by a quarter only
    if the box is square."""
    out = np.full(stack.shape, -1, np.int8)
    for k, (cut, top, _, left, _) in enumerate(zip(crops(stack), *extents(stack), strict=True)):
        turned = {"left right": cut[:, ::-1], "up down": cut[::-1], "half": cut[::-1, ::-1]}.get(how)
        if turned is None and cut.shape[0] == cut.shape[1]:
            turned = cut.T if how == "diagonal" else np.rot90(cut, 1 if how == "left" else 3)
        if turned is not None:
            out[k, top : top + turned.shape[0], left : left + turned.shape[1]] = turned
    return moved_by(grid, out, down, right, 1) if down or right else out


def copied(part, down, right):
    """Copies of a part (a stack of one), one after the other by so many rows and columns, up to the border; the last
    ones lie above. int8 [H, W]."""
    out = np.full(part.shape[1:], -1, np.int8)
    for step in range(1, max(out.shape)):
        copy = pushed(part, step * down, step * right)[0]
        if not (copy >= 0).any():
            break
        out = np.where(copy >= 0, copy, out)
    return out


def repeated(grid, stack, down, right, gap):
    """Copies of the part, one after the other in a direction, up to the border, `gap` cells between them."""
    top, bottom, left, right_end = extents(stack)
    tall, broad = bottom - top + 1 + gap, right_end - left + 1 + gap
    out = np.full(stack.shape, -1, np.int8)
    for k in range(len(stack)):
        out[k] = copied(stack[k : k + 1], int(down * tall[k]), int(right * broad[k]))
    return out


def completed(grid, stack, how):
    """What the part lacks, within its box, to be equal to its mirror images."""
    out = np.full(stack.shape, -1, np.int8)
    for name in {"left right": ["left right"], "up down": ["up down"]}.get(how, ["left right", "up down", "half"]):
        mirror = reflected(grid, stack, name, 0, 0)
        out = np.where((stack < 0) & (out < 0), mirror, out)
    return out


def exchanged(grid, stack):
    """The part with its most and its least common colour exchanged."""
    counts = color_counts(stack)
    most = counts.argmax(0)[:, None, None]
    least = np.where(counts > 0, counts, 999).argmin(0)[:, None, None]
    return np.where(stack == most, least, np.where(stack == least, most, stack)).astype(np.int8)


def like(grid, stack, which):
    """The picture of another part of the same height and width: the largest such part that has most colours, or one
    of the same shape and another colour."""
    out = np.full(stack.shape, -1, np.int8)
    cut, color = crops(stack), main_colors(stack)
    colors = [len(np.unique(part[part >= 0])) for part in cut]
    top, _, left, _ = extents(stack)
    for k, part in enumerate(cut):
        others = [j for j in range(len(cut)) if j != k and cut[j].shape == part.shape and colors[j] >= colors[k]]
        if which == "same shape":
            others = [j for j in others if np.array_equal(cut[j] >= 0, part >= 0) and color[j] != color[k]]
        if others:
            model = cut[max(others, key=lambda j: (colors[j], (cut[j] >= 0).sum()))]
            out[k, top[k] : top[k] + model.shape[0], left[k] : left[k] + model.shape[1]] = model
    return out


def without_main(grid, stack):
    """The part without its most common colour."""
    return np.where(stack == main_colors(stack)[:, None, None], -1, stack).astype(np.int8)


def minor_cells(grid, stack):
    """Its cells that are not of its most common colour."""
    return in_main_color(stack, (stack >= 0) & (stack != main_colors(stack)[:, None, None]))


def dotted(grid, stack, cells, top, left_end):
    """Single cells for every part. cells: (row, column, colour), the former counted from `top`, `left_end`, int64
    [n]."""
    out = np.full(stack.shape, -1, np.int8)
    for row, column, color in cells:
        rows, columns = top + row, left_end + column
        fine = on_grid(rows, columns, grid.shape)
        out[fine, rows[fine], columns[fine]] = color
    return out


def stamped(grid, stack, cells):
    """Single cells around its box. cells: (row, column, colour), the former counted from the box's upper left cell."""
    top, _, left_end, _ = extents(stack)
    return dotted(grid, stack, cells, top, left_end)


def stamped_in_middle(grid, stack, cells):
    """Single cells around the middle of its box, if a cell is in the middle. cells: (row, column, colour), the former
    counted from it."""
    top, bottom, left_end, right_end = extents(stack)
    out = dotted(grid, stack, cells, (top + bottom) // 2, (left_end + right_end) // 2)
    out[((bottom - top) % 2 == 1) | ((right_end - left_end) % 2 == 1)] = -1
    return out


def painted(grid, stack, choice, actions):
    """A grid with what was chosen for each part. choice: numbers of actions, int64 [n]. actions: what is drawn for
    each part, whether it stays itself, and in which colour instead (None: as drawn; one, or one for each part)."""
    out = grid.astype(np.int64)
    for number, (_, stays, _) in enumerate(actions):
        if not stays:
            out[(stack[choice == number] >= 0).any(0)] = 0
    for number, (drawn, _, color) in enumerate(actions):
        for k in np.flatnonzero(choice == number):
            picture = drawn[k]
            if color is not None:
                picture = np.where(picture >= 0, color if np.isscalar(color) else color[k], -1)
            out = np.where(picture >= 0, picture, out)
    return out.astype(np.int8)


def cut_out(grid, labels, number, how):
    """What lies in the box of part `number` (from 0): all of it, the part alone, all without the box's
    edge; or its most common colour as one cell."""
    rows, columns = np.nonzero(labels == number + 1)
    box = (slice(rows.min(), rows.max() + 1), slice(columns.min(), columns.max() + 1))
    out = np.where(labels == number + 1, grid, 0)[box] if how == "alone" else grid[box]
    if how == "color":
        out = np.bincount(grid[labels == number + 1]).argmax().reshape(1, 1)
    if how == "inside" and min(out.shape) > 2:
        out = out[1:-1, 1:-1]
    return np.ascontiguousarray(out).astype(np.int8)


class Drawing(NamedTuple):
    """What may become of a part. function: what draws it. arguments: of that, after grid and stack; hashable. stays:
    whether the part stays beside it."""

    function: Callable[..., np.ndarray]
    arguments: tuple
    stays: bool


_WAYS4 = ways()[:4]

MOVING = (rays, middle_lines, moved_until, moved_to, moved_onto, moved_toward, moved_by, repeated)

_DRAWINGS = (
    (keep, (), True),
    (nothing, (), False),
    (left, (), True),
    (box, (), True),
    (holes, (), True),
    (whole_box, (), True),
    (rest_of_box, (), True),
    (frame, (), True),
    (mat, (0,), True),
    (mat, (1,), True),
    (outline, (0,), True),
    (outline, (1,), True),
    (edge, (), True),
    (inside, (), True),
    (exchanged, (), True),
    (minor_cells, (), True),
    (without_main, (), False),
    (like, ("most colors",), True),
    (like, ("same shape",), True),
    *[(rays, (d, r, t), True) for t in (0, 1) for _, d, r in ways()],
    *[(middle_lines, (u, a, t), True) for t in (0, 1) for u, a in ((1, 0), (0, 1), (1, 1))],
    *[(moved_until, (d, r, c), s) for c in ("border", "content", "over") for s in (False, True) for _, d, r in _WAYS4],
    *[
        (moved_to, (which, farther), s)
        for farther in (0, 1)
        for s in (False, True)
        for which in ("nearest", "own color", "other color", "largest")
    ],
    *[(moved_onto, (which,), s) for s in (False, True) for which in ("largest", "smallest", "rarest")],
    *[(moved_toward, (which,), False) for which in ("largest", "smallest", "rarest")],
    *[(moved_by, (d, r, u), s) for s in (False, True) for u in (1, 2) for _, d, r in ways()],
    *[(reflected, (how, 0, 0), True) for how in ("left right", "up down", "half", "diagonal", "left", "right")],
    *[(reflected, (how, d, r), True) for _, d, r in _WAYS4 for how in ("up down" if d else "left right",)],
    *[(repeated, (d, r, g), True) for g in (0, 1) for _, d, r in ways()],
    *[(completed, (how,), True) for how in ("left right", "up down", "both")],
)

DRAWINGS = tuple(Drawing(*one) for one in _DRAWINGS)

NUM_PLAIN = 3
"""The first drawings, which draw nothing new."""
