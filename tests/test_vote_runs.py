"""Several tuning runs of a task that vote together: their figures, and records that cannot be read."""

from __future__ import annotations

import json
import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

import vote_runs


def test_runs_of_a_task_vote_by_their_mean_share(tmp_path, capsys):
    """The true output of the first task is second in two runs and third in one; the second task has only two runs."""
    right, less = (0.3, True, None, "1"), (0.1, True, None, "1")
    one, two, three = (0.5, False, 1.5, "2"), (0.4, False, 1.5, "3"), (0.5, False, 2.0, "4")
    of_runs = [[one, right], [two, right], [three, two, less]]
    records = [{"task": "first", "candidates": [run]} for run in of_runs]
    records += [{"task": "second", "candidates": [[right]]}] * 2
    path, out = tmp_path / "tune.jsonl", tmp_path / "together.jsonl"
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
    pairs = [{"input": [[n]], "output": [[n]]} for n in (1, 2, 3)]
    task = {"train": pairs[1:], "test": pairs[:1]}
    (tmp_path / "tasks.json").write_text(json.dumps({"first": task, "second": task}))
    words = [str(path), "--tasks-from", str(tmp_path / "tasks.json"), "--out", str(out)]
    assert vote_runs.main(words) == 0
    said, header, *rows = capsys.readouterr().out.splitlines()
    assert said == "1 tasks of 3 runs, 1 of fewer"
    assert len(header.split("  ")) > 4
    figures = [[float(word) for word in row.split()] for row in rows]
    # Alone: 0.7 / 3 of the views, within two in two of three. Of pairs: 0.3 of the views (first), 0.2, 0.2 (third).
    assert [row[0] for row in figures] == [1, 2, 3]
    assert [row[1] for row in figures] == pytest.approx([0.233] * 3)
    assert [row[2:5] for row in figures] == [[0.0, 0.7, 0.7], [0.3, 0.3, 0.3], [0.0, 1.0, 1.0]]
    assert all(0.0 <= row[5] <= 1.0 for row in figures)
    (record,) = map(json.loads, out.read_text().splitlines())
    assert record["candidates"][0][0] == [0.26667, False, None, "3"]
    assert record["candidates"][0][1] == [0.23333, True, None, "1"]


def test_equal_grids_are_one_whatever_run_they_come_from():
    runs = [[[vote_runs.candidate(0.5, True, None, "12/34")]], [[vote_runs.candidate(0.25, True, 1.5, "12/34")]]]
    ((merged,),) = vote_runs.vote_of(runs)
    assert (merged.grid.tolist(), merged.share, merged.right) == ([[1, 2], [3, 4]], 0.375, True)


BAD_GRID = b'{"task": "one", "candidates": [[[0.3, true, null, "1/23"]]]}'


TEXTS = [b"no json", b"\xff\xfe", b'{"task": "one"}', b'{"task": "one", "candidates": [[3]]}', BAD_GRID]


@pytest.mark.parametrize("text", TEXTS)
def test_what_is_no_record_of_tuning_has_no_votes(tmp_path, capsys, text):
    path = tmp_path / "tune.jsonl"
    path.write_bytes(text + b"\n")
    assert vote_runs.main([str(path)]) == 2
    assert "line 1 is no record of tuning" in capsys.readouterr().err


def test_tasks_that_are_not_known_are_named(tmp_path, capsys):
    path = tmp_path / "tune.jsonl"
    path.write_text(json.dumps({"task": "one", "candidates": [[(0.3, True, None, "1")]]}) + "\n")
    assert vote_runs.main([str(path)]) == 2
    assert capsys.readouterr().err == "vote_runs: task one: not known (--tasks-from)\n"
