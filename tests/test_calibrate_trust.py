"""Calibrating trust: which ballots count, that the fit finds what made the data; voting anew."""

from __future__ import annotations

import sys
from dataclasses import replace
from pathlib import Path

import numpy as np
import orjson
import pytest

from solver.answers import Attempt, Ballot, TaskResult
from solver.plausibility import Plausibility
from solver.re_arc import grid_text
from solver.run.results import to_json
from solver.task_files import read_ids
from solver.task_sets import load_set, newer_tasks, trainable
from solver.vote import EVIDENCE, JUDGED, Trust, evidence, vote

sys.path.insert(0, str(Path(__file__).parent.parent / "tools"))

import revote
import vote_runs
from calibrate_trust import fit, log_loss, main, random_ids, rows, usable_tasks


def made_up(rng, number, trust):
    """Evidence of random ballots, with what is right drawn by a trust."""
    rows = np.zeros((number, len(EVIDENCE)))
    rows[:, :3] = np.stack([np.ones(number), rng.normal(0, 2, number), rng.random(number) < 0.4], 1)
    rows[:, 3] = rows[:, 1] * rows[:, 2]
    rows[:, EVIDENCE.index("outside")] = rng.integers(0, 3, number)
    return [(row, bool(rng.random() < trust.probability(row))) for row in rows]


def test_the_fit_finds_the_function_that_made_the_data():
    truth = Trust({"bias": -1.0, "share": 0.6, "exact": 2.5, "exact share": 0.3, "outside": -0.8})
    made = made_up(np.random.default_rng(3), 20_000, truth)
    found = fit(made)
    assert np.allclose(found.vector, truth.vector, atol=0.15)
    assert log_loss(found, made) < log_loss(Trust(), made)


def test_what_judgements_count_stays_where_nothing_was_judged():
    rng, kept = np.random.default_rng(3), Trust({"share": 9.0, "behind": -1.5})
    made = made_up(rng, 500, Trust({"share": 0.6}))
    found = fit(made, kept)
    assert found.coefficients["behind"] == -1.5
    assert abs(found.coefficients["share"] - 0.6) < 0.3
    assert fit(made).coefficients["behind"] == 0.0
    judged = [(row + np.eye(len(EVIDENCE))[EVIDENCE.index("behind")], right) for row, right in made]
    assert fit(judged, kept).coefficients["behind"] != -1.5


@pytest.mark.parametrize("right", [True, False])
def test_few_data_stay_near_the_defaults(right):
    found = fit([(np.eye(len(EVIDENCE))[0], right)])
    assert np.isfinite(found.vector).all()
    assert np.allclose(found.vector, Trust().vector, atol=1.0)
    assert (found.coefficients["bias"] > 0) == right


def result_of(task, right, **sources):
    """A result that kept its ballots. sources: for each the shares of its first and of its second output."""
    first = [pair.output if right else np.full((1, 1), 5, np.int8) for pair in task.test]
    second = np.full((1, 2), 6, np.int8)
    ballots = {
        source: tuple((Ballot(grid, a, a, False, 0.0), Ballot(second, b, b, False, 0.0)) for grid in first)
        for source, (a, b) in sources.items()
    }
    return TaskResult(task.task_id, vote(task.hide(), ballots), ballots=ballots)


def written(path, results):
    path.write_bytes(b"".join(to_json(result) + b"\n" for result in results))
    return str(path)


def test_judgements_do_not_count_on_tasks_that_the_judge_was_trained_on():
    columns = [EVIDENCE.index(name) for name in JUDGED]
    for task, counts in ((newer_tasks()[0], True), (load_set("arc-agi-1/dev")[0], False)):
        result = result_of(task, True, program=(0.75, 0.25))
        judged = tuple(
            tuple(replace(ballot, nats=0.5, behind=2.0) for ballot in own) for own in result.ballots["program"]
        )
        found = [seen for _, (seen, _) in rows([replace(result, ballots={"program": judged})], usable_tasks())]
        assert len(found) == 2 * len(task.test)
        assert all(bool(seen[columns].any()) == counts for seen in found)


