"""Speeds, start times and memory of this machine, for `arc-solve bench`.

Each figure is the median of several runs. The alternative measured beside the executor, in turns with it, is the
obvious one: the same statements as NumPy expressions, results compared by their bytes. The alternative to the fused
enumerator is the executor itself, and to the sandbox a fresh interpreter a program. Inputs are random 10×10 grids with
four pairs, from a fixed seed.
"""

from __future__ import annotations

import contextlib
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from itertools import chain
from statistics import median
from typing import Any

import numpy as np
import orjson

from . import __version__
from .executor import apply, input_value
from .fused import GridStore, chain_steps
from .grid.registry import FUNCTIONS
from .sandbox.pool import Pool
from .sandbox.steps import first_state, run_step

NUM_PAIRS = 4
SIDE = 10
REPEATS = 15
RUN_S = 3.0

STATEMENTS = (
    ("transform", (2,)),
    ("transform", (0,)),
    ("swap_colors", (1, 2)),
    ("replace_color", (3, 4)),
    ("crop_content", ()),
    ("shift", (3,)),
    ("half", (1,)),
    ("upscale", (2,)),
)
"""Ordinary statements, all with a result of another value than the input."""


def run_bench() -> dict[str, Any]:
    """Measure everything."""
    figures: dict[str, Any] = {"version": __version__, "cores": os.cpu_count(), "pairs": NUM_PAIRS, "side": SIDE}
    inputs = _inputs()
    start = input_value(inputs)
    steps: list[Callable[[], Any]] = [
        lambda f=FUNCTIONS[name], c=constants: apply(f, [start, *c]) for name, constants in STATEMENTS
    ]
    in_numpy: list[Callable[[], Any]] = [lambda e=e: _numpy_statement(e, inputs) for e in NUMPY_STATEMENTS]
    ours, theirs = _rates_in_turns(steps, in_numpy)
    figures["statements_per_s"], figures["numpy_statements_per_s"] = median(ours), median(theirs)
    figures["statements_over_numpy"] = median(a / b for a, b in zip(ours, theirs, strict=True))
    figures["fused_nodes_per_s"] = _fused_rate(inputs, _cheap_steps())
    figures["fused_all_nodes_per_s"] = _fused_rate(inputs, np.arange(len(chain_steps())))
    figures["fused_over_statements"] = figures["fused_nodes_per_s"] / figures["statements_per_s"]
    figures |= _sandbox_rates(inputs)
    figures |= _starts()
    return figures


def _inputs() -> list[np.ndarray]:
    rng = np.random.default_rng(0)
    return [rng.integers(0, 5, (SIDE, SIDE)).astype(np.int8) for _ in range(NUM_PAIRS)]


