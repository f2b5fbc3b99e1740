"""Results of programs, what the pool survives, and what it leaves behind."""

# ruff: noqa: E501 - a program a line

from __future__ import annotations

import os
import random
import signal
import threading
import time
from pathlib import Path

import numpy as np
import pytest

from sandbox.conftest import children, num_beneath, quick
from solver.errors import ArcSolveError
from solver.sandbox import LAYERS
from solver.sandbox.pool import STATUSES, Pool
from solver.sandbox.slot import SandboxError

GRIDS = [np.array([[n, 1, 2]], np.int8) for n in range(4)]
COPY = "def solve(I):\n    return I\n"


def test_values_come_back_in_order(pool):
    found = pool.run("def solve(I):\n    return I[:, ::-1]\n", GRIDS)
    assert found.status == "ok"
    assert [output.tolist() for output in found.outputs] == [[[2, 1, n]] for n in range(4)]
    assert found.failures == (None,) * 4


def test_a_failure_names_type_line_and_message(pool):
    found = pool.run(
        "def solve(I):\n    if I[0, 0] == 1:\n        raise ValueError('no\\nidea')\n    return I\n", GRIDS
    )
    failure = found.failures[1]
    assert (failure.status, failure.type, failure.line, failure.message) == ("error", "ValueError", 3, "no idea")
    assert [output is None for output in found.outputs] == [False, True, False, False]


def test_all_pairs_count_although_the_process_died_on_one(pool):
    found = pool.run("import os\ndef solve(I):\n    if I[0, 0] in (0, 2): os._exit(0)\n    return I\n", GRIDS)
    assert found.status == "killed"
    assert [output is None for output in found.outputs] == [True, False, True, False]


def test_the_gravest_failure_is_the_status(pool):
    source = """
def solve(I):
    if I[0, 0] == 1: return [[77]]
    if I[0, 0] == 2: raise ValueError
    if I[0, 0] == 3: return bytearray(1 << 40)
    return I
"""
    assert pool.run(source, GRIDS[:2]).status == "bad_output"
    assert pool.run(source, GRIDS[:3]).status == "error"
    assert pool.run(source, GRIDS).status == "memory"


def test_no_inputs(pool):
    assert pool.run(COPY, []).outputs == ()


def test_large_requests_travel(pool):
    big = [np.full((30, 30), n % 10, np.int8) for n in range(500)]
    found = pool.run("#" * 1_000_000 + "\n" + COPY, big)
    assert found.status == "ok"
    assert np.array_equal(found.outputs, big)


def test_what_is_printed_comes_home_if_asked_for(pool):
    source = "import sys\ndef solve(I):\n    print('seen', I[0, 0]); print('é', file=sys.stderr)\n    return I\n"
    assert pool.run(source, GRIDS[:2], prints=True).printed == "seen 0\né\nseen 1\né\n"
    assert pool.run(source, GRIDS[:2]).printed == ""
    endless = "def solve(I):\n    for _ in range(10**5): print('x' * 100)\n    return I\n"
    found = pool.run(endless, GRIDS[:1], prints=True)
    assert found.status == "ok"
    assert 50_000 < len(found.printed) <= 1 << 16


