"""Scores: which attempts are right, and the three totals people quote.

A test input counts as right if either of its two attempts equals the truth in size and every cell. A task or
a test input without an answer counts as wrong; a test input whose truth is hidden is not scored at all.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from .answers import TaskResult
from .tasks import Task


@dataclass(frozen=True)
class TaskScore:
    """right[test_index]: which attempt is right (1 or 2; the first that is), 0 for neither, None if the truth
    is hidden."""

    task_id: str
    right: tuple[int | None, ...]

    @property
    def num_scored(self) -> int:
        return sum(r is not None for r in self.right)

    @property
    def num_right(self) -> int:
        return sum(bool(r) for r in self.right)

    @property
    def verdict(self) -> str:
        """'solved' (all test inputs right), 'partly', 'missed', or 'unknown' (all truths hidden)."""
        if not self.num_scored:
            return "unknown"
        if self.num_right == self.num_scored:
            return "solved"
        return "partly" if self.num_right else "missed"


@dataclass(frozen=True)
class Score:
    """tasks: in the order given. Means are shares 0..1 over the tasks with a known truth; 0 if none has.

    task_mean: mean over tasks of (test inputs right / test inputs), the competition's score.
    output_mean: test inputs right / test inputs, over all tasks. num_solved: tasks with all of theirs right.
    """

    tasks: tuple[TaskScore, ...]

    @property
    def scored(self) -> tuple[TaskScore, ...]:
        return tuple(task for task in self.tasks if task.num_scored)

    @property
    def task_mean(self) -> float:
        shares = [task.num_right / task.num_scored for task in self.scored]
        return sum(shares) / len(shares) if shares else 0.0

    @property
    def output_mean(self) -> float:
        total = sum(task.num_scored for task in self.tasks)
        return sum(task.num_right for task in self.tasks) / total if total else 0.0

    @property
    def num_solved(self) -> int:
        return sum(task.verdict == "solved" for task in self.tasks)


def alone(results: Mapping[str, TaskResult]) -> dict[str, dict[str, TaskResult]]:
    """For each source of a run with several: the results as they would be without the others. A task of which only
    one source knew anything counts for that one."""
    names = {name for result in results.values() for name in result.alone}
    by_source: dict[str, dict[str, TaskResult]] = {name: {} for name in sorted(names)}
    for task_id, result in results.items():
        sources = {a.source for pair in result.attempts for a in pair if a.source}
        for name, own in by_source.items():
            if name in result.alone:
                own[task_id] = replace(result, attempts=result.alone[name])
            elif sources == {name}:
                own[task_id] = result
    return by_source


def score_task(task: Task, result: TaskResult | None) -> TaskScore:
    """Compare a task's attempts with its truth."""
    right: list[int | None] = []
    for index, pair in enumerate(task.test):
        if pair.output is None:
            right.append(None)
            continue
        attempts = result.attempts[index] if result is not None and index < len(result.attempts) else ()
        hits = [n for n, attempt in enumerate(attempts[:2], 1) if np.array_equal(attempt.grid, pair.output)]
        right.append(hits[0] if hits else 0)
    return TaskScore(task.task_id, tuple(right))


def score(tasks: Iterable[Task], results: Mapping[str, TaskResult]) -> Score:
    """Score results by task id against the tasks' own test outputs."""
    return Score(tuple(score_task(task, results.get(task.task_id)) for task in tasks))
