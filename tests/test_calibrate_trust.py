"""Calibrating trust: which attempts count, and that the fit finds what made the data."""

from __future__ import annotations

import sys
from dataclasses import astuple
from pathlib import Path

import numpy as np
import orjson
import pytest

from solver.answers import Attempt, TaskResult
from solver.results import to_json
from solver.tasks import load_set, newer_tasks, read_ids
from solver.vote import Trust, log_odds

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

from calibrate_trust import fit, log_loss, main, random_ids, rows


def test_the_fit_finds_the_function_that_made_the_data():
    rng = np.random.default_rng(3)
    truth = Trust(bias=-1.0, slope=0.6, exact=2.5, exact_slope=0.3)
    made = []
    for share, exact in zip(rng.random(20_000), rng.random(20_000) < 0.4):
        made.append((log_odds(share), bool(exact), bool(rng.random() < truth.probability(share, bool(exact)))))
    found = fit(made)
    assert np.allclose(astuple(found), astuple(truth), atol=0.15)
    assert log_loss(found, made) < log_loss(Trust(), made)


@pytest.mark.parametrize("right", [True, False])
def test_few_data_stay_near_the_defaults(right):
    found = fit([(0.0, False, right)])
    assert np.isfinite(astuple(found)).all()
    assert np.allclose(astuple(found), astuple(Trust()), atol=1.0)
    assert (found.bias > 0) == right


def result_of(task, right, source="program", **alone):
    wrong = Attempt(np.full((1, 1), 5, np.int8), source, "p", 0.2, False, {source: 0.25})
    pairs = tuple(
        (Attempt(pair.output if right else wrong.grid, source, "p", 0.9, True, {source: 0.75}), wrong)
        for pair in task.test
    )
    return TaskResult(task.task_id, pairs, alone=dict.fromkeys(alone, pairs))


def test_only_newer_training_tasks_count(tmp_path):
    newer = newer_tasks()
    held = load_set("arc-agi-1/evaluation")[0]
    lines = [to_json(result_of(task, n < 2)) for n, task in enumerate([*newer[:4], held])]
    path = tmp_path / "results.jsonl"
    path.write_bytes(b"\n".join(lines) + b"\n")
    out = tmp_path / "trust.json"
    assert main([str(path), "--out", str(out)]) == 0
    made = orjson.loads(out.read_bytes())
    assert made["made_from"]["program"]["attempts"] == 2 * sum(len(task.test) for task in newer[:4])
    assert made["made_from"]["program"]["right"] == sum(len(task.test) for task in newer[:2])
    assert set(made["sources"]) == {"program"}


def test_vision_is_calibrated_from_a_run_alone_and_from_one_with_programs(tmp_path):
    """Rows of vision: of a vision-only run its attempts, of a run of both what vision would have submitted alone."""

    def vision(task, share, right):
        pairs = []
        for pair in task.test:
            first = pair.output if right else np.full((1, 1), 5, np.int8)
            second = np.full((1, 2), 6, np.int8)
            pairs.append(
                (
                    Attempt(first, "vision", "views", 0.9, False, {"vision": share}),
                    Attempt(second, "vision", "views", 0.1, False, {"vision": 0.02}),
                )
            )
        return tuple(pairs)

    newer = newer_tasks()[:40]
    results = []
    for number, task in enumerate(newer):
        right = number % 4 == 0
        attempts = vision(task, 0.7 if right else 0.2, right)
        program = result_of(task, right=number % 8 == 0).attempts
        both = {"program": program, "vision": attempts} if number % 2 else {}
        results.append(TaskResult(task.task_id, program if both else attempts, alone=both))
    path, out = tmp_path / "results.jsonl", tmp_path / "trust.json"
    path.write_bytes(b"".join(to_json(result) + b"\n" for result in results))
    out.write_text('{"sources": {"other": {"bias": -9.0}}}')
    assert main([str(path), "--out", str(out)]) == 0
    made = orjson.loads(out.read_bytes())
    assert made["made_from"]["vision"]["attempts"] == 2 * sum(len(task.test) for task in newer)
    assert made["made_from"]["vision"]["right"] == sum(len(task.test) for task in newer[::4])
    assert made["made_from"]["program"]["attempts"] == 2 * sum(len(task.test) for task in newer[1::2])
    assert made["sources"]["other"] == {"bias": -9.0}
    trust = Trust(**made["sources"]["vision"])
    assert trust.probability(0.7, exact=False) > 0.7
    assert trust.probability(0.02, exact=False) < 0.1
    assert (trust.exact, trust.exact_slope) == (Trust().exact, Trust().exact_slope)


