"""Traces of trees as JSON lines: a head, then a line a node in the order in which they were opened.

    {"kind": "tree", "task_id": …, "task": …, "view": 1, "view_name": …, "agent": …, "num_executed": …, "seconds": {…}}
    {"kind": "node", "number": 3, "parents": [1], "step": "x1 = transform(I, FLIP_LR)", "newest": 1, "depth": 1,
     "prior": …, "own": …, "visits": …, "mean": …, "best": …, "closed": false, "expanded": true, "unopened": 12,
     "ppm": …, "prompt": 0, "free": false, "solutions": []}

`step` is what the program of a node's state adds to that of the parent it was opened from, the first of `parents`: one
statement, none if it had that variable already without the state holding it, or for a root (whose parent is number 0,
which has no state) all that its values need, a line each. `newest` is the variable that the state adds. Variables are
called as in a prompt, I (0) being the input as the tree's view shows it, so `States` can run every state again. `own`
is what the state was held worth: its reward, mixed with `ppm`, a preference model's score (−1..1), if there is one
(else null). `prompt` is the number of the policy that was asked, 0 in all but trees of trees. `free` tells that some
step of the state is free Python, such as a fitted rule, so that `States` cannot run it. `solutions` are whole
programs, from the task's real input on, that end in this state and reproduce its training pairs. `task` is
`tasks.task_digest`, so that nobody has to trust an id. Training pairs for a preference model are read from these
(training/preferences.py).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from ..errors import InputError
from ..executor import Value, apply
from ..prefix import Prefix
from ..program import ProgramError, Ref, parse_steps, variable_name
from ..submission import write_atomic
from ..tasks import Task, task_digest
from .lattice import searched_views
from .root import ViewedTask
from .tree import Node, Tree
from .views import MAX_VIEWS, View


@dataclass
class TraceNode:
    """A node as the trace has it. parents: numbers of the nodes that it is a child of, the one it was opened from
    first."""

    number: int
    parents: list[int]
    step: str
    newest: int
    depth: int
    prior: float
    own: float
    visits: int
    mean: float
    best: float
    closed: bool
    expanded: bool
    unopened: int
    ppm: float | None = None
    prompt: int = 0
    free: bool = False
    solutions: list[str] = field(default_factory=list)


@dataclass
class Trace:
    """A tree as it was when it ended. nodes: in the order of their numbers, from 0 on without a gap."""

    head: dict[str, Any]
    nodes: list[TraceNode] = field(default_factory=list)

    def children(self, number: int) -> list[TraceNode]:
        return [node for node in self.nodes if number in node.parents]


def trace_head(task: Task, number: int, view: View) -> dict[str, Any]:
    """What a trace must say of the task and of the view, by its number among `lattice.searched_views`, for its states
    to be run again."""
    task_id = task.task_id.encode("utf-8", "backslashreplace").decode()  # JSON has no lone surrogates
    return {"task_id": task_id, "task": task_digest(task), "view": number, "view_name": view.name}


def trace_of(tree: Tree, **head: Any) -> Trace:
    """What a tree holds. head: what else to say of it."""
    parents: dict[int, list[Node]] = {}
    nodes = {tree.root.number: tree.root}
    stack = [tree.root]
    while stack:
        node = stack.pop()
        for child in node.children:
            parents.setdefault(child.number, []).append(node)
            if child.number not in nodes:
                nodes[child.number] = child
                stack.append(child)
    facts = {"agent": tree.rules.agent, "num_executed": tree.num_executed, "seconds": dict(tree.seconds), **head}
    return Trace(facts, [_trace_node(nodes[n], parents.get(n, []), tree) for n in sorted(nodes)])


def _trace_node(node: Node, parents: list[Node], tree: Tree) -> TraceNode:
    ordered = sorted(parents, key=lambda parent: (not _opened(parent, node, tree), parent.number))
    step, newest, free, solutions = "", 0, False, []
    if node.values:
        known = len(Prefix.of(ordered[0].values).statements) if ordered[0].values else 0
        prefix = Prefix.of(node.values)
        free = prefix.is_free
        added = enumerate(prefix.statements[known:], known + 1)
        step = "\n".join(statement.render(variable_name(k)) for k, statement in added)
        newest = [value.key for value in prefix.values].index(node.values[-1].key)
        solutions = list(tree.solutions.get(node.values[-1].key, ()))
    return TraceNode(
        node.number, [parent.number for parent in ordered], step, newest, node.depth, node.prior, node.own,
        node.visits, node.mean, node.best, node.closed, node.expanded, len(node.unopened), node.ppm, node.prompt,
        free, solutions,
    )  # fmt: skip


def _opened(parent: Node, child: Node, tree: Tree) -> bool:
    """Whether the child was opened from this parent; others meet it by having equal values."""
    if child.depth == 0:
        return parent is tree.root
    if parent.prompt != child.prompt or len(parent.values) != len(child.values) - 1:
        return False
    return all(a is b for a, b in zip(parent.values, child.values))


class States:
    """The states of a trace's nodes, run again. start: the input in the view of the trace."""

    def __init__(self, trace: Trace, start: Value) -> None:
        self.trace, self.start = trace, start
        self._known: dict[int, tuple[Value, ...]] = {}

    def __getitem__(self, number: int) -> tuple[Value, ...]:
        """The values of a node's state, as in the tree; none for number 0. Raises InputError where a step is no
        library step or has no result."""
        if number == 0:
            return ()
        if number not in self._known:
            node = self.trace.nodes[number]
            before = self[node.parents[0]] or (self.start,)
            values = list(Prefix.of(before).values)
            try:
                statements = parse_steps(node.step, [value.type for value in values])
            except ProgramError as error:
                raise InputError(f"node {number}: no library step: {error}") from error
            for statement in statements:
                args = [values[arg.index] if isinstance(arg, Ref) else arg for arg in statement.args]
                value = apply(statement.function, args, len(self.start.items))
                if value is None:
                    raise InputError(f"node {number}: its step has no result")
                values.append(value)
            if not 0 <= node.newest < len(values):
                raise InputError(f"node {number}: no variable {variable_name(node.newest)}")
            self._known[number] = (*before, values[node.newest]) if node.newest else before
        return self._known[number]


