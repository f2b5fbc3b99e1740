"""Grids with scattered parts, and what may become of these, for tests of rules over parts."""

from __future__ import annotations

import numpy as np
from grids import draw

from solver.search.words.cells import one_colored
from solver.search.words.descriptions import described
from solver.search.words.drawings import painted, rays
from solver.search.words.parts import stack_of

SOME_GRIDS = [
    np.zeros((1, 1), np.int8),
    np.full((2, 5), 3, np.int8),
    draw("0120/0030/4000/0005"),
    np.eye(30, dtype=np.int8),
]


def never():
    return False


def scattered(seed, count=5, shape=(9, 10), sizes=(1, 4), number=4):
    """Grids with some rectangles of colours 1 to 3 that do not touch."""
    rng = np.random.default_rng(seed)
    grids = []
    for _ in range(count):
        grid = np.zeros(shape, np.int8)
        for _ in range(number * 4):
            high, wide = rng.integers(*sizes, 2)
            top, left = rng.integers(0, shape[0] - high), rng.integers(0, shape[1] - wide)
            around = grid[max(0, top - 1) : top + high + 1, max(0, left - 1) : left + wide + 1]
            if not around.any() and len(np.unique(grid)) <= 9:
                grid[top : top + high, left : left + wide] = rng.integers(1, 4)
        grids.append(grid)
    return grids


def largest_alone(grid):
    """The largest part stays, others become 5."""
    labels = one_colored(grid)
    size = described(grid, labels)["size"]
    return np.where(np.append(0, size == size.max())[labels] == 1, grid, np.where(grid > 0, 5, 0)).astype(np.int8)


def fall(grid):
    """Parts of colour 1 shoot rays to the right, the others stay."""
    labels = one_colored(grid)
    stack = stack_of(grid, labels)
    shot = rays(grid, stack, 0, 1, 0)
    choice = (described(grid, labels)["color own"] == 1) * 1
    return painted(grid, stack, choice, [(stack, True, None), (shot, True, None)])


def noise(seed, count=5, shape=(7, 7), colors=3, density=0.3):
    rng = np.random.default_rng(seed)
    return [(rng.integers(1, colors, shape) * (rng.random(shape) < density)).astype(np.int8) for _ in range(count)]


def bars(seed, count=5, number=3):
    """Grids with upright bars of different lengths and colours, from left to right."""
    rng = np.random.default_rng(seed)
    grids = []
    for _ in range(count):
        grid = np.zeros((9, 2 * number + 1), np.int8)
        lengths, colors = rng.permutation(np.arange(1, 9))[:number], rng.permutation(np.arange(1, 10))[:number]
        for k, (length, color) in enumerate(zip(lengths, colors, strict=True)):
            top = rng.integers(0, 9 - length)
            grid[top : top + length, 2 * k + 1] = color
        grids.append(grid)
    return grids
