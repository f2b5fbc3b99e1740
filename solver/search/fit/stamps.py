"""Stamps: single cells that the outputs have around every part of one size, or around the middles of parts.

Which cells these are is read off the outputs. The drawings themselves are in `words/drawings.py`.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..words.divisions import STILL, layers
from ..words.drawings import Drawing, stamped, stamped_in_middle
from .divided import Parts

STAMP_REACH, MAX_STAMP_SIDE, MAX_STAMPS = 3, 6, 12
"""Cells around a part's box that a stamp may have, the longest side of such a part, and stamps under one division."""


def stamps(parts: Parts, targets: Sequence[np.ndarray]) -> list[Drawing]:
    """Drawings of single cells around parts of one size, or around the middles of parts: those cells that have one
    colour in the outputs, for all such parts, or for those of one colour. targets: int8 [H, W], of the training
    pairs, in the shapes of the grids."""
    found: list[Drawing] = []
    if parts.divide in STILL and parts.divide is not layers:
        return []
    boxes = parts.boxes[:, parts.train]
    own_color = parts.features["color own"][parts.train]
    sizes = np.stack([boxes[1] - boxes[0] + 1, boxes[3] - boxes[2] + 1], 1)
    corners = boxes[[0, 2]].T - STAMP_REACH
    kinds = [
        (stamped, (sizes == size).all(1), corners, size + 2 * STAMP_REACH)
        for size in np.unique(sizes, axis=0)[:MAX_STAMPS]
        if size.max() <= MAX_STAMP_SIDE and parts.divide not in STILL
    ]
    middles = (boxes[[0, 2]] + boxes[[1, 3]]).T // 2 - STAMP_REACH
    kinds.append((stamped_in_middle, (sizes % 2 == 1).all(1), middles, np.full(2, 2 * STAMP_REACH + 1)))
    for function, of_kind, firsts, shape in kinds:
        for color in (-1, *np.unique(own_color[of_kind])):
            members = np.flatnonzero(of_kind & ((own_color == color) | (color < 0)))
            cells = _constant_cells(parts, targets, members, firsts[members], shape)
            stamp = Drawing(function, (cells,), True)
            if cells and stamp not in found:
                found.append(stamp)
    return found[:MAX_STAMPS]


def _constant_cells(
    parts: Parts, targets: Sequence[np.ndarray], members: np.ndarray, firsts: np.ndarray, shape: np.ndarray
) -> tuple[tuple[int, int, int], ...]:
    """Cells of windows that have one colour in the outputs, in all windows, as (row, column, colour) less STAMP_REACH;
    none where the windows are of one pair. members: training parts, int64 [n], whose windows begin at `firsts`, int64
    [n, 2], and have a shape, int64 [2]."""
    num_needed = min(2, parts.num_train)
    grid_of = parts.grid_of[parts.train][members]
    if len(np.unique(grid_of)) < num_needed:
        return ()
    seen, changed = np.zeros((10, *shape), np.int64), np.zeros((parts.num_train, *shape), bool)
    for number, (top, left_end) in zip(grid_of, firsts, strict=True):
        grid, target = parts.base.items[number], targets[number]
        row, column = np.indices(tuple(shape))
        fine = (row + top >= 0) & (row + top < grid.shape[0])
        fine &= (column + left_end >= 0) & (column + left_end < grid.shape[1])
        row, column = row[fine], column[fine]
        new = target[row + top, column + left_end]
        np.add.at(seen, (new, row, column), 1)
        changed[number, row, column] |= new != grid[row + top, column + left_end]
    constant = ((seen > 0).sum(0) == 1) & (seen[0] == 0) & (changed.sum(0) >= num_needed)
    return tuple(
        (int(row) - STAMP_REACH, int(column) - STAMP_REACH, int(seen[:, row, column].argmax()))
        for row, column in np.argwhere(constant)
    )
