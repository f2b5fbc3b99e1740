"""Blocks: what every part may give that is laid out (a cell, a bar, its picture), turned or in another colour."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...grid.types import MAX_SIDE
from ..words.divisions import single_cells
from ..words.layouts import turned
from .divided import Parts

TURNS = ("left right", "up down", "half", "diagonal", "left", "right")
BARS = ("size", "height", "width", "other cells", "colors", "holes", "of the same color")
"""Features that may be the length of a bar."""

PICTURES = {"region": 0.8, "alone": 1.0, "inside": 1.5, "shrunk": 1.5, "scaled": 1.5}
"""What may be cut out for a part, see `layouts.block`, with its cost."""

BAR_COST, CORNER_COST, TURN_COST = 1.5, 2.5, 2.0

Ink = int | str | None
"""A colour, the name of a feature that is one, or None: a block's own colours."""


@dataclass(frozen=True)
class Block:
    """What `layouts.block` is called with, and what that costs."""

    how: str
    turn: str | None
    ink: Ink
    cost: float

    @property
    def call(self) -> str:
        """As Python for part `k`."""
        return f"block(base, labels, seen, k, {self.how!r}, {self.turn!r}, {self.ink!r})"


def num_needed(num_train: int) -> int:
    """Pairs that a layout rule must give: all but one; of two both."""
    return num_train - (num_train > 2)


class Blocks:
    """The blocks that all parts under one division can give.

    every: those that differ. colors: for each how many cells of the colours 1 to 9 every part's has, float32 [parts,
    9]; the same array where only the turn differs. pictures: what `how` gives for every part, in its own colours or as
    ones, int8 [h, w] each.
    """

    def __init__(self, parts: Parts, targets: Sequence[np.ndarray], stop: Callable[[], bool]) -> None:
        """targets: int8 [H, W], of the training pairs. At `stop()` the rest is left out."""
        self.parts = parts
        self.every: list[Block] = []
        self.colors: list[np.ndarray] = []
        self.pictures: dict[str, list[np.ndarray]] = {}
        self._made: dict[int, list[np.ndarray]] = {}
        self._known: set[bytes] = set()
        self._inks = _inks(parts, targets)
        self._add("cell", [np.ones((1, 1), np.int8)] * len(parts.grid_of), 0.0)
        if parts.divide is not single_cells:
            self._add_pictures(targets, stop)

    def made(self, number: int) -> list[np.ndarray]:
        """A block, by its number, of every part: int8 [h, w] each."""
        if number not in self._made:
            one = self.every[number]
            pictures = self.pictures[one.how]
            if one.ink is not None:
                ink, total = one.ink, len(pictures)
                colors = self.parts.features[ink] if isinstance(ink, str) else np.full(total, ink)
                pictures = [np.where(p > 0, c, 0) for p, c in zip(pictures, colors, strict=True)]
            self._made[number] = [turned(picture, one.turn) for picture in pictures]
        return self._made[number]

    def _add_pictures(self, targets: Sequence[np.ndarray], stop: Callable[[], bool]) -> None:
        """What is cut out for parts: their pictures, corners of these, of the outputs' size too; and bars."""
        for how, cost in PICTURES.items():
            if stop():
                return
            self._add(how, self.parts.cut(how), cost, TURNS if how in ("alone", "region") else (), True)
        shapes = {t.shape for t in targets}
        for tall, wide in sorted({min(shapes) if len(shapes) == 1 else (0, 0), (0, 0), (0, 30), (30, 0)}):
            for down in (0, 1):
                for right in (0, 1):
                    how = f"corner:{tall} {wide} {down} {right}"
                    self._add(how, self.parts.cut(how), CORNER_COST, (), True)
        features = self.parts.features
        for feature in [*BARS, *(name for name in features if name.startswith("parts "))]:
            lengths = np.clip(features[feature], 0, MAX_SIDE)
            self._add(f"bar up:{feature}", [np.ones((n, 1), np.int8) for n in lengths], BAR_COST)
            self._add(f"bar across:{feature}", [np.ones((1, n), np.int8) for n in lengths], BAR_COST)

    def _add(
        self, how: str, pictures: list[np.ndarray], cost: float, turns: tuple[str, ...] = (), own: bool = False
    ) -> None:
        """Add blocks unless they are known, or some part has none. own: whether the pictures have colours of their own,
        in which they may stay and be turned."""
        key = b"".join(bytes(picture.shape) + picture.tobytes() for picture in pictures)
        if key in self._known or not min(picture.size for picture in pictures):
            return
        self._known.add(key)
        self.pictures[how] = pictures
        counts = np.array([np.bincount(picture.ravel(), minlength=10)[1:] for picture in pictures], np.float32)
        is_plain = own and bool(((counts > 0).sum(1) <= 1).all())  # then in its own colour it is as it is
        if own:
            self.every += [Block(how, turn, None, cost + TURN_COST * (turn is not None)) for turn in (None, *turns)]
            self.colors += [counts] * (1 + len(turns))
        for ink, price, value in self._inks[is_plain:]:
            colored = np.zeros((len(pictures), 10), np.float32)
            colored[np.arange(len(pictures)), value] = counts.sum(1)
            self.every.append(Block(how, None, ink, cost + price + 0.5 * own))
            self.colors.append(colored[:, 1:])


def _inks(parts: Parts, targets: Sequence[np.ndarray]) -> list[tuple[Ink, float, np.ndarray]]:
    """The colours that blocks may have, each with its cost and, for every part, the colour, int64 [parts]; of equal
    ones the first."""
    features, total = parts.features, len(parts.grid_of)
    inks: list[tuple[Ink, float]] = [("color own", 0.5)]
    inks += [(name, 2.0) for name in features if name.startswith("color ") and name != "color own"]
    constants = sorted({int(k) for t in targets for k in np.unique(t)} - {0})
    inks += [(c, 1.0) for c in constants if sum((t == c).any() for t in targets) >= num_needed(len(targets))]
    values = [(ink, cost, features[ink] if isinstance(ink, str) else np.full(total, ink)) for ink, cost in inks]
    return list({v.tobytes(): (ink, cost, v) for ink, cost, v in reversed(values)}.values())[::-1]
