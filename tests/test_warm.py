"""Compiling ahead: with an empty cache, several processes, and a failing one."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from solver import warm
from solver.errors import ArcSolveError


def test_what_is_complete_is_not_compiled_again(monkeypatch):
    monkeypatch.setattr(warm, "_run_children", lambda *_: pytest.fail("compiled again"))
    monkeypatch.setattr(warm, "is_warm", lambda: True)
    assert warm.prepare(2) == 0.0


def test_a_cold_cache_is_filled_in_shares_and_marked(monkeypatch, tmp_path):
    orders = []
    monkeypatch.setattr(warm, "_run_children", lambda shares, deadline: orders.append(shares))
    monkeypatch.setattr(warm, "cache_folder", lambda: tmp_path / "cache")
    assert not warm.is_warm()
    assert warm.prepare(3) > 0
    assert orders == [["0/3", "1/3", "2/3"], ["load"]]
    assert warm.is_warm()


def test_what_could_not_be_kept_is_not_compiled(monkeypatch, tmp_path):
    monkeypatch.setattr(warm, "_run_children", lambda *_: pytest.fail("compiled for nothing"))
    (tmp_path / "file").touch()
    for place in (tmp_path / "file", tmp_path / "file" / "cache", Path("/proc/nowhere")):
        monkeypatch.setattr(warm, "cache_folder", lambda place=place: place)
        with pytest.raises(OSError, match=str(place.parent)):
            warm.prepare(2)


def test_a_failing_child_is_an_error_and_leaves_no_mark(monkeypatch, tmp_path):
    monkeypatch.setattr(warm, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(sys, "executable", "/bin/false")
    with pytest.raises(subprocess.CalledProcessError):
        warm.prepare(2)
    assert not warm.is_warm()


def test_a_compiler_that_hangs_is_ended_in_time(monkeypatch, tmp_path):
    script, seen = tmp_path / "python", tmp_path / "seen"
    script.write_text(f"#!/bin/sh\necho $$ >> {seen}\nexec sleep 60\n")
    script.chmod(0o755)
    monkeypatch.setattr(warm, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(sys, "executable", str(script))
    began = time.monotonic()
    with pytest.raises(subprocess.TimeoutExpired):
        warm.prepare(2, began + 0.5)
    assert 0.5 <= time.monotonic() - began < 5.0
    assert not warm.is_warm()
    started = seen.read_text().split()
    assert len(started) == 2
    assert not any(Path(f"/proc/{number}").exists() for number in started)


def test_what_compiles_leaves_interrupting_to_its_parent(monkeypatch, tmp_path):
    script, seen = tmp_path / "python", tmp_path / "seen"
    script.write_text(
        f"#!{sys.executable}\n"
        "import signal\n"
        f"open({str(seen)!r}, 'a').write(f'{{signal.SIGINT in signal.pthread_sigmask(signal.SIG_BLOCK, [])}}\\n')\n"
    )
    script.chmod(0o755)
    monkeypatch.setattr(warm, "cache_folder", lambda: tmp_path / "cache")
    monkeypatch.setattr(sys, "executable", str(script))
    warm.prepare(1)
    assert seen.read_text() == "True\n" * 2  # blocked


def test_a_share_compiles_into_the_given_folder(tmp_path):
    environment = {**os.environ, "NUMBA_CACHE_DIR": str(tmp_path)}
    subprocess.run([sys.executable, "-m", "solver.warm", "0/200"], env=environment, check=True)
    assert list(tmp_path.rglob("*.nbi"))


def test_a_worker_that_is_lost_is_an_error_and_not_waited_for():
    with pytest.raises(ArcSolveError, match="worker process was lost"), warm.worker_pool(2, int, ()) as pool:
        list(pool.map(os._exit, [1]))


def test_a_worker_that_cannot_begin_is_an_error():
    with pytest.raises(ArcSolveError, match="worker process was lost"), warm.worker_pool(1, int, ("x",)) as pool:
        list(pool.map(abs, [-1]))


def test_what_workers_are_still_at_is_given_up():
    began = time.monotonic()
    with warm.worker_pool(1, int, ()) as pool:
        waiting = [pool.submit(time.sleep, 300) for _ in range(3)]
    assert time.monotonic() - began < 60
    assert all(future.done() for future in waiting)
