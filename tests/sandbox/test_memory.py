"""Holes in memory are filled: new objects lie side by side, and little is held for that."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path

import numpy as np

from sandbox.conftest import children, quick
from solver.sandbox.pool import Pool

_SCRIPT = """
import json
from solver.sandbox import memory

memory.reserve_arenas(4)
import numpy

def resident():
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * 4096

blocks = [bytes(size) for size in range(1000) for _ in range(40)]
del blocks[::2]
before = resident()
memory.fill_holes()
held = resident() - before
in_turn = {}
for size in (96, 128, 256, 480):
    new = [None] * 8
    for place in range(8):
        new[place] = bytes(size - 33)
    in_turn[size] = sum(id(one) + size == id(next) for one, next in zip(new, new[1:]))
print(json.dumps([held, in_turn]))
"""


def test_new_objects_lie_side_by_side():
    held, in_turn = json.loads(subprocess.check_output([sys.executable, "-c", _SCRIPT]))
    assert held < 8 << 20
    assert all(num >= 6 for num in in_turn.values())  # of 7; one may begin another pool


def test_zygotes_hold_little_memory():
    with Pool(quick(), size=1) as pool:
        for text, most_bytes in (("", 64 << 20), ("import statistics\n", 400 << 20)):
            assert pool.run(text + "def solve(I):\n    return I\n", [np.ones((2, 2), np.int8)]).status == "ok"
            slot = pool._slots[0][bool(text)]
            (zygote,) = children(slot.process.pid)
            pages = int(Path(f"/proc/{zygote}/statm").read_text().split()[1])
            assert pages * os.sysconf("SC_PAGE_SIZE") < most_bytes
