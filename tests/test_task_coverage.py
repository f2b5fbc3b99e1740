"""tools/task_coverage.py: what runs solve, alone and together, and what it does not show."""

from __future__ import annotations

import orjson
import pytest
import task_coverage as tool

from solver.answers import Attempt, TaskResult
from solver.run.results import to_json
from solver.task_sets import load_set


@pytest.fixture
def runs(tmp_path):
    """Two runs over the first four dev tasks: the first solves 0 and 1, the second 1 and 2; task 3 is right in its
    second attempt of the second run only for its first test input."""
    tasks = load_set("arc-agi-1/dev")[:4]
    for name, solved in (("a", {0, 1}), ("b", {1, 2})):
        folder = tmp_path / name
        folder.mkdir()
        lines = []
        for k, task in enumerate(tasks):
            grids = [pair.output if k in solved else pair.input for pair in task.test]
            attempts = tuple((Attempt(pair.input), Attempt(grid)) for pair, grid in zip(task.test, grids))
            lines.append(to_json(TaskResult(task.task_id, attempts)) + b"\n")
        (folder / "results.jsonl").write_bytes(b"".join(lines))
    return tasks, tmp_path / "a", tmp_path / "b"


def test_runs_are_compared(runs, tmp_path, capsys):
    tasks, first, second = runs
    out = tmp_path / "out.json"
    assert tool.main([str(first), str(second), "--set", "arc-agi-1/dev", "--out", str(out)]) == 0
    told = capsys.readouterr().out
    content = orjson.loads(out.read_bytes())
    assert [(r["answered"], r["solved"], r["only"], r["union"]) for r in content["runs"]] == [
        (4, 2, 1, 2),
        (4, 2, 1, 3),
    ]
    assert content["solved_by"][tasks[1].task_id] == [str(first), str(second)]
    assert content["solved_by"][tasks[2].task_id] == [str(second)]
    assert content["solved_by"][tasks[3].task_id] == []
    assert f"not by {second}: {tasks[0].task_id}" in told


def test_evaluation_tasks_are_not_named(tmp_path, capsys):
    task = load_set("arc-agi-1/evaluation")[0]
    attempts = tuple((Attempt(pair.output), Attempt(pair.output)) for pair in task.test)
    (tmp_path / "results.jsonl").write_bytes(to_json(TaskResult(task.task_id, attempts)) + b"\n")
    out = tmp_path / "out.json"
    assert tool.main([str(tmp_path), "--set", "arc-agi-1/evaluation", "--out", str(out)]) == 0
    assert "1 of 1 solved" in capsys.readouterr().out
    assert task.task_id not in out.read_text()


def test_bad_input_is_one_line(runs, tmp_path, capsys):
    _, first, _ = runs
    assert tool.main([str(tmp_path / "none")]) == 2
    assert tool.main([str(first), "--set", "no-such-set"]) == 2
    assert tool.main([str(first), "--set", "arc-agi-2/evaluation"]) == 2  # no result for a task of this set
    assert len(capsys.readouterr().err.splitlines()) == 3
