"""Whole runs of the real search from the command line: repeatable on any number of workers, and safe to kill.

ARC_TEST_KILLS=20 kills more often than the few times that every run of the suite affords.
"""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path

import orjson
import pytest

from solver.submission import check_submission
from solver.task_sets import load_set, sample

SET, NUM_TASKS, NODES = "arc-agi-1/training", 6, 6_000
NUM_KILLS = int(os.environ.get("ARC_TEST_KILLS", "3"))


def command(out: Path, workers: int, *more: str) -> list[str]:
    return [
        sys.executable, "-m", "solver", "evaluate", "--set", SET, "--tasks", str(NUM_TASKS), "--nodes", str(NODES),
        "--workers", str(workers), "--seed", "5", "--set", "vision.device=off", "--out", str(out), *more,
    ]  # fmt: skip


def submission(out: Path) -> bytes:
    return (out / "submission.json").read_bytes()


@pytest.fixture(scope="module")
def unbroken(tmp_path_factory) -> Path:
    """A run that nothing disturbs, on two workers."""
    out = tmp_path_factory.mktemp("unbroken") / "out"
    subprocess.run(command(out, 2), check=True, capture_output=True, timeout=300)
    return out


@pytest.mark.slow
def test_the_same_bytes_on_one_worker(unbroken, tmp_path):
    subprocess.run(command(tmp_path, 1), check=True, capture_output=True, timeout=300)
    assert submission(tmp_path) == submission(unbroken)


@pytest.mark.slow
def test_killed_at_random_moments_and_resumed_it_ends_alike(unbroken, tmp_path):
    tasks = sample(load_set(SET), NUM_TASKS)
    rng = random.Random(11)
    for kill in range(NUM_KILLS):
        started = time.monotonic()
        process = subprocess.Popen(
            command(tmp_path / "out", 2, *(["--resume"] if kill else [])),
            stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, start_new_session=True,
        )  # fmt: skip
        while not (tmp_path / "out" / "run.json").exists():
            assert time.monotonic() - started < 60
            time.sleep(0.01)
        time.sleep(rng.uniform(0.0, 2.5))
        os.kill(process.pid, signal.SIGKILL)
        process.wait()
        assert check_submission(orjson.loads(submission(tmp_path / "out")), tasks) == []
    done = subprocess.run(command(tmp_path / "out", 2, "--resume"), capture_output=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr.decode()
    assert submission(tmp_path / "out") == submission(unbroken)
