"""What a task is, and digests of what it says. Read and checked in task_files.py; the public sets: task_sets.py."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Sequence, Sized
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any

import numpy as np

from .errors import InputError

MAX_SIDE = 30
NUM_COLORS = 10


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

    @cached_property
    def longest_side(self) -> int:
        """Of the grids that are known of it: those of training pairs, and test inputs."""
        known = [g for pair in self.train for g in (pair.input, pair.output)] + [pair.input for pair in self.test]
        return max(side for grid in known for side in grid.shape)


@dataclass(frozen=True, eq=False)
class TaskStub:
    """A task that cannot be solved but must be answered. inputs: the test inputs that could be read, None
    for those that could not; at least one entry. error: the fault, as one line."""

    task_id: str
    inputs: tuple[np.ndarray | None, ...]
    error: str

    @property
    def num_tests(self) -> int:
        return len(self.inputs)


def check_num_tests(task: Task, of_inputs: Sized, what: str) -> None:
    """Raises InputError if of_inputs, one entry for each test input, is not of as many as the task has. what: the
    entries, in words."""
    if len(of_inputs) != len(task.test):
        raise InputError(f"task {task.task_id}: {what} for {len(of_inputs)} test inputs, but it has {len(task.test)}")


def pair_digest(pair: Pair) -> str:
    """SHA-256 of a pair's content (both grids, with their shapes)."""
    digest = hashlib.sha256()
    for grid in (pair.input, pair.output):
        if grid is not None:
            digest.update(f"{grid.shape[0]}x{grid.shape[1]}:".encode() + grid.tobytes())
    return digest.hexdigest()


def task_digest(task: Task) -> str:
    """SHA-256 of what a solver sees of a task: training pairs and test inputs, in order."""
    seen = [*task.train, *(Pair(pair.input) for pair in task.test)]
    return hashlib.sha256(" ".join(map(pair_digest, seen)).encode()).hexdigest()


def tasks_digest(tasks: Sequence[Task]) -> str:
    """SHA-256 of what the tasks show to a solver: ids, training pairs, test inputs."""
    digest = hashlib.sha256()
    for task in sorted(tasks, key=lambda task: task.task_id):
        digest.update(task.task_id.encode("utf-8", "backslashreplace") + b"\0")
        for pair in (*task.train, *task.hide().test):
            for grid in (pair.input, pair.output):
                if grid is not None:
                    digest.update(bytes(grid.shape) + grid.astype("i1").tobytes())
            digest.update(b"\0")
    return digest.hexdigest()


def raw_task(task: Task) -> dict[str, list[dict[str, Any]]]:
    """A task as the JSON values of a task file; hidden outputs are left out."""

    def raw(pairs: Iterable[Pair]) -> list[dict[str, Any]]:
        grids = ({"input": pair.input, "output": pair.output} for pair in pairs)
        return [{name: grid.tolist() for name, grid in both.items() if grid is not None} for both in grids]

    return {"train": raw(task.train), "test": raw(task.test)}