def test_only_tasks_count_that_the_source_was_not_trained_on(tmp_path):
    newer, dev = newer_tasks(), load_set("arc-agi-1/dev")
    others = [load_set("arc-agi-1/evaluation")[0], min(trainable().values(), key=lambda task: task.task_id)]
    both = {"program": (0.75, 0.25), "vision": (0.75, 0.25)}
    results = [result_of(task, n < 2, **both) for n, task in enumerate([*newer[:4], *dev[:3], *others])]
    out = tmp_path / "trust.json"
    assert main([written(tmp_path / "results.jsonl", results), "--out", str(out)]) == 0
    made = orjson.loads(out.read_bytes())["made_from"]
    num_newer = sum(len(task.test) for task in newer[:4])
    assert made["vision"]["ballots"] == 2 * num_newer
    assert made["program"]["ballots"] == 2 * (num_newer + sum(len(task.test) for task in dev[:3]))
    assert made["vision"]["right"] == made["program"]["right"] == sum(len(task.test) for task in newer[:2])


def test_each_source_is_calibrated_and_others_are_kept(tmp_path):
    newer = newer_tasks()[:80]
    results = [result_of(task, n % 4 == 0, vision=(0.7 if n % 4 == 0 else 0.2, 0.02)) for n, task in enumerate(newer)]
    out = tmp_path / "trust.json"
    out.write_text('{"sources": {"other": {"bias": -9.0}}}')
    assert main([written(tmp_path / "results.jsonl", results), "--out", str(out)]) == 0
    made = orjson.loads(out.read_bytes())
    assert made["sources"]["other"] == {"bias": -9.0}
    assert made["made_from"]["vision"]["right"] == sum(len(task.test) for task in newer[::4])
    trust = Trust(made["sources"]["vision"])
    assert {name: trust.coefficients[name] for name in ("exact", "exact share")} == {"exact": 2.0, "exact share": 0.0}
    seen = Plausibility(newer[0].hide())
    likely, unlikely = (Ballot(newer[0].test[0].output, s, s, False, 0.0) for s in (0.7, 0.02))
    assert trust.probability(evidence(likely, 0, seen)) > 0.7
    assert trust.probability(evidence(unlikely, 0, seen)) < 0.1


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


def test_a_run_that_kept_no_ballots_is_one_line(tmp_path, capsys):
    task = newer_tasks()[0]
    blank = TaskResult(task.task_id, tuple((Attempt(p.output), Attempt(p.output)) for p in task.test))
    path = written(tmp_path / "results.jsonl", [blank])
    assert main([path, "--out", str(tmp_path / "trust.json")]) == 2
    assert revote.main(["--set", "arc-agi-2/training", path]) == 2
    assert capsys.readouterr().err.count("run.keep_ballots") == 2


def test_bad_input_is_one_line(tmp_path, capsys):
    assert main([str(tmp_path / "none.jsonl")]) == 2
    assert "cannot be read" in capsys.readouterr().err
    assert main(["--list-tasks", str(tmp_path / "no folder" / "ids")]) == 2
    results, out = tmp_path / "results.jsonl", tmp_path / "trust.json"
    written(results, [result_of(newer_tasks()[0], True, program=(0.7, 0.3))])
    for damaged in ("{", '{"sources": [1]}', '{"sources": {"program": 3}}', '{"sources": {"program": {"strange": 1}}}'):
        out.write_text(damaged)
        assert main([str(results), "--out", str(out)]) == 2
        assert out.read_text() == damaged
    assert [line.partition(":")[0] for line in capsys.readouterr().err.splitlines()] == ["calibrate_trust"] * 5
    assert main(["--list-tasks", str(tmp_path / "ids"), "--seed", "-1"]) == 2
    assert "--seed -1: must be at least 0" in capsys.readouterr().err
    assert main([str(results), "--out", str(tmp_path / "no folder" / "trust.json")]) == 2
    assert "cannot be written" in capsys.readouterr().err


