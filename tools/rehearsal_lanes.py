"""Lanes that go wrong on purpose, for rehearsals: each stands for an engine on a device.

Given to the solver by `--set run.lanes=["rehearsal_lanes:NAME"]`.
"""

from __future__ import annotations

import ctypes
import os
import time
from collections.abc import Sequence

from solver.answers import Findings
from solver.errors import InputError
from solver.settings import Settings
from solver.sources import Lane


class Engine:
    """Has no answers; takes a moment for each task. fault: what happens on the third."""

    name = "engine"

    def __init__(self, fault: str = "") -> None:
        self.fault, self.num_tasks = fault, 0

    def solve(self, task, budget, seed, report, before=None) -> Findings:
        self.num_tasks += 1
        if self.num_tasks == 3 and self.fault == "dies":
            os._exit(1)
        if self.num_tasks == 3 and self.fault == "hangs":
            ctypes.PyDLL(None).sleep(100_000)  # keeps the interpreter's lock: deaf to everything but SIGKILL
        if self.num_tasks == 3 and self.fault == "memory":
            raise MemoryError("CUDA out of memory (rehearsed)")
        time.sleep(min(0.02, budget.seconds or 0.02))
        return Findings()


def _lane(make, num_workers: int = 1) -> Sequence[Lane]:
    return [Lane("engine", num_workers, make, required=False)]


def _never(settings: Settings, slot: int):
    time.sleep(1e6)


def _dies(settings: Settings, slot: int):
    return (Engine("dies"),)


def _hangs(settings: Settings, slot: int):
    return (Engine("hangs"),)


def _memory(settings: Settings, slot: int):
    return (Engine("memory"),)


def _no_weights(settings: Settings, slot: int):
    raise InputError("weights/policy/model.safetensors is missing (rehearsed)")


def _slow_start(settings: Settings, slot: int):
    time.sleep(2.0 * slot)
    return (Engine(),)


def never_ready(settings: Settings) -> Sequence[Lane]:
    return _lane(_never)


def dies(settings: Settings) -> Sequence[Lane]:
    return _lane(_dies)


def hangs(settings: Settings) -> Sequence[Lane]:
    return _lane(_hangs)


def out_of_memory(settings: Settings) -> Sequence[Lane]:
    return _lane(_memory)


def no_weights(settings: Settings) -> Sequence[Lane]:
    return _lane(_no_weights)


def slow_start(settings: Settings) -> Sequence[Lane]:
    return _lane(_slow_start, 4)
