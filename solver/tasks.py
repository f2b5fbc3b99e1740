"""Tasks: what a task is, and how tasks are read and checked."""

from __future__ import annotations

from dataclasses import dataclass, replace

import numpy as np


@dataclass(frozen=True, eq=False)
class Pair:
    """input: int8 [H, W], 1 ≤ H, W ≤ 30, values 0..9. output: the same, or None where it is hidden."""

    input: np.ndarray
    output: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Task:
    """train: pairs with outputs (one or more). test: pairs whose output may be hidden (one or more)."""

    task_id: str
    train: tuple[Pair, ...]
    test: tuple[Pair, ...]

    def hide(self) -> Task:
        """The same task without test outputs: all that a source or a worker process ever sees."""
        return replace(self, test=tuple(Pair(pair.input) for pair in self.test))

    @property
    def inputs(self) -> tuple[np.ndarray, ...]:
        """Training inputs, then test inputs."""
        return tuple(pair.input for pair in (*self.train, *self.test))

    @property
    def num_cells(self) -> int:
        """Cells of all grids: what 'large' means when large tasks go first."""
        grids = [g for p in (*self.train, *self.test) for g in (p.input, p.output) if g is not None]
        return sum(g.size for g in grids)
