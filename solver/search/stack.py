"""Greedy stacking: cover the outputs with partial results, each right wherever it is not background.

A *piece* is a pool value that agrees with the training output in every one of its non-background cells, on all
pairs. Pieces never contradict each other, so laying them over one another is right wherever any of them is opaque;
when together they cover every non-background cell of the outputs, `overlay` of them all is a full fit. Pieces are
taken greedily by newly covered cells less their cost; the search starts anew from each of the best first pieces.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..executor import Value, apply
from ..fused import GridStore
from ..grid.registry import FUNCTIONS, kernel
from .fit.pool import Pool


@dataclass(frozen=True)
class Stack:
    """An overlay of pieces. covered: share of the outputs' non-background cells that it gets right (1: full fit)."""

    value: Value
    covered: float


@kernel
def _pieces(pool, target, covered_by):
    """covered_by[k] = number of non-background cells of piece k, −1 if value k contradicts the outputs."""
    for k in range(pool.shape[0]):
        count = 0
        for c in range(target.shape[0]):
            v = pool[k, c]
            if v:
                if v != target[c]:
                    count = -1
                    break
                count += 1
        covered_by[k] = count


@kernel
def _gains(pool, rows, covered, gains):
    """gains[i] = cells that piece rows[i] would newly cover."""
    for i in range(rows.shape[0]):
        gain = 0
        for c in range(covered.shape[0]):
            gain += (pool[rows[i], c] != 0) and not covered[c]
        gains[i] = gain


def stack(
    store: GridStore, pool: Pool, *, max_pieces: int = 6, num_starts: int = 12, cell_value: float = 0.5
) -> list[Stack]:
    """Overlays of two or more pieces, full fits first, then by coverage and cost.

    cell_value: nats of program cost that one newly covered cell is worth. Empty if the outputs are all background
    or no two pieces add up.
    """
    wanted = int((pool.target != 0).sum())
    covered_by = np.empty(len(pool.numbers), np.int64)
    _pieces(pool.train, pool.target, covered_by)
    rows = np.flatnonzero(covered_by > 0)
    if not wanted or len(rows) < 2:
        return []
    found: dict[bytes, Stack] = {}
    merit = cell_value * covered_by[rows] - pool.costs[rows]
    for start in rows[np.argsort(-merit, kind="stable")[:num_starts]]:
        chosen = [int(start)]
        same = rows[pool.test_shape[rows] == pool.test_shape[start]]
        covered = pool.train[start] != 0
        gains = np.empty(len(same), np.int64)
        while len(chosen) < max_pieces and covered.sum() < wanted:
            _gains(pool.train, same, covered, gains)
            score = np.where(gains > 0, cell_value * gains - pool.costs[same], -np.inf)
            # What is left must be covered: a piece that finishes the job beats one that only adds.
            score[gains == wanted - covered.sum()] += cell_value * wanted
            best = int(np.argmax(score))
            if gains[best] <= 0:
                break
            chosen.append(int(same[best]))
            covered |= pool.train[same[best]] != 0
        if len(chosen) > 1 and (value := _overlay(store, pool, chosen)) is not None:
            found.setdefault(value.key, Stack(value, float(covered.sum()) / wanted))
    return sorted(found.values(), key=lambda s: (-s.covered, s.value.cost))


def _overlay(store: GridStore, pool: Pool, rows: list[int]) -> Value | None:
    value = store.value(int(pool.numbers[rows[0]]))
    cost = value.cost
    for row in rows[1:]:
        top = store.value(int(pool.numbers[row]))
        result = apply(FUNCTIONS["overlay"], [value, top])
        if result is None:
            return None
        cost += float(pool.costs[row])
        value = result
    value.cost = cost
    return value