NUMPY_STATEMENTS: tuple[Callable[[np.ndarray], np.ndarray], ...] = (
    lambda g: np.rot90(g, -1),
    lambda g: g[::-1],
    lambda g: np.where(g == 1, 2, np.where(g == 2, 1, g)),
    lambda g: np.where(g == 3, 4, g),
    lambda g: g[np.ix_(g.any(1), g.any(0))],
    lambda g: np.pad(g, ((0, 0), (1, 0)))[:, :-1],
    lambda g: g[len(g) // 2 :],
    lambda g: np.kron(g, np.ones((2, 2), np.int8)),
)


def _numpy_statement(expression: Callable[[np.ndarray], np.ndarray], inputs: list[np.ndarray]) -> int:
    results = [np.ascontiguousarray(expression(g)) for g in inputs]
    return hash(b"".join(r.tobytes() for r in results))


def _rates_in_turns(*kinds: list[Callable[[], Any]]) -> list[list[float]]:
    """For each kind, REPEATS times its calls a second over all its steps. The kinds take turns, so that each repeat
    compares them at the same moment of a machine that is not always as fast."""
    rates: list[list[float]] = [[] for _ in kinds]
    for step in chain.from_iterable(kinds):
        step()
    for _ in range(REPEATS):
        for steps, found in zip(kinds, rates, strict=True):
            found.append(_rate(steps))
    return rates


def _rate(steps: list[Callable[[], Any]]) -> float:
    """Calls a second over all steps, for RUN_S / REPEATS seconds."""
    count, began = 0, time.perf_counter()
    while time.perf_counter() - began < RUN_S / REPEATS:
        for _ in range(10):
            for step in steps:
                step()
        count += 10 * len(steps)
    return count / (time.perf_counter() - began)


def _cheap_steps() -> np.ndarray:
    """Numbers of the chain steps of the functions in STATEMENTS, with all their constants: steps that cost little, so
    that what the enumerator itself costs shows."""
    names = {name for name, _ in STATEMENTS}
    return np.array([i for i, s in enumerate(chain_steps()) if s.function.name in names])


def _fused_rate(inputs: list[np.ndarray], steps: np.ndarray) -> float:
    """Nodes a second of the fused enumerator, breadth first, each node executed, hashed and scored on all pairs."""
    rates = []
    for _ in range(REPEATS):
        store = GridStore([g[::-1] for g in inputs], len(inputs))
        store.add(input_value(inputs))
        store.expand(0, steps)
        began, before, number = time.perf_counter(), store.num_nodes, 1
        while number < len(store) and not store.full and time.perf_counter() - began < RUN_S / REPEATS:
            store.expand(number, steps)
            number += 1
        rates.append((store.num_nodes - before) / (time.perf_counter() - began))
    return median(rates)


SANDBOX_STEPS = (
    "background = np.bincount(I.ravel(), minlength=10).argmax()",
    "mask = I != background",
    "rows = np.flatnonzero(mask.any(axis=1))",
    "columns = np.flatnonzero(mask.any(axis=0))",
    "crop = I[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]",
    "counts = np.bincount(crop.ravel(), minlength=10)",
    "counts[background] = 0",
    "grid = np.where(crop == background, counts.argmax(), crop)",
    "turned = np.rot90(grid)",
    "output = turned[:, ::-1]",
)
"""Ten lines of ordinary NumPy."""

_FRESH_SCRIPT = """
import sys, json
import numpy as np
space = {}
exec(sys.argv[1], space)
print(json.dumps([space["solve"](np.array(grid, np.int8)).tolist() for grid in json.loads(sys.argv[2])]))
"""


def _sandbox_rates(inputs: list[np.ndarray]) -> dict[str, Any]:
    """Ten-line programs a second in the sandbox on one core, each on all inputs; the tenth line alone as a step of
    the held state of the nine before it; and the obvious alternative, a fresh `python -c` a program, which protects
    from nothing."""
    text = "import numpy as np\ndef solve(I):\n    " + "\n    ".join(SANDBOX_STEPS) + "\n    return output\n"
    with _one_core(), Pool(size=1) as pool:
        result = run_step(pool, first_state(inputs), "\n".join(SANDBOX_STEPS[:-1]))
        rates = {
            "sandbox_programs_per_s": _count_rate(lambda: pool.run(text, inputs).status),
            "sandbox_steps_per_s": _count_rate(lambda: run_step(pool, result.state, SANDBOX_STEPS[-1]).status),
        }
        grids = orjson.dumps([grid.tolist() for grid in inputs]).decode()
        command = [sys.executable, "-c", _FRESH_SCRIPT, text, grids]
        fresh = _count_rate(lambda: subprocess.run(command, capture_output=True, check=True).returncode or "ok")
        layers = ", ".join(pool.layers()["layers"])
    rates["fresh_python_programs_per_s"] = fresh
    rates["sandbox_over_fresh_python"] = rates["sandbox_programs_per_s"] / fresh
    rates["sandbox_steps_over_programs"] = rates["sandbox_steps_per_s"] / rates["sandbox_programs_per_s"]
    return rates | {"sandbox_layers": layers}


@contextlib.contextmanager
def _one_core() -> Iterator[None]:
    """This process and what it starts on one core."""
    cores = os.sched_getaffinity(0)
    os.sched_setaffinity(0, {max(cores)})
    try:
        yield
    finally:
        os.sched_setaffinity(0, cores)


def _count_rate(run: Callable[[], str]) -> float:
    """Runs a second, each of which must come to 'ok': median over REPEATS."""
    run()
    rates = []
    for _ in range(REPEATS):
        count, began = 0, time.perf_counter()
        while count < 2 or time.perf_counter() - began < RUN_S / REPEATS:
            status = run()
            if status != "ok":
                raise RuntimeError(f"the benchmark's program ended as {status}")
            count += 1
        rates.append(count / (time.perf_counter() - began))
    return median(rates)


_START_SCRIPT = """
import sys, time
began = float(sys.argv[1])
from solver import warm
warm.prepare(int(sys.argv[2]))
import numpy as np
from solver.search.source import ProgramSource
from solver.settings import SearchSettings
from solver.budget import Budget
from solver.tasks import Pair, Task
grid = lambda k: np.full((3, 3), k, np.int8)
task = Task("t", (Pair(grid(1), grid(2)), Pair(grid(3), grid(2))), (Pair(grid(4)),))
ProgramSource(SearchSettings(num_views=1)).solve(task, Budget(nodes=1), 0, lambda _: None)
print(time.time() - began)
"""

_PEAK_SCRIPT = """
import resource
from solver.search.source import ProgramSource
from solver.settings import SearchSettings
from solver.budget import Budget
from solver.task_sets import load_set
largest = max(load_set("arc-agi-1/training"), key=lambda task: task.num_cells)
ProgramSource(SearchSettings()).solve(largest.hide(), Budget(seconds=10), 0, lambda _: None)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss)
"""


def _starts() -> dict[str, float]:
    """Seconds from process start to the first executed node, with an empty compile cache and with a full one, and
    the peak memory of a worker on the largest training task (10 s)."""
    processes = str(os.cpu_count() or 1)
    with tempfile.TemporaryDirectory() as folder:
        cold = _script(_START_SCRIPT, processes, NUMBA_CACHE_DIR=folder)
    warm = median(_script(_START_SCRIPT, processes) for _ in range(3))
    return {
        "cold_start_s": cold,
        "warm_start_s": warm,
        "worker_peak_mib": _script(_PEAK_SCRIPT, processes) / 1024,
        "bench_peak_mib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
    }


def _script(text: str, processes: str, **environment: str) -> float:
    done = subprocess.run(
        [sys.executable, "-c", text, str(time.time()), processes],
        env={**os.environ, **environment},
        stdout=subprocess.PIPE,
        check=True,
    )
    return float(done.stdout.split()[-1])
