"""Features of cells (see `cells.py`): the runs and rectangles of one colour that a cell lies in, and what lines give if
they are repeated.

They count the background as a colour, so that they say what is free: how long, how wide, between what.
"""

from __future__ import annotations

import numpy as np

from .cells import content_box


def run_ends(cells):
    """The first and the last place of the run of equal values that each cell lies in, along the last axis; int64 in
    the cells' shape each."""
    place = np.arange(cells.shape[-1])
    differs = cells[..., 1:] != cells[..., :-1]
    begins, ends = np.ones(cells.shape, bool), np.ones(cells.shape, bool)
    begins[..., 1:] = ends[..., :-1] = differs
    first = np.maximum.accumulate(np.where(begins, place, 0), -1)
    last = np.minimum.accumulate(np.where(ends, place, len(place))[..., ::-1], -1)[..., ::-1]
    return first, last


def runs(grid):
    """The runs of one colour that a cell lies in, across and down: how long they are, whether none of the colour is
    longer, and the colours behind their ends, −1 for the border."""
    found = {}
    for name, picture, ends in (("across", grid, ("left", "right")), ("down", grid.T, ("up", "down"))):
        first, last = run_ends(picture)
        length = last - first + 1
        longest = np.zeros(10, np.int64)
        np.maximum.at(longest, picture, length)
        padded = np.pad(picture.astype(np.int64), ((0, 0), (1, 1)), constant_values=-1)
        line = np.arange(len(picture))[:, None]
        table = {"run " + name: length, "is longest " + name: (length == longest[picture]) * 1}
        table |= {"color behind " + ends[0]: padded[line, first], "color behind " + ends[1]: padded[line, last + 2]}
        found |= {key: values if name == "across" else values.T for key, values in table.items()}
    return found


def rectangles_around(grid):
    """The largest rectangle of one colour that a cell lies in: its size, height and width, and its rank among those of
    its colour; the rank again, for the background only (0: content)."""
    high, _ = grid.shape
    top, bottom = np.arange(high)[:, None, None], np.arange(high)[:, None]
    upper = run_ends(grid.T)[0].T  # the first row of the run down that ends in a cell
    whole = (upper <= top) & (top <= bottom)  # [top, bottom, column]: of one colour between two rows
    column = np.arange(grid.shape[1])
    first, last = run_ends(np.where(whole, grid, -1 - column % 2))
    tall = bottom - top + 1
    # A number that says the size, and among equal ones the height.
    sizes = np.where(whole, (last - first + 1) * tall * 32 + tall, 0)
    best = np.maximum.accumulate(sizes[:, ::-1], 1)[:, ::-1]
    best = np.where(top <= bottom, best, 0).max(0)
    size, tall = best // 32, best % 32
    rank = np.zeros(grid.shape, np.int64)
    for color in np.unique(grid):
        own = grid == color
        different = np.unique(size[own])
        rank[own] = len(different) - np.searchsorted(different, size[own])
    found = {"rectangle size": size, "rectangle height": tall, "rectangle width": size // tall}
    return found | {"rectangle rank": rank, "free rectangle rank": np.where(grid == 0, rank, 0)}


def repeated_lines(picture, gap):
    """Every row filled with its own content, from the first cell of it to the last, again and again. gap: with as many
    free cells between as lie between its first two cells. int64 [H, W]."""
    out = np.zeros(picture.shape, np.int64)
    for k, line in enumerate(picture):
        (where,) = np.nonzero(line)
        if len(where):
            content = line[where[0] : where[-1] + 1]
            free = where[1] - where[0] - 1 if gap and len(where) > 1 else 0
            period = np.concatenate([content, np.zeros(free, content.dtype)])
            out[k] = period[(np.arange(len(line)) - where[0]) % len(period)]
    return out


def repeats(grid):
    """What the content of the cell's row and column gives if it is repeated up to the border, and the same of the
    sequence of all lines, each by its most common colour, across, down and along the grid's longer side (square grids
    have none: 0); with and without a gap between. And the box of all content, repeated both ways. Colours."""
    high, wide = grid.shape
    found = {}
    for words, gap in (("", 0), (" with a gap", 1)):
        sequences = {}
        for name, picture in (("across", grid), ("down", grid.T)):
            counts = np.array([np.bincount(line, minlength=10) for line in picture.T])
            counts[:, 0] = 0
            own, lines = repeated_lines(picture, gap), repeated_lines(counts.argmax(1)[None], gap)
            lines = np.repeat(lines, len(picture), 0)
            own, sequences[name] = (own, lines) if name == "across" else (own.T, lines.T)
            found[f"color repeated {name}{words}"] = own
            found[f"color of lines repeated {name}{words}"] = sequences[name]
        longer = sequences["across"] * (wide > high) + sequences["down"] * (high > wide)
        found["color of lines repeated along" + words] = longer
    rows, columns = content_box(grid)
    box, content = grid[rows, columns], np.zeros(grid.shape, np.int64)
    if box.size:
        down, across = (np.arange(high) - rows.start) % len(box), (np.arange(wide) - columns.start) % box.shape[1]
        content[:] = box[down][:, across]
    return found | {"color of content repeated": content}
