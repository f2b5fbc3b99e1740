"""Programs: writing, reading, running; and that a program file runs by itself in a fresh process."""

from __future__ import annotations

import ast
import subprocess
import sys

import numpy as np
import pytest
from grids import draw
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.fused import chain_steps
from solver.grid.registry import FUNCTIONS, GridError
from solver.program import FreeStatement, Program, ProgramError, Ref, Statement, parse, rename, trim_statements

EXAMPLE = """from solver.grid import *


def solve(I):
    x1 = find_objects(I, CONN8, ANY_COLOR)
    x2 = keep(x1, SIZE, MAX)
    x3 = paint_alone(x2)
    x4 = lookup(x3, (0, 5, 3, 0))
    return x4
"""


def test_text_and_program_are_the_same_thing():
    program = parse(EXAMPLE)
    assert [s.function.name for s in program.statements] == ["find_objects", "keep", "paint_alone", "lookup"]
    assert program.render() == EXAMPLE
    assert np.array_equal(program.run(draw("300/330/000")), draw("055/005/555"))


def test_a_rendered_program_runs_in_a_fresh_process(tmp_path):
    path = tmp_path / "program.py"
    path.write_text(EXAMPLE)
    script = "import runpy, sys; m = runpy.run_path(sys.argv[1]); print(m['solve']([[3, 0], [0, 0]]).tolist())"
    done = subprocess.run([sys.executable, "-c", script, str(path)], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[[0, 5], [5, 5]]"


def test_the_empty_program_returns_its_input():
    assert np.array_equal(Program(()).run(draw("12")), draw("12"))
    assert parse(Program(()).render()) == Program(())


def test_unneeded_statements_are_dropped():
    flip = FUNCTIONS["transform"]
    statements = [Statement(flip, (Ref(0), 0)), Statement(flip, (Ref(0), 1)), Statement(flip, (Ref(2), 2))]
    assert trim_statements(statements, 3) == (Statement(flip, (Ref(0), 1)), Statement(flip, (Ref(1), 2)))
    assert trim_statements(statements, 0) == ()


def test_a_step_without_result_says_so():
    with pytest.raises(GridError, match="crop_content"):
        parse("def solve(I):\n    x = crop_content(I)\n    return x").run(draw("00"))


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("def solve(I:\n", "not Python"),
        ("import os\ndef solve(I):\n    return I", "line 1: only"),
        ("def other(I):\n    return I", "exactly one function, solve"),
        ("def solve(I, J):\n    return I", "takes one argument"),
        ("def solve(I):\n    x = 1", "ends with a return"),
        ("def solve(I):\n    x = nothing(I)\n    return x", "line 2: no library function nothing"),
        ("def solve(I):\n    x = transform(I)\n    return x", "takes 2 arguments"),
        ("def solve(I):\n    x = transform(I, MAX)\n    return x", "MAX is no Symmetry"),
        ("def solve(I):\n    x = transform(I, ROT90).copy()\n    return x", "line 2: a step is a call"),
        ("def solve(I):\n    x = transform(y, ROT90)\n    return x", "grid must be a variable or a constant"),
        ("def solve(I):\n    x = height(I)\n    return x", "x is Int, not Grid"),
        ("def solve(I):\n    x = height(I)\n    y = transform(x, ROT90)\n    return y", "must be Grid, not Int"),
        ("def solve(I):\n    x, y = transform(I, ROT90), I\n    return x", "assigns one call to one variable"),
        ("def solve(I):\n    while True: pass\n    return I", "assigns one call"),
        ("def solve(I):\n    x = lookup(I, __import__('os'))\n    return x", "must be a variable or a constant"),
        ("def solve(I):\n    x = mirror_concat(I, 6)\n    return x", "direction must be Direction"),
        ("def solve(I):\n    x = lookup(I, (0, 70000))\n    return x", "must hold numbers within ±32767"),
        ("def solve(I):\n    x = pad(I, 10)\n    return x", "color must be Color"),
        ("def solve(I):\n    x = upscale(I, 100)\n    return x", "factor must be Int"),
        ("def solve(I):\n    x = pad(I, True)\n    return x", "color must be Color"),
        ("def solve(I):\n    return transform(I, ROT90)", "returns a variable"),
        ("@decorator\ndef solve(I):\n    return I", "ends with a return"),
    ],
)
def test_anything_else_is_refused_with_a_clear_line(text, message):
    with pytest.raises(ProgramError, match=message):
        parse(text)


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 10**6)), max_size=6))
def test_any_chain_survives_writing_and_reading(choices):
    steps = chain_steps()
    statements = tuple(
        steps[step % len(steps)].statement(parent % (index + 1)) for index, (step, parent) in enumerate(choices)
    )
    program = Program(trim_statements(statements, len(statements)))
    assert parse(program.render()) == program


