"""The runner inside one process: order, time, losses, the folder's files, going on."""

from __future__ import annotations

import json
import multiprocessing
import multiprocessing.forkserver
import os
import re
import resource
import signal
import sys
import threading
import time
from collections import Counter
from dataclasses import replace
from multiprocessing.context import ForkServerProcess
from types import SimpleNamespace

import fake_sources
import numpy as np
import orjson
import pytest
from fake_sources import (
    BAD_GRID,
    EXITS,
    GOOD,
    HANGS,
    KILLED,
    LABELS,
    RAISES,
    REPORTS_THEN_DIES,
    REPORTS_TWICE,
    SLOW,
    USES_ALL,
    task,
)

import solver.run.runfolder
import solver.run.runner
import solver.run.saving
import solver.run.standing
import solver.run.worker
import solver.run.workers
from solver.answers import TaskResult
from solver.errors import ArcSolveError, InputError, SettingsError
from solver.run.results import load_results
from solver.run.runfolder import RunFolder
from solver.run.runner import run, tasks_digest
from solver.run.standing import BLAMED_DEATHS, MAX_DEATHS, LaneStanding
from solver.run.worker import task_seed
from solver.run.workers import PRELOAD, Interrupts, Workers
from solver.settings import RunSettings, Settings, VisionSettings
from solver.sources import KERNELS, Lane
from solver.submission import check_submission
from solver.tasks import TaskStub
from solver.vote import choose_attempts

fake_run = fake_sources.run_fake


def limits(**values) -> Settings:
    defaults = {"seconds": 1.0, "workers": 2, "grace_s": 0.5, "stop_s": 0.1, "min_task_s": 0.05}
    return Settings(run=RunSettings(**{**defaults, **values}))


def nodes(num_nodes: int = 50, **values) -> Settings:
    return limits(nodes=num_nodes, **values)


def submitted(out, task_id: str, index: int = 0) -> list:
    """The first attempt that stands in submission.json."""
    return orjson.loads((out / "submission.json").read_bytes())[task_id][index]["attempt_1"]


def events(out, kind: str) -> list[dict]:
    lines = [json.loads(line) for line in (out / "events.jsonl").read_text().splitlines()]
    return [line for line in lines if line["kind"] == kind]


def lost_s(out, num_workers: int, lane: str = "fake") -> float:
    """Worker-seconds of a lane that no task was given, from the start of the tasks' time until its last task began:
    those of workers that were ready late, and of tasks that overran. Hardly any, unless the machine is busy."""
    began = events(out, "ready")[0]["time_s"]
    started = [event for event in events(out, "started") if event["lane"] == lane]
    last = max(event["time_s"] for event in started)
    given = sum(min(event["seconds"], last - event["time_s"]) for event in started)
    return num_workers * (last - began) - given


# Answers and files


def test_every_task_is_answered_and_every_file_is_there(tmp_path):
    tasks = [task(f"t{n}", GOOD, n, num_tests=1 + n % 2) for n in range(6)]
    record = fake_run(tasks, nodes(), tmp_path / "new" / "out")
    out = tmp_path / "new" / "out"
    assert sorted(file.name for file in out.iterdir()) == [
        "events.jsonl", "results.jsonl", "run.json", "submission.json",
    ]  # fmt: skip
    assert list(record.results) == [t.task_id for t in tasks]
    assert record.interrupted == ""
    assert record.problems == ()
    assert check_submission(orjson.loads((out / "submission.json").read_bytes()), tasks) == []
    on_disk = load_results(out / "results.jsonl")
    for t in tasks:
        result = record.results[t.task_id]
        assert (result.status, result.error, result.num_exact, result.num_nodes) == ("done", "", 1, 1)
        assert len(result.attempts) == len(t.test)
        assert result.attempts[0][0].source == "fake"
        assert submitted(out, t.task_id) == result.attempts[0][0].grid.tolist()
        assert on_disk[t.task_id].attempts[0][0].grid.tolist() == result.attempts[0][0].grid.tolist()
        assert set(result.phases) == {"search", "vote"}
    written = json.loads((out / "run.json").read_text())
    assert written["seed"] == 0
    assert written["settings"]["run"]["nodes"] == 50
    assert written["task_ids"] == [t.task_id for t in tasks]


def test_no_tasks(tmp_path):
    record = fake_run([], nodes(), tmp_path)
    assert record.results == {}
    assert (tmp_path / "submission.json").read_bytes() == b"{}"


def test_a_task_given_twice_is_refused(tmp_path):
    with pytest.raises(InputError, match="t1: given twice"):
        fake_run([task("t1"), task("t2"), task("t1")], nodes(), tmp_path)


def test_workers_never_see_test_outputs(tmp_path):
    record = fake_run([task("t1", LABELS, num_tests=2)], nodes(), tmp_path)
    assert record.results["t1"].attempts[0][0].grid.tolist() == [[0]]


def test_large_tasks_go_first_then_by_id(tmp_path):
    tasks = [task("b", side=3), task("a", side=3), task("z", side=9), task("c", side=5)]
    fake_run(tasks, nodes(workers=1), tmp_path)
    assert [event["task_id"] for event in events(tmp_path, "started")] == ["z", "c", "a", "b"]


def test_test_outputs_do_not_change_the_order(tmp_path):
    small, large = task("a"), task("b")
    loud = replace(small, test=tuple(replace(p, output=np.ones((30, 30), np.int8)) for p in small.test))
    quiet = fake_run([small, large], nodes(workers=1), tmp_path / "1")
    fake_run([loud, large], nodes(workers=1), tmp_path / "2")
    assert tasks_digest([small]) == tasks_digest([loud])
    assert [e["task_id"] for e in events(tmp_path / "2", "started")] == list(quiet.results)


def test_one_and_two_workers_submit_the_same_bytes(tmp_path):
    tasks = [task(f"t{n}", (GOOD, SLOW, USES_ALL, RAISES, REPORTS_THEN_DIES)[n % 5], n) for n in range(10)]
    for workers in (1, 2):
        fake_run(tasks if workers == 1 else tasks[::-1], nodes(workers=workers), tmp_path / str(workers))
    one, two = ((tmp_path / name / "submission.json").read_bytes() for name in "12")
    assert one == two
    fake_run(tasks, nodes(seed=1), tmp_path / "3")
    assert (tmp_path / "3" / "submission.json").read_bytes() != one


def test_seeds_depend_on_run_task_and_source_alone():
    assert task_seed(0, "t1", "fake") == task_seed(0, "t1", "fake")
    seeds = {task_seed(run_seed, t, name) for run_seed in (0, 1, 2**40) for t in "abc" for name in ("", "x")}
    assert len(seeds) == 18
    assert all(0 <= seed < 2**32 for seed in seeds)


def test_sources_share_the_nodes(tmp_path):
    record = fake_run([task("t1", USES_ALL)], nodes(50), tmp_path, make_sources=fake_sources.two)
    assert record.results["t1"].num_nodes == 25 + 1


def test_faulty_tasks_get_valid_attempts(tmp_path):
    stub = TaskStub("bad", (np.array([[3, 1]], np.int8), None), "train[0]: pair without output")
    record = fake_run([task("t1")], nodes(), tmp_path, faulty={"bad": stub})
    assert list(record.results) == ["t1", "bad"]
    assert (record.results["bad"].status, record.results["bad"].error) == ("failed", stub.error)
    submission = orjson.loads((tmp_path / "submission.json").read_bytes())
    assert check_submission(submission, [task("t1"), stub]) == []
    assert load_results(tmp_path / "results.jsonl")["bad"].error == stub.error
    assert list(fake_run([], nodes(), tmp_path / "2", faulty={"bad": stub}).results) == ["bad"]


# Losses