@pytest.mark.parametrize("change", [lambda ballots: ballots[1:], lambda ballots: ballots * 2])
def test_ballots_of_another_number_of_test_inputs_are_one_line(tmp_path, capsys, change):
    task = newer_tasks()[0]
    result = result_of(task, True, program=(0.7, 0.3))
    other = replace(result, ballots={"program": change(result.ballots["program"])})
    path = written(tmp_path / "results.jsonl", [other])
    record = {"task": task.task_id, "candidates": change([[[0.9, True, 9.0, "12"]] for _ in task.test])}
    tuned = tmp_path / "tune.jsonl"
    tuned.write_bytes(orjson.dumps(record) + b"\n")
    assert main([path, "--out", str(tmp_path / "trust.json")]) == 2
    assert main(["--tuned", str(tuned), "--out", str(tmp_path / "trust.json")]) == 2
    assert revote.main(["--set", "arc-agi-2/training", path]) == 2
    assert vote_runs.main([str(tuned)]) == 2
    has, number = len(task.test), len(record["candidates"])
    whats = {"calibrate_trust": "ballots", "revote": "ballots", "vote_runs": "candidates"}
    told = {
        tool: f"{tool}: task {task.task_id}: {what} for {number} test inputs, but it has {has}"
        for tool, what in whats.items()
    }
    tools = ("calibrate_trust", "calibrate_trust", "revote", "vote_runs")
    assert capsys.readouterr().err.splitlines() == [told[tool] for tool in tools]


def test_records_of_tuning_calibrate_the_vision_model(tmp_path):
    newer, held = newer_tasks(), load_set("arc-agi-1/evaluation")[0]
    records = [
        {
            "task": task.task_id,
            "candidates": [
                [[0.9, True, 9.0, grid_text(pair.output)], [0.05, False, 9.0, "55"], [0.02, False, 4.0, "6/6"]]
                for pair in task.test
            ],
        }
        for task in [*newer[:5], held]
    ]
    path, out = tmp_path / "tune.jsonl", tmp_path / "trust.json"
    path.write_bytes(b"".join(orjson.dumps(record) + b"\n" for record in records))
    assert main(["--tuned", str(path), "--out", str(out)]) == 0
    made = orjson.loads(out.read_bytes())["made_from"]
    num_inputs = sum(len(task.test) for task in newer[:5])
    assert made == {"vision": {**made["vision"], "ballots": 3 * num_inputs, "right": num_inputs}}


def test_a_run_is_voted_on_anew(tmp_path, capsys):
    tasks = load_set("arc-agi-1/dev")[:6]
    results = [result_of(task, n < 4, program=(0.7, 0.3), vision=(0.6, 0.1)) for n, task in enumerate(tasks)]
    lost = [replace(result, attempts=vote(task.hide(), {})) for task, result in zip(tasks, results, strict=True)]
    assert revote.main(["--set", "arc-agi-1/dev", written(tmp_path / "results.jsonl", lost)]) == 0
    said = [line.split()[:2] for line in capsys.readouterr().out.splitlines()[1:]]
    assert said == [["then", "0"], ["now", "4"], ["program", "4"], ["vision", "4"]]


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
    record = {"task": newer_tasks()[0].task_id, "candidates": [[[0.9, True, 9.0, "12"]] for _ in newer_tasks()[0].test]}
    path.write_bytes(orjson.dumps(record) + b"\n")
    assert main(["--tuned", str(path), "--out", str(out)]) == 0
    made = orjson.loads(out.read_bytes())
    assert made["made_from"].keys() == made["sources"].keys() == {"program", "vision"}
    assert made["made_from"]["program"] == {"attempts": 7}
    assert made["sources"]["program"] == {"bias": -2.0}
