"""Lanes of fake sources for notebooks under test, given by `run.lanes`."""

from __future__ import annotations

import os
import signal
from pathlib import Path

import fake_sources

from solver.sources import Lane


def tame(settings):
    return [Lane("fake", 1, fake_sources.tame)]


def kills_the_run_once(settings):
    os.environ["FAKE_MAIN"] = str(os.getpid())  # workers inherit it
    return [Lane("fake", 1, kill_once)]


def kill_once(settings, slot):
    """Kills the run's main process, as a machine out of memory does, the first time."""
    marker = Path(os.environ["FAKE_MARKER"])
    if not marker.exists():
        marker.touch()
        os.kill(int(os.environ["FAKE_MAIN"]), signal.SIGKILL)
    return fake_sources.tame(settings, slot)
