"""Traces of trees as JSON lines: a head, then a line a node in the order in which they were opened.

    {"kind": "tree", "task_id": …, "view": …, "agent": …, "num_executed": …, "seconds": {…}}
    {"kind": "node", "number": 3, "parents": [1], "step": "x1 = transform(I, FLIP_LR)", "depth": 1, "prior": …,
     "own": …, "visits": …, "mean": …, "best": …, "closed": false, "expanded": true, "unopened": 12, "ppm": …}

`step` is the statement that made the node's newest value; `own` what its state was held worth: its reward, mixed
with `ppm`, a preference model's score (−1..1), if there is one (else null). The root has number 0 and no step.
Training pairs for a preference model are read from these (best and worst children of a parent).
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from ..errors import InputError
from ..submission import write_atomic
from .tree import Node, Tree


@dataclass
class TraceNode:
    """A node as the trace has it. parents: numbers of the nodes that it is a child of."""

    number: int
    parents: list[int]
    step: str
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


@dataclass
class Trace:
    """A tree as it was when it ended. nodes: in the order of their numbers."""

    head: dict[str, Any]
    nodes: list[TraceNode] = field(default_factory=list)

    def children(self, number: int) -> list[TraceNode]:
        return [node for node in self.nodes if number in node.parents]


def trace_of(tree: Tree, **head: Any) -> Trace:
    """What a tree holds. head: what else to say of it."""
    parents: dict[int, list[int]] = {}
    nodes = {tree.root.number: tree.root}
    stack = [tree.root]
    while stack:
        node = stack.pop()
        for child in node.children:
            parents.setdefault(child.number, []).append(node.number)
            if child.number not in nodes:
                nodes[child.number] = child
                stack.append(child)
    facts = {"agent": tree.rules.agent, "num_executed": tree.num_executed, "seconds": dict(tree.seconds), **head}
    return Trace(facts, [_trace_node(nodes[n], sorted(parents.get(n, []))) for n in sorted(nodes)])


def _trace_node(node: Node, parents: list[int]) -> TraceNode:
    step = ""
    if node.values and node.values[-1].function is not None:
        step = node.values[-1].program().render().strip().splitlines()[-2].strip()
    return TraceNode(
        node.number, parents, step, node.depth, node.prior, node.own, node.visits, node.mean, node.best, node.closed,
        node.expanded, len(node.unopened), node.ppm,
    )  # fmt: skip


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
        return Trace(head, [TraceNode(**{k: v for k, v in line.items() if k != "kind"}) for line in lines[1:]])
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    except (ValueError, KeyError, IndexError, TypeError) as error:
        raise InputError(f"{path}: no trace of a tree: {error}") from error


def _lines(path: Path) -> Iterator[dict[str, Any]]:
    for line in path.read_bytes().splitlines():
        yield orjson.loads(line)
