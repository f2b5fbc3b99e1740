"""Services of a run: they are there for its workers, and whatever becomes of them the run goes on and ends them."""

from __future__ import annotations

import json
import multiprocessing
import os
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import fake_services
import pytest
from fake_sources import task

import solver.run.services
import solver.run.workers
from solver.cli import main
from solver.errors import InputError
from solver.run.runner import run
from solver.run.services import Service
from solver.settings import RunSettings, Settings
from solver.sources import Lane

LIMIT_S = 240.0
"""After which something has gone wrong, however busy the machine is. Nothing takes that long where all is well: what is
waited for are conditions."""

SETTINGS = Settings(run=RunSettings(seconds=LIMIT_S, workers=2, grace_s=0.5, stop_s=0.5, min_task_s=0.05))


def run_with(tmp_path, target, sources=fake_services.patient, tasks=4, count=1, **options):
    """A run whose workers may use `count` services; options: of those."""
    services = tuple(Service(f"fake {n}", target, (str(tmp_path),), {"gpu": n}, **options) for n in range(count))
    lane = Lane("fake", 2, sources, services=services)
    return run([task(f"t{n}", 0, n) for n in range(tasks)], SETTINGS, tmp_path / "out", lanes=[lane])


def lines(tmp_path):
    text = (tmp_path / "out" / "events.jsonl").read_text()
    events = [json.loads(line) for line in text[: text.rfind("\n") + 1].splitlines()]  # the last may be half written
    return [event["message"] for event in events if event["kind"] == "service"]


def has_lines(tmp_path):
    """Whether a run has begun and tells something of its services."""
    try:
        return bool(lines(tmp_path))
    except OSError:
        return False  # there are no events yet


def wait_until(condition):
    until = time.monotonic() + LIMIT_S
    while not condition():
        assert time.monotonic() < until
        time.sleep(0.02)


def notes(record):
    return [result.notes["fake"] for result in record.results.values()]


def running(tmp_path):
    """The services' processes that are still there."""
    pids = [int(path.name.removeprefix("pid-")) for path in tmp_path.glob("pid-*")]
    assert pids
    return [pid for pid in pids if is_running(pid)]


def is_running(pid):
    try:
        return "Z (" not in Path(f"/proc/{pid}/status").read_text()
    except OSError:
        return False  # it may go while we look


def test_workers_find_their_services_and_the_end_of_the_run_is_theirs(tmp_path):
    record = run_with(tmp_path, fake_services.echo, fake_services.thorough, count=2)
    assert notes(record) == ["1"] * 4
    assert [facts["gpu"] for facts in record.services] == [0, 1]
    assert record.services[0]["restarts"] == 0
    assert record.services[0]["ready_s"] > 0
    assert record.services[0]["answered"] >= 4
    assert sum("is ready after" in line and line.endswith("and listens") for line in lines(tmp_path)) == 2
    assert running(tmp_path) == []
    (end,) = [
        event for event in map(json.loads, (tmp_path / "out" / "events.jsonl").read_text().splitlines())
        if event["kind"] == "end"
    ]  # fmt: skip
    assert end["services"] == list(record.services)


def test_the_profile_shows_the_services(tmp_path, capsys):
    run_with(tmp_path, fake_services.echo)
    assert main(["profile", str(tmp_path / "out"), "--json"]) == 0
    (engine,) = json.loads(capsys.readouterr().out)["services"]
    assert engine["name"] == "fake 0"
    assert main(["profile", str(tmp_path / "out")]) == 0
    assert "fake 0" in capsys.readouterr().out


def test_one_that_dies_is_started_again_once_and_counts_go_on(tmp_path, caplog):
    record = run_with(tmp_path, fake_services.dies, tasks=3)
    assert sorted(notes(record)) == ["0", "1", "1"]
    assert record.services[0]["restarts"] == 1
    assert (record.services[0]["answered"], record.services[0]["wall_s"]) == (2, 1.0)
    lost = [entry.getMessage() for entry in caplog.records if entry.name == "solver.run.services"]
    assert lost == [
        "fake 0: it ended with exit code 3; starting it again",
        "fake 0: it ended with exit code 3; going on without it",
    ]


def test_one_that_never_gets_ready_delays_nothing(tmp_path):
    record = run_with(tmp_path, fake_services.never_ready, fake_services.hasty)
    assert notes(record) == ["0"] * 4
    assert record.wall_s < LIMIT_S  # it would be ready after 600 s
    assert record.services[0]["ready_s"] is None
    assert not multiprocessing.active_children()


@pytest.mark.parametrize(("target", "why"), [("refused", "weights: damaged"), ("faulty", "RuntimeError: made up")])
def test_one_that_cannot_be_made_is_left_out_and_says_why(tmp_path, target, why):
    record = run_with(tmp_path, getattr(fake_services, target), tasks=1, max_restarts=0)
    assert notes(record) == ["0"]
    assert lines(tmp_path) == [f"fake 0: {why}; going on without it"]


def test_a_required_one_that_is_refused_ends_the_run(tmp_path):
    with pytest.raises(InputError, match="weights: damaged"):
        run_with(tmp_path, fake_services.refused, required=True)
    assert (tmp_path / "out" / "submission.json").exists()


def test_without_a_folder_for_sockets_the_run_goes_on(tmp_path, monkeypatch, caplog):
    def full():
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(solver.run.services, "make_socket_folder", full)
    record = run_with(tmp_path, fake_services.echo, fake_services.hasty)
    assert notes(record) == ["0"] * 4
    assert record.services == ()
    assert "No space left on device" in caplog.text


def test_one_that_cannot_be_spawned_is_given_up(tmp_path, monkeypatch):
    def refuse(*_):
        raise OSError(11, "Resource temporarily unavailable")

    monkeypatch.setattr(solver.run.workers, "spawn", refuse)
    record = run_with(tmp_path, fake_services.echo, fake_services.hasty)
    assert notes(record) == ["0"] * 4
    assert lines(tmp_path)[-1].endswith(
        "could not be started ([Errno 11] Resource temporarily unavailable); going on without it"
    )


def test_sigterm_ends_the_services_too(tmp_path):
    def interrupt():
        wait_until(lambda: has_lines(tmp_path))
        os.kill(os.getpid(), signal.SIGTERM)

    sender = threading.Thread(target=interrupt)
    sender.start()
    record = run_with(tmp_path, fake_services.echo, fake_services.never_asks)
    sender.join()
    assert record.interrupted == "SIGTERM"
    assert running(tmp_path) == []


def test_a_service_does_not_outlive_a_run_that_is_killed(tmp_path):
    program = (
        "import pathlib, test_services, fake_services\n"
        f"test_services.run_with(pathlib.Path({str(tmp_path)!r}), fake_services.echo, fake_services.never_asks)\n"
    )
    path = os.pathsep.join([str(Path(__file__).parent), *sys.path])
    process = subprocess.Popen([sys.executable, "-c", program], env=os.environ | {"PYTHONPATH": path})
    try:
        wait_until(lambda: has_lines(tmp_path))
        assert running(tmp_path)
    finally:
        process.kill()
        process.wait()
    wait_until(lambda: not running(tmp_path))
