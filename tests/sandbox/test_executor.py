"""Mixed programs: library steps in this process, free Python in the sandbox, on the same values."""

from __future__ import annotations

import numpy as np
import pytest

from solver.executor import Value, apply, input_value
from solver.grid.registry import FUNCTIONS
from solver.grid.types import Grid, Grids, Int, Mask, Objects
from solver.policy import FreeStep, GrammarPolicy, Step
from solver.sandbox.executor import FreeValue, SandboxExecutor, typed_items
from solver.sandbox.pool import Failure
from solver.search.grammar import Grammar
from solver.search.tree import Tree, TreeRules

INPUTS = [np.array([[n, 1, 2], [3, 4, 5]], np.int8) for n in range(3)]
START = input_value(INPUTS)
FLIP_LR = 1


def library(name, *args):
    return apply(FUNCTIONS[name], args)


@pytest.fixture
def execute(pool):
    return SandboxExecutor(pool)


def test_a_free_step_makes_the_same_value_as_a_library_step(execute):
    free = execute.run([START], "x1 = I[:, ::-1]")
    assert isinstance(free, FreeValue)
    assert free.key == library("transform", START, FLIP_LR).key
    assert free.type is Grid
    assert np.array_equal(free.items, [grid[:, ::-1] for grid in INPUTS])


def test_mixed_steps_in_one_call_and_in_order(execute):
    steps = [
        FreeStep("x1 = I + 1 - 1", -1.0),
        Step(FUNCTIONS["transform"], (("value", 0), ("constant", FLIP_LR)), -1.0),
        FreeStep("x1 = nothing", -1.0),
        FreeStep("x1 = I > 2", -1.0),
        FreeStep("x1 = int(I.sum())", -1.0),
    ]
    found = execute([START], steps)
    assert found[0].key == START.key
    assert found[1].key == library("transform", START, FLIP_LR).key
    assert found[2] is None
    assert [value.type for value in found[3:]] == [Mask, Int]


def mixed(execute):
    """I → free → library → free, over other names than their own."""
    a = execute.run([START], "t = np.where(I == 1, 2, I)\nx1 = t")
    b = library("transform", a, FLIP_LR)
    return execute.run([START, a, b], "f = lambda x1: x1 + 0\nx3 = f(x2).astype(int)")


def test_a_mixed_program_runs_as_a_whole_to_the_same_values(execute, pool):
    value = mixed(execute)
    program = value.program()
    assert program.is_free
    assert len(program) == 3
    again = execute.execute(program, START)
    assert again.key == value.key
    found = pool.run(program.render(), INPUTS)
    assert found.status == "ok"
    assert np.array_equal(found.outputs, value.items)


def test_steps_that_are_not_needed_are_left_out_and_variables_renamed(execute):
    a = execute.run([START], "x1 = I[::-1]")
    b = execute.run([START, a], "x2 = I.T")
    c = execute.run([START, a, b], "x3 = [x2 for x2 in x2.tolist()]\nx3 = np.array(x3)")
    assert c.program().render().splitlines()[4:] == [
        "def solve(I):",
        "    x1 = I.T",
        "    x2 = [x1 for x1 in x1.tolist()]",
        "    x2 = np.array(x2)",
        "    return x2",
    ]


def test_values_keep_their_dtype_for_free_steps_and_are_int8_for_the_library(execute):
    wide = execute.run([START], "x1 = I.astype(int)")
    assert wide.key != START.key
    assert wide.items[0].dtype == np.int8
    assert execute.run([START, wide], "x2 = int((x1 * 100).max() > 127)").items == (1, 1, 1)
    assert execute.run([START], "x1 = int((I * 25).max() > 124)").items == (1, 1, 1)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("I[0, 0] = 9\nx1 = I", "changes a variable"),
        ("y = I", "assigns no plain value to x1"),
        ("x1 = print", "assigns no plain value to x1"),
        ("x1 = 'text'", "not a grid"),
        ("x1 = I * 5", "not a grid"),
        ("x1 = I / 2", "not a grid"),
        ("x1 = 1000", "not a grid"),
        ("x1 = I if I[0, 0] else 3", "not a grid"),
        ("x1 = (", "not Python"),
        ("1 / 0", "division"),
    ],
)
def test_what_is_no_step(execute, text, words):
    found = execute.run([START], text)
    assert isinstance(found, Failure)
    assert words in str(found)
    assert execute([START], [FreeStep(text, 0.0)]) == [None]


def test_objects_and_grids_pass_both_ways(execute):
    objects = library("find_objects", START, 1, 0)
    assert objects.type is Objects
    count = execute.run([START, objects], "x2 = x1.count")
    assert count.items == tuple(o.count for o in objects.items)
    same = execute.run([START, objects], "x2 = find_objects(I, CONN8, ONE_COLOR)")
    assert same.key == objects.key