def test_several_at_a_time_from_several_threads():
    with Pool(quick(), size=3) as pool:
        sources = [f"import time\ndef solve(I):\n    time.sleep(0.3)\n    return [[{k % 10}]]\n" for k in range(12)]
        programs = [(source, GRIDS[:1]) for source in sources]
        pool.run_many(programs[:3])
        began = time.monotonic()
        found = pool.run_many(programs)
        assert [result.outputs[0].tolist() for result in found] == [[[k % 10]] for k in range(12)]
        assert time.monotonic() - began < 12 * 0.3
        threads = [threading.Thread(target=pool.run, args=(COPY, GRIDS)) for _ in range(10)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


@pytest.mark.parametrize("victim", ["zygote", "launcher"])
def test_a_zygote_that_dies_is_replaced(victim):
    with Pool(quick(), size=1) as pool:
        assert pool.run(COPY, GRIDS).status == "ok"
        launcher = pool._slots[0][0].process.pid
        (zygote,) = children(launcher)
        os.kill(zygote if victim == "zygote" else launcher, signal.SIGKILL)
        for _ in range(3):
            assert pool.run(COPY, GRIDS).status == "ok"


def test_a_zygote_that_dies_while_a_program_runs():
    with Pool(quick(wall_s=3.0), size=1) as pool:
        pool.run(COPY, GRIDS)
        launcher = pool._slots[0][0].process.pid
        timer = threading.Timer(0.3, lambda: os.kill(children(launcher)[0], signal.SIGKILL))
        timer.start()
        found = pool.run("import time\ndef solve(I):\n    time.sleep(1)\n    return I\n", GRIDS[:1])
        timer.join()
        assert found.status in ("ok", "killed")
        assert pool.run(COPY, GRIDS).status == "ok"


def test_a_pool_may_be_closed_twice_and_used_again():
    pool = Pool(quick(), size=1)
    assert pool.run(COPY, GRIDS).status == "ok"
    pool.close()
    pool.close()
    assert pool.run(COPY, GRIDS).status == "ok"
    pool.close()


def test_the_parents_death_ends_everything(tmp_path):
    reader, writer = os.pipe()
    parent = os.fork()
    if not parent:
        try:
            pool = Pool(quick(wall_s=60.0), size=1)
            pool.run(COPY, GRIDS)
            launcher = pool._slots[0][0].process.pid
            os.write(writer, f"{launcher} {children(launcher)[0]} {pool._slots[0][0].folder}".encode())
            pool.run("def solve(I):\n    while True: pass\n", GRIDS)
        finally:
            os._exit(0)
    launcher, zygote, folder = os.read(reader, 1000).decode().split()
    time.sleep(0.3)
    os.kill(parent, signal.SIGKILL)
    os.waitpid(parent, 0)
    os.close(reader)
    os.close(writer)
    for _ in range(100):
        if not any(Path(f"/proc/{pid}").exists() for pid in (launcher, zygote)):
            break
        time.sleep(0.05)
    assert not Path(f"/proc/{zygote}").exists()
    os.rmdir(folder)  # empty, and all that is left


def test_a_sandbox_that_cannot_start_says_so(monkeypatch):
    monkeypatch.setattr("solver.sandbox.slot._BOOT", "raise SystemExit('no luck')")
    with Pool(quick(), size=1) as pool, pytest.raises(SandboxError, match="no luck") as caught:
        pool.run(COPY, GRIDS)
    assert isinstance(caught.value, ArcSolveError)


def test_layers_that_are_switched_off_are_reported():
    with Pool(quick(layers=("seccomp",)), size=1) as pool:
        report = pool.layers()
        assert set(report["refused"]) >= set(LAYERS) - {"seccomp"}
        assert report["refused"]["user"] == "switched off"


# mutations


VALID = [
    "import numpy as np\ndef solve(I):\n    x = np.rot90(I, 1)\n    y = np.where(x == 2, 3, x)\n    return y[::-1]\n",
    "def solve(I):\n    rows = I.tolist()\n    out = [list(r) for r in zip(*rows)]\n    for r in out:\n        r.sort()\n    return out\n",
    "import collections\ndef solve(I):\n    c = collections.Counter(I.ravel().tolist())\n    k = max(c, key=c.get)\n    return [[k] * 3] * 2\n",
    "import numpy as np, os\ndef solve(I):\n    n = 0\n    while n < 3:\n        n += 1\n    open('f', 'w').write('x' * n)\n    return np.kron(I, np.ones((n, n), int))\n",
    "def f(g, d=0):\n    return g if d > 3 else f(g.T, d + 1)\ndef solve(I):\n    try:\n        return f(I)\n    except ValueError:\n        return [[0]]\n",
]  # fmt: skip
PIECES = ["0", "-1", "10**9", "I", "None", "x", "()", "[", ")", ":", "\n", "    ", "while True: pass", "import os",
          "os.fork()", "os._exit(1)", "os.kill(0, 9)", "os.kill(-1, 9)", "raise", "lambda: 0", "np", "del I",
          "return", "*", "**", "os.close(3)", "os.setsid()", "open('g', 'w')", "os.closerange(0, 99)", "'a' * 10**8",
          "[0] * 10**9", "f(", "yield", "global I", "exec('1')", "\0", "é", "1j", "0.5", "True"]  # fmt: skip


STATEMENTS = ["import os; os._exit(1)", "while True: pass", "I[:] = 0", "x = 'a' * 10**8; x = x * 99", "return I", "I = None",
              "import os; os.fork()", "import os; os.kill(-1, 9)", "import os; os.closerange(0, 99)", "y = x = I", "I = I + 1",
              "raise ValueError", "open('g', 'w').write('x' * 9999)", "import os; os.mkdir('d')", "import ctypes; ctypes.string_at(0)",
              "import os; os.setsid()", "print('x' * 10**6)", "I = I.T", "del I", "import numpy as np; np.ndarray = list",
              "import os; [os.dup(1) for _ in range(99)]", "import os; os.abort()", "return [[9] * 31]", "import gc; gc.collect()"]  # fmt: skip


def mutate(rng: random.Random) -> str:
    """A valid program with one to four characters, words or lines changed, repeated, deleted or put in."""
    text = rng.choice(VALID)
    if rng.random() < 0.5:  # most changes of characters are errors of syntax; whole statements get further
        lines = text.splitlines()
        body = next(k for k, line in enumerate(lines) if line.startswith("def solve")) + 1
        for _ in range(rng.randint(1, 2)):
            indent = lines[rng.randrange(body, len(lines))].partition(lines[body].strip()[0])[0]
            lines.insert(
                rng.randrange(body, len(lines)), (indent if indent.isspace() else "    ") + rng.choice(STATEMENTS)
            )
        return "\n".join(lines) + "\n"
    for _ in range(rng.randint(1, 4)):
        start = rng.randrange(len(text) + 1)
        stop = min(len(text), start + rng.choice((0, 0, 1, 1, 2, 5, 20)))
        kind = rng.randrange(4)
        piece = rng.choice(PIECES) if kind < 2 else "" if kind == 2 else text[start:stop] * 2
        text = text[:start] + piece + text[stop:]
    return text


def resources(pool: Pool) -> tuple[int, int, int]:
    """Open descriptors, processes beneath this one, and files in the temporary folders."""
    folders = [slot.folder for pair in pool._slots for slot in pair if slot.process]
    files = sum(len(list(Path(folder).rglob("*"))) for folder in folders)
    return len(os.listdir("/proc/self/fd")), num_beneath(), files


def memory_kib(pid: int) -> int:
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return next(int(line.split()[1]) for line in lines if line.startswith("VmRSS"))


def test_mutations_of_valid_programs_leak_nothing():
    """ARC_TEST_MUTATIONS: how many (10,000 for a full run)."""
    num_programs = int(os.environ.get("ARC_TEST_MUTATIONS", "150"))
    rng = random.Random(0)
    counts = dict.fromkeys(STATUSES, 0)
    grids = GRIDS[:2]
    with Pool(quick(wall_s=0.3, memory_bytes=64 << 20), size=1) as pool:
        for text in VALID:
            assert pool.run(text, grids).status == "ok", text
        warm = 50  # what is allocated once is allocated by then
        for number in range(num_programs + warm):
            if number == warm:
                slot = pool._slots[0][0]
                (zygote,) = children(slot.process.pid)
                before, memory = resources(pool), (memory_kib(os.getpid()), memory_kib(zygote))
            found = pool.run(mutate(rng), grids)
            assert len(found.outputs) == len(found.failures) == 2
            counts[found.status] += 1
        assert resources(pool) == before
        assert children(slot.process.pid) == [zygote]
        grown = memory_kib(os.getpid()) - memory[0], memory_kib(zygote) - memory[1]
        print(f"{num_programs} mutations: {counts}; parent and zygote grew by {grown[0]} and {grown[1]} KiB")
        assert max(grown) < 4096
    assert counts["ok"] > 0
    assert counts["error"] > num_programs / 4
