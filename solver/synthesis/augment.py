"""The same programs on other pictures: inputs turned and recoloured, pairs in another order.

A program is right for its own outputs whatever its inputs are, so only what cannot be run, or no longer looks like a
task, is lost.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..program import Program
from .mutations import rename_colors


def turned(grid: np.ndarray, symmetry: int) -> np.ndarray:
    """One of the 8 symmetries of the square; 0 leaves the grid as it is."""
    grid = np.rot90(grid, symmetry % 4)
    return np.ascontiguousarray(grid.T if symmetry >= 4 else grid)


def augment(
    inputs: Sequence[np.ndarray], program: Program, rng: np.random.Generator
) -> tuple[tuple[np.ndarray, ...], Program]:
    """All inputs under one random symmetry and one random renaming of the colours 1..9, in a random order; colour
    constants of the program are renamed alike."""
    renamed = np.concatenate([[0], rng.permutation(9) + 1])
    symmetry = int(rng.integers(8))
    order = rng.permutation(len(inputs))
    grids = tuple(renamed[turned(inputs[i], symmetry)].astype(np.int8) for i in order)
    return grids, rename_colors(program, renamed.tolist())
