"""Parts of a grid: what is asked of them again and again.

A division (`divisions.py`) gives labels; a grid's parts are a stack (int8 [n, H, W], −1 outside the part). What parts
are like is in `descriptions.py`, what may be drawn for them in `drawings.py` and `relations.py`. The functions are
plain NumPy, because the programs that use them carry their source along (`carried.py`).
"""

from __future__ import annotations

import numpy as np

from .cells import ways
from .kept import kept_by_identity


def stack_of(grid, labels):
    """The parts one by one: int8 [n, H, W], −1 outside of each."""
    numbers = np.arange(1, labels.max() + 1)[:, None, None]
    return np.where(labels == numbers, grid, -1).astype(np.int8)


@kept_by_identity
def extents(stack):
    """Of every part the first and last row, and the first and last column; int64 [4, n]."""
    rows, columns = (stack >= 0).any(2), (stack >= 0).any(1)
    high, wide = stack.shape[1:]
    bottom, right = high - 1 - rows[:, ::-1].argmax(1), wide - 1 - columns[:, ::-1].argmax(1)
    return np.array([rows.argmax(1), bottom, columns.argmax(1), right])


@kept_by_identity
def main_colors(stack):
    """The most common colour of every part."""
    rows = 11 * np.arange(len(stack))[:, None, None] + 1  # of a table with a column for −1, too
    counts = np.bincount((rows + stack).ravel(), minlength=11 * len(stack)).reshape(-1, 11)
    return counts[:, 1:].argmax(1)


def sizes(stack):
    """The number of cells of every part."""
    return (stack >= 0).sum((1, 2))


def color_counts(stack):
    """The number of cells of every colour in every part; int64 [10, n]."""
    return np.array([(stack == color).sum((1, 2)) for color in range(10)])


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


@kept_by_identity
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


def widened(own, straight=0):
    """These cells, bool [n, H, W], and those next to them, or straight beside them only."""
    wider, stack = own.copy(), np.where(own, 0, -1).astype(np.int8)
    for _, down, right in ways()[: 4 if straight else 8]:
        wider |= pushed(stack, down, right) >= 0
    return wider


@kept_by_identity
def gaps(stack):
    """How far every two parts' boxes are from each other, rows and columns added up; int64 [n, n]."""
    top, bottom, left, right = extents(stack)
    far = np.zeros((len(stack), len(stack)), np.int64)
    for low, high in ((top, bottom), (left, right)):
        far += np.maximum(np.maximum(low[:, None] - high, low - high[:, None]), 0)
    return far


def pairs_of_parts(stack):
    """For every two parts, bool [n, n]: whether the first's box lies in the second's, and whether they touch, at a
    corner too."""
    top, bottom, left, right = extents(stack)
    inside = (top[:, None] >= top) & (bottom[:, None] <= bottom) & (left[:, None] >= left) & (right[:, None] <= right)
    np.fill_diagonal(inside, False)
    own = stack >= 0
    touching = (
        widened(own).reshape(len(own), -1).astype(np.float32) @ own.reshape(len(own), -1).T.astype(np.float32) > 0
    )
    np.fill_diagonal(touching, False)
    return inside, touching


@kept_by_identity
def crops(stack):
    """Every part cut out, −1 where its box is not it."""
    return [
        part[top : bottom + 1, left : right + 1]
        for part, top, bottom, left, right in zip(stack, *extents(stack), strict=True)
    ]


def shape_keys(stack):
    """What parts of the same shape have alike, whatever their colours."""
    return [(part.shape, (part >= 0).tobytes()) for part in crops(stack)]