def seen_in(trace: Trace, task: Task) -> ViewedTask:
    """The task as the trace's view shows it. Raises InputError if it is another task, or has no such view."""
    head = trace.head
    if head.get("task") != task_digest(task):
        raise InputError(f"no trace of task {task.task_id}")
    for use_lattices in (True, False):
        known = dict(enumerate(searched_views(task, MAX_VIEWS, use_lattices)))
        view = known.get(head.get("view"))
        seen = ViewedTask.of(task, view) if view is not None and view.name == head.get("view_name") else None
        if seen is not None:
            return seen
    raise InputError(f"task {task.task_id} has no view {head.get('view')!r} {head.get('view_name')!r}")


def save_trace(path: Path, trace: Trace) -> None:
    """Write it as a whole. Raises InputError if that is impossible."""
    lines = [{"kind": "tree", **trace.head}, *({"kind": "node", **vars(node)} for node in trace.nodes)]
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        write_atomic(path, b"".join(orjson.dumps(line) + b"\n" for line in lines))
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error


def load_trace(path: Path) -> Trace:
    """Raises InputError if the file is no trace."""
    try:
        lines = list(_lines(path))
        head = {name: value for name, value in lines[0].items() if name != "kind"}
        if lines[0]["kind"] != "tree":
            raise ValueError("the first line is no tree")
        nodes = [TraceNode(**{k: v for k, v in line.items() if k != "kind"}) for line in lines[1:]]
        for number, node in enumerate(nodes):
            if node.number != number or not all(0 <= parent < len(nodes) for parent in node.parents):
                raise ValueError(f"nodes are missing (number {node.number})")
            if number and not (node.parents and node.parents[0] < number):
                raise ValueError(f"node {number} is opened from no node before it")
        return Trace(head, nodes)
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(f"{path}: no trace of a tree: {error}") from error


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_bytes().splitlines():
        yield orjson.loads(line)
