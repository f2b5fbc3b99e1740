"""What docs/extending.md shows does what it says."""

from __future__ import annotations

import ast
import importlib
import re
from math import log
from pathlib import Path

import numpy as np
import pytest
from grids import draw

from solver.budget import Budget
from solver.executor import apply, input_value
from solver.grid.registry import FUNCTIONS
from solver.policy import Step
from solver.program import ProgramError, parse
from solver.search.source import ProgramSource
from solver.settings import SearchSettings, load_settings
from solver.sources import more_lanes
from solver.tasks import Pair, Task

PAGE = (Path(__file__).parents[1] / "docs" / "extending.md").read_text()
BLOCKS = re.findall(r"```python\n(.*?)```", PAGE, re.DOTALL)


@pytest.fixture
def turner(tmp_path, monkeypatch):
    """The page's module, which can be imported."""
    (tmp_path / "turner.py").write_text(BLOCKS[0])
    monkeypatch.syspath_prepend(tmp_path)
    yield importlib.import_module("turner")
    monkeypatch.delitem(importlib.sys.modules, "turner")


def test_the_policy_is_used_from_python(turner, capsys):
    exec(compile(BLOCKS[1], "docs/extending.md", "exec"), {})
    program = parse(capsys.readouterr().out)
    assert [statement.function.name for statement in program.statements] == ["transform"] * 2
    assert np.array_equal(program.run(draw("12/03")), draw("30/21"))


def test_the_policy_is_used_in_a_run(turner):
    settings = load_settings(None, ["run.workers=3"])
    (lane,) = more_lanes("turner:lanes", settings)
    assert (lane.name, lane.num_workers) == ("turner", 3)
    (source,) = lane.make_sources(settings, 0)
    assert isinstance(source.make_policy(None, source.grammar), turner.Turner)


def test_the_function_is_one_that_could_stand_in_the_library():
    (function,) = ast.parse(BLOCKS[2]).body
    names: dict = {"primitive": lambda family: lambda body: body, "Grid": None, "Color": None}
    exec(compile(BLOCKS[2], "docs/extending.md", "exec"), names)
    assert function.name not in FUNCTIONS
    assert ast.get_docstring(function)
    assert np.array_equal(names[function.name](draw("012/345/678"), 9), draw("919/345/979"))


def test_each_view_has_a_policy_of_its_own_that_sees_it():
    asked = []

    class Silent:
        def __init__(self, seen, grammar):
            asked.append((seen, grammar))

        def propose(self, states, num_steps, rng):
            return [[] for _ in states]

    grids = [draw("120/003"), draw("40/55"), draw("07/78")]
    task = Task("t", tuple(Pair(grid, np.rot90(grid)) for grid in grids[:2]), (Pair(grids[2]),))
    settings = SearchSettings(use_enumeration=False, use_stacking=False, use_fitted=False, num_views=2)
    source = ProgramSource(settings, make_policy=Silent)
    findings = source.solve(task, Budget(nodes=1000), 0, lambda _: None)
    assert not any(answer.exact for answer in findings.answers)
    assert len(asked) == 2
    first, second = (seen for seen, _ in asked)
    assert first.view != second.view
    assert all(map(np.array_equal, first.targets, (pair.output for pair in task.train)))
    assert all(grammar is source.grammar for _, grammar in asked)


def test_a_policy_beside_a_language_model_is_refused():
    with pytest.raises(ValueError, match="either a language model or a policy"):
        ProgramSource(SearchSettings(), language_model=object(), make_policy=lambda seen, grammar: None)


START = input_value([draw("120/003")])
MASK = apply(FUNCTIONS["content_mask"], [START])
STATE = (START, MASK)


def test_a_step_is_read_as_a_program_would_write_it():
    step = Step.read("fill_mask(I, x1, 4)", STATE, log(0.5))
    assert step == Step(FUNCTIONS["fill_mask"], (("value", 0), ("value", 1), ("constant", 4)), log(0.5))
    assert np.array_equal(apply(step.function, step.bind(STATE)).items[0], draw("440/004"))


@pytest.mark.parametrize(
    "call",
    ["fill_mask(x1, I, 4)", "fill_mask(I, x2, 4)", "fill_mask(I, x1, 10)", "fill_mask(I, x1)", "sorted(I)", "I", "",
     "transform(I, ROT90)\nx3 = transform(I, ROT90)", "transform(I, UP)", "transform("],
)  # fmt: skip
def test_what_is_no_step_is_refused(call):
    with pytest.raises(ProgramError):
        Step.read(call, STATE, 0.0)
