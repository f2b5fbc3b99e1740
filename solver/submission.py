"""The competition's submission file: two attempts for every test input of every task.

    {"0a1b2c3d": [{"attempt_1": [[0, 1], …], "attempt_2": [[…], …]}, … one entry a test input], …}

Writing is atomic, so that whoever reads the file, at any moment, finds a complete one.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from .answers import TaskResult
from .tasks import MAX_SIDE, NUM_COLORS, Task, TaskStub

Submission = dict[str, list[dict[str, list[list[int]]]]]
KEYS = ("attempt_1", "attempt_2")


def blank_attempts(grid: np.ndarray | None) -> tuple[np.ndarray, np.ndarray]:
    """Two different grids where nothing is known: the test input itself and an empty picture of its size."""
    if grid is None:
        return np.zeros((1, 1), np.int8), np.ones((1, 1), np.int8)
    blank = np.zeros_like(grid)
    return np.array(grid, np.int8), blank if grid.any() else blank + np.int8(1)


def blank_submission(tasks: Iterable[Task | TaskStub]) -> Submission:
    """A complete, valid submission from nothing but the test inputs."""
    return {task.task_id: [_entry(blank_attempts(grid)) for grid in _test_inputs(task)] for task in tasks}


def submission_of(results: Mapping[str, TaskResult] | Iterable[TaskResult]) -> Submission:
    """The submission that holds each result's attempts."""
    found = results.values() if isinstance(results, Mapping) else results
    return {
        result.task_id: [_entry((first.grid, second.grid)) for first, second in result.attempts] for result in found
    }


def _entry(grids: tuple[np.ndarray, np.ndarray]) -> dict[str, list[list[int]]]:
    return {key: grid.tolist() for key, grid in zip(KEYS, grids, strict=True)}


def _test_inputs(task: Task | TaskStub) -> tuple[np.ndarray | None, ...]:
    return task.inputs if isinstance(task, TaskStub) else tuple(pair.input for pair in task.test)


def temporary_of(path: Path) -> Path:
    """Where `write_atomic` writes first. A process that is killed there leaves it behind."""
    return path.with_name(f".{path.name}.tmp")


def write_atomic(path: Path, data: bytes) -> None:
    """Replace the file at `path` as a whole: written beside it, flushed to the disk, then renamed over it.

    On an error (OSError: no space, no permission) the old file is as it was. Where a file system cannot flush a folder
    (some of networks), the rename may be lost with the machine's power. One writer at a time.
    """
    temporary = temporary_of(path)
    try:
        with open(temporary, "wb") as file:
            file.write(data)
            file.flush()
            os.fsync(file.fileno())
        os.replace(temporary, path)
    except BaseException:
        temporary.unlink(missing_ok=True)
        raise
    with contextlib.suppress(OSError):
        _flush_folder(path.parent)


def _flush_folder(path: Path) -> None:
    folder = os.open(path, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_submission(path: Path, submission: Submission) -> None:
    """Write a submission atomically. Tasks are sorted by id, so equal submissions are equal files."""
    write_atomic(path, orjson.dumps(submission, option=orjson.OPT_SORT_KEYS))


def check_submission(submission: Any, tasks: Iterable[Task | TaskStub]) -> list[str]:
    """Faults by the competition's rules, one line each; an empty list means that it would be accepted."""
    if not isinstance(submission, dict):
        return ["a submission must be an object of tasks by id"]
    faults = []
    expected = {task.task_id: len(_test_inputs(task)) for task in tasks}
    for task_id, num_tests in expected.items():
        entries = submission.get(task_id)
        if not isinstance(entries, list):
            faults.append(f"task {task_id}: " + ("missing" if entries is None else "must be a list"))
            continue
        if len(entries) != num_tests:
            faults.append(f"task {task_id}: {len(entries)} entries for {num_tests} test inputs")
        for index, entry in enumerate(entries):
            if not isinstance(entry, dict) or set(entry) != set(KEYS):
                faults.append(f"task {task_id}: test[{index}]: must have exactly {' and '.join(KEYS)}")
                continue
            faults += [
                f"task {task_id}: test[{index}].{key}: not a grid of 1×1 to 30×30 with cells 0..9"
                for key in KEYS
                if not _is_grid(entry[key])
            ]
    faults += [f"task {task_id}: not asked for" for task_id in submission if task_id not in expected]
    return faults


def _is_grid(rows: Any) -> bool:
    if not isinstance(rows, list) or not 1 <= len(rows) <= MAX_SIDE:
        return False
    if not all(isinstance(row, list) and 1 <= len(row) <= MAX_SIDE for row in rows):
        return False
    same = all(len(row) == len(rows[0]) for row in rows)
    return same and all(type(cell) is int and 0 <= cell < NUM_COLORS for row in rows for cell in row)
