"""Compiling and loading the kernels: once per machine, then from the cache.

`prepare` makes sure that the compile cache is complete, with several processes on a cold machine. Importing
this module does nothing; `load` brings every compiled function into this process, so that workers forked from
it start searching at once.

    python -m solver.warm 0/2      compiles the first of two shares (what `prepare` starts)
"""

from __future__ import annotations

import hashlib
import math
import multiprocessing
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numba
import numpy as np

from . import __version__
from .budget import Budget
from .errors import ArcSolveError
from .grid.registry import FUNCTIONS, cache_folder, source_digest
from .grid.types import Color, Grid, Grids, Int, Mask, Objects, Table
from .sockets import ensure_fork_server
from .tasks import Pair, Task

if TYPE_CHECKING:
    from concurrent.futures import ProcessPoolExecutor

EXAMPLES: dict[Any, Any] = {
    Grid: np.zeros((2, 2), np.int8),
    Mask: np.zeros((2, 2), np.bool_),
    Objects: Objects(np.zeros((2, 2), np.int8), np.zeros((2, 2), np.int16), 1),
    Grids: Grids(np.zeros((1, 30, 30), np.int8), np.zeros((1, 2), np.int64)),
    Table: np.zeros(2, np.int16),
    Color: 0,
    Int: 0,
}
"""One value of each type: what the kernels are compiled for. Choices are ints."""

NODES = 4_000
"""Nodes of the small search that compiles whatever is not a library function."""


def compile_functions(names: Sequence[str]) -> None:
    """Compile, or load from the cache, the kernels of some library functions."""
    for name in names:
        function = FUNCTIONS[name]
        args = tuple(numba.typeof(EXAMPLES.get(p.type, 0)) for p in function.parameters)
        function.kernel.compile(args)


def load() -> None:
    """Bring every compiled function into this process (compiling what the cache lacks)."""
    from .search.source import ProgramSource
    from .settings import SearchSettings

    compile_functions(list(FUNCTIONS))
    example = Task(
        "warm",
        tuple(
            Pair(np.array(i, np.int8), np.array(o, np.int8))
            for i, o in (
                ([[1, 0, 2], [0, 3, 0], [0, 0, 4]], [[2, 0, 1], [0, 5, 0], [4, 0, 6]]),
                ([[0, 1, 2], [0, 3, 0], [2, 0, 4]], [[2, 1, 0], [0, 5, 7], [4, 0, 2]]),
            )
        ),
        (Pair(np.array([[4, 0, 2], [0, 3, 0], [1, 0, 4]], np.int8)),),
    )
    ProgramSource(SearchSettings(num_views=1)).solve(example, Budget(nodes=NODES), 0, lambda _: None)


def marker_name() -> str:
    """Name of the file that says the cache is complete, for this library at this place and these versions.

    numba keeps a cache per folder of the source and checks the files' times, so both are part of the name.
    """
    package = Path(__file__).parent
    state = [str(package), *(str(path.stat().st_mtime_ns) for path in sorted(package.rglob("*.py")))]
    place = hashlib.sha256("\n".join(state).encode()).hexdigest()[:8]
    python = f"{sys.version_info[0]}{sys.version_info[1]}"
    return f"complete-{source_digest()}-{place}-{__version__}-numba{numba.__version__}-py{python}"


def is_warm() -> bool:
    """Whether `prepare` has finished here before."""
    return (cache_folder() / marker_name()).exists()


def prepare(processes: int, deadline: float = math.inf) -> float:
    """Fill the compile cache if it is cold, with several processes. Returns the seconds it took (0: warm).

    An exception in this process (a signal handler's) ends the children too; what they compiled stays. deadline: of
    time.monotonic(). Raises CalledProcessError if the kernels cannot be compiled, TimeoutExpired if they are not by
    then, and OSError, before any work, if they could not be kept.
    """
    if is_warm():
        return 0.0
    began = time.monotonic()
    cache_folder().mkdir(parents=True, exist_ok=True)
    tempfile.TemporaryFile(dir=cache_folder()).close()
    shares = max(1, processes)
    _run_children([f"{k}/{shares}" for k in range(shares)], deadline)
    _run_children(["load"], deadline)  # what is left: the fused module and the search's own kernels
    (cache_folder() / marker_name()).touch()
    return time.monotonic() - began


@contextmanager
def worker_pool(workers: int, start: Callable[..., None], args: tuple[Any, ...]) -> Iterator[ProcessPoolExecutor]:
    """Worker processes with the kernels loaded, each begun with `start(*args)`, for as long as the context lasts: what
    they are still at then is given up. They come from a process without threads, which is safe to fork, and leave
    Ctrl-C to this one. Raises ArcSolveError where one of them is lost, with what it was at."""
    from concurrent.futures.process import BrokenProcessPool, ProcessPoolExecutor

    from .run.workers import process_terms

    with process_terms():
        ensure_fork_server(["solver.preload"])
    context = multiprocessing.get_context("forkserver")
    pool = ProcessPoolExecutor(workers, context, initializer=start, initargs=args)
    try:
        yield pool
    except BrokenProcessPool as error:
        raise ArcSolveError("a worker process was lost; killed for its memory, perhaps (--workers)") from error
    finally:
        for process in list((pool._processes or {}).values()):
            process.terminate()
        pool.shutdown(cancel_futures=True)


def _run_children(orders: Sequence[str], deadline: float) -> None:
    from .run.workers import process_terms

    with process_terms():  # a Ctrl-C is for this process, which ends them
        children = [
            subprocess.Popen([sys.executable, "-m", "solver.warm", order], stdin=subprocess.DEVNULL) for order in orders
        ]
    try:
        for child in children:
            left_s = None if deadline == math.inf else max(0.0, deadline - time.monotonic())
            if child.wait(left_s):
                raise subprocess.CalledProcessError(child.returncode, child.args)
    finally:
        for child in children:
            child.kill()
            child.wait()


def _main(order: str) -> None:
    if order == "load":
        load()
        return
    number, count = map(int, order.split("/"))
    compile_functions(list(FUNCTIONS)[number::count])


if __name__ == "__main__":
    _main(sys.argv[1])
