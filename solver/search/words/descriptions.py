"""What the parts of a grid are like: numbers and colours by name, which rules tell parts from one another by.

The functions are plain NumPy, because the programs that use them carry their source along (`carried.py`).
"""

from __future__ import annotations

import numpy as np

from .cells import ranked_colors, ways
from .parts import (
    color_counts,
    crops,
    extents,
    gaps,
    main_colors,
    pairs_of_parts,
    shape_keys,
    sizes,
    stack_of,
    widened,
)


def described(grid, labels):
    """What every part is like: a dict from a feature's name to its values, int64 [n]. Names that begin with 'color'
    hold colours (0: none), all others hold numbers."""
    stack = stack_of(grid, labels)
    n, high, wide = stack.shape
    own = stack >= 0
    top, bottom, left, right = extents(stack)
    counts = color_counts(stack)
    size, tall, broad = sizes(stack), bottom - top + 1, right - left + 1
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
        turns = [[p[::a, ::b] for p in (part, part.T) for a in (1, -1) for b in (1, -1)] for part in shapes]
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
    color, size = main_colors(stack), sizes(stack)
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
    near = np.where(np.eye(n, dtype=bool), 999, gaps(stack))
    found["color of nearest"] = color[near.argmin(1)] if n > 1 else np.zeros(n, np.int64)
    ranked = ranked_colors(grid)
    found["color most common"] = np.full(n, ranked[0] if len(ranked) else 0)
    found["color least common"] = np.full(n, ranked[-1] if len(ranked) else 0)
    found["color of largest"] = np.full(n, color[size.argmax()] if n else 0)
    found["color of smallest"] = np.full(n, color[size.argmin()] if n else 0)
    beside, within, holder = (np.zeros(n, np.int64) for _ in range(3))
    around_all, rings = np.zeros((n, 10), np.int64), widened(own, straight=1) & ~own
    for k in range(n):
        around = np.bincount(grid[rings[k]], minlength=10)
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
    keys = shape_keys(stack)
    other = [[j for j in range(n) if j != k and keys[j] == keys[k] and color[j] != color[k]] for k in range(n)]
    found["color of the same shape"] = np.array([color[j[0]] if j else 0 for j in other], np.int64)
    return found
