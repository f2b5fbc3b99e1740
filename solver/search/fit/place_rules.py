"""Place rules: the pictures of all parts, each where in other pairs one that looks alike lies in the output."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from ..words.layouts import block, in_places, plain
from .layout_blocks import Blocks
from .rule import ACTION_COST, LEAF_COST, Rule

Places = dict[tuple, tuple[int, int]]
"""The place in the output, in rows and columns of pictures, by how a picture looks (`layouts.plain`)."""


def place_rules(blocks: Blocks, targets: Sequence[np.ndarray], cost: float) -> list[Rule]:
    """The place rule over one division, if there is one. targets: int8 [H, W], of the training pairs. cost: nats of the
    division."""
    how = "alone" if "alone" in blocks.pictures else "region"  # where both are equal only one is known
    if how not in blocks.pictures:
        return []
    parts = blocks.parts
    pictures = [[blocks.pictures[how][k] for k in parts.of(grid)] for grid in range(len(parts.labels))]
    tables: list[Places] = []
    for own, target in zip(pictures, targets, strict=False):
        table = _places(own, target)
        if table is None:
            return []
        tables.append(table)

    confirmed = 0
    for pair, target in enumerate(targets):
        places = {key: p for k, table in enumerate(tables) if k != pair for key, p in table.items()}
        confirmed += np.array_equal(_put(pictures[pair], places), target)
    together = {key: place for table in tables for key, place in table.items()}
    items = [_put(own, together) for own in pictures]
    if any(item is None for item in items) or not all(map(np.array_equal, items, targets)):
        return []
    lines = [f"blocks = [block(base, labels, seen, k, {how!r}, None, None) for k in range(labels.max())]"]
    lines += [f"out = in_places(blocks, where, {together})"]
    value = parts.laid_out(items, lines, [block, in_places])
    return [Rule(value, confirmed, cost + ACTION_COST + LEAF_COST)]


def _places(pictures: Sequence[np.ndarray], target: np.ndarray) -> Places | None:
    """Where pictures lie in an output; None unless it consists of them, they have one shape of more than a cell, and
    all look different."""
    high, wide = pictures[0].shape
    if len(pictures) < 2 or any(p.shape != (high, wide) for p in pictures) or high * wide == 1:
        return None
    if target.size != len(pictures) * high * wide or target.shape[0] % high or target.shape[1] % wide:
        return None
    split = target.reshape(target.shape[0] // high, high, -1, wide).swapaxes(1, 2)
    found: Places = {}
    for picture in pictures:
        places = np.argwhere((split == picture).all((2, 3)))
        if len(places) != 1 or plain(picture) in found:
            return None
        found[plain(picture)] = tuple(places[0].tolist())
    return found


def _put(pictures: list[np.ndarray], places: Places) -> np.ndarray | None:
    """Pictures at their places; None where some have none."""
    try:
        return in_places(pictures, None, places)
    except ValueError:
        return None
