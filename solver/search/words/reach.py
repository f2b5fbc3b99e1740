"""Features of cells (see `cells.py`) that look far: along diagonals, along ways over the background, and to mirrored
places."""

from __future__ import annotations

import numpy as np

from .cells import colors_at, content_box, moved, on_grid, regions, ways


def diagonals(grid):
    """The cell's diagonals, falling and rising to the right: their most common colour, and how many cells have
    content."""
    row, column = np.indices(grid.shape)
    found = {}
    for name, line in (("falling", row - column + grid.shape[1] - 1), ("rising", row + column)):
        counts = np.zeros((sum(grid.shape), 10), np.int64)
        np.add.at(counts, (line, grid), 1)
        counts[:, 0] = 0
        found["color of diagonal " + name] = counts.argmax(1)[line]
        found["cells in diagonal " + name] = counts.sum(1)[line]
    return found


def free_ways(grid):
    """Of the colours straight beside a cell's region the one that is rarest in the grid (0: there are none); and how
    many straight steps over background a free cell is from that colour (0: it is not free, or there is none)."""
    labels, often = regions(grid), np.bincount(grid.ravel(), minlength=10)
    beside = [(moved(labels, down, right), moved(grid, down, right)) for _, down, right in ways()[:4]]
    touching = np.zeros((labels.max() + 1, 10), bool)
    for label, color in beside:
        other = (color > 0) & (label != labels)
        touching[labels[other], color[other]] = True
    rarest = (np.where(touching, often, 9999).argmin(1) * touching.any(1))[labels]
    left = (grid == 0) & (rarest > 0)
    near = left & np.logical_or.reduce([color == rarest for _, color in beside])
    steps, number = np.zeros(grid.shape, np.int64), 0
    while near.any():
        number += 1
        steps[near] = number
        left &= ~near
        near = left & np.logical_or.reduce([moved(near, down, right) > 0 for _, down, right in ways()[:4]])
    return {"color rarest around": rarest, "way": steps, "way mod 2": steps % 2, "way mod 3": steps % 3}


def mirrors_about(grid):
    """The colours at the places mirrored about the middle of the rarest colour's cells; −1 outside the grid, and about
    diagonals also where these go through no middles of cells."""
    counts = np.bincount(grid.ravel(), minlength=10)[1:]
    rarest = np.where(counts > 0, counts, 9999).argmin() + 1 if counts.any() else 0
    rows, columns = np.nonzero(grid == rarest)
    down, across = rows.min() + rows.max(), columns.min() + columns.max()
    row, column = np.indices(grid.shape)
    shift = (down - across) // 2
    places = {"left right": (row, across - column), "up down": (down - row, column)}
    places["turned"] = (down - row, across - column)
    places["transposed"] = (column + shift, row - shift)
    places["antitransposed"] = (down - shift - column, across + shift - row)
    found = {}
    for name, (rows, columns) in places.items():
        fine = on_grid(rows, columns, grid.shape) & ((down - across) % 2 == 0 or "transposed" not in name)
        found["color about it " + name] = colors_at(grid, rows, columns, fine)
    return found


def whole_content(grid):
    """Labels of the box of all content: 1, 0 outside."""
    labels = np.zeros(grid.shape, np.int64)
    labels[content_box(grid)] = 1
    return labels
