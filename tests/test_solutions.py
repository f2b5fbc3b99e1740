"""The hand-written solutions: each is a program of library steps that solves a task it may be written for."""

from __future__ import annotations

import importlib.util
import lzma
from pathlib import Path

import orjson
import pytest

from solver.errors import InputError

PATH = Path(__file__).parents[1] / "tools" / "check_solutions.py"
SPEC = importlib.util.spec_from_file_location("check_solutions", PATH)
tool = importlib.util.module_from_spec(SPEC)
SPEC.loader.exec_module(tool)


def test_every_solution_solves_its_task():
    tasks = tool.allowed_tasks()
    programs = tool.load_solutions()
    assert set(programs) <= set(tasks)
    assert {i: wrong for i, p in programs.items() if (wrong := tool.failures(p, tasks[i]))} == {}


def test_solutions_say_their_rule():
    for path in tool.FOLDER.glob("*.py"):
        body = path.read_text().split("def solve(I):\n", 1)[1]
        assert body.lstrip().startswith('"""'), path.name


def test_wrong_pairs_are_named():
    task = tool.allowed_tasks()["68b16354"]  # an up-down flip
    program = tool.parse("def solve(I):\n    x = transform(I, FLIP_LR)\n    return x")
    assert "train[0]" in tool.failures(program, task)
    assert tool.failures(tool.parse("def solve(I):\n    x = transform(I, FLIP_UD)\n    return x"), task) == []


def test_re_arc_shares(tmp_path):
    path = tmp_path / "re_arc.jsonl.xz"
    line = orjson.dumps({"task": "68b16354", "pairs": [["12/34", "34/12"], ["1/2", "1/2"]]})
    path.write_bytes(lzma.compress(line + b"\n"))
    program = tool.parse("def solve(I):\n    x = transform(I, FLIP_UD)\n    return x")
    assert tool.re_arc_shares({"68b16354": program}, path, 10) == {"68b16354": 0.5}


def test_a_file_that_is_no_program_is_named(tmp_path):
    (tmp_path / "68b16354.py").write_text("import os")
    with pytest.raises(InputError, match=r"68b16354\.py: line 1"):
        tool.load_solutions(tmp_path)