def test_what_sources_do_wrong_costs_nobody_else(tmp_path, caplog):
    wrong = (RAISES, EXITS, BAD_GRID, KILLED, REPORTS_THEN_DIES)
    tasks = [task(f"t{n}", behaviour, n) for n, behaviour in enumerate(wrong)] + [task(f"u{n}") for n in range(4)]
    record = fake_run(tasks, nodes(), tmp_path, make_sources=fake_sources.two)
    results = record.results
    assert [results[f"u{n}"].status for n in range(4)] == ["done"] * 4
    for n, words in enumerate(("RuntimeError: no idea", "SystemExit: 3", "values 0..9")):
        assert results[f"t{n}"].status == "partial"
        assert words in results[f"t{n}"].error
        assert submitted(tmp_path, f"t{n}") == [[8, 8]]  # the second source's answer
    assert "Traceback" in caplog.text
    assert results["t3"].status == results["t4"].status == "failed"
    assert results["t3"].error == "its worker died (SIGKILL), 2 times"
    assert results["t3"].attempts[0][0].source == ""
    assert submitted(tmp_path, "t4") == [[4, 6]]  # what was reported before
    assert len(events(tmp_path, "worker_lost")) == 4
    assert check_submission(orjson.loads((tmp_path / "submission.json").read_bytes()), tasks) == []


def test_findings_travel_as_plain_values(tmp_path):
    """What only a source's own package can read would end the run, here where messages are read."""
    record = fake_run([task("t1")], limits(), tmp_path, fake_sources.odd_findings)
    result = record.results["t1"]
    assert (result.num_nodes, result.phases["search"], result.notes) == (7, 0.5, {"fake": "a: note is needed"})
    assert "an answer was left out" in result.error
    assert submitted(tmp_path, "t1") == [[3]]
    assert record.problems == ()
    assert len(events(tmp_path, "finished")) == 1


def test_what_cannot_be_written_costs_no_run(tmp_path):
    tasks = [task(f"t{n}", number=n) for n in range(3)]
    record = fake_run(tasks, limits(), tmp_path, fake_sources.unwritable)
    assert [result.status for result in record.results.values()] == ["done", "failed", "partial"]
    assert record.results["t1"].error == "fake: ValueError: a number that is too large"
    assert submitted(tmp_path, "t2") == [[3]]
    assert load_results(tmp_path / "results.jsonl")["t2"].notes == {"fake": "note \\udcff"}
    assert record.problems == ()
    (told,) = (event for event in events(tmp_path, "finished") if event["task_id"] == "t2")
    assert told["message"] == "fake: RuntimeError: no file \\udcff"
    assert told["phases"]["search \\udcff"] == 0.5


def test_what_cannot_be_read_costs_no_run(tmp_path, caplog):
    odd = [Lane("odd", 1, fake_sources.oddly_named), Lane("tame", 1, fake_sources.tame)]
    record = run([task("t1"), task("t2")], limits(seconds=5.0), tmp_path, lanes=odd)
    assert {(result.status, result.num_exact) for result in record.results.values()} == {("partial", 1)}
    assert "its worker died" in record.results["t1"].error
    assert "a worker for odd sent what cannot be read" in caplog.messages
    assert "no number" in caplog.text


def test_a_vote_that_raises_in_a_worker_ends_no_search(monkeypatch):
    """Where it cannot be told whether an improvement is one, it is sent."""

    def fail(*_):
        raise RuntimeError("cannot count")

    monkeypatch.setattr(solver.run.worker, "choose_attempts", fail)
    sent = []
    worker = solver.run.worker._Worker(SimpleNamespace(send=sent.append), nodes(), (fake_sources.FakeSource(),))
    finished = worker.solve(solver.run.worker.Job(task("t", SLOW).hide(), None))
    assert finished.errors == ()
    assert len(finished.findings["fake"].answers) == len(sent) == 1


def test_a_vote_that_raises_costs_no_run(tmp_path, monkeypatch, caplog):
    def fail(*_):
        raise RuntimeError("cannot count")

    for name in ("choose_attempts", "all_ballots", "likeliest"):
        monkeypatch.setattr(solver.run.standing, name, fail)
    lanes = [Lane("tame", 1, fake_sources.two), Lane("judge", 1, fake_sources.judge, judges=True)]
    tasks = [task(f"t{n}") for n in range(3)]
    record = run(tasks, limits(keep_ballots=True), tmp_path, lanes=lanes)
    assert {result.status for result in record.results.values()} == {"done"}
    assert "cannot count" in caplog.text
    assert check_submission(orjson.loads((tmp_path / "submission.json").read_bytes()), tasks) == []


def test_a_lost_device_costs_a_process_and_no_task(tmp_path):
    tasks = [task(f"t{n}") for n in range(3)]
    settings = replace(nodes(), vision=VisionSettings(weights=str(tmp_path / "mark")))
    record = run(tasks, settings, tmp_path / "out", lanes=[Lane("frail", 1, fake_sources.loses_device_once)])
    assert {result.status for result in record.results.values()} == {"done"}
    assert len(events(tmp_path / "out", "worker_lost")) == 1


@pytest.mark.parametrize(("maker", "first"), [(fake_sources.loses_device, 2), (fake_sources.second_then_dies, 8)])
@pytest.mark.parametrize("limited", [limits(seconds=5.0), nodes()])
def test_what_was_found_before_a_process_is_lost_is_kept(tmp_path, maker, first, limited):
    """What a source had reported last, and what the source before it has found."""
    record = run([task("t")], limited, tmp_path, lanes=[Lane("frail", 1, maker)])
    assert record.results["t"].status == "failed"
    assert submitted(tmp_path, "t")[0][0] == first


def test_a_source_that_raises_alone_fails_its_task(tmp_path):
    result = fake_run([task("t1", RAISES)], nodes(), tmp_path).results["t1"]
    assert (result.status, result.error) == ("failed", "fake: RuntimeError: no idea")


def test_a_worker_hung_in_native_code_is_killed_and_its_task_keeps_what_it_reported(tmp_path):
    tasks = [task("t0", HANGS, 3, side=9), *(task(f"t{n}", SLOW, n) for n in range(1, 4))]
    began = time.monotonic()
    record = fake_run(tasks, limits(seconds=0.3, grace_s=0.2), tmp_path)
    assert time.monotonic() - began < 8
    assert record.results["t0"].status == "partial"
    assert record.results["t0"].error.startswith("stopped after")
    assert submitted(tmp_path, "t0") == [[3, 5]]
    assert [record.results[f"t{n}"].status for n in (1, 2, 3)] == ["done"] * 3
    assert record.interrupted == ""


def test_a_report_held_back_is_sent_when_a_worker_is_stopped(tmp_path):
    fake_run([task("t0", REPORTS_TWICE, 3)], limits(seconds=0.1, grace_s=0.2, stop_s=2), tmp_path)
    assert submitted(tmp_path, "t0") == [[3, 2]]


@pytest.mark.parametrize(
    ("make_sources", "error", "words"),
    [
        (fake_sources.broken, ArcSolveError, "no worker process could be started"),
        (fake_sources.dies, ArcSolveError, "no worker process could be started"),
        (fake_sources.refused, InputError, "weights: not found"),
    ],
)
def test_sources_that_cannot_be_made(tmp_path, make_sources, error, words):
    tasks = [task("t1"), task("t2")]
    with pytest.raises(error, match=words):
        fake_run(tasks, nodes(), tmp_path, make_sources=make_sources)
    assert check_submission(orjson.loads((tmp_path / "submission.json").read_bytes()), tasks) == []


def test_a_broken_progress_display_is_dropped(tmp_path, caplog):
    def display(event):
        raise ZeroDivisionError

    assert fake_run([task("t1")], nodes(), tmp_path, on_event=display).results["t1"].status == "done"
    assert "going on without it" in caplog.text


def test_events(tmp_path):
    seen = []
    fake_run([task("t1", SLOW), task("t2")], nodes(), tmp_path, on_event=seen.append)
    kinds = [event.kind for event in seen]
    assert kinds[0] == "begin"
    assert kinds[-1] == "end"
    assert kinds.count("started") == kinds.count("finished") == 2
    assert "improved" in kinds
    finished = [event for event in seen if event.kind == "finished"]
    assert [event.num_done for event in finished] == [1, 2]
    assert all(event.num_tasks == 2 and event.result.status == "done" for event in finished)
    (line,) = [line for line in events(tmp_path, "finished") if line["task_id"] == "t1"]
    assert line["phases"].keys() == {"search", "vote"}
    assert line["worker"] in (0, 1)