def test_a_random_subset_of_tasks_is_fixed_by_its_seed(tmp_path, capsys):
    ids = [task.task_id for task in newer_tasks()]
    sixty = random_ids(ids, 60, seed=0)
    assert len(sixty) == 60
    assert set(random_ids(ids, 20, seed=0)) < set(sixty) < set(ids)
    assert random_ids(ids, 60, seed=1) != sixty
    assert random_ids(ids, None, seed=0) == ids
    path = tmp_path / "ids"
    assert main(["--list-tasks", str(path), "--num-tasks", "60"]) == 0
    assert read_ids(path) == sixty
    assert main(["--list-tasks", str(path), "--num-tasks", "234"]) == 2
    assert "must be 1 to 233" in capsys.readouterr().err


def test_fallbacks_do_not_count():
    task = newer_tasks()[0]
    blank = TaskResult(task.task_id, tuple((Attempt(p.output), Attempt(p.output)) for p in task.test))
    assert list(rows([blank], {task.task_id: task})) == []


def test_bad_input_is_one_line(tmp_path, capsys):
    assert main([str(tmp_path / "none.jsonl")]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert main(["--list-tasks", str(tmp_path / "no folder" / "ids")]) == 2
    results, out = tmp_path / "results.jsonl", tmp_path / "trust.json"
    results.write_bytes(to_json(result_of(newer_tasks()[0], True)) + b"\n")
    out.write_text("{")
    assert main([str(results), "--out", str(out)]) == 2
    assert [line.partition(":")[0] for line in capsys.readouterr().err.splitlines()] == ["calibrate_trust"] * 2
    assert out.read_text() == "{"


def test_records_of_tuning_calibrate_the_vision_model(tmp_path):
    newer, held = newer_tasks(), load_set("arc-agi-1/evaluation")[0]
    records = [
        {
            "task": task.task_id,
            "candidates": [[[0.9, True, 9, 0.1], [0.05, False, 9, 2.0], [0.02, False, 4, 3.0]] for _ in task.test],
        }
        for task in [*newer[:5], held]
    ]
    path, out = tmp_path / "tune.jsonl", tmp_path / "trust.json"
    path.write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))
    assert main(["--tuned", str(path), "--out", str(out)]) == 0
    made = orjson.loads(out.read_bytes())
    num_inputs = sum(len(task.test) for task in newer[:5])
    assert made["made_from"] == {
        "vision": {**made["made_from"]["vision"], "attempts": 2 * num_inputs, "right": num_inputs}
    }
    trust = Trust(**made["sources"]["vision"])
    assert trust.probability(0.9, False) > 0.8
    assert trust.probability(0.05, False) < 0.2


@pytest.mark.parametrize("text", ['{"task": "NEWER"}', "no json", '{"task": "NEWER", "candidates": [[3]]}'])
def test_what_is_no_record_of_tuning_is_named(tmp_path, capsys, text):
    path = tmp_path / "tune.jsonl"
    path.write_text(text.replace("NEWER", newer_tasks()[0].task_id))
    assert main(["--tuned", str(path), "--out", str(tmp_path / "trust.json")]) == 2
    assert "line 1 is no record of tuning" in capsys.readouterr().err
    assert not (tmp_path / "trust.json").exists()


def test_what_other_sources_were_made_from_is_kept(tmp_path):
    out, path = tmp_path / "trust.json", tmp_path / "tune.jsonl"
    before = {"about": "", "made_from": {"program": {"attempts": 7}}, "sources": {"program": {"bias": -2.0}}}
    out.write_bytes(orjson.dumps(before))
    record = {"task": newer_tasks()[0].task_id, "candidates": [[[0.9, True, 9, 0.1]]]}
    path.write_bytes(orjson.dumps(record) + b"\n")
    assert main(["--tuned", str(path), "--out", str(out)]) == 0
    made = orjson.loads(out.read_bytes())
    assert made["made_from"].keys() == made["sources"].keys() == {"program", "vision"}
    assert made["made_from"]["program"] == {"attempts": 7}
    assert made["sources"]["program"] == {"bias": -2.0}
