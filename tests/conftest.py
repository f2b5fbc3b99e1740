"""The suite's kernels are compiled once, with all cores, before the first test that needs them."""

from __future__ import annotations

import os

from solver.warm import prepare


def pytest_sessionstart(session):
    if not session.config.option.collectonly:
        prepare(os.cpu_count() or 1)
