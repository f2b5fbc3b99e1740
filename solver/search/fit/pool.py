"""The pool: those of the known grids whose shapes are the outputs' on every training pair, as rows of cells.

Fits that go cell by cell are sought among them. Cells are shuffled with the output colours interleaved, so that
contradictions come early.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ...fused import GridStore
from ...grid.registry import kernel


@dataclass
class Pool:
    """Pool values as rows.

    numbers: int64 [M] in the store, cheapest first. train: int8 [M, n], the cells of all training pairs, shuffled by
    order: int64 [n]. pair_of: int8 [n], the pair a cell belongs to. target: int8 [n], the outputs' cells. costs:
    float64 [M]. test_shape: int64 [M], equal where two values have equal shapes on all test inputs.
    """

    numbers: np.ndarray
    train: np.ndarray
    target: np.ndarray
    pair_of: np.ndarray
    costs: np.ndarray
    test_shape: np.ndarray
    num_train: int
    order: np.ndarray

    def row(self, store: GridStore, number: int) -> np.ndarray:
        """The cells of any stored value of the right size, int8 [n], in the pool's order."""
        out = np.empty((1, len(self.target)), np.int8)
        _gather(np.array([number]), store.cells, store.offsets, store.shapes, store.num_train, out)
        return out[0, self.order]


def build_pool(store: GridStore, max_values: int, rng: np.random.Generator) -> Pool | None:
    """The cheapest `max_values` values of the right size on all pairs; None if there are none."""
    fitting = np.flatnonzero(store.matches[: len(store), 0] == store.all_pairs)
    if not len(fitting):
        return None
    fitting = fitting[np.argsort(store.costs[fitting], kind="stable")][:max_values]
    pair_of = np.repeat(np.arange(store.num_train, dtype=np.int8), store.target_shapes.prod(1))
    order = _interleave(store.targets, rng)
    train = np.empty((len(fitting), len(store.targets)), np.int8)
    _gather(fitting, store.cells, store.offsets, store.shapes, store.num_train, train)
    shapes = store.shapes[fitting, store.num_train :].reshape(len(fitting), -1)
    _, test_shape = np.unique(shapes, axis=0, return_inverse=True)
    return Pool(
        fitting,
        np.ascontiguousarray(train[:, order]),
        np.ascontiguousarray(store.targets[order]),
        np.ascontiguousarray(pair_of[order]),
        store.costs[fitting].copy(),
        test_shape.reshape(-1).astype(np.int64),
        store.num_train,
        order,
    )


def _interleave(target: np.ndarray, rng: np.random.Generator) -> np.ndarray:
    """A random order of the cells in which the output colours take turns."""
    position = np.empty(len(target))
    for color in np.unique(target):
        cells = np.flatnonzero(target == color)
        position[cells] = (rng.permutation(len(cells)) + rng.random()) / len(cells)
    # Rare colours are spread over the whole order; put their first cells to the front.
    return np.argsort(position, kind="stable")


@kernel
def _gather(numbers, cells, offsets, shapes, num_train, out):
    for k in range(numbers.shape[0]):
        used = 0
        for i in range(num_train):
            size = shapes[numbers[k], i, 0] * shapes[numbers[k], i, 1]
            start = offsets[numbers[k], i]
            for c in range(size):
                out[k, used] = cells[start + c]
                used += 1
