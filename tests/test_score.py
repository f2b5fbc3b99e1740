"""Scores on hand-made results."""

from __future__ import annotations

import numpy as np
import pytest

from solver.answers import Attempt, TaskResult
from solver.score import score
from solver.tasks import Pair, Task


def grid(value):
    return np.full((2, 2), value, np.int8)


def task(task_id, truths):
    return Task(task_id, (Pair(grid(0), grid(0)),), tuple(
        Pair(grid(0), None if value is None else grid(value)) for value in truths
    ))  # fmt: skip


def result(task_id, *values):
    return TaskResult(task_id, tuple((Attempt(grid(a)), Attempt(grid(b))) for a, b in values))


def test_means_and_solved():
    tasks = [task("a", [1]), task("b", [1, 2]), task("c", [1, 2, 3]), task("d", [4])]
    results = {
        "a": result("a", (0, 1)),  # second attempt
        "b": result("b", (1, 0), (0, 3)),  # one of two
        "c": result("c", (1, 0), (2, 0), (3, 0)),
    }  # d: no result
    found = score(tasks, results)
    assert [t.verdict for t in found.tasks] == ["solved", "partly", "solved", "missed"]
    assert [t.right for t in found.tasks] == [(2,), (1, 0), (1, 1, 1), (0,)]
    assert found.task_mean == pytest.approx((1 + 0.5 + 1 + 0) / 4)
    assert found.output_mean == pytest.approx(5 / 7)
    assert found.num_solved == 2


def test_other_size_and_missing_entries_are_wrong():
    small = TaskResult("a", ((Attempt(grid(1)[:1]), Attempt(grid(1)[:, :1])),))
    assert score([task("a", [1])], {"a": small}).num_solved == 0
    assert score([task("a", [1, 1])], {"a": result("a", (1, 0))}).tasks[0].right == (1, 0)


def test_a_third_attempt_does_not_count():
    three = TaskResult("a", ((Attempt(grid(0)), Attempt(grid(2)), Attempt(grid(1))),))
    assert score([task("a", [1])], {"a": three}).num_solved == 0


def test_hidden_truth_is_not_scored():
    found = score([task("a", [None]), task("b", [None, 1])], {"b": result("b", (0, 0), (1, 0))})
    assert [t.verdict for t in found.tasks] == ["unknown", "solved"]
    assert (found.task_mean, found.output_mean, len(found.scored)) == (1.0, 1.0, 1)
    assert score([], {}).task_mean == 0.0
