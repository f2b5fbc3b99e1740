"""Grids divided into parts (`words/divisions.py`): which there are, what they are like, what may be asked about them.

Part rules, layout rules and pieces are all sought over the same divided grids, so these are kept.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from functools import cached_property, lru_cache

import numpy as np

from ...executor import Value
from ...grid.registry import GridError
from ...sandbox.executor import FreeValue
from ..words.carried import source_of
from ..words.descriptions import described
from ..words.layouts import block, boxes, counted, whole
from ..words.parts import extents, stack_of
from .part_questions import Choice, Questions, choices

MAX_PARTS = 40
"""In one grid; others have no part rules under this division."""

MAX_KEPT = 16
"""Divided grids that are kept: those of one value of a root pass, and some more."""

MAX_CELLS = 12_000
"""Of all grids together, for all that is sought over their parts; larger tasks would take seconds."""

CHECKS_PER_DRAWING = 20
"""Table checks (see root.py) that it costs to draw or cut out the parts of one grid in one way."""


class Parts:
    """The parts of one grid per input under one division, and what they are like. Parts are numbered through all
    grids.

    base: the grids; the first num_train are of training pairs. labels: int64 [H, W] for each grid, 0: no part.
    stacks: int8 [n, H, W] for each grid, −1 outside the part. describe: what says what parts are like, `described`, or
    `counted` where the whole grid is one. features: int64 [parts] by name, as that says.
    grid_of: the grid of each part, int64 [parts]. first: the number of each grid's first part, int64 [grids].
    train: the numbers of the training parts, int64. key: equal where all labels are.
    """

    def __init__(self, base: Value, divide: Callable[..., np.ndarray], num_train: int) -> None:
        """Raises GridError where some grid has no part, or too many."""
        self.base, self.divide, self.num_train = base, divide, num_train
        self.labels = [divide(grid) for grid in base.items]
        if not all(0 < labels.max() <= MAX_PARTS for labels in self.labels):
            raise GridError("no parts, or too many")
        self.stacks = [stack_of(grid, labels) for grid, labels in zip(base.items, self.labels, strict=True)]
        self.describe = counted if divide is whole else described
        seen = [self.describe(grid, labels) for grid, labels in zip(base.items, self.labels, strict=True)]
        self.features = {name: np.concatenate([one[name] for one in seen]) for name in seen[0]}
        self.grid_of = np.repeat(np.arange(len(self.stacks)), [len(stack) for stack in self.stacks])
        self.first = np.cumsum([0, *map(len, self.stacks[:-1])])
        self.train = np.flatnonzero(self.grid_of < num_train)
        self.key = b"".join(labels.tobytes() for labels in self.labels)
        self._cuts: dict[str, list[np.ndarray]] = {}

    @cached_property
    def questions(self) -> Questions:
        """What may be asked about the parts."""
        return Questions.about(self.features, self.train)

    @cached_property
    def choices(self) -> list[Choice]:
        """The choices of parts by one question, the cheapest first."""
        return choices(self.features, self.train, self.first)

    @cached_property
    def boxes(self) -> np.ndarray:
        """Of every part the first and last row, and the first and last column; int64 [4, parts]."""
        return np.concatenate([extents(stack) for stack in self.stacks], axis=1)

    def cut(self, how: str) -> list[np.ndarray]:
        """What every part gives as a block of its own colours, see `layouts.block`."""
        if how not in self._cuts:
            self._cuts[how] = [
                block(grid, labels, None, k, how, None, None)
                for grid, labels in zip(self.base.items, self.labels, strict=True)
                for k in range(labels.max())
            ]
        return self._cuts[how]

    def of(self, number: int) -> np.ndarray:
        """The numbers of one grid's parts."""
        return np.flatnonzero(self.grid_of == number)

    def value(self, items: Sequence[np.ndarray], lines: Sequence[str], functions: Sequence[Callable]) -> FreeValue:
        """A rule as an executed step of free Python: what it gives, the lines that assign `out` from `base` and
        `labels`, and the functions that these call."""
        text = "\n".join([source_of([self.divide, *functions]), f"labels = {self.divide.__name__}(base)", *lines])
        return FreeValue.fitted(items, (self.base,), ("base",), text, self.base.cost)

    def laid_out(self, items: Sequence[np.ndarray], lines: Sequence[str], functions: Sequence[Callable]) -> FreeValue:
        """A `value` whose lines also use `seen`, what the parts are like, and `where`, their boxes."""
        before = [f"seen = {self.describe.__name__}(base, labels)", "where = boxes(base, labels)"]
        return self.value(items, [*before, *lines], [self.describe, boxes, *functions])


def divided(
    base: Value, divisions: Iterable[Callable[..., np.ndarray]], num_train: int, stop: Callable[[], bool]
) -> Iterator[Parts]:
    """The parts of a grid under one division after another, until `stop()`, without those that have no use for it."""
    for divide in divisions:
        if stop():
            return
        parts = _parts_of(base, divide, num_train)
        if parts is not None:
            yield parts


@lru_cache(MAX_KEPT)
def _parts_of(base: Value, divide: Callable[..., np.ndarray], num_train: int) -> Parts | None:
    """None where they have no use."""
    try:
        return Parts(base, divide, num_train)
    except GridError:
        return None
