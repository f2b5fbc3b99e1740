"""Counting what solving programs are made of."""

from __future__ import annotations

import importlib.util
from pathlib import Path

import orjson
import pytest
from grids import draw

from solver.answers import Attempt, TaskResult
from solver.program import parse
from solver.run.results import to_json
from solver.search.grammar import Grammar
from solver.synthesis.found import right_programs
from solver.task_sets import load_set
from solver.tasks import Pair, Task

PATH = Path(__file__).parents[1] / "tools" / "count_grammar.py"
FLIP = "def solve(I):\n    x = transform(I, FLIP_LR)\n    return x"
LONG = "def solve(I):\n    x = transform(I, FLIP_UD)\n    y = transform(x, ROT180)\n    return y"


@pytest.fixture(scope="module")
def tool():
    spec = importlib.util.spec_from_file_location("count_grammar", PATH)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


TASK = Task("t", (Pair(draw("12/34"), draw("21/43")),), (Pair(draw("56/78"), draw("65/87")),))


def test_only_right_programs_count():
    wrong = "def solve(I):\n    x = transform(I, ROT90)\n    return x"
    fails = "def solve(I):\n    x = tile(I, 1, 1)\n    return x"
    found = right_programs(TASK, [FLIP, wrong, "no program", fails, LONG])
    assert found == [parse(FLIP), parse(LONG)]


def test_a_task_counts_once_and_short_programs_more(tool):
    counts = tool.count({"a": [parse(FLIP), parse(LONG)], "b": [parse(FLIP)]})
    assert 2.0 < counts["functions"]["transform"] < 3.0
    symmetries = counts["constants"]["transform.symmetry"]
    assert symmetries["1"] > 1.5 > symmetries["0"] == symmetries["3"]


def test_results_of_training_tasks_become_counts_and_held_out_ones_do_not(tool, tmp_path, capsys):
    held_out = load_set("arc-agi-1/dev")[0]
    identity = "def solve(I):\n    return I"
    attempt = Attempt(draw("1"), "program", identity)
    lines = [to_json(TaskResult(t, ((attempt, attempt),))) for t in ("68b16354", held_out.task_id)]
    flip = Attempt(draw("1"), "program", FLIP.replace("FLIP_LR", "FLIP_UD"))
    lines.append(to_json(TaskResult("68b16354", ((flip, attempt),))))  # this training task is an up-down flip
    path, out = tmp_path / "results.jsonl", tmp_path / "grammar.json"
    path.write_bytes(b"\n".join(lines) + b"\n")
    assert tool.main([str(path), "--out", str(out)]) == 0
    assert capsys.readouterr().out.startswith("1 tasks, 1 programs")
    data = orjson.loads(out.read_bytes())
    assert data["functions"] == {"transform": 1.0}
    assert Grammar(data["functions"], data["constants"])


def test_a_missing_file_is_one_line_and_code_2(tool, tmp_path, capsys):
    assert tool.main([str(tmp_path / "none.jsonl")]) == 2
    assert "none.jsonl" in capsys.readouterr().err


def test_the_shipped_counts_name_functions_that_exist():
    from solver.grid.registry import FUNCTIONS

    grammar = Grammar.shipped()
    assert set(grammar.functions) <= set(FUNCTIONS)
    names = {f"{f.name}.{p.name}" for f in FUNCTIONS.values() for p in f.parameters}
    assert set(grammar.constants) <= names
