"""How a grid is divided into parts.

A division takes a grid (int8 [H, W], 0 the background) and gives labels (int64 [H, W], 0: no part, k: the k-th part).
What is asked of parts is in `parts.py`. The functions are plain NumPy over the grid library and `cells.py`, because the
programs that use them carry their source along (`carried.py`).
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ...grid import CONN4, ONE_COLOR, background_regions, find_objects
from .cells import many_colored, moved, one_colored


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


def single_cells(grid):
    """Labels of the cells that are not 0, each a part."""
    return np.where(grid > 0, np.cumsum(grid > 0).reshape(grid.shape), 0).astype(np.int64)


DIVISIONS: tuple[Callable[..., np.ndarray], ...] = (
    one_colored, many_colored, one_colored_straight, free_regions, layers, panels,
)  # fmt: skip

DRAWN_DIVISIONS = (*DIVISIONS, loose)
"""Divisions for drawing rules."""

STILL = (free_regions, layers, panels)
"""Divisions whose parts are only painted: they do not move, and nothing but stamps is drawn elsewhere for them."""
