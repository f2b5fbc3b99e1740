"""One pool for each set of layers that a machine may be left with."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

from solver.sandbox import LAYERS
from solver.sandbox.pool import Pool
from solver.settings import SandboxSettings

LEFT = {
    "all": LAYERS,
    "container root": ("user", "root"),
    "no root": ("landlock", "seccomp"),
    "seccomp alone": ("seccomp",),
}
"""What the kernel may leave of the layers; 'container root' is what Kaggle's machines are expected to have."""


def quick(**changes):
    """Settings under which what hangs or floods is over soon."""
    return SandboxSettings(**{"wall_s": 5.0, "memory_bytes": 128 << 20, "output_bytes": 1 << 20} | changes)


def children(pid: int) -> list[int]:
    return [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def num_beneath() -> int:
    """Processes that descend from this one."""
    found, pids = 0, [os.getpid()]
    while pids:
        pids = [child for pid in pids for child in children(pid)]
        found += len(pids)
    return found


@pytest.fixture(scope="session")
def pool():
    with Pool(quick(), size=1) as pool:
        yield pool


@pytest.fixture(scope="session", params=list(LEFT))
def any_pool(request):
    """A pool under each set of layers; skipped where the kernel refuses one of them."""
    with Pool(quick(layers=LEFT[request.param]), size=1) as pool:
        missing = set(LEFT[request.param]) - set(pool.layers()["layers"])
        if missing and request.param != "all":
            pytest.skip(f"the kernel refuses {', '.join(sorted(missing))}")
        yield pool