RENAMED = [
    "x = base\ny = x + out",
    "def f(base):\n    out = base\n\n    return out\n\n\nclass A:\n    base = 1\nout = f(base)\n",
    "# about\n\n@f\ndef g(out=(1,\n2)):\n    pass\nout = g()  # why",
    'text = """\ndef f(base):\n    pass\n"""\nout = text',
    "try:\n    out = base\nexcept ValueError:\n    out = 1\nelse:\n    out = 2",
    "out = (\n1,\n2,\n)\nbase = 1 + \\\nout",
    "x = 'a\\x0cb'\nasync def out():\n    global base\n    base = 1",
    "",
]


@pytest.mark.parametrize("text", RENAMED)
def test_renaming_piece_by_piece_is_renaming_the_whole(text):
    names = {"base": "x3", "out": "x9", "other": "I"}
    tree = ast.parse(text)
    for node in ast.walk(tree):
        for field in ("id", "arg"):
            if isinstance(node, ast.Name | ast.arg) and hasattr(node, field):
                setattr(node, field, names.get(getattr(node, field), getattr(node, field)))
        if isinstance(node, ast.Global):
            node.names = [names.get(name, name) for name in node.names]
    assert rename(text, names) == ast.unparse(tree)


@pytest.mark.parametrize("text", ["x = (", "def f(:", "  x = 1", "else:\n    x = 1", "x = 1\n    y = 2"])
def test_what_is_no_python_is_not_renamed(text):
    with pytest.raises(ProgramError):
        rename(text, {"x": "y"})


FLIPPED = Statement(FUNCTIONS["transform"], (Ref(0), 0))


@pytest.mark.parametrize(
    ("own", "before"),
    [
        # The step has a variable called as the program calls what it reads, or its result.
        (FreeStatement("x1 = I + 1\nx2 = x1 * 2\nx1 = x1 + x2", "x1", ("I",), (Ref(1),)), (FLIPPED,)),
        (FreeStatement("x1 = I + 1\nx3 = x1 * 2\nx1 = x1 + x3", "x1", ("I",), (Ref(2),)), (FLIPPED, FLIPPED)),
        # It reads nothing, and has one called as what another step reads afterwards.
        (FreeStatement("x1 = 1\nx2 = 2", "x1", (), ()), (FLIPPED, FLIPPED)),
    ],
)
def test_variables_of_a_steps_own_are_none_of_the_program(own, before):
    number = len(before) + 1
    added = FreeStatement("x1 = one + other", "x1", ("one", "other"), (Ref(number - 1), Ref(number)))
    namespace = {}
    exec(Program((*before, own, added)).render(), namespace)
    grid = draw("123/456")
    flipped = grid[::-1]
    alone = {"I": flipped}
    exec(own.text, alone)
    assert np.array_equal(namespace["solve"](grid), flipped + alone["x1"])


def test_a_step_whose_variables_keep_their_names_is_left_as_it_is():
    text = "x2 = I + x1\nx7 = 3\nx2 = x2 * x7"
    assert FreeStatement(text, "x2", ("I", "x1"), (Ref(0), Ref(1))).render("x2") == text
    moved = FreeStatement(text, "x2", ("I", "x1"), (Ref(1), Ref(2))).render("x3")
    assert moved == "x3 = x1 + x2\nx7 = 3\nx3 = x3 * x7"
