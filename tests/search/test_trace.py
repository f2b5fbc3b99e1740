"""Traces are enough to run every state of a search again, in any view, and hold what solved the task."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw

from solver.errors import InputError
from solver.executor import apply, input_value
from solver.grid.registry import FUNCTIONS
from solver.policy import Step
from solver.program import parse
from solver.search.deepen import tree_pass
from solver.search.grammar import Grammar
from solver.search.root import RootPass, ViewedTask
from solver.search.root_settings import RootSettings
from solver.search.trace import States, load_trace, save_trace, seen_in, trace_head, trace_of
from solver.search.tree import Tree, TreeRules
from solver.search.views import views
from solver.task_sets import trainable
from solver.tasks import Pair, Task

TRANSFORM = FUNCTIONS["transform"]
SEARCHED = (("0b148d64", 0), ("23b5c85d", 1), ("1b2d62fb", 1), ("007bbfb7", 1))
"""Training tasks that a tree alone solves in a second, and in which view: plain, colours by rank, transposed."""


@pytest.fixture(scope="module")
def tasks():
    return trainable()


def search(task, number, path):
    """A real search of the tree alone; its trace as saved, and the tree."""
    view = views(task, number + 1)[number]
    root = RootPass.begin(ViewedTask.of(task, view), Grammar.shipped(), RootSettings(), np.random.default_rng(0))
    rules = TreeRules(batch=8, max_depth=3)
    _, tree = tree_pass(root, Grammar.shipped(), rules, True, lambda nodes: nodes > 8000)
    save_trace(path, trace_of(tree, **trace_head(task, number, view)))
    return load_trace(path), tree


@pytest.mark.parametrize(("task_id", "number"), SEARCHED)
def test_every_state_of_a_real_search_is_run_again(tasks, tmp_path, task_id, number):
    task = tasks[task_id]
    trace, tree = search(task, number, tmp_path / "t.jsonl")
    assert len(trace.nodes) == len(tree.nodes) + 1 > 10
    states = States(trace, seen_in(trace, task).start)
    for node in tree.nodes.values():
        assert [value.key for value in states[node.number]] == [value.key for value in node.values]
    assert states[0] == ()


@pytest.mark.parametrize(("task_id", "number"), SEARCHED)
def test_solutions_are_programs_of_the_task_itself(tasks, tmp_path, task_id, number):
    task = tasks[task_id]
    trace, _ = search(task, number, tmp_path / "t.jsonl")
    found = {text for node in trace.nodes for text in node.solutions}
    assert found
    for text in found:
        assert all(np.array_equal(parse(text).run(pair.input), pair.output) for pair in task.train)
    assert all(node.own == 1.0 for node in trace.nodes if node.solutions)


class Proposes:
    """A policy that knows one step."""

    def __init__(self, args):
        self.step = Step(TRANSFORM, args, 0.0)

    def propose(self, states, num_steps, rng):
        return [[self.step] for _ in states]


def test_a_state_may_take_in_a_value_that_it_only_implied():
    start = input_value([draw("120/003/400")])
    implied = apply(TRANSFORM, [start, 0])
    shown = apply(TRANSFORM, [implied, 5])
    policy = Proposes((("value", 0), ("constant", 0)))
    rules = TreeRules(batch=1, max_depth=1)
    tree = Tree([((start, shown), 1.0)], [policy], lambda value: 0.0, rules, np.random.default_rng(0))
    tree.step()
    tree.step()
    trace = trace_of(tree)
    assert [(node.step, node.newest) for node in trace.nodes[1:]] == [
        ("x1 = transform(I, FLIP_UD)\nx2 = transform(x1, ROT180)".replace("ROT180", "TRANSPOSE"), 2),
        ("", 1),
    ]
    states = States(trace, start)
    assert [value.key for value in states[2]] == [start.key, shown.key, implied.key]


def test_what_cannot_be_run_again_is_refused(tasks, tmp_path):
    task = tasks["0b148d64"]
    trace, _ = search(task, 0, tmp_path / "t.jsonl")
    start = seen_in(trace, task).start
    child = next(node for node in trace.nodes if node.depth == 1)
    for step, newest, message in (
        ("x1 = tile(I, 9, 9)", 1, "no result"),
        ("x1 = I[::-1]", 1, "no library step"),
        ("x1 = transform(x7, ROT90)", 1, "no library step"),
        (child.step, 9, "no variable x9"),
    ):
        child.step, child.newest = step, newest
        with pytest.raises(InputError, match=f"node {child.number}: .*{message}"):
            States(trace, start)[child.number]


@pytest.mark.parametrize("head", [{"view": 7}, {"view": "x"}, {"view": -1}, {"view": None}, {"view_name": "other"}])
def test_a_view_that_the_task_does_not_have_is_refused(tasks, tmp_path, head):
    task = tasks["0b148d64"]
    trace, _ = search(task, 0, tmp_path / "t.jsonl")
    trace.head |= head
    with pytest.raises(InputError, match="has no view"):
        seen_in(trace, task)


def test_a_trace_of_another_task_is_refused_whatever_its_name(tasks, tmp_path):
    task = tasks["0b148d64"]
    trace, _ = search(task, 0, tmp_path / "t.jsonl")
    other = Task(task.task_id, (*task.train[1:], Pair(draw("1"), draw("2"))), task.test)
    with pytest.raises(InputError, match="no trace of task 0b148d64"):
        seen_in(trace, other)
    hidden = Task("by another name", task.train, tuple(Pair(pair.input) for pair in task.test))
    assert seen_in(trace, hidden).start.key == seen_in(trace, task).start.key


@pytest.mark.parametrize("gone", [1, 3])
def test_a_trace_with_lines_missing_is_refused(tasks, tmp_path, gone):
    path = tmp_path / "t.jsonl"
    search(tasks["0b148d64"], 0, path)
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[:gone] + lines[gone + 1 :]))
    with pytest.raises(InputError, match="no trace of a tree"):
        load_trace(path)
