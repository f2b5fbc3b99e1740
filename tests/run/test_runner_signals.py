"""The runner as a process that is interrupted or killed: its files stay whole, nothing is left behind."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
import uuid
from pathlib import Path

import fake_run
import orjson
import pytest
from fake_sources import HANGS, REPORTS_TWICE, SLOW, USES_ALL, task

from solver.submission import check_submission

MARK = "ARC_SOLVE_TEST_RUN"
NUM_TASKS = 12


def tasks_of(behaviour: int) -> list:
    return [task(f"t{n:02}", behaviour, n % 10, side=2 + n % 3) for n in range(NUM_TASKS)]


def start(out: Path, behaviour: int, *words: str, mark: str = "") -> subprocess.Popen:
    command = [
        sys.executable,
        "-W",
        "error",
        fake_run.__file__,
        str(out),
        str(behaviour),
        str(NUM_TASKS),
        *words,
    ]
    return subprocess.Popen(
        command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True,
        env={**os.environ, MARK: mark or uuid.uuid4().hex},
    )  # fmt: skip


def wait_for(process: subprocess.Popen, kind: str) -> None:
    for line in process.stdout:
        if line.strip() == kind:
            return
    raise AssertionError(process.stderr.read())


def left_behind(mark: str) -> list[str]:
    """Living processes of a run, by the mark in their environment."""
    found = []
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if f"{MARK}={mark}".encode() in (entry / "environ").read_bytes():
                found.append((entry / "cmdline").read_bytes().decode())
        except OSError:
            continue
    return found


def assert_gone(mark: str) -> None:
    until = time.monotonic() + 5
    while left := left_behind(mark):
        assert time.monotonic() < until, left
        time.sleep(0.02)


def check(out: Path, behaviour: int) -> None:
    submission = orjson.loads((out / "submission.json").read_bytes())
    assert check_submission(submission, tasks_of(behaviour)) == []


REPEATABLE = ("run.nodes=20", "run.workers=2")


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory) -> tuple[bytes, float]:
    """The submission of a run that nothing disturbs, and the seconds that it took."""
    out = tmp_path_factory.mktemp("unbroken")
    began = time.monotonic()
    process = start(out, SLOW, *REPEATABLE)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    return (out / "submission.json").read_bytes(), time.monotonic() - began


def kill_and_resume(tmp_path: Path, unbroken: tuple[bytes, float], seed: int) -> None:
    """Kill a run at five random moments, each time going on with it, until it is let through."""
    expected, usual_s = unbroken
    moments = random.Random(seed)
    out, mark = tmp_path / "killed", uuid.uuid4().hex
    for _ in range(5):
        process = start(out, SLOW, *REPEATABLE, "--resume", mark=mark)
        time.sleep(moments.uniform(0.2, 1.0) * usual_s)
        process.kill()
        process.communicate()
        if (out / "run.json").exists():  # else it was killed before it began: the submission is there first
            check(out, SLOW)
        assert_gone(mark)
    process = start(out, SLOW, *REPEATABLE, "--resume", mark=mark)
    _, errors = process.communicate(timeout=60)
    assert (process.returncode, errors) == (0, "")
    assert (out / "submission.json").read_bytes() == expected
    assert_gone(mark)


def test_killed_at_random_moments_and_resumed(tmp_path, unbroken):
    kill_and_resume(tmp_path, unbroken, 7)


@pytest.mark.slow
@pytest.mark.parametrize("attempt", range(4))
def test_killed_at_twenty_random_moments_and_resumed(tmp_path, unbroken, attempt):
    kill_and_resume(tmp_path, unbroken, attempt)


def test_workers_hung_in_native_code_do_not_outlive_a_killed_run(tmp_path):
    mark = uuid.uuid4().hex
    process = start(tmp_path, HANGS, mark=mark)
    wait_for(process, "improved")
    assert len(left_behind(mark)) >= 2
    process.kill()
    process.communicate()
    assert_gone(mark)
    check(tmp_path, HANGS)


@pytest.mark.parametrize(
    ("number", "behaviour"),
    [(signal.SIGINT, REPORTS_TWICE), (signal.SIGTERM, REPORTS_TWICE), (signal.SIGINT, HANGS)],
)
def test_a_signal_ends_a_run_with_the_best_so_far(tmp_path, number, behaviour):
    mark = uuid.uuid4().hex
    process = start(tmp_path, behaviour, "run.stop_s=0.5", mark=mark)
    wait_for(process, "improved")
    time.sleep(0.1)
    began = time.monotonic()
    if number == signal.SIGINT:  # as from a terminal: to every process of the group, twice
        os.killpg(process.pid, number)
        time.sleep(0.01)
        os.killpg(process.pid, number)
    else:
        process.send_signal(number)
    output, errors = process.communicate(timeout=20)
    assert time.monotonic() - began < 5
    assert process.returncode == 0
    assert "Traceback" not in errors
    assert json.loads(output.splitlines()[-1])["interrupted"] == number.name
    check(tmp_path, behaviour)
    first = [pair[0]["attempt_1"] for pair in orjson.loads((tmp_path / "submission.json").read_bytes()).values()]
    second = 5 if behaviour == HANGS else 2
    assert any(len(grid) == 1 and grid[0][1:] == [second] for grid in first)
    assert_gone(mark)


@pytest.mark.parametrize("wait_s", [0.0, 0.3])
def test_a_signal_while_workers_start(tmp_path, wait_s):
    mark = uuid.uuid4().hex
    process = start(tmp_path, SLOW, "run.nodes=20", mark=mark)
    wait_for(process, "begin")
    time.sleep(wait_s)
    os.killpg(process.pid, signal.SIGINT)
    output, _ = process.communicate(timeout=20)
    assert process.returncode == 0
    assert json.loads(output.splitlines()[-1])["interrupted"] in ("SIGINT", "")
    check(tmp_path, SLOW)
    assert_gone(mark)


def test_many_workers_have_the_descriptors_that_they_need(tmp_path):
    words = ["bash", "-c", 'ulimit -S -n 24; exec "$@"', "bash", sys.executable, fake_run.__file__]
    words += [str(tmp_path), str(USES_ALL), "12", "run.workers=12", "run.seconds=1"]
    done = subprocess.run(words, capture_output=True, text=True, check=True)
    assert "could not be started" not in done.stderr
    assert done.stdout.count("started\n") == 12
    assert done.stdout.count("worker_lost") == 0


def test_a_run_ends_although_its_workers_do_not(tmp_path):
    """As where they are stuck in a device's driver: whoever started the run waits for its process. Nobody but the fork
    server can say that a worker has ended, and that stands still."""
    process = start(tmp_path, USES_ALL, "run.seconds=0.5", "run.grace_s=0.3", "run.stop_s=0.1")
    wait_for(process, "started")
    children = Path(f"/proc/{process.pid}/task/{process.pid}/children").read_text().split()
    (server,) = (int(pid) for pid in children if b"forkserver" in Path(f"/proc/{pid}/cmdline").read_bytes())
    os.kill(server, signal.SIGSTOP)
    try:
        assert process.wait(timeout=30) == 0
    finally:
        os.kill(server, signal.SIGKILL)
        process.kill()
        output, errors = process.communicate()
    assert "was killed and does not end" in errors
    assert "end" in output.splitlines()
    check(tmp_path, USES_ALL)
