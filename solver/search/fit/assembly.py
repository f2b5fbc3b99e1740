"""Assembled pieces: one piece of the input put into another, that has the outputs' size.

A frame with what belongs into it is more than any one part of the input. So two pieces are put together where most of
the output is the one and most of the rest is the other: in the middle, as large as there is room for, or where parts of
the picture are there already; as it lies in the input, or as the mirror image that goes on in the frame's colours.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ...executor import Value
from ...sandbox.executor import FreeValue
from ..words.assembly import filling, left_over, matching
from ..words.carried import source_of

ASSEMBLY_COST = 2.0
"""Nats that an assembly costs beyond its two pieces."""

REST_COST = 1.0
"""Nats that what is left over beside a piece costs beyond that piece."""

MAX_FRAMES, MAX_PICTURES, MAX_ASSEMBLED = 6, 40, 20
"""The cheapest pieces of each kind are tried, the cheapest assemblies kept."""

MIN_FRAME, MIN_ADDED = 0.8, 0.8
"""Shares in every pair: of a frame's cells that are not 0, those that are so in the output; of the cells that a picture
adds to it, those that are not 0 there. Their colours may change, but for some."""

WAYS = (
    (filling, (None,)),
    (filling, (None, "left right", "up down", "half")),
    (matching, (None,)),
    (matching, (None, "left right", "up down", "half")),
)
"""How a picture is put into a frame, and what it may be turned into."""


def assembled(
    base: Value, pieces: Sequence[Value], targets: Sequence[np.ndarray], stop: Callable[[], bool]
) -> list[FreeValue]:
    """Different assemblies of two pieces of a grid, or of one and what is left over beside it, the cheapest first, as
    executed steps. pieces: the cheapest first."""
    frames = [piece for piece in pieces if _is_frame(piece, targets)][:MAX_FRAMES]
    found: dict[bytes, FreeValue] = {}
    for frame in frames:
        smaller = (piece for piece in [*_rest(base, frame), *pieces] if _may_lie_in(piece, frame))
        for picture, _ in zip(smaller, range(MAX_PICTURES), strict=False):
            if stop():
                return []
            for number, (put, turns) in enumerate(WAYS):
                items = list(_put_together(frame, picture, put, turns, targets))
                if len(items) < len(frame.items):
                    continue
                text = f"{source_of([put])}\nout = {put.__name__}(first, second, {turns!r})"
                cost = frame.cost + picture.cost + ASSEMBLY_COST + number
                value = FreeValue.fitted(items, (frame, picture), ("first", "second"), text, cost)
                if value.key not in found or cost < found[value.key].cost:
                    found[value.key] = value
    return sorted(found.values(), key=lambda value: value.cost)[:MAX_ASSEMBLED]


def _rest(base: Value, frame: Value) -> list[FreeValue]:
    """What is left over of a grid beside a piece of it, if there is something in all inputs."""
    try:
        items = [left_over(grid, piece) for grid, piece in zip(base.items, frame.items, strict=True)]
    except ValueError:
        return []
    text = f"{source_of([left_over])}\nout = left_over(base, piece)"
    return [FreeValue.fitted(items, (base, frame), ("base", "piece"), text, REST_COST)]


def _is_frame(piece: Value, targets: Sequence[np.ndarray]) -> bool:
    """Whether a piece has the outputs' size and mostly lies in them, without being them."""
    pairs = list(zip(piece.items, targets, strict=False))
    if any(item.shape != target.shape for item, target in pairs) or all(map(np.array_equal, piece.items, targets)):
        return False
    return all(((item == target) & (item > 0)).sum() >= MIN_FRAME * max(1, (item > 0).sum()) for item, target in pairs)


def _may_lie_in(piece: Value, frame: Value) -> bool:
    """Whether a piece is not empty and smaller than the frame, in every input."""
    pairs = zip(piece.items, frame.items, strict=True)
    return all(
        a.any() and a.shape[0] <= b.shape[0] and a.shape[1] <= b.shape[1] and a.shape != b.shape for a, b in pairs
    )


def _put_together(
    frame: Value,
    picture: Value,
    put: Callable[..., np.ndarray],
    turns: tuple[str | None, ...],
    targets: Sequence[np.ndarray],
) -> Iterator[np.ndarray]:
    """The assemblies of all inputs; fewer where one can't be made, or has too much that is not in the output."""
    for number, (outer, inner) in enumerate(zip(frame.items, picture.items, strict=True)):
        try:
            made = put(outer, inner, turns)
        except ValueError:
            return
        if number < len(targets):
            target, added = targets[number], made != outer
            is_shape = (target[added] > 0).sum() >= MIN_ADDED * added.sum()
            if not is_shape or (made == target).sum() <= (outer == target).sum():
                return
        yield made
