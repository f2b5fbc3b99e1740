"""Views of a task: the same task turned, mirrored and recoloured. Needs NumPy alone.

A model tuned to several views gives several opinions; each prediction is brought back by the inverse of its
view.
"""

from __future__ import annotations

from dataclasses import dataclass
from fractions import Fraction

import numpy as np

from ..tasks import MAX_SIDE

Grid = np.ndarray
"""uint8 or int8 [H, W], values 0..9."""

CAUTIOUS = 5
"""Of so many views one is placed for an output of any size, where no rule says how large it is."""
IDENTITY_COLORS = tuple(range(10))
# Quarter turns counter-clockwise, then whether left and right are swapped.
SYMMETRIES = ((0, False), (1, False), (2, False), (3, False), (0, True), (2, True))


@dataclass(frozen=True)
class View:
    """turns: quarter turns counter-clockwise, 0..3; then mirrored left to right if `mirror`; colors[c] is
    what colour c becomes, a permutation of 0..9."""

    turns: int = 0
    mirror: bool = False
    colors: tuple[int, ...] = IDENTITY_COLORS

    def apply(self, grid: Grid) -> Grid:
        """uint8 or int8 [H, W] → the same dtype, [H, W] or [W, H]."""
        turned = np.rot90(grid, self.turns)
        if self.mirror:
            turned = turned[:, ::-1]
        return np.array(self.colors, dtype=grid.dtype)[turned]

    def undo(self, grid: Grid) -> Grid:
        """undo(apply(grid)) equals grid."""
        back = np.argsort(self.colors).astype(grid.dtype)[grid]
        if self.mirror:
            back = back[:, ::-1]
        return np.ascontiguousarray(np.rot90(back, -self.turns))

    def apply_size(self, size: tuple[int, int]) -> tuple[int, int]:
        return size[::-1] if self.turns % 2 else size


def random_colors(rng: np.random.Generator) -> tuple[int, ...]:
    """What colours 0..9 become: a random permutation that keeps black (0)."""
    return (0, *(int(c) for c in 1 + rng.permutation(9)))


def task_views(num_colorings: int, rng: np.random.Generator, num_symmetries: int = len(SYMMETRIES)) -> list[View]:
    """The identity, then the next of the five other symmetries (three turns, two mirrors), in all `num_symmetries`;
    each but the identity with the true colours and with `num_colorings` random permutations that keep black (0):
    num_symmetries + (num_symmetries - 1)·num_colorings views."""
    views = [View(turns, mirror) for turns, mirror in SYMMETRIES[:num_symmetries]]
    for turns, mirror in SYMMETRIES[1:num_symmetries]:
        for _ in range(num_colorings):
            views.append(View(turns, mirror, random_colors(rng)))
    return views


@dataclass(frozen=True)
class SizeBound:
    """What the pairs say of a test output's size. likely: height and width of the simplest rule that fits all
    pairs, or None. A view is placed for the likely size or, where there is none, for `cautious` ones."""

    likely: tuple[int, int] | None
    cautious: tuple[tuple[int, int], ...]

    @property
    def choices(self) -> tuple[tuple[int, int], ...]:
        return (self.likely,) if self.likely else self.cautious


def bound_output_size(pairs: list[tuple[Grid, Grid]], test_input: Grid) -> SizeBound:
    """Sizes to leave room for, from the task's own pairs and the test input alone; never from a hidden
    output.

    Rules tried in order: as the input; always the same; a whole multiple of the input; a whole fraction of
    it; within the input. If none fits, one view in CAUTIOUS leaves room for 30×30, which allows the smallest scale
    alone, the others for the largest output or input seen.
    """
    height, width = test_input.shape
    ins = [a.shape for a, _ in pairs]
    outs = [b.shape for _, b in pairs]
    if all(a == b for a, b in zip(ins, outs)):
        return SizeBound((height, width), ())
    if len(set(outs)) == 1 and len(outs) > 1:
        return SizeBound(outs[0], ())
    up = {(Fraction(b[0], a[0]), Fraction(b[1], a[1])) for a, b in zip(ins, outs)}
    if len(up) == 1 and len(outs) > 1:
        rows, columns = up.pop()
        size = height * rows, width * columns
        if all(v.denominator == 1 and 1 <= v <= MAX_SIDE for v in size):
            return SizeBound((int(size[0]), int(size[1])), ())
    if all(b[0] <= a[0] and b[1] <= a[1] for a, b in zip(ins, outs)):
        return SizeBound(None, ((height, width),))
    seen = (
        max(s[0] for s in (*ins, *outs, (height, width))),
        max(s[1] for s in (*ins, *outs, (height, width))),
    )
    return SizeBound(None, (seen,) * (CAUTIOUS - 1) + ((MAX_SIDE, MAX_SIDE),))
