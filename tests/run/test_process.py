"""What processes of a run have in common."""

from __future__ import annotations

import contextlib
import math
import signal
import subprocess
import sys
import threading
import time
from pathlib import Path

import pytest

from solver.run.process import KILLED_FIRST, time_limit


def test_what_takes_too_long_is_ended_and_what_comes_later_is_not():
    before, began = signal.getsignal(signal.SIGALRM), time.monotonic()
    with pytest.raises(TimeoutError, match="not done within 0 s"), time_limit(0.1):
        time.sleep(30.0)
    assert time.monotonic() - began < 10.0
    with time_limit(0.1):
        pass
    time.sleep(0.2)
    assert signal.getsignal(signal.SIGALRM) == before
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_what_is_tried_once_more_is_ended_once_more(monkeypatch):
    monkeypatch.setattr("solver.run.process.AGAIN_S", 0.1)
    began = time.monotonic()

    def try_three_times():
        for _ in range(2):
            with contextlib.suppress(TimeoutError):
                time.sleep(30.0)
        time.sleep(30.0)

    with pytest.raises(TimeoutError), time_limit(0.1):
        try_three_times()
    assert 0.3 <= time.monotonic() - began < 10.0


def test_without_a_limit_or_in_another_thread_nothing_is_ended():
    done = []

    def wait(seconds):
        with time_limit(seconds):
            time.sleep(0.1)
        done.append(seconds)

    wait(math.inf)
    thread = threading.Thread(target=wait, args=(0.01,))
    thread.start()
    thread.join()
    assert done == [math.inf, 0.01]


def test_a_limit_within_another_leaves_that_as_it_was():
    """Also where it should have ended what was done meanwhile."""
    began = time.monotonic()

    def rest(seconds):
        with time_limit(30.0):
            time.sleep(seconds)
        time.sleep(30.0)

    for seconds in (0.05, 0.3):
        with pytest.raises(TimeoutError, match="within 0 s"), time_limit(0.2):
            rest(seconds)
    assert time.monotonic() - began < 10.0
    assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


def test_an_alarm_that_comes_as_the_limit_ends_leaves_nothing_behind():
    before, limit_s = signal.getsignal(signal.SIGALRM), 2e-3
    for number in range(800):
        with contextlib.suppress(TimeoutError), time_limit(limit_s):
            end = time.perf_counter() + limit_s + (number % 100 - 75) * 4e-7
            while time.perf_counter() < end:
                pass
        assert signal.getsignal(signal.SIGALRM) == before
        assert signal.getitimer(signal.ITIMER_REAL) == (0.0, 0.0)


@pytest.mark.skipif(not Path("/proc/self/oom_score_adj").exists(), reason="the system has no such choice")
@pytest.mark.parametrize(("before", "after"), [(0, KILLED_FIRST), (KILLED_FIRST + 100, KILLED_FIRST + 100)])
def test_the_system_kills_a_worker_before_others(before, after):
    code = f"""
from pathlib import Path
own = Path("/proc/self/oom_score_adj")
own.write_text(str(max({before}, int(own.read_text()))))
from solver.run.process import be_killed_first
be_killed_first()
print(own.read_text())
"""
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert int(printed) >= after
    assert int(Path("/proc/self/oom_score_adj").read_text()) < KILLED_FIRST