def test_a_worker_for_which_there_is_no_descriptor_is_a_start_that_failed(caplog):
    lane = LaneStanding.of(Lane("fake", 1, fake_sources.fake), [task("t1")])
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (0, hard))
    try:
        assert Workers(limits(), Interrupts()).start(lane, 0, (), [])
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))
    assert lane.failed_starts[0] == 1
    assert caplog.messages == ["a worker could not be started: [Errno 24] Too many open files"]


def test_a_run_in_a_thread(tmp_path):
    found = []
    thread = threading.Thread(target=lambda: found.append(fake_run([task("t1")], nodes(), tmp_path)))
    thread.start()
    thread.join(20)
    assert found[0].results["t1"].status == "done"


# Time


def test_unused_time_flows_to_tasks_that_come_later(tmp_path):
    tasks = [*(task(f"t{n}", GOOD, side=9) for n in range(5)), task("u", USES_ALL)]
    record = fake_run(tasks, limits(seconds=0.25, workers=1, max_stretch=3), tmp_path)
    started, began = events(tmp_path, "started"), events(tmp_path, "ready")[0]["time_s"]
    for number, event in enumerate(started):
        left_s = 6 * 0.25 - (event["time_s"] - began)
        assert event["seconds"] == pytest.approx(min(left_s / (6 - number), 3 * 0.25), abs=0.03)
    assert record.results["u"].seconds >= started[-1]["seconds"] > 0.3


def test_no_task_gets_less_because_others_use_all(tmp_path):
    tasks = [task(f"t{n}", USES_ALL) for n in range(5)]
    record = fake_run(tasks, limits(seconds=0.3), tmp_path)
    assert record.interrupted == ""
    shares = [event["seconds"] for event in events(tmp_path, "started")]
    assert min(shares) > 0.29 - lost_s(tmp_path, 2)
    first = min(event["time_s"] for event in events(tmp_path, "started"))
    last = max(event["time_s"] for event in events(tmp_path, "finished"))
    assert last - first < 0.9 + 0.5


def test_the_deadline_ends_a_run(tmp_path):
    tasks = [task(f"t{n}", USES_ALL, n, side=9 - n) for n in range(4)]
    settings = limits(seconds=0.1, workers=1, min_task_s=5.0, grace_s=0.3)
    record = fake_run(tasks, settings, tmp_path)
    assert record.interrupted == "deadline"
    assert record.wall_s < 6
    assert {result.status for result in record.results.values()} == {"partial"}
    errors = [record.results[f"t{n}"].error for n in range(2)]
    assert errors == ["deadline before it was finished", "deadline before it was reached"]
    assert load_results(tmp_path / "results.jsonl") == {}
    assert check_submission(orjson.loads((tmp_path / "submission.json").read_bytes()), tasks) == []


def test_no_clock_decides_with_nodes(tmp_path):
    settings = nodes(5, seconds=0.01, grace_s=0.1, min_task_s=0.001)
    record = fake_run([task(f"t{n}", SLOW, n) for n in range(8)], settings, tmp_path)
    assert record.interrupted == ""
    assert {result.status for result in record.results.values()} == {"done"}


# Folders


def test_a_run_is_not_overwritten_unasked(tmp_path):
    (tmp_path / "notes.txt").write_text("mine")
    fake_run([task("t1", number=1)], nodes(), tmp_path)
    before = (tmp_path / "submission.json").read_bytes()
    with pytest.raises(InputError, match="already holds a run"):
        fake_run([task("t2")], nodes(), tmp_path)
    assert (tmp_path / "submission.json").read_bytes() == before
    (tmp_path / "summary.json").write_text("{}")
    fake_run([task("t2")], nodes(), tmp_path, overwrite=True)
    assert list(load_results(tmp_path / "results.jsonl")) == ["t2"]
    assert not (tmp_path / "summary.json").exists()
    assert (tmp_path / "notes.txt").read_text() == "mine"
    (tmp_path / "summary.json").write_text("{}")
    with pytest.raises(InputError, match="it is another run"):
        fake_run([task("t3")], nodes(), tmp_path, resume=True)
    assert (tmp_path / "summary.json").exists()
    fake_run([task("t2")], nodes(), tmp_path, resume=True, report=lambda _: None)
    assert not (tmp_path / "summary.json").exists()


@pytest.mark.parametrize("place", ["file", "file/below", "/proc/no/such"])
def test_an_unusable_folder_is_refused_before_any_compute(tmp_path, place, monkeypatch):
    (tmp_path / "file").write_text("x")
    monkeypatch.setattr(multiprocessing, "get_context", None)
    with pytest.raises(InputError, match="cannot be written"):
        fake_run([task("t1")], nodes(), tmp_path / place)


