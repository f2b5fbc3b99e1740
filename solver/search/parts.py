"""Parts of a grid, what they are like, and what may be drawn for them: the words of part rules (`fit_parts.py`).

A division gives labels (int64 [H, W], 0: no part, k: the k-th part); a grid's parts are a stack (int8 [n, H, W], −1
outside the part). A drawing takes a grid and its stack and gives a stack of what it would paint, −1 elsewhere. The
functions are plain NumPy over the grid library and `cells.py`, because the programs that use them carry their source
along (`source_of`).
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from types import CodeType
from typing import NamedTuple

import numpy as np

from ..grid import CONN4, ONE_COLOR, background_regions, find_objects
from . import cells
from .cells import many_colored, moved, one_colored, ways


def one_colored_straight(grid):
    """Labels of the 4-connected objects of one colour."""
    return (find_objects(grid, CONN4, ONE_COLOR).labels if grid.any() else grid).astype(np.int64)


def loose(grid):
    """Labels of the objects of one colour in which cells may be one cell apart."""
    labels = np.where(grid > 0, np.arange(1, grid.size + 1).reshape(grid.shape), grid.size + 1)
    steps = [(down, right) for down in range(-2, 3) for right in range(-2, 3) if down or right]
    alike = [(down, right, (moved(grid, down, right) == grid) & (grid > 0)) for down, right in steps]
    before = None
    while before is None or (labels != before).any():
        before = labels
        for down, right, same in alike:
            labels = np.where(same, np.minimum(labels, moved(labels, down, right)), labels)
    found = np.unique(labels, return_inverse=True)[1].reshape(grid.shape) + 1
    return np.where(grid > 0, found, 0).astype(np.int64)


def free_regions(grid):
    """Labels of the 4-connected parts of the background."""
    return (background_regions(grid, CONN4).labels if not grid.all() else grid * 0).astype(np.int64)


def layers(grid):
    """Labels by colour: all cells of one colour are a part."""
    labels = np.zeros(grid.shape, np.int64)
    for number, color in enumerate(np.unique(grid[grid > 0]), 1):
        labels[grid == color] = number
    return labels


def panels(grid):
    """Labels of the rectangles between full lines of one colour. Without such lines: of the squares that the grid
    is a row or a column of."""
    high, wide = grid.shape
    labels = np.zeros(grid.shape, np.int64)
    if max(high, wide) % min(high, wide) == 0 and high != wide:
        row, column = np.indices(grid.shape)
        return (row // min(high, wide) + column // min(high, wide) + 1).astype(np.int64)
    common = np.argsort(-np.bincount(grid.ravel(), minlength=10), kind="stable")
    for color in [*common[common > 0], 0]:  # empty rows separate only where nothing else does
        rows, columns = (grid == color).all(1), (grid == color).all(0)
        if (rows.any() or columns.any()) and not rows.all():
            down = np.cumsum(np.diff(rows * 1, prepend=1) == -1)
            across = np.cumsum(np.diff(columns * 1, prepend=1) == -1)
            if down[-1] * across[-1] > 1:
                number = (down[:, None] - 1) * across[-1] + across
                labels = np.where(rows[:, None] | columns, 0, number)
                break
    return labels.astype(np.int64)


def stack_of(grid, labels):
    """The parts one by one: int8 [n, H, W], −1 outside of each."""
    numbers = np.arange(1, labels.max() + 1)[:, None, None]
    return np.where(labels == numbers, grid, -1).astype(np.int8)


def extents(stack):
    """Of every part the first and last row, and the first and last column; int64 [4, n]."""
    rows, columns = (stack >= 0).any(2), (stack >= 0).any(1)
    high, wide = stack.shape[1:]
    bottom, right = high - 1 - rows[:, ::-1].argmax(1), wide - 1 - columns[:, ::-1].argmax(1)
    return np.array([rows.argmax(1), bottom, columns.argmax(1), right])


def main_colors(stack):
    """The most common colour of every part."""
    counts = np.array([(stack == color).sum((1, 2)) for color in range(10)])
    return counts.argmax(0)


def pushed(stack, down, right):
    """Every part moved by the same number of rows and columns; what leaves the grid is lost."""
    high, wide = stack.shape[1:]
    out = np.full(stack.shape, -1, np.int8)
    if abs(down) < high and abs(right) < wide:
        here = stack[:, max(0, -down) : high - max(0, down), max(0, -right) : wide - max(0, right)]
        out[:, max(0, down) : high + min(0, down), max(0, right) : wide + min(0, right)] = here
    return out


def placed(stack, shifts):
    """Every part moved by its own number of rows and columns, int64 [n, 2]."""
    high, wide = stack.shape[1:]
    out = np.full(stack.shape, -1, np.int8)
    for part, place, (down, right) in zip(stack, out, np.asarray(shifts).tolist()):
        if abs(down) < high and abs(right) < wide:
            here = part[max(0, -down) : high - max(0, down), max(0, -right) : wide - max(0, right)]
            place[max(0, down) : high + min(0, down), max(0, right) : wide + min(0, right)] = here
    return out


def free_steps(grid, stack, down, right):
    """How far each part can move straight in a direction before it meets other content or the border, int64 [n]; and
    whether it is content that stops it."""
    owner = ((stack >= 0) * np.arange(1, len(stack) + 1, dtype=np.int16)[:, None, None]).max(0, initial=0)
    # Turned so that the direction is to the right.
    turned = [(a.T if down else a)[:, :: -1 if down + right < 0 else 1] for a in (grid, owner)]
    content, owner = turned[0] > 0, turned[1]
    wide = content.shape[1]
    following = np.full(content.shape, wide)
    places = np.where(content, np.arange(wide), wide)
    following[:, :-1] = np.minimum.accumulate(places[:, ::-1], 1)[:, ::-1][:, 1:]
    row, column = np.nonzero(owner)
    number, after = owner[row, column], following[row, column]
    room, gap = np.full(len(stack) + 1, 99), np.full(len(stack) + 1, 99)
    np.minimum.at(room, number, wide - 1 - column)
    foreign = (after < wide) & (owner[row, np.minimum(after, wide - 1)] != number)
    np.minimum.at(gap, number[foreign], (after - column - 1)[foreign])
    return np.minimum(room, gap)[1:], (gap < room)[1:]


def pairs_of_parts(stack):
    """For every two parts, bool [n, n]: whether the first's box lies in the second's, and whether they touch, at a
    corner too."""
    top, bottom, left, right = extents(stack)
    inside = (top[:, None] >= top) & (bottom[:, None] <= bottom) & (left[:, None] >= left) & (right[:, None] <= right)
    np.fill_diagonal(inside, False)
    own = stack >= 0
    wider = own.copy()
    for _, down, across in ways():
        wider |= pushed(stack, down, across) >= 0
    touching = wider.reshape(len(own), -1).astype(np.float32) @ own.reshape(len(own), -1).T.astype(np.float32) > 0
    np.fill_diagonal(touching, False)
    return inside, touching


def crops(stack):
    """Every part cut out, −1 where its box is not it."""
    return [
        part[top : bottom + 1, left : right + 1]
        for part, top, bottom, left, right in zip(stack, *extents(stack), strict=True)
    ]


def described(grid, labels):
    """What every part is like: a dict from a feature's name to its values, int64 [n]. Names that begin with 'color'
    hold colours (0: none), all others hold numbers."""
    stack = stack_of(grid, labels)
    n, high, wide = stack.shape
    own = stack >= 0
    top, bottom, left, right = extents(stack)
    counts = np.array([(stack == color).sum((1, 2)) for color in range(10)])
    size, tall, broad = own.sum((1, 2)), bottom - top + 1, right - left + 1
    cut = crops(stack)
    found = {"color own": counts.argmax(0)}
    found["color least in it"] = np.where(counts > 0, counts, 999).argmin(0)
    found |= {"size": size, "height": tall, "width": broad, "colors": (counts > 0).sum(0)}
    padded = np.pad(own, ((0, 0), (1, 1), (1, 1)))
    quads = [padded[:, :-1, :-1], padded[:, :-1, 1:], padded[:, 1:, :-1], padded[:, 1:, 1:]]
    filled = sum(q * 1 for q in quads)
    diagonal = (filled == 2) & (quads[0] == quads[3])
    found["holes"] = 1 - ((filled == 1) * 1 - (filled == 3) - 2 * diagonal).sum((1, 2)) // 4
    found |= bent(padded)
    found["main cells"], found["other cells"] = counts.max(0), size - counts.max(0)
    inside, touching = pairs_of_parts(stack)
    found |= {"parts in its box": inside.sum(0), "boxes around": inside.sum(1), "touching": touching.sum(1)}
    found |= {"top": top, "left": left}
    for name in list(found)[2:]:
        values = found[name]
        different = np.unique(values)
        found[name + " rank"] = len(different) - np.searchsorted(different, values)
        found[name + " rank from below"] = np.searchsorted(different, values) + 1
        found["of the same " + name] = (values[:, None] == values).sum(1)
    for name in ("size", "height", "width"):
        found[name + " mod 2"] = found[name] % 2
    for name in ("top", "left"):
        for divisor in (2, 3):
            found[f"{name} rank mod {divisor}"] = found[name + " rank from below"] % divisor
    for color in range(1, 10):
        different = np.unique(counts[color])
        found[f"cells of {color}"] = counts[color]
        found[f"cells of {color} rank"] = len(different) - np.searchsorted(different, counts[color])
    for name, shapes in (("shape", [part >= 0 for part in cut]), ("picture", cut)):
        keys = [(part.shape, part.tobytes()) for part in shapes]
        turns = [[np.rot90(p, k) for k in range(4) for p in (part, part.T)] for part in shapes]
        least = [min((t.shape, t.tobytes()) for t in part) for part in turns]
        found["of the same " + name] = np.array([keys.count(key) for key in keys], np.int64)
        found["of the same " + name + " if turned"] = np.array([least.count(key) for key in least], np.int64)
    found["of the same color"] = (found["color own"][:, None] == found["color own"]).sum(1)
    found["is full"], found["is square"] = (size == tall * broad) * 1, (tall == broad) * 1
    found["upright"] = np.sign(tall - broad) + 1
    found["symmetric left right"] = np.array([np.array_equal(p, p[:, ::-1]) for p in cut], np.int64)
    found["symmetric up down"] = np.array([np.array_equal(p, p[::-1]) for p in cut], np.int64)
    found["symmetric diagonally"] = np.array([np.array_equal(p, p.T) for p in cut], np.int64)
    found["symmetric other diagonally"] = np.array([np.array_equal(p, p[::-1, ::-1].T) for p in cut], np.int64)
    mirrored = found["symmetric left right"] + found["symmetric up down"]
    found["symmetries"] = mirrored + found["symmetric diagonally"] + found["symmetric other diagonally"]
    found |= {"from below": high - 1 - bottom, "from the right": wide - 1 - right}
    found["on the border"] = ((top == 0) | (left == 0) | (bottom == high - 1) | (right == wide - 1)) * 1
    found["parts"] = np.full(n, n)
    found["in the middle"] = (abs(top + bottom - high + 1) <= tall) & (abs(left + right - wide + 1) <= broad)
    found["borders"] = (top == 0) * 1 + (left == 0) + (bottom == high - 1) + (right == wide - 1)
    found |= seen_colors(grid, stack, inside, touching)
    return {name: np.asarray(values).astype(np.int64) for name, values in found.items()}


def bent(padded):
    """How many cells of every part (bool [n, H + 2, W + 2], with a free rim) are ends, bends and junctions: with one
    cell of it straight beside them, with two that are not opposite, with more."""
    own, across = padded[:, 1:-1, 1:-1], padded[:, 1:-1, :-2] * 1 + padded[:, 1:-1, 2:]
    upright = padded[:, :-2, 1:-1] * 1 + padded[:, 2:, 1:-1]
    found = {"ends": across + upright == 1, "bends": (across == 1) & (upright == 1), "junctions": across + upright > 2}
    return {name: (own & cells).sum((1, 2)) for name, cells in found.items()}


def seen_colors(grid, stack, inside, touching):
    """The colours of what lies around every part, and how far it is up, down, left and right (0: nothing there)."""
    n = len(stack)
    top, bottom, left, right = extents(stack)
    own = stack >= 0
    color, size = main_colors(stack), own.sum((1, 2))
    found = {}
    for name, down, across in ways()[:4]:
        seen, far, ends = np.zeros(n, np.int64), np.zeros(n, np.int64), []
        for k in range(n):
            rows, columns = slice(top[k], bottom[k] + 1), slice(left[k], right[k] + 1)
            if down:
                lines = grid[: top[k], columns][::-1] if down < 0 else grid[bottom[k] + 1 :, columns]
            else:
                lines = (grid[rows, : left[k]][:, ::-1] if across < 0 else grid[rows, right[k] + 1 :]).T
            ends.append(lines.ravel())
            full = lines.any(1)
            if full.any():
                first = lines[full.argmax()]
                seen[k], far[k] = first[first > 0][0], full.argmax() + 1
        found["color seen " + name], found["steps " + name] = seen, far
        last = [line[line > 0][-1] if line.any() else 0 for line in ends]
        found["color at the end " + name] = np.array(last, np.int64)
    sides = [name for name, _, _ in ways()[:4]]
    found["sides seen"] = sum((found["steps " + name] > 0) * 1 for name in sides)
    found["own color seen"] = sum((found["color seen " + name] == color) * 1 for name in sides)
    near = np.where(np.eye(n, dtype=bool), 999, 0)
    for low, high_end in ((top, bottom), (left, right)):
        apart = np.maximum(low[:, None] - high_end, low - high_end[:, None])
        near = near + np.maximum(apart, 0)
    nearest = near.argmin(1) if n > 1 else np.zeros(n, np.int64)
    found["color of nearest"] = color[nearest] if n > 1 else np.zeros(n, np.int64)
    ranked = np.argsort(-np.bincount(grid.ravel(), minlength=10)[1:], kind="stable") + 1
    ranked = [c for c in ranked if (grid == c).any()]
    found["color most common"] = np.full(n, ranked[0] if ranked else 0)
    found["color least common"] = np.full(n, ranked[-1] if ranked else 0)
    found["color of largest"] = np.full(n, color[size.argmax()] if n else 0)
    found["color of smallest"] = np.full(n, color[size.argmin()] if n else 0)
    beside, within, holder = (np.zeros(n, np.int64) for _ in range(3))
    around_all = np.zeros((n, 10), np.int64)
    for k in range(n):
        ring = np.zeros(grid.shape, bool)
        for _, down, across in ways()[:4]:
            ring |= pushed(stack[k : k + 1], down, across)[0] >= 0
        around = np.bincount(grid[ring & ~own[k]], minlength=10)
        within_box = (slice(top[k], bottom[k] + 1), slice(left[k], right[k] + 1))
        box = np.bincount(grid[within_box][~own[k][within_box]], minlength=10)
        around[0] = box[0] = 0
        around_all[k] = around
        beside[k], within[k] = around.argmax(), box.argmax()
        holders = np.flatnonzero(inside[k])
        holder[k] = color[holders[size[holders].argmin()]] if len(holders) else 0
    found["color beside"], found["color in its box"], found["color around"] = beside, within, holder
    # As a legend says it: what lies beside its colour elsewhere.
    alike = (color[:, None] == color) & ~np.eye(n, dtype=bool)
    found["color beside its own elsewhere"] = (alike @ around_all).argmax(1) if n else color
    found["largest of its color"] = np.where(alike, size, 0).max(1, initial=0)
    keys = [(part.shape, (part >= 0).tobytes()) for part in crops(stack)]
    other = [[j for j in range(n) if j != k and keys[j] == keys[k] and color[j] != color[k]] for k in range(n)]
    found["color of the same shape"] = np.array([color[j[0]] if j else 0 for j in other], np.int64)
    return found


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


def widened(own, straight=0):
    """These cells, bool [n, H, W], and those next to them, or straight beside them only."""
    wider, stack = own.copy(), np.where(own, 0, -1).astype(np.int8)
    for _, down, right in ways()[: 4 if straight else 8]:
        wider |= pushed(stack, down, right) >= 0
    return wider


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


def edge(grid, stack):
    """Its cells that are not surrounded by it."""
    own = stack >= 0
    deep = own.copy()
    for _, down, right in ways():
        deep &= pushed(stack, down, right) >= 0
    return in_main_color(stack, own & ~deep)


def inside(grid, stack):
    """Its cells that are surrounded by it."""
    own = stack >= 0
    for _, down, right in ways():
        own = own & (pushed(stack, down, right) >= 0)
    return in_main_color(stack, own)


def rays(grid, stack, down, right, through):
    """Rays from all of its cells in a direction, through background, or through everything."""
    own = stack >= 0
    free = ~own & ((grid == 0) | through)
    out, head = np.full(stack.shape, -1, np.int8), stack
    for _ in range(max(grid.shape)):
        head = pushed(head, down, right)
        head = np.where(free | own, head, -1)
        if not (head >= 0).any():
            break
        out = np.where((head >= 0) & ~own & (out < 0), head, out)
    return out


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
    largest = (stack >= 0).sum((1, 2)).argmax() if n else 0
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
    size, color = (stack >= 0).sum((1, 2)), main_colors(stack)
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


def repeated(grid, stack, down, right, gap):
    """Copies of the part, one after the other in a direction, up to the border, `gap` cells between them."""
    top, bottom, left, right_end = extents(stack)
    tall, broad = bottom - top + 1 + gap, right_end - left + 1 + gap
    out = np.full(stack.shape, -1, np.int8)
    for k in range(len(stack)):
        for step in range(1, max(grid.shape)):
            copy = pushed(stack[k : k + 1], int(down * tall[k] * step), int(right * broad[k] * step))[0]
            out[k] = np.where(copy >= 0, copy, out[k])
            if not (copy >= 0).any():
                break
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
    counts = np.array([(stack == color).sum((1, 2)) for color in range(10)])
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
        fine = (rows >= 0) & (rows < grid.shape[0]) & (columns >= 0) & (columns < grid.shape[1])
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


DIVISIONS: tuple[Callable[..., np.ndarray], ...] = (
    one_colored, many_colored, one_colored_straight, free_regions, layers, panels,
)  # fmt: skip

DRAWN_DIVISIONS = (*DIVISIONS, loose)
"""Divisions for drawing rules."""

_WAYS4 = ways()[:4]

STILL = (free_regions, layers, panels)
"""Divisions whose parts are only painted: they do not move, and nothing but stamps is drawn elsewhere for them."""

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

MAX_SOURCES = 1000
"""Sources that are kept: a search needs few different ones, but these thousands of times."""


def _words(code: CodeType) -> set[str]:
    """All names that a function uses, in its comprehensions too."""
    return set(code.co_names).union(*(_words(part) for part in code.co_consts if isinstance(part, CodeType)))


def source_of(functions: Iterable[Callable[..., object]]) -> str:
    """The source of these functions and all that they need of this package: `cells.py` first, then this file."""
    return _source_of(tuple(functions))


@lru_cache(MAX_SOURCES)
def _source_of(functions: tuple[Callable[..., object], ...]) -> str:
    package = __name__.rpartition(".")[0]
    files = {cells.__name__: 0, __name__: 1}
    needed: set[Callable[..., object]] = set()
    left = list(functions)
    while left:
        function = left.pop()
        if function not in needed:
            needed.add(function)
            named = (function.__globals__.get(word) for word in _words(function.__code__))
            left += [own for own in named if inspect.isfunction(own) and own.__module__.startswith(package)]
    place = {f: (files.get(f.__module__, 2), f.__module__, f.__code__.co_firstlineno) for f in needed}
    return "\n".join(_source(function) for function in sorted(needed, key=place.__getitem__))


_source = cache(inspect.getsource)
