"""The submission file: complete, by the competition's rules, and replaced as a whole."""

from __future__ import annotations

import errno
import json
import os
import stat

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver.answers import Attempt, TaskResult
from solver.submission import (
    blank_attempts,
    blank_submission,
    check_submission,
    submission_of,
    write_submission,
)
from solver.task_sets import load_set
from solver.tasks import Pair, Task, TaskStub

GRID = np.array([[1, 2], [3, 4]], np.int8)
TASKS = [
    Task("b", (Pair(GRID, GRID),), (Pair(GRID), Pair(GRID * 0))),
    TaskStub("a", (None, GRID), "tasks.json: task a: no 'train'"),
]


def test_blank_submission_is_accepted_and_attempts_differ():
    blank = blank_submission(TASKS)
    assert check_submission(blank, TASKS) == []
    for entries in blank.values():
        for entry in entries:
            assert entry["attempt_1"] != entry["attempt_2"]


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 9))
def test_blank_attempts_are_two_different_grids(height, width, value):
    first, second = blank_attempts(np.full((height, width), value, np.int8))
    assert first.shape == second.shape == (height, width)
    assert first.dtype == second.dtype == np.int8
    assert not np.array_equal(first, second)


def test_blank_submission_of_a_public_set_is_accepted():
    tasks = load_set("arc-agi-1/dev")
    assert check_submission(blank_submission(tasks), tasks) == []


def test_submission_of_results_round_trips_through_the_file(tmp_path):
    attempts = ((Attempt(GRID), Attempt(GRID.T)),)
    results = {"z": TaskResult("z", attempts), "b": TaskResult("b", attempts)}
    path = tmp_path / "submission.json"
    write_submission(path, submission_of(results))
    first = path.read_bytes()
    entry = {"attempt_1": [[1, 2], [3, 4]], "attempt_2": [[1, 3], [2, 4]]}
    assert json.loads(first) == {"b": [entry], "z": [entry]}
    write_submission(path, submission_of(list(results.values())[::-1]))
    assert path.read_bytes() == first  # whatever the order of arrival
    assert os.listdir(tmp_path) == ["submission.json"]


@pytest.mark.parametrize("broken", ["open", "fsync", "replace"])
def test_a_failed_write_keeps_the_old_file_and_leaves_nothing(tmp_path, monkeypatch, broken):
    path = tmp_path / "submission.json"
    write_submission(path, {})

    def fail(*_, **__):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("builtins.open" if broken == "open" else f"os.{broken}", fail)
    with pytest.raises(OSError, match="No space left"):
        write_submission(path, blank_submission(TASKS))
    assert path.read_bytes() == b"{}"
    assert os.listdir(tmp_path) == ["submission.json"]


def test_a_file_system_that_cannot_flush_a_folder_is_no_failed_write(tmp_path, monkeypatch):
    flush = os.fsync

    def refuse_folders(descriptor):
        if stat.S_ISDIR(os.fstat(descriptor).st_mode):
            raise OSError(errno.EINVAL, "Invalid argument")
        flush(descriptor)

    monkeypatch.setattr("os.fsync", refuse_folders)
    write_submission(tmp_path / "submission.json", {})
    assert (tmp_path / "submission.json").read_bytes() == b"{}"


def entry(**changes):
    return {"attempt_1": [[0]], "attempt_2": [[1]], **changes}


@pytest.mark.parametrize(
    ("submission", "fault"),
    [
        ({}, "task t: missing"),
        ({"t": entry()}, "task t: must be a list"),
        ({"t": []}, "task t: 0 entries for 1 test inputs"),
        ({"t": [entry(), entry()]}, "task t: 2 entries for 1 test inputs"),
        ({"t": [{"attempt_1": [[0]]}]}, "task t: test[0]: must have exactly attempt_1 and attempt_2"),
        ({"t": [entry(attempt_3=[[0]])]}, "task t: test[0]: must have exactly"),
        ({"t": [entry()], "u": []}, "task u: not asked for"),
        ([], "must be an object"),
        *(
            ({"t": [entry(attempt_2=bad)]}, "task t: test[0].attempt_2: not a grid")
            for bad in ([], [[]], [[1], [1, 2]], [[10]], [[-1]], [[True]], [[1.0]], [["1"]], None, [1],
                        [[0] * 31], [[0]] * 31)
        ),
    ],
)  # fmt: skip
def test_check_names_each_fault(submission, fault):
    faults = check_submission(submission, [Task("t", (), (Pair(GRID),))])
    assert len(faults) == 1
    assert faults[0].startswith(fault) or fault in faults[0]
