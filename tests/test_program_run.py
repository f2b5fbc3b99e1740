"""`arc-solve run`: a program in a child process. Each way to go wrong, or to cheat, is a result."""

from __future__ import annotations

import time

import numpy as np
import pytest

from solver.errors import InputError
from solver.program_run import result_json, run_program
from solver.tasks import Pair, Task

GRIDS = [np.array([[n, 1, 2]], np.int8) for n in range(3)]
TASK = Task("t", tuple(Pair(g, g[:, ::-1].copy()) for g in GRIDS[:2]), (Pair(GRIDS[2]),))


def run(tmp_path, source, timeout_s=5.0, task=TASK):
    path = tmp_path / "program.py"
    path.write_text(source)
    return run_program(path, task, timeout_s)


def verdicts(found, task=TASK):
    return [entry["correct"] for entry in result_json(found, task)["train"]]


def test_a_right_program(tmp_path):
    found = run(tmp_path, "def solve(I):\n    assert I.dtype == 'int8'\n    return I[:, ::-1]\n")
    assert result_json(found, TASK) == {
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
    assert result_json(found, TASK)["train"][1] == {"output": None, "correct": False}


@pytest.mark.parametrize(
    ("source", "message"),
    [
        ("def solve(I) return I\n", "line 1: SyntaxError"),
        ("x = 1\n", "defines no function solve"),
        ("solve = 3\n", "defines no function solve"),
        ("import sys\nsys.exit(0)\n", "SystemExit"),
        ("def solve(I):\n    raise SystemExit(3)\n", "SystemExit"),
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
    "[[1.5]]",
    "[['1']]",
    "I * 1.5",
    "I * 1j",
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
    assert found.status == "bad_output"
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
    assert verdicts(found) == [False, False]
    assert found.printed.count("true") == 3


def test_expected_outputs_never_enter_the_child(tmp_path):
    truth = np.full((3, 3), 7, np.int8)
    task = Task("t", (Pair(GRIDS[0], truth),), (Pair(GRIDS[1], truth),))
    source = """
import gc, sys
def solve(I):
    lists = [o for o in gc.get_objects() if type(o) is list and len(o) < 50]
    seen = repr(sys.argv) + repr([o for o in lists if any(type(c) is int and c == 7 for c in o)])
    return [[int('[7, 7, 7]' in seen)]]
"""
    assert [output.tolist() for output in run(tmp_path, source, task=task).outputs] == [[[0]], [[0]]]


def test_exact_bools_and_floats_are_grids(tmp_path):
    found = run(tmp_path, "def solve(I):\n    return I > 0 if I[0, 0] else [[1.0, True, 2]]\n")
    assert [output.tolist() for output in found.outputs] == [[[1, 1, 2]], [[1, 1, 1]], [[1, 1, 1]]]
    assert all(output.dtype == np.int8 for output in found.outputs)


def test_a_slow_program_is_stopped_and_earlier_outputs_are_kept(tmp_path):
    source = "def solve(I):\n    if I[0, 0] == 1:\n        while True: pass\n    return I\n"
    started = time.monotonic()
    found = run(tmp_path, source, timeout_s=1.0)
    assert time.monotonic() - started < 8
    assert found.status == "timeout"
    assert found.outputs[0].tolist() == [[0, 1, 2]]
    assert found.messages[1:] == ("no output within 1 s",) * 2


@pytest.mark.parametrize("death", ["os._exit(0)", "os.abort()"])
def test_a_process_that_dies_is_a_result(tmp_path, death):
    found = run(tmp_path, f"import os\ndef solve(I):\n    if I[0, 0] == 1: {death}\n    return I\n")
    assert found.status == "killed"
    assert [output is None for output in found.outputs] == [False, True, False]
    assert "the process" in found.messages[1]


def test_library_steps_run_in_this_process(tmp_path, monkeypatch):
    monkeypatch.setattr("solver.program_run.Pool", None)
    found = run(tmp_path, "from solver.grid import *\n\ndef solve(I):\n    x1 = transform(I, FLIP_LR)\n    return x1\n")
    assert found.status == "ok"
    assert verdicts(found) == [True, True]
    assert run(tmp_path, "def solve(I):\n    x1 = upscale(I, 11)\n    return x1\n").status == "error"


def test_free_python_may_use_the_library(tmp_path):
    found = run(tmp_path, "from solver.grid import *\ndef solve(I):\n    return [*transform(I.tolist(), FLIP_LR)]\n")
    assert verdicts(found) == [True, True]


def test_many_large_grids_travel(tmp_path):
    big = np.full((30, 30), 9, np.int8)
    task = Task("t", tuple(Pair(big, big) for _ in range(60)), (Pair(big),))
    found = run(tmp_path, "def solve(I):\n    return I\n", task=task)
    assert found.status == "ok"
    assert all(verdicts(found, task))


def test_no_such_program(tmp_path):
    with pytest.raises(InputError, match="no such program file"):
        run_program(tmp_path / "absent.py", TASK)


@pytest.mark.parametrize("content", [b"\xff\xfe", b"x = 1\n" * 300_000])
def test_files_that_cannot_be_a_program(tmp_path, content):
    (tmp_path / "p.py").write_bytes(content)
    with pytest.raises(InputError, match=r"p\.py"):
        run_program(tmp_path / "p.py", TASK)
