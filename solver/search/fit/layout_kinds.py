"""Layouts: in which ways blocks may be laid out for outputs of some shapes, and what each way costs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np

from ...grid.types import MAX_SIDE
from ..words.layouts import as_they_lie, diagonally, in_line, in_rows, over_one_another, rings, without_repeats

Shape = tuple[int, int]


@dataclass(frozen=True)
class Layout:
    """A function of words/layouts.py with its arguments after blocks and boxes. repeats: 0: all blocks, 1: without
    those that equal the one before, 2: all different. ordered: whether the order matters."""

    function: Callable[..., np.ndarray]
    arguments: tuple[int, ...]
    repeats: int
    cost: float
    ordered: bool = True

    @property
    def keeps_counts(self) -> bool:
        """Whether what is laid out has as many cells of every colour as the blocks have together."""
        return self.repeats == 0 and self.function is not rings

    def may_hold_cells(self, shape: Shape) -> bool:
        """Whether single cells may be laid out as a grid of that shape."""
        if self.function is in_line and not self.arguments[2]:
            return shape[1 if self.arguments[0] else 0] == 1
        return self.function not in (diagonally, rings) or shape[0] == shape[1]

    def lay_out(self, blocks: list[np.ndarray], boxes: np.ndarray) -> np.ndarray | None:
        """The grid that blocks (int8 [h, w] each) make, int8 [H, W]; None where the layout does not apply or the grid
        would be too large. boxes: of their parts, int64 [4, blocks]."""
        if self.repeats:
            blocks = without_repeats(blocks, self.repeats == 2)
        try:
            out = self.function(blocks, boxes, *self.arguments)
        except ValueError:
            return None
        return out if max(out.shape) <= MAX_SIDE and min(out.shape) else None

    def program(self, boxes: str) -> tuple[list[str], list[Callable[..., object]]]:
        """The lines of Python that assign `out` from `blocks`, and the functions that these call. boxes: as Python."""
        lines, functions = [], [self.function]
        if self.repeats:
            lines.append(f"blocks = without_repeats(blocks, {self.repeats == 2})")
            functions.append(without_repeats)
        call = ", ".join(["blocks", boxes, *map(repr, self.arguments)])
        return [*lines, f"out = {self.function.__name__}({call})"], functions


def possible_layouts(shapes: Sequence[Shape]) -> list[Layout]:
    """The layouts for outputs of some shapes."""
    found = [Layout(in_line, (u, 0, 0), r, 0.5 + r) for u in (0, 1) for r in (0, 1)]
    found += [Layout(in_line, (u, e, g), 0, 0.5 + e + 1.5 * g) for u in (0, 1) for e, g in ((1, 0), (0, 1), (1, 1))]
    found += [Layout(as_they_lie, (g,), 0, 0.5 + 1.5 * g, False) for g in (0, 1)]
    found += [Layout(diagonally, (f,), 0, 1.5) for f in (1, 0)]
    found += [Layout(rings, (last,), r, 1.0 + r / 2) for last in (1, 2) for r in (0, 1, 2)]
    found += [Layout(over_one_another, (), 0, 1.0)]
    for wide in sorted({w for _, w in shapes} | {w // 3 for _, w in shapes if w % 3 == 0}):
        found += [Layout(in_rows, (0, wide, 0, s), 0, 1.5 + 0.7 * s) for s in (0, 1)]
    for tall in sorted({h for h, _ in shapes} | {h // 3 for h, _ in shapes if h % 3 == 0}):
        found += [Layout(in_rows, (tall, 0, 1, s), 0, 1.5 + 0.7 * s) for s in (0, 1)]
    if len(set(shapes)) == 1:
        tall, wide = shapes[0]
        found += [Layout(in_rows, (tall, wide, c, s), 0, 1.5 + 0.7 * s) for c in (0, 1) for s in (0, 1)]
    return found
