"""Preference pairs from traces of trees (search/trace.py), as in rStar-Math (arXiv 2501.04519, section 3.3).

Of the children of one parent, the two best that lead to a verified solution are each preferred to the two worst that do
not, best and worst by their value Q in the tree. A solution is verified if its program gives the outputs of all pairs
of the task, the test pairs among them, and RE-ARC pairs of the task where there are any (synthesis/found.py).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence, Set
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..lm.template import PromptTask
from ..prefix import Prefix
from ..search.trace import States, Trace, TraceNode, load_trace, seen_in
from ..synthesis.found import checked_programs
from ..task_sets import load_set, trainable
from ..tasks import Task, task_digest
from .documents import GIVEN, PartWriter
from .preparation import Encoder, Preparation, state_segments

MAX_BEST, MAX_WORST = 2, 2


@dataclass(frozen=True)
class VerifiedTrace:
    """A trace with what is known of its solutions. verified: texts of those that passed."""

    path: Path
    task: Task
    verified: frozenset[str]


@dataclass(frozen=True)
class PreferredNode:
    """better, worse: numbers of children of one parent. weight: one over the pairs of that parent."""

    better: int
    worse: int
    weight: float


def verified_traces(folders: Sequence[Path], re_arc: Path | None, with_dev: bool) -> tuple[list[VerifiedTrace], int]:
    """The traces of some folders that have a verified solution, and how many traces there are in all. with_dev: also
    those of tasks that are held out as dev; else they are left out. Always left out are those of an ARC-AGI-1 training
    task that shares a pair with an evaluation task: a run over the whole training set has such a one.

    Raises InputError for a folder without traces, a damaged trace, and any other task that may not be trained on; which
    task a trace is of is decided by its content.
    """
    tasks = {task_digest(task): task for task in trainable(with_dev).values()}
    left_out = {task_digest(task) for task in load_set("arc-agi-1/training")} - tasks.keys()
    traces: list[tuple[Path, Task, set[str]]] = []
    num_traces = 0
    for path in _trace_paths(folders):
        trace = load_trace(path)
        digest = trace.head.get("task", "")
        task = tasks.get(digest)
        if task is None and digest not in left_out:
            raise InputError(f"{path}: task {trace.head.get('task_id')} is none that may be trained on")
        num_traces += 1
        if task is not None:
            traces.append((path, task, {text for node in trace.nodes for text in node.solutions}))
    texts: dict[str, set[str]] = {}
    for _, task, solutions in traces:
        texts.setdefault(task.task_id, set()).update(solutions)
    checked = checked_programs(texts, {task.task_id: task for _, task, _ in traces}, re_arc)
    right = {task_id: {program.render() for program in programs} for task_id, programs in checked.items()}
    found = [
        VerifiedTrace(path, task, frozenset(solutions & right.get(task.task_id, set())))
        for path, task, solutions in traces
    ]
    return [one for one in found if one.verified], num_traces


def _trace_paths(folders: Iterable[Path]) -> list[Path]:
    paths = []
    for folder in folders:
        found = sorted(folder.glob("*.jsonl"))
        if not found:
            raise InputError(f"{folder}: no traces of trees")
        paths += found
    return paths


def preferred(trace: Trace, verified: Set[str]) -> list[PreferredNode]:
    """The pairs of a trace; see the module. verified: texts of programs. States of free Python are in none."""
    children: dict[int, list[TraceNode]] = {}
    for node in [node for node in trace.nodes if not node.free]:
        for parent in node.parents:
            children.setdefault(parent, []).append(node)
    leads = _leading(trace, verified)
    found: list[PreferredNode] = []
    for parent in sorted(children):
        ranked = sorted(children[parent], key=lambda node: (-_value(node, leads), node.number))
        best = [node for node in ranked if node.number in leads][:MAX_BEST]
        worst = [node for node in reversed(ranked) if node.number not in leads][:MAX_WORST]
        pairs = [(a, b) for a in best for b in worst if _value(a, leads) > _value(b, leads)]
        found += [PreferredNode(a.number, b.number, 1 / len(pairs)) for a, b in pairs]
    return found


def _leading(trace: Trace, verified: Set[str]) -> set[int]:
    """Numbers of the nodes that are solved by a verified program or have one below them."""
    waiting = [node.number for node in trace.nodes if not verified.isdisjoint(node.solutions)]
    leads: set[int] = set()
    while waiting:
        number = waiting.pop()
        if number not in leads:
            leads.add(number)
            waiting += trace.nodes[number].parents
    return leads


def _value(node: TraceNode, leads: Set[int]) -> float:
    """Q as the tree has it: half the best value below the node and half the mean. Of a node that no visit reached it is
    what the first one would have backed up. The best value of one that leads to a solution is 1, though the search may
    have ended before that was backed up."""
    best, mean = (node.best, node.mean) if node.visits else (node.own, node.own)
    return 0.5 * (1.0 if node.number in leads else best) + 0.5 * mean


def trace_part(traces: Sequence[VerifiedTrace], encoder: Encoder, how: Preparation) -> PartWriter:
    """Documents of some traces, in pairs, as the tree's own view showed their states. Raises InputError."""
    writer = PartWriter(encoder.num_vocabulary)
    for one in traces:
        trace = load_trace(one.path)
        pairs = preferred(trace, one.verified)
        try:
            seen = seen_in(trace, one.task)
            task = PromptTask.seen(seen.start, seen.targets)
            states = States(trace, seen.start)
            numbers = {number for pair in pairs for number in (pair.better, pair.worse)}
            segments = {n: state_segments(how.prompt_format, task, Prefix.of(states[n])) for n in sorted(numbers)}
        except InputError as error:
            raise InputError(f"{one.path}: {error}") from error
        documents = {number: encoder.encode(own)[0] for number, own in segments.items()}
        for pair in pairs:
            both = [documents[pair.better], documents[pair.worse]]
            if max(map(len, both)) <= how.max_tokens:
                for tokens in both:
                    writer.add(tokens, np.full(len(tokens), GIVEN), pair.weight)
    return writer