def hostile_objects():
    grid, labels = np.zeros((2, 2), np.int8), np.zeros((2, 2), np.int16)
    yield Objects(grid, labels + 5, 2)
    yield Objects(grid, labels - 1, 2)
    yield Objects(grid, np.zeros((3, 3), np.int16), 1)
    yield Objects(grid + 50, labels, 1)
    yield Objects(grid, labels, 10**9)
    yield Objects(grid, labels, -1)
    yield Objects(grid, labels, "1")
    yield Objects(grid, None, 1)
    yield Grids(np.zeros((1, 30, 30), np.int8), np.array([[31, 1]]))
    yield Grids(np.zeros((1, 30, 30), np.int8), np.array([[0, 1]]))
    yield Grids(np.zeros((2, 30, 30), np.int8), np.array([[1, 1]]))
    yield Grids(np.ones((1, 30, 30), np.int8), np.array([[2, 2]]))
    yield Grids(np.zeros((0, 30, 30), np.int8), np.zeros((0, 2), np.int64))
    yield Grids([], [])


def test_values_that_compiled_code_would_stumble_over_are_refused():
    for value in hostile_objects():
        assert typed_items([value]) is None, value


def test_objects_of_free_python_are_as_the_library_keeps_them():
    """A rule that looks at all objects stumbles over one without cells, and values are compared by objects' cells."""
    grid, labels = np.array([[1, 2], [3, 4]], np.int8), np.array([[0, 3], [3, 5]], np.int64)
    kind, (found,) = typed_items([Objects(grid, np.asfortranarray(labels), 6)])
    assert kind is Objects
    assert found.grid.tolist() == [[0, 2], [3, 4]]
    assert found.labels.tolist() == [[0, 1], [1, 2]]
    assert found.count == 2
    assert (found.grid.dtype, found.labels.dtype) == (np.int8, np.int16)
    assert all(part.flags.c_contiguous and part.flags.owndata for part in found[:2])
    assert typed_items([Objects(grid, np.zeros((2, 2), np.int16), 0)]) is None


def test_a_grid_on_one_input_and_a_number_on_another_has_no_type():
    assert typed_items([INPUTS[0], 3]) is None
    assert typed_items([INPUTS[0], INPUTS[1].astype(float)]) is None
    assert typed_items([True]) is None


def test_a_value_keeps_nothing_else_in_memory(execute):
    """A few cells of a large array are not held as a view of it."""
    for dtype in ("np.int8", "int"):
        value = execute.run([START], f"big = np.zeros((100, 100), {dtype})\nx1 = big[:3, :3]")
        assert all(grid.base is None and grid.nbytes <= 72 for grid in (*value.items, *value.exact))


def test_a_step_nested_too_deeply_to_be_written_out_is_no_step(execute):
    found = execute.run([START], "x1 = I" + " + 0" * 400)
    assert isinstance(found, Failure)
    assert "nested too deeply" in str(found)
    fine = execute.run([START], "x1 = I * 0" + " + 0" * 60)
    assert "x1 = I * 0 + 0" in fine.program().render()


class TwoPolicies:
    """The grammar's steps, and free steps that read the newest variable."""

    def __init__(self) -> None:
        self.grammar = GrammarPolicy(Grammar(), range(6))

    def propose(self, states, num_steps, rng):
        proposals = self.grammar.propose(states, num_steps // 2, rng)
        for state, steps in zip(states, proposals, strict=True):
            new, last = f"x{len(state)}", "I" if len(state) == 1 else f"x{len(state) - 1}"
            texts = (
                f"{new} = {last}[::-1]",
                f"{new} = {last} + 1 - 1",
                f"{new} = np.where({last} == 3, 7, {last})",
                "?",
            )
            steps += [FreeStep(text, -3.0) for text in texts]
        return proposals


def test_the_tree_searches_mixed_programs(pool):
    """Upside down (either executor) and 3 → 7 with all else kept; found and merged by equal values."""
    truth = [np.where(grid == 3, 7, grid)[::-1] for grid in INPUTS]

    def evaluate(value: Value) -> float:
        return float(value.type is Grid and all(np.array_equal(a, b) for a, b in zip(value.items, truth, strict=True)))

    tree = Tree(
        [((START,), 1.0)], [TwoPolicies()], evaluate, TreeRules(batch=4, num_steps=16, max_depth=2),
        np.random.default_rng(0), SandboxExecutor(pool),
    )  # fmt: skip
    for _ in range(8):
        tree.step()
    solved = [node for node in tree.nodes.values() if node.own == 1]
    assert solved
    found = pool.run(solved[0].values[-1].program().render(), INPUTS)
    assert np.array_equal(found.outputs, truth)
