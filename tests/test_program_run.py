"""`arc-solve run`: a program in a child process. Each way to go wrong, or to cheat, is a result."""

from __future__ import annotations

import os
import time
from pathlib import Path

import numpy as np
import pytest

from solver.errors import InputError
from solver.program_run import run_program
from solver.tasks import Pair, Task

GRIDS = [np.array([[n, 1, 2]], np.int8) for n in range(3)]
TASK = Task("t", tuple(Pair(g, g[:, ::-1].copy()) for g in GRIDS[:2]), (Pair(GRIDS[2]),))


def run(tmp_path, source, timeout_s=5.0, task=TASK):
    path = tmp_path / "program.py"
    path.write_text(source)
    return run_program(path, task, timeout_s)


def test_a_right_program(tmp_path):
    found = run(tmp_path, "def solve(I):\n    assert I.dtype == 'int8'\n    return I[:, ::-1]\n")
    assert found.to_json(TASK) == {
        "status": "ok",
        "train": [{"output": [[2, 1, n]], "correct": True} for n in range(2)],
        "test": [{"output": [[2, 1, 2]], "correct": None}],
    }


def test_lists_tuples_and_numpy_scalars_are_grids_too(tmp_path):
    source = "def solve(I):\n    return ([int(c) for c in I[0]], tuple(I[0]))\n"
    assert run(tmp_path, source).outputs[1].tolist() == [[1, 1, 2]] * 2


def test_a_failing_program_is_a_result_that_names_the_line(tmp_path):
    found = run(tmp_path, "def solve(I):\n    if I[0, 0] == 1:\n        raise ValueError('no\\nidea')\n    return I\n")
    assert found.status == "error"
    assert found.messages == ("", "line 3: ValueError: no idea", "")
    assert found.to_json(TASK)["train"][1] == {"output": None, "correct": False}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def solve(I) return I\n", "line 1: SyntaxError"),
        ("x = 1\n", "defines no function solve"),
        ("solve = 3\n", "defines no function solve"),
        ("import sys\nsys.exit(0)\n", "SystemExit"),
        ("def solve(I):\n    exit(3)\n", "SystemExit"),
        ("raise KeyboardInterrupt\n", "KeyboardInterrupt"),
    ],
)
def test_programs_that_cannot_be_called(tmp_path, source, message):
    found = run(tmp_path, source)
    assert found.status == "error"
    assert all(message in line for line in found.messages)


NO_GRIDS = [
    "None",
    "[]",
    "[[]]",
    "[[1, 2], [3]]",
    "[[10]]",
    "[[-1]]",
    "[[1.0]]",
    "[['1']]",
    "[[True]]",
    "[[1, True]]",
    "I > 0",
    "I * 1.0",
    "I[0]",
    "I[:0]",
    "[[0] * 31]",
    "[[0]] * 31",
    "[[-7, 99], ['x']]",
    "3",
    "'012'",
    "object()",
    "[[0] * 3000] * 300",
    "{'output': [[1]]}",
    "[[10 ** 30]]",
    "[[float('nan')]]",
]


def test_what_is_no_grid_is_refused(tmp_path):
    pairs = tuple(Pair(np.full((1, n + 1), n % 10, np.int8)) for n in range(len(NO_GRIDS)))
    body = "".join(f"    if I.shape[1] == {n + 1}: return {text}\n" for n, text in enumerate(NO_GRIDS))
    found = run(tmp_path, f"def solve(I):\n{body}", task=Task("t", pairs, ()))
    assert found.status == "error"
    assert [text for text, output in zip(NO_GRIDS, found.outputs) if output is not None] == []
    assert [text for text, message in zip(NO_GRIDS, found.messages) if not message] == []


def test_a_program_that_lies_about_equality_gets_nothing_for_it(tmp_path):
    source = """
class Grid(list):
    def __eq__(self, other): return True
    def __ne__(self, other): return False
def solve(I):
    print('{"output": [[2, 1, 0]], "correct": true}')
    return Grid([[5]])
"""
    found = run(tmp_path, source)
    assert found.status == "ok"
    assert [entry["correct"] for entry in found.to_json(TASK)["train"]] == [False, False]


def test_expected_outputs_never_enter_the_child(tmp_path):
    truth = np.full((3, 3), 7, np.int8)
    task = Task("t", (Pair(GRIDS[0], truth),), (Pair(GRIDS[1], truth),))
    source = """
import gc, sys
def solve(I):
    seen = repr(sys.argv) + repr([o for o in gc.get_objects() if type(o) is list and len(o) < 50 and 7 in o])
    return [[int('[7, 7, 7]' in seen)]]
"""
    assert [output.tolist() for output in run(tmp_path, source, task=task).outputs] == [[[0]], [[0]]]


def test_a_slow_program_is_stopped_and_earlier_outputs_are_kept(tmp_path):
    pid_file = tmp_path / "pid"
    source = f"""
import os, signal, subprocess, sys, time
signal.signal(signal.SIGTERM, signal.SIG_IGN)
def solve(I):
    if I[0, 0] == 1:
        child = subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(60)'])
        open({str(pid_file)!r}, 'w').write(str(child.pid))
        while True: pass
    return I
"""
    started = time.monotonic()
    found = run(tmp_path, source, timeout_s=1.0)
    assert time.monotonic() - started < 8
    assert found.status == "timeout"
    assert found.outputs[0].tolist() == [[0, 1, 2]]
    assert found.messages[1:] == ("no output within 1 s",) * 2
    assert is_gone(int(pid_file.read_text()))  # the grandchild too


def is_gone(pid):
    for _ in range(50):
        try:
            os.kill(pid, 0)
            if Path(f"/proc/{pid}/stat").read_text().split(")")[1].split()[0] == "Z":
                return True
        except (ProcessLookupError, FileNotFoundError):
            return True
        time.sleep(0.1)
    return False


@pytest.mark.parametrize("death", ["os._exit(0)", "os.kill(os.getpid(), 9)", "os.abort()"])
def test_a_process_that_dies_is_a_result(tmp_path, death):
    found = run(tmp_path, f"import os\ndef solve(I):\n    if I[0, 0] == 1: {death}\n    return I\n")
    assert found.status == "crashed"
    assert [output is None for output in found.outputs] == [False, True, True]
    assert found.messages[2] == "the process died"


def test_a_grandchild_that_holds_the_pipe_does_not_stall(tmp_path):
    source = """
import os, time
def solve(I):
    if I[0, 0] == 2 and os.fork() == 0:
        time.sleep(60); os._exit(0)
    return I
"""
    started = time.monotonic()
    assert run(tmp_path, source).status == "ok"
    assert time.monotonic() - started < 5


def test_many_large_grids_travel(tmp_path):
    big = np.full((30, 30), 9, np.int8)
    task = Task("t", tuple(Pair(big, big) for _ in range(60)), (Pair(big),))
    found = run(tmp_path, "def solve(I):\n    return I\n", task=task)
    assert found.status == "ok"
    assert all(entry["correct"] for entry in found.to_json(task)["train"])


def test_no_such_program(tmp_path):
    with pytest.raises(InputError, match="no such program file"):
        run_program(tmp_path / "absent.py", TASK)