@pytest.mark.parametrize("again", [{"resume": True}, {"overwrite": True}])
def test_a_folder_that_cannot_be_used_is_left_as_it_is(tmp_path, again):
    fake_run([task("t1")], nodes(), tmp_path, report=lambda _: (tmp_path / "summary.json").write_text("{}"))
    (tmp_path / "events.jsonl").unlink()
    (tmp_path / "events.jsonl").mkdir()
    before = {file.name: file.is_file() and file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(InputError, match=re.escape(f"{tmp_path / 'events.jsonl'}: cannot be written: Is a directory")):
        fake_run([task("t1")], nodes(), tmp_path, **again)
    assert {file.name: file.is_file() and file.read_bytes() for file in tmp_path.iterdir()} == before


@pytest.mark.parametrize("again", [{"resume": True}, {"overwrite": True}])
def test_what_a_run_that_was_killed_had_half_written_takes_no_room(tmp_path, again):
    fake_run([task("t1")], nodes(), tmp_path)
    before = {file.name for file in tmp_path.iterdir()}
    for name in ("submission.json", "run.json", "partial.jsonl", "summary.json", "report.html"):
        (tmp_path / f".{name}.tmp").write_bytes(b"half")
    fake_run([task("t1")], nodes(), tmp_path, **again)
    assert {file.name for file in tmp_path.iterdir()} == before


def test_a_full_disk_at_the_start_is_refused(tmp_path, monkeypatch):
    def full(path, submission):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patched:
        patched.setattr(solver.run.runfolder, "write_submission", full)
        with pytest.raises(InputError, match="No space left"):
            fake_run([task("t1")], nodes(), tmp_path)
    assert fake_run([task("t1")], nodes(), tmp_path).results["t1"].status == "done"  # it held no run


def test_two_runs_cannot_share_a_folder(tmp_path):
    folder = RunFolder(tmp_path, {}, resume=False, overwrite=False)
    try:
        with pytest.raises(InputError, match="another run is writing"):
            fake_run([task("t1")], nodes(), tmp_path, overwrite=True)
    finally:
        folder.close()


@pytest.mark.parametrize("forever", [True, False])
def test_a_disk_that_fills_up_later(tmp_path, monkeypatch, caplog, forever):
    """The old submission stays; lines wait; when there is room again, everything is written."""
    monkeypatch.setattr(solver.run.saving, "RETRY_WRITE_S", 0.05)
    real_submission, real_write = solver.run.runfolder.write_submission, solver.run.runfolder._write_all
    calls = {"submission": 0, "results": 0}

    def submission(path, content):
        calls["submission"] += 1
        if calls["submission"] > 1 and (forever or calls["submission"] < 4):
            raise OSError(28, "No space left on device")
        real_submission(path, content)

    def write(file, data):
        if str(file.name).endswith("results.jsonl"):
            calls["results"] += 1
            if forever or calls["results"] < 3:
                return real_write(file, data[: len(data) // 2])
        return real_write(file, data)

    monkeypatch.setattr(solver.run.runfolder, "write_submission", submission)
    monkeypatch.setattr(solver.run.runfolder, "_write_all", write)
    tasks = [task(f"t{n}", SLOW, n) for n in range(8)]
    record = fake_run(tasks, nodes(workers=1), tmp_path)
    assert {result.status for result in record.results.values()} == {"done"}
    assert "No space left" in caplog.text
    assert check_submission(orjson.loads((tmp_path / "submission.json").read_bytes()), tasks) == []
    kept = load_results(tmp_path / "results.jsonl")
    if forever:
        assert len(record.problems) == 2
        assert "submission.json: cannot be written: No space left" in "\n".join(record.problems)
        assert kept == {}
    else:
        assert record.problems == ()
        assert len(kept) == 8
        assert submitted(tmp_path, "t3") == record.results["t3"].attempts[0][0].grid.tolist()


@pytest.mark.parametrize(
    ("blocks", "free", "filled"),
    [(100, 0, []), (100, 2, ["events.jsonl"]), (100, 99, ["events.jsonl", "results.jsonl"]),
     (0, 0, ["events.jsonl", "results.jsonl"])],
)  # fmt: skip
def test_the_room_of_the_next_submission_is_taken_by_nothing_else(tmp_path, monkeypatch, blocks, free, filled):
    """free: blocks beside submission and settings, as the file system tells, which may also tell of none at all."""

    def lines() -> list:
        return sorted(file for file in tmp_path.glob("*.jsonl") if file.stat().st_size)

    def disk(_path):
        used = sum(-(-file.stat().st_size // 4096) for file in lines())
        return SimpleNamespace(f_frsize=4096, f_blocks=blocks, f_bavail=free - used)

    monkeypatch.setattr(solver.run.runfolder.os, "statvfs", disk)
    record = fake_run([task(f"t{n}", SLOW, n) for n in range(3)], nodes(workers=1), tmp_path)
    assert [file.name for file in lines()] == filled
    assert bool(record.problems) == (len(filled) < 2)
    for name, result in record.results.items():
        assert submitted(tmp_path, name) == result.attempts[0][0].grid.tolist()


# Going on


def test_what_is_known_of_unfinished_tasks_makes_room_for_the_submission(tmp_path, monkeypatch, caplog):
    folder = RunFolder(tmp_path, {}, resume=False, overwrite=False)
    tasks = [task("t1"), task("t2")]
    results = {t.task_id: TaskResult(t.task_id, choose_attempts(t.hide(), {}), "partial") for t in tasks}
    folder.hold(results["t1"])
    folder.write_partial()
    assert (tmp_path / "partial.jsonl").exists()
    write = solver.run.runfolder.write_submission

    def full_beside_partial(path, content):
        if (tmp_path / "partial.jsonl").exists():
            raise OSError(28, "No space left on device")
        write(path, content)

    monkeypatch.setattr(solver.run.runfolder, "write_submission", full_beside_partial)
    assert folder.write_submission(results)
    folder.hold(results["t2"])
    folder.write_partial()
    assert sorted(file.name for file in tmp_path.iterdir()) == ["events.jsonl", "results.jsonl", "submission.json"]
    assert folder.problems == {}
    assert "its room is needed" in caplog.text
    folder.close()


def test_resume_skips_what_is_finished_and_tolerates_a_torn_line(tmp_path):
    tasks = [task(f"t{n}", SLOW, n, side=9 - n) for n in range(6)]
    whole = fake_run(tasks, nodes(), tmp_path)
    expected = (tmp_path / "submission.json").read_bytes()
    lines = (tmp_path / "results.jsonl").read_bytes().splitlines(keepends=True)
    (tmp_path / "results.jsonl").write_bytes(b"".join(lines[:3]) + lines[3][:50])
    (tmp_path / "submission.json").unlink()
    seen = []
    record = fake_run(tasks, nodes(workers=1), tmp_path, resume=True, on_event=seen.append)
    assert len([event for event in seen if event.kind == "started"]) == 3
    assert (tmp_path / "submission.json").read_bytes() == expected
    assert list(record.results) == list(whole.results)
    assert len(load_results(tmp_path / "results.jsonl")) == 6
    again = fake_run(tasks, nodes(), tmp_path, resume=True)
    assert {result.status for result in again.results.values()} == {"done"}
    assert (tmp_path / "submission.json").read_bytes() == expected


def test_an_event_that_was_torn_spoils_none_that_come_later(tmp_path, monkeypatch):
    """By a crash, or by a disk that was full for a moment."""
    fake_run([task("t1")], nodes(), tmp_path)
    with open(tmp_path / "events.jsonl", "ab") as file:
        file.write(b'{"time_s": 1.0, "ki')
    real, calls = solver.run.runfolder._write_all, []

    def write(file, data):
        calls.append(data)
        return real(file, data[: len(data) // 2] if len(calls) == 2 else data)

    monkeypatch.setattr(solver.run.runfolder, "_write_all", write)
    record = fake_run([task("t1")], nodes(), tmp_path, resume=True)
    assert record.problems == (f"{tmp_path / 'events.jsonl'}: cannot be written: No space left on device",)
    assert len(events(tmp_path, "begin")) == 2
    assert len(events(tmp_path, "end")) == 1  # the other one found no room


def test_resume_of_nothing_starts(tmp_path):
    assert fake_run([task("t1")], nodes(), tmp_path, resume=True).results["t1"].status == "done"


def test_resume_tries_failed_tasks_again_and_keeps_partial_ones(tmp_path):
    tasks = [task("t1", KILLED), task("t2", GOOD), task("t3", RAISES)]
    stub = TaskStub("bad", (None,), "broken")
    fake_run(tasks, nodes(), tmp_path, make_sources=fake_sources.two, faulty={"bad": stub})
    record = fake_run(tasks, nodes(), tmp_path, resume=True, make_sources=fake_sources.tame, faulty={"bad": stub})
    assert [record.results[f"t{n}"].status for n in (1, 2, 3)] == ["done", "done", "partial"]
    assert submitted(tmp_path, "t1") == [[4, 2]]
    assert submitted(tmp_path, "t2") != [[4, 2]]
    assert load_results(tmp_path / "results.jsonl")["t1"].status == "done"


def test_resume_keeps_what_the_submission_had_of_unfinished_tasks(tmp_path):
    tasks = [task("t0", REPORTS_THEN_DIES, 3)]
    fake_run(tasks, nodes(), tmp_path)
    assert submitted(tmp_path, "t0") == [[3, 6]]
    with pytest.raises(ArcSolveError):
        fake_run(tasks, nodes(), tmp_path, resume=True, make_sources=fake_sources.broken)
    assert submitted(tmp_path, "t0") == [[3, 6]]


def test_a_resumed_run_gives_up_no_answer_for_a_worse_one(tmp_path):
    """One lane has an exact answer, the other is at work when the run is stopped; what goes on finds less."""
    tasks = [task("t0", USES_ALL, 3), task("t1", USES_ALL, 4)]
    lanes = [Lane("quick", 1, fake_sources.tame), Lane("slow", 1, fake_sources.patient)]

    def stop(event):
        if event.kind == "ended":
            os.kill(os.getpid(), signal.SIGTERM)

    stopped = run(tasks, limits(seconds=20), tmp_path, lanes=lanes, on_event=stop)
    assert stopped.interrupted == "SIGTERM"
    (kept,) = load_results(tmp_path / "partial.jsonl").values()
    assert kept.attempts[0][0].exact
    worse = [Lane("quick", 1, fake_sources.second)]
    record = run(tasks, limits(seconds=20), tmp_path, lanes=worse, resume=True)
    assert {result.status for result in record.results.values()} == {"done"}
    first, second = record.results[kept.task_id].attempts[0]
    assert (first.grid.tolist(), first.source, first.exact) == ([[4, 2]], "fake", True)
    assert (second.grid.tolist(), second.source) == ([[8, 8]], "second")
    (other,) = {"t0", "t1"} - {kept.task_id}
    assert record.results[other].attempts[0][0].grid.tolist() == [[8, 8]]
    assert not (tmp_path / "partial.jsonl").exists()


def test_a_resumed_run_adds_to_what_a_source_had_found(tmp_path):
    tasks, lanes = [task("t0"), task("t1")], [Lane("adding", 1, fake_sources.adding)]

    def stop(event):
        if event.kind == "improved":
            os.kill(os.getpid(), signal.SIGTERM)

    assert run(tasks, limits(seconds=1.0), tmp_path, lanes=lanes, on_event=stop).interrupted == "SIGTERM"
    record = run(tasks, limits(seconds=1.0), tmp_path, lanes=lanes, resume=True)
    runs = {i: result.attempts[0][0].grid.tolist() for i, result in record.results.items()}
    assert sorted(runs.values()) == [[[1]], [[2]]]


@pytest.mark.parametrize("maker", [fake_sources.patient, fake_sources.adding])
def test_what_a_run_that_is_stopped_has_spent_counts(tmp_path, maker):
    """Of a task for which nothing is found yet, as of one with answers."""
    tasks, lanes = [task("t")], [Lane("lane", 1, maker)]

    def stop(event):
        if event.kind == "started":
            threading.Timer(0.3, os.kill, (os.getpid(), signal.SIGTERM)).start()

    stopped = run(tasks, limits(seconds=20), tmp_path, lanes=lanes, on_event=stop).results["t"]
    assert 0.25 < stopped.seconds < 1.0
    assert stopped.error == "SIGTERM before it was finished"
    done = run(tasks, limits(seconds=20, total_s=4.0, grace_s=0.5, stop_s=0.5), tmp_path, lanes=lanes, resume=True)
    assert done.results["t"].status == "done"
    (begun, ended) = (events(tmp_path, kind)[-1]["time_s"] for kind in ("started", "ended"))
    assert done.results["t"].seconds == pytest.approx(stopped.seconds + ended - begun, abs=0.1)


def test_the_wall_clock_of_a_run_is_that_of_all_its_parts(tmp_path):
    """Of one that was killed as far as its events go, of which the last was torn, too."""
    tasks, lanes = [task("t0"), task("t1")], [Lane("adding", 1, fake_sources.adding)]

    def stop(event):
        if event.kind == "improved":
            os.kill(os.getpid(), signal.SIGTERM)

    total = limits(seconds=0.5)
    walls = [run(tasks, total, tmp_path, lanes=lanes, on_event=stop).wall_s]
    assert walls[0] == pytest.approx(events(tmp_path, "end")[-1]["time_s"], abs=0.1)
    walls += [run(tasks, total, tmp_path, lanes=lanes, on_event=stop, resume=True).wall_s]
    assert walls[1] == pytest.approx(sum(event["time_s"] for event in events(tmp_path, "end")), abs=0.1)
    lines = (tmp_path / "events.jsonl").read_bytes().splitlines(keepends=True)
    last = [number for number, line in enumerate(lines) if b'"improved"' in line][-1]
    killed_s = events(tmp_path, "end")[0]["time_s"] + json.loads(lines[last])["time_s"]
    (tmp_path / "events.jsonl").write_bytes(b"".join([*lines[: last + 1], b'{"kind": "strange"}\n', lines[-1][:30]]))
    record = run(tasks, total, tmp_path, lanes=lanes, resume=True)
    assert record.wall_s == pytest.approx(killed_s + events(tmp_path, "end")[-1]["time_s"], abs=0.1)
    assert run(tasks, total, tmp_path, lanes=lanes, overwrite=True).wall_s < record.wall_s


def test_a_run_that_goes_on_counts_what_was_finished_before(tmp_path):
    tasks = [task("t0", RAISES), task("t1"), task("t2", side=3), task("t3", side=4)]

    def stop(event):
        if event.num_done == 2:
            os.kill(os.getpid(), signal.SIGTERM)

    fake_run(tasks, nodes(workers=1), tmp_path, on_event=stop)
    told = []
    fake_run(tasks, nodes(workers=1), tmp_path, resume=True, on_event=told.append)
    first, last = ((event.kind, event.num_done, event.num_exact) for event in (told[0], told[-1]))
    assert first in [("begin", 2, 2), ("begin", 3, 3)]
    assert last == ("end", 4, 3)


def test_resume_refuses_another_run_and_says_why(tmp_path, monkeypatch):
    tasks = [task("t1"), task("t2")]
    fake_run(tasks, nodes(), tmp_path)
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(InputError, match=r"run\.nodes was 50, not 60; run\.seed was 0, not 3"):
        fake_run(tasks, nodes(60, seed=3), tmp_path, resume=True)
    with pytest.raises(InputError, match=r"it is another run: other tasks$"):
        fake_run(tasks[:1], nodes(), tmp_path, resume=True)
    with pytest.raises(InputError, match=r"it is another run: tasks of other content$"):
        fake_run([task("t1"), task("t2", number=5)], nodes(), tmp_path, resume=True)
    monkeypatch.setattr(solver.run.runner, "__version__", "99")
    with pytest.raises(InputError, match=r"version .*, not 99"):
        fake_run(tasks, nodes(), tmp_path, resume=True)
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before


def test_a_run_goes_on_with_no_other_weights(tmp_path):
    tasks, first = [task("t1")], {"policy": "1a", "vision": "2b"}

    def go_on(weights, resume=True):
        lanes = [Lane("fake", 1, fake_sources.fake, weights=weights)]
        return run(tasks, nodes(), tmp_path, lanes=lanes, resume=resume)

    assert go_on(first, resume=False).weights == first
    before = (tmp_path / "run.json").read_bytes()
    with pytest.raises(InputError, match=r"it is another run: other weights of the vision model$"):
        go_on({**first, "vision": "3c"})
    assert (tmp_path / "run.json").read_bytes() == before
    assert go_on({"policy": "1a", "ppm": "4d"}).weights == {"policy": "1a", "ppm": "4d"}  # its GPU was lost
    for changed in ("vision", "ppm"):
        with pytest.raises(InputError, match=f"other weights of the {changed} model$"):
            go_on({changed: "3c"})
    go_on({**first, "ppm": "4d"})


def test_a_run_that_began_before_weights_were_noted_goes_on(tmp_path):
    fake_run([task("t1")], nodes(), tmp_path)
    noted = json.loads((tmp_path / "run.json").read_text())
    del noted["weights"]
    (tmp_path / "run.json").write_text(json.dumps(noted))
    lanes = [Lane("fake", 1, fake_sources.fake, weights={"vision": "2b"})]
    assert run([task("t1")], nodes(), tmp_path, lanes=lanes, resume=True).results["t1"].status == "done"


@pytest.mark.parametrize("content", [b"", b"{", b"[]", b'{"version": 1}', b'{"weights": [], "settings": {"run": 1}}'])
def test_resume_with_a_spoilt_run_json(tmp_path, content):
    fake_run([task("t1")], nodes(), tmp_path)
    (tmp_path / "run.json").write_bytes(content)
    with pytest.raises(InputError, match="cannot be resumed"):
        fake_run([task("t1")], nodes(), tmp_path, resume=True)


def test_results_without_a_run_are_not_resumed(tmp_path):
    fake_run([task("t1")], nodes(), tmp_path)
    (tmp_path / "run.json").unlink()
    with pytest.raises(InputError, match=r"results\.jsonl without run\.json"):
        fake_run([task("t1")], nodes(), tmp_path, resume=True)


def test_settings_out_of_range_never_reach_a_run():
    with pytest.raises(SettingsError):
        nodes(workers=0)


# Lanes


def lanes(*makers, workers=2, required=True):
    return [Lane(f"lane{n}", workers, maker, required or n == 0) for n, maker in enumerate(makers)]


def test_a_lane_makes_way_for_others(tmp_path):
    own = os.nice(0)
    record = run([task("t")], nodes(), tmp_path, lanes=[Lane("nice", 1, fake_sources.nice, niceness=4)])
    niceness = min(own + 4, 19)
    assert record.results["t"].attempts[0][0].grid.tolist() == [[niceness % 10, niceness // 10]]


def test_every_task_goes_through_every_lane_and_all_findings_vote(tmp_path):
    tasks = [task(f"t{n}", GOOD, n) for n in range(5)]
    record = run(tasks, nodes(), tmp_path, lanes=lanes(fake_sources.fake, fake_sources.second))
    for result in record.results.values():
        assert result.status == "done"
        assert [a.source for a in result.attempts[0]] == ["fake", "second"]
        assert result.num_nodes == 2
        assert {name: pair[0][0].source for name, pair in result.alone.items()} == {"fake": "fake", "second": "second"}
    started = [(e["lane"], e["task_id"]) for e in events(tmp_path, "started")]
    assert sorted(started) == sorted((f"lane{n}", t.task_id) for n in (0, 1) for t in tasks)
    assert len(events(tmp_path, "finished")) == 5
    both = run(tasks, nodes(), tmp_path / "both", lanes=lanes(fake_sources.two, workers=1))
    assert (tmp_path / "both" / "submission.json").read_bytes() == (tmp_path / "submission.json").read_bytes()
    assert both.results.keys() == record.results.keys()


def test_a_lane_that_loses_a_task_leaves_the_other_lanes_answers(tmp_path):
    tasks = [task("t1", KILLED), task("t2", GOOD), task("t3", RAISES)]
    record = run(tasks, nodes(), tmp_path, lanes=lanes(fake_sources.fake, fake_sources.second))
    assert [record.results[f"t{n}"].status for n in (1, 2, 3)] == ["partial", "done", "partial"]
    for task_id in ("t1", "t3"):
        assert submitted(tmp_path, task_id) == [[8, 8]]
    assert "SIGKILL" in record.results["t1"].error


def test_who_takes_up_the_task_of_a_lost_worker_goes_on_from_all_its_runs(tmp_path):
    """In a run that counts nodes, from none of them, since the clock would decide which."""
    record = fake_run([task("t1")], limits(seconds=30.0), tmp_path / "timed", fake_sources.dies_after_runs)
    assert record.results["t1"].status == "done"
    assert submitted(tmp_path / "timed", "t1") == [[2]]
    record = fake_run([task("t1")], nodes(), tmp_path / "counted", fake_sources.dies_after_runs)
    assert record.results["t1"].status == "failed"
    assert submitted(tmp_path / "counted", "t1") == [[9]]


def test_a_slot_that_never_starts_leaves_the_others_their_tries(tmp_path):
    """The other slot's worker is lost when the first has long been given up; it is replaced all the same."""
    tasks = [task("t0", USES_ALL, side=4), task("t1", KILLED, side=3), task("t2", GOOD, 2)]
    record = run(tasks, limits(seconds=2.0), tmp_path, lanes=[Lane("half", 2, fake_sources.half)])
    assert [record.results[f"t{n}"].status for n in range(3)] == ["done", "failed", "done"]
    lost = [event["message"] for event in events(tmp_path, "worker_lost")]
    assert len(lost) == 2  # both tries of t1
    assert record.interrupted == ""


def test_a_device_that_fails_every_task_is_left_alone(tmp_path, caplog):
    """It is quicker than the one that works, which must still see every task."""
    tasks = [task(f"t{n:02d}") for n in range(20)]
    record = run(tasks, limits(seconds=30.0), tmp_path, lanes=[Lane("devices", 2, fake_sources.one_bad_device)])
    assert {result.status for result in record.results.values()} == {"done"}
    assert len(events(tmp_path, "worker_lost")) == MAX_DEATHS
    assert sum("is not replaced" in line for line in caplog.messages) == 1
    assert record.interrupted == ""


def test_a_device_that_hangs_with_every_task_is_left_alone(tmp_path, caplog):
    """The first tasks that hang there might be to blame; later ones go to the device that works."""
    tasks = [task(f"t{n:02d}") for n in range(20)]
    limited = limits(total_s=20.0, grace_s=0.1, max_stretch=1.0, pass_shares=(0.01, 0.99))
    record = run(tasks, limited, tmp_path, lanes=[Lane("devices", 2, fake_sources.one_hung_device)])
    assert Counter(result.status for result in record.results.values()) == {"done": 18, "partial": BLAMED_DEATHS}
    assert len(events(tmp_path, "worker_lost")) == MAX_DEATHS
    assert sum("is not replaced" in line for line in caplog.messages) == 1


def test_tasks_end_where_all_devices_fail(tmp_path):
    tasks = [task(f"t{n:02d}") for n in range(12)]
    record = run(tasks, limits(seconds=30.0), tmp_path, lanes=[Lane("devices", 2, fake_sources.all_bad_devices)])
    assert {result.status for result in record.results.values()} == {"failed"}
    assert len(events(tmp_path, "worker_lost")) >= 24


@pytest.mark.parametrize(
    "maker",
    [fake_sources.refused, fake_sources.dies, fake_sources.broken, fake_sources.odd, fake_sources.odd_refusal],
)
def test_a_lane_that_is_not_required_may_fail_to_start(tmp_path, maker):
    tasks = [task(f"t{n}") for n in range(3)]
    record = run(tasks, nodes(), tmp_path, lanes=lanes(fake_sources.tame, maker, required=False))
    for result in record.results.values():
        assert (result.status, result.attempts[0][0].source) == ("partial", "fake")
        assert "no worker for lane1 could be started" in result.error
    with pytest.raises(ArcSolveError):
        run(tasks, nodes(), tmp_path / "required", lanes=lanes(fake_sources.tame, maker))
    assert check_submission(orjson.loads((tmp_path / "required" / "submission.json").read_bytes()), tasks) == []


def test_what_was_found_is_written_though_the_run_fails(tmp_path):
    """A required lane that cannot start ends the run while another has answers that are not written yet."""
    tasks, out, mark = [task(f"t{n}") for n in range(4)], tmp_path / "out", tmp_path / "mark"
    quick_and_required = [Lane("quick", 1, fake_sources.tame), Lane("late", 1, fake_sources.refused_once_marked)]
    settings = replace(limits(seconds=60.0), vision=VisionSettings(weights=str(mark)))

    def see(event):
        if event.kind == "ended" and event.task_id == "t3":
            mark.touch()

    with pytest.raises(InputError, match="weights: not found"):
        run(tasks, settings, out, lanes=quick_and_required, on_event=see)
    assert [submitted(out, t.task_id) for t in tasks] == [[[4, 2]]] * 4
    assert [kept.attempts[0][0].exact for kept in load_results(out / "partial.jsonl").values()] == [True] * 4
    assert multiprocessing.active_children() == []


def test_without_a_worker_of_any_lane_there_is_no_run(tmp_path):
    none = [Lane(maker.__name__, 1, maker, required=False) for maker in (fake_sources.refused, fake_sources.broken)]
    with pytest.raises(ArcSolveError, match="no worker process"):
        run([task("t1")], nodes(), tmp_path, lanes=none)
    assert check_submission(orjson.loads((tmp_path / "submission.json").read_bytes()), [task("t1")]) == []


def test_what_one_lane_preloads_costs_no_lane_its_workers(tmp_path, monkeypatch, caplog):
    """The module ends the fork server; workers are forked from one that has not imported it."""
    tasks = [task(f"t{n}") for n in range(3)]
    frail = [Lane("fake", 2, fake_sources.fake, preload=("fake_preload",)), Lane("other", 1, fake_sources.tame)]
    monkeypatch.setenv("PYTHONPATH", os.path.dirname(fake_sources.__file__), prepend=os.pathsep)  # the fork server's
    multiprocessing.forkserver._forkserver._stop()  # one of an earlier run may still be there
    record = run(tasks, nodes(), tmp_path, lanes=frail)
    assert {result.status for result in record.results.values()} == {"done"}
    assert "a worker could not be started" in caplog.text


def test_lanes_of_unequal_size_end_together(tmp_path):
    """Two workers and one: each lane has the whole wall time for all tasks, whoever does them."""
    tasks = [task(f"t{n}", USES_ALL, n) for n in range(6)]
    unequal = [Lane("wide", 2, fake_sources.fake), Lane("narrow", 1, fake_sources.fake)]
    record = run(tasks, limits(seconds=0.4), tmp_path, lanes=unequal)
    assert {result.status for result in record.results.values()} == {"done"}
    for lane, num_workers, even_s in (("wide", 2, 0.4), ("narrow", 1, 0.2)):
        lost = lost_s(tmp_path, num_workers, lane)
        seconds = [event["seconds"] for event in events(tmp_path, "started") if event["lane"] == lane]
        assert len(seconds) == 6
        assert even_s - lost - 0.01 < min(seconds) <= max(seconds) < even_s + 0.01
    assert record.wall_s < 5


def test_a_lane_begins_no_task_without_the_time_it_needs_and_the_unsolved_come_first(tmp_path):
    """Time for three of four at most. The other lane is quick and solves all but the last one, which is therefore among
    them, first or later, whichever lane was ready earlier."""
    tasks = [task("t0"), task("t1"), task("t2"), task("t3", RAISES)]
    uneven = [Lane("quick", 1, fake_sources.fake), Lane("thorough", 1, fake_sources.thorough)]
    record = run(tasks, limits(seconds=0.4), tmp_path, lanes=uneven)
    started = [e for e in events(tmp_path, "started") if e["lane"] == "thorough"]
    assert all(e["seconds"] >= 0.5 for e in started[:2])  # the last one may be cut
    begun = {e["task_id"] for e in started}
    assert len(started) == len(begun) <= 3
    assert "t3" in begun
    for task_id in ("t0", "t1", "t2"):
        result = record.results[task_id]
        wanted = ("done", "") if task_id in begun else ("partial", "no time for thorough")
        assert (result.status, result.error) == wanted
        assert result.num_exact == 1
    said = [e["message"] for e in events(tmp_path, "plan")]
    assert any(re.fullmatch(r"plan: thorough: time for [123] of 4 tasks, at 0.5 s each", line) for line in said)
    assert record.interrupted == ""
    assert record.wall_s < 3.0


def test_a_run_that_goes_on_takes_up_again_what_a_lane_had_no_time_for_and_in_that_lane_alone(tmp_path):
    tasks = [task(f"t{n}", number=n) for n in range(4)]
    uneven = [Lane("quick", 1, fake_sources.fake), Lane("thorough", 1, fake_sources.thorough)]
    before = run(tasks, limits(seconds=0.4), tmp_path, lanes=uneven).results
    late = {task_id for task_id, result in before.items() if result.no_time == ("thorough",)}
    assert 1 <= len(late) <= 3
    assert late == {task_id for task_id, result in before.items() if result.error == "no time for thorough"}
    alone = run(tasks, limits(seconds=0.4), tmp_path, lanes=uneven[:1], resume=True)  # as if its GPU were gone
    assert {i: result.error for i, result in alone.results.items()} == {i: result.error for i, result in before.items()}
    again = run(tasks, limits(seconds=0.4), tmp_path, lanes=uneven, resume=True)
    num_begun = 4 + 4 - len(late)
    begun = events(tmp_path, "started")[num_begun:]
    assert {(event["lane"], event["task_id"]) for event in begun} <= {("thorough", task_id) for task_id in late}
    plans = [event["message"] for event in events(tmp_path, "plan")]
    assert [plans.count(f"plan: {lane}: 1 workers, 0.4 s a task") for lane in ("quick", "thorough")] == [1, 2]
    done = {event["task_id"] for event in begun}
    assert done
    for task_id, result in again.results.items():
        assert (result.status, result.no_time) == (
            ("partial", ("thorough",)) if task_id in late - done else ("done", ())
        )
        grids = [attempt.grid.tolist() for attempt in result.attempts[0]]
        assert grids[0] == before[task_id].attempts[0][0].grid.tolist()
        assert ([[8, 8]] in grids) == (task_id not in late - done)
        assert result.seconds >= before[task_id].seconds
    assert {i: r.status for i, r in load_results(tmp_path / "results.jsonl").items()} == {
        i: r.status for i, r in again.results.items()
    }


def test_small_tasks_need_less_time_than_large_ones(tmp_path):
    """Time for both small ones, and then not even for a good part of what the large one needs."""
    tasks = [task("large", side=12), task("small", side=5), task("tiny", side=4)]
    record = run(tasks, limits(seconds=1.0), tmp_path, lanes=[Lane("thorough", 1, fake_sources.thorough)])
    started = events(tmp_path, "started")
    assert [e["task_id"] for e in started] == ["tiny", "small"]
    assert all(0.5 <= e["seconds"] < 3.0 for e in started)
    assert {name: result.error for name, result in record.results.items()} == {
        "large": "no time for thorough", "small": "", "tiny": "",
    }  # fmt: skip
    said = [e["message"] for e in events(tmp_path, "plan")]
    assert "plan: thorough: time for 2 of 3 tasks, at 0.5 or 20.0 s each" in said


def test_a_lane_that_judges_waits_for_others_where_it_can_and_is_told_what_they_propose(tmp_path):
    """Others come to large tasks first. The judge takes one that they have been through, or else the smallest."""
    tasks = [task(f"t{n}", SLOW, n, side=9 - n) for n in range(6)]
    judging = [Lane("slow", 1, fake_sources.fake), Lane("judge", 1, fake_sources.judge, judges=True)]
    record = run(tasks, limits(seconds=1.0), tmp_path, lanes=judging)
    seen, through = [], set()
    for line in (tmp_path / "events.jsonl").read_text().splitlines():
        event = json.loads(line)
        if event["kind"] == "ended" and event["lane"] == "slow":
            through.add(event["task_id"])
        if event["kind"] == "started" and event["lane"] == "judge":
            seen.append((event["task_id"], set(through)))
    begun = set()
    for task_id, known in seen:
        waiting = sorted({t.task_id for t in tasks} - begun)
        assert task_id == next((other for other in waiting if other in known), waiting[-1])
        begun.add(task_id)
        told = [a for a in record.results[task_id].attempts[0] if a.source == "judge"]
        if task_id in known:
            assert told[0].grid.tolist() == [[1]]
    assert len(begun) == 6


def test_judgements_decide_between_what_others_propose(tmp_path):
    """The first lane has three answers alike, of which the judge finds the last it is told of likeliest."""
    kept = limits(seconds=2.0, keep_ballots=True)
    proposing = [Lane("three", 1, fake_sources.three), Lane("judge", 1, fake_sources.late_judge, judges=True)]
    record = run([task("t1", num_tests=2), task("t2")], kept, tmp_path, lanes=proposing)
    for task_id, result in load_results(tmp_path / "results.jsonl").items():
        by_grid = {b.grid.tolist()[0][0]: b.nats for b in result.ballots["program"][0]}
        assert sorted(by_grid.values()) == [3.0, 4.5, 9.0]
        first = record.results[task_id].attempts[0][0]
        assert by_grid[first.grid.tolist()[0][0]] == 3.0
        alone = result.alone["program"][0][0].grid.tolist()[0][0]
        assert by_grid[alone] == 9.0


def test_with_nodes_a_judge_is_told_nothing(tmp_path):
    tasks = [task(f"t{n}", GOOD, n) for n in range(4)]
    judging = [Lane("quick", 2, fake_sources.fake), Lane("judge", 1, fake_sources.judge, judges=True)]
    record = run(tasks, nodes(), tmp_path, lanes=judging)
    for result in record.results.values():
        assert [a.grid.tolist() for a in result.attempts[0] if a.source == "judge"] == [[[0]]]


def test_with_nodes_a_lane_needs_no_time(tmp_path):
    record = run([task("t1")], nodes(), tmp_path, lanes=[Lane("thorough", 1, fake_sources.thorough)])
    assert record.results["t1"].status == "done"


# Passes


def test_a_first_pass_gives_what_a_lane_needs_and_later_ones_what_is_left(tmp_path):
    tasks = [task(f"t{n}") for n in range(3)]
    limited = limits(seconds=0.8, pass_shares=(0.2, 0.8))
    record = run(tasks, limited, tmp_path, lanes=[Lane("thorough", 1, fake_sources.thorough)])
    started = events(tmp_path, "started")
    assert len(started) == 4  # 2.4 s: one of the three has time for a second
    assert all(0.5 <= e["seconds"] <= 1.0 for e in started)
    assert {result.status for result in record.results.values()} == {"done"}
    assert record.interrupted == ""


def test_passes_go_through_all_tasks_and_leave_out_the_settled(tmp_path):
    tasks = [task(f"t{n}", GOOD, 9 if n == 2 else n) for n in range(5)]
    limited = limits(seconds=0.4, pass_shares=(0.25, 0.75))
    record = fake_run(tasks, limited, tmp_path, fake_sources.patient)
    assert {result.status for result in record.results.values()} == {"done"}
    runs = {t.task_id: submitted(tmp_path, t.task_id)[0][0] for t in tasks}
    over = events(tmp_path, "ready")[0]["time_s"] + 1.1  # of 1.2 s, the last of which are too short for a task
    late = {e["task_id"] for e in events(tmp_path, "finished") if e["time_s"] > over}
    assert runs.pop("t2") == 1
    assert all(number == 2 or task_id in late for task_id, number in runs.items())
    assert max(runs.values()) == 2
    started = events(tmp_path, "started")
    assert {e["task_id"] for e in started[:5]} == {t.task_id for t in tasks}
    assert all(0.05 <= e["seconds"] <= 0.25 for e in started[:5])
    assert all(e["seconds"] > 0.29 - lost_s(tmp_path, 2) for e in started[5:])
    assert len(started) == 1 + sum(runs.values())
    assert record.wall_s < 5.0


def test_with_nodes_there_is_one_pass(tmp_path):
    record = fake_run([task("t1")], nodes(pass_shares=(1.0, 2.0)), tmp_path, fake_sources.patient)
    assert record.results["t1"].attempts[0][0].grid.tolist() == [[1]]


def test_the_whole_run_keeps_to_its_total(tmp_path):
    """Starting the workers is part of the total, and tasks that are not reached again are done all the same."""
    tasks = [task(f"t{n}", GOOD, n) for n in range(8)]
    total = limits(total_s=3.0, grace_s=0.5, workers=3, pass_shares=(0.2, 0.3, 0.5))
    record = fake_run(tasks, total, tmp_path, fake_sources.patient)
    assert record.interrupted == ""
    assert 2.0 < record.wall_s < 4.0
    assert {result.status for result in record.results.values()} == {"done"}
    runs = [submitted(tmp_path, t.task_id)[0][0] for t in tasks]
    assert min(runs) >= 1
    assert max(runs) >= 2


def test_a_task_lost_in_a_later_pass_keeps_what_it_had(tmp_path):
    tasks = [task("t1", HANGS, 3), task("t2")]
    record = run(
        tasks, limits(seconds=0.8, pass_shares=(0.5, 0.5), grace_s=0.3), tmp_path,
        lanes=[Lane("tame", 1, fake_sources.tame), Lane("hangs", 1, fake_sources.fake, required=False)],
    )  # fmt: skip
    assert record.results["t1"].status == "partial"
    assert record.results["t2"].status == "done"
    assert submitted(tmp_path, "t1") in ([[3, 5]], [[4, 2]])


def test_a_task_that_was_lost_and_has_no_time_left_is_not_done(tmp_path):
    limited = limits(seconds=1.0, pass_shares=(0.5, 0.5), min_task_s=0.3)
    record = fake_run([task("t1", number=1), task("t2")], limited, tmp_path, fake_sources.dies_late)
    assert (record.results["t1"].status, record.results["t1"].error) == ("partial", "no time for fake")
    assert record.results["t2"].status == "done"


# Start-up limits and the end of a total


def never_ready(settings, slot):
    time.sleep(60)


def test_a_lane_that_never_gets_ready_is_given_up_and_the_others_go_on(tmp_path):
    tasks = [task(f"t{n}", GOOD, n) for n in range(3)]
    lanes = [Lane("fake", 2, fake_sources.fake), Lane("engine", 2, never_ready, required=False)]
    began = time.monotonic()
    record = run(tasks, limits(total_s=30.0, start_timeout_s=1.0), tmp_path, lanes=lanes)
    assert time.monotonic() - began < 10.0
    assert [event["message"][:42] for event in events(tmp_path, "lane_lost")] == [
        "a worker for engine was not ready after 1."
    ]
    assert all(result.num_exact == 1 for result in record.results.values())
    assert all("engine could be started" in result.error for result in record.results.values())


def never_compiled(folder, monkeypatch):
    """Has the grid library lack, and its compiler hang."""
    script = folder / "python"
    script.write_text("#!/bin/sh\nexec sleep 60\n")
    script.chmod(0o755)
    monkeypatch.setattr("solver.warm.cache_folder", lambda: folder / "cache")
    monkeypatch.setattr("solver.warm.sys", SimpleNamespace(executable=str(script), version_info=sys.version_info))


def test_a_compiler_that_hangs_costs_time_and_no_lane(tmp_path, monkeypatch, caplog):
    """Nor does the fork server, which all lanes wait for, compile in its place."""
    never_compiled(tmp_path, monkeypatch)
    ensure, preloaded = solver.run.workers.ensure_fork_server, []
    monkeypatch.setattr("solver.run.workers.ensure_fork_server", lambda names: preloaded.extend(names) or ensure(names))
    lanes = [Lane("fake", 1, fake_sources.fake, preload=(KERNELS,)), Lane("other", 1, fake_sources.tame)]
    began = time.monotonic()
    record = run([task("t1"), task("t2")], limits(total_s=6.0), tmp_path / "out", lanes=lanes)
    assert 3.0 < time.monotonic() - began < 6.0
    assert {result.status for result in record.results.values()} == {"done"}
    assert set(preloaded) == {PRELOAD}
    assert "the grid library was not compiled within 3 s; going on" in caplog.text


def test_a_signal_before_the_library_is_compiled_ends_the_run(tmp_path, monkeypatch):
    """Compiling takes minutes, after which the run may have been killed."""
    never_compiled(tmp_path, monkeypatch)

    def stop(event):
        if event.kind == "begin":
            os.kill(os.getpid(), signal.SIGTERM)

    lanes = [Lane("fake", 1, fake_sources.fake, preload=(KERNELS,))]
    record = run([task("t1")], limits(total_s=20.0), tmp_path / "out", lanes=lanes, on_event=stop)
    assert record.interrupted == "SIGTERM"
    assert record.wall_s < 2.0


def test_a_total_that_is_all_reserve_is_refused_before_anything_is_written(tmp_path):
    with pytest.raises(SettingsError, match="12 s of them are in reserve"):
        fake_run([task("t1")], limits(total_s=5.0, grace_s=10.0, stop_s=1.0), tmp_path / "out")
    assert not (tmp_path / "out").exists()
    fake_run([task("t1")], nodes(total_s=5.0, grace_s=10.0, stop_s=1.0), tmp_path / "out")


def test_hung_workers_do_not_overrun_a_total(tmp_path):
    tasks = [task(f"t{n}", HANGS if n < 3 else USES_ALL, n) for n in range(6)]
    began = time.monotonic()
    record = fake_run(tasks, limits(total_s=5.0, grace_s=0.5, stop_s=0.2, pass_shares=(0.2, 0.8)), tmp_path)
    assert time.monotonic() - began < 5.0
    assert check_submission(orjson.loads((tmp_path / "submission.json").read_bytes()), tasks) == []
    assert all(record.results[f"t{n}"].num_exact == 1 for n in range(6))  # the hung ones keep what they reported


def test_a_worker_that_not_even_a_kill_ends_does_not_hold_up_the_end(tmp_path, monkeypatch, caplog):
    """As one that is stuck in a device's driver."""
    hung, kill = [], ForkServerProcess.kill

    def kill_in_vain(process):
        hung.append(process)

    monkeypatch.setattr(ForkServerProcess, "kill", kill_in_vain)
    began, busy = time.monotonic(), time.thread_time()
    try:
        tasks = [task("t0", HANGS, 3), task("t1")]
        record = fake_run(tasks, limits(total_s=3.0), tmp_path)
        assert time.monotonic() - began < 12.0
        assert time.thread_time() - busy < 0.5  # it waits, and does not ask again and again
    finally:
        for process in hung:
            kill(process)
    assert len(hung) == 1
    assert record.interrupted == "deadline"
    assert record.results["t1"].status == "done"
    assert submitted(tmp_path, "t0") == [[3, 5]]
    assert "was killed and does not end" in caplog.text
