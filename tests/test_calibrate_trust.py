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
from solver.tasks import load_set
from solver.vote import Trust, log_odds

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

import calibrate_trust
from calibrate_trust import fit, log_loss, main, newer_tasks, rows


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
    newer = list(newer_tasks().values())
    assert len(newer) == 233
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


def test_fallbacks_do_not_count():
    task = next(iter(newer_tasks().values()))
    blank = TaskResult(task.task_id, tuple((Attempt(p.output), Attempt(p.output)) for p in task.test))
    assert list(rows([blank], {task.task_id: task})) == []


def test_bad_input_is_one_line(tmp_path, capsys):
    assert main([str(tmp_path / "none.jsonl")]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert calibrate_trust.main(["--list-tasks", str(tmp_path / "ids")]) == 0
    assert len((tmp_path / "ids").read_text().split()) == 233
