"""How one picture is put into another: the words of assembled pieces (`fit/assembly.py`).

As in `parts.py` the functions are plain NumPy, because the programs that use them carry their source along. Pictures
are int8 [h, w]; 0 is free. A function raises ValueError where it does not apply.
"""

from __future__ import annotations

import numpy as np

from .cells import content_box
from .layouts import turned


def enlarged(picture, times):
    """Every cell as a square of so many cells a side."""
    return picture.repeat(times, 0).repeat(times, 1)


def left_over(grid, piece):
    """What else is in a grid than a piece that is cut out of it, in its box."""
    if piece.shape[0] <= grid.shape[0] and piece.shape[1] <= grid.shape[1]:
        there = (np.lib.stride_tricks.sliding_window_view(grid, piece.shape) == piece).all((2, 3))
        if there.any():
            top, left = divmod(int(there.argmax()), there.shape[1])
            out = grid.copy()
            out[top : top + piece.shape[0], left : left + piece.shape[1]] = 0
            if out.any():
                return out[content_box(out)]
    raise ValueError("nothing else, or not a piece of it")


def contact(frame, inner):
    """How many pairs of straight neighbours, one cell of each, are of one colour, less those that are of two."""
    score = 0
    for a, b in ((frame, inner), (frame.T, inner.T)):
        for one, other in ((a[1:], b[:-1]), (a[:-1], b[1:])):
            both = (one > 0) & (other > 0)
            score += int((both & (one == other)).sum()) - int((both & (one != other)).sum())
    return score


def filling(frame, picture, turns):
    """The frame with the picture in its middle, as large as it has room for there, and turned in the way (of these;
    of equal ones the first) in which it touches most of its own colours."""
    high, wide = picture.shape
    for times in range(min(frame.shape[0] // high, frame.shape[1] // wide), 0, -1):
        top, left = (frame.shape[0] - times * high) // 2, (frame.shape[1] - times * wide) // 2
        box = slice(top, top + times * high), slice(left, left + times * wide)
        if not frame[box].any():
            break
    else:
        raise ValueError("no room")
    best = None
    for turn in turns:
        inner = np.zeros(frame.shape, np.int8)
        inner[box] = enlarged(turned(picture, turn), times)
        score = contact(frame, inner)
        if best is None or score > best[0]:
            best = score, np.where(inner > 0, inner, frame)
    return best[1].astype(np.int8)


def matching(frame, picture, turns):
    """The frame with the picture at the place, of the size and turned in the way in which most of its cells are there
    already and none of another colour is; of equal ones the largest, the first turn, the upper left place."""
    best = None
    for times in range(min(frame.shape[0] // picture.shape[0], frame.shape[1] // picture.shape[1]), 0, -1):
        for turn in turns:
            inner = enlarged(turned(picture, turn), times)
            there = np.lib.stride_tricks.sliding_window_view(frame, inner.shape)
            same = ((there == inner) & (inner > 0)).sum((2, 3))
            same[((there != inner) & (inner > 0) & (there > 0)).any((2, 3))] = 0
            score = int(same.max())
            if score > (best[0] if best else 0):
                top, left = divmod(int(same.argmax()), same.shape[1])
                out = frame.copy()
                box = out[top : top + inner.shape[0], left : left + inner.shape[1]]
                box[inner > 0] = inner[inner > 0]
                best = score, out
    if best is None:
        raise ValueError("it lies nowhere")
    return best[1]
