"""Votes: grids with their shares, counted over views, added up over runs, put in order. Needs NumPy alone."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping

import numpy as np

from ..answers import GridKey, grid_key
from .views import Grid

Votes = list[tuple[Grid, float]]
"""For one test input: different grids, uint8 [H, W], with their shares, the largest first."""


def count_grids(predictions: Iterable[Grid]) -> Counter[GridKey]:
    """How often each grid was predicted. predictions: uint8 or int8 [H, W]."""
    return Counter(map(grid_key, predictions))


def shares_of_views(counts: Mapping[GridKey, int], num_views: int) -> Votes:
    """Counted grids as shares of all views, of which those that are not counted gave nothing."""
    return in_order({key: count / num_views for key, count in counts.items()})


def add_votes(shares: dict[GridKey, float], votes: Iterable[tuple[Grid, float]], weight: float) -> None:
    """Count votes in, each grid's share times the weight. shares: by grid; changed."""
    for grid, share in votes:
        key = grid_key(grid)
        shares[key] = shares.get(key, 0.0) + weight * share


def in_order(shares: Mapping[GridKey, float], most: int | None = None) -> Votes:
    """The largest share first, ties by content so that the order is fixed; at most so many."""
    ranked = sorted(shares.items(), key=lambda item: (-item[1], item[0]))[:most]
    return [(np.frombuffer(cells, np.uint8).reshape(shape).copy(), share) for (shape, cells), share in ranked]
