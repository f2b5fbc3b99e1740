"""The vote: from the answers of all sources to two different attempts for every test input.

Answers are grouped by output, test input by test input. A group's weight is the sum of its answers' weights; groups
with an exact answer come before groups without. A source's weights are divided by its total, so that sources with
different scales can stand side by side.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from .answers import Answer, Attempt, Findings
from .tasks import Task


def choose_attempts(task: Task, findings: Mapping[str, Findings]) -> tuple[tuple[Attempt, Attempt], ...]:
    """The two attempts for each test input: different, valid grids; plausible fallbacks where nothing was found."""
    attempts = []
    for index in range(len(task.test)):
        ranked = _ranked(index, findings)
        for grid in fallback_grids(task, index):
            if len(ranked) >= 2:
                break
            if not any(np.array_equal(grid, a.grid) for a in ranked):
                ranked.append(Attempt(grid))
        attempts.append((ranked[0], ranked[1]))
    return tuple(attempts)


def _ranked(index: int, findings: Mapping[str, Findings]) -> list[Attempt]:
    """Groups of equal outputs for one test input, best first."""
    weights: dict[tuple[tuple[int, ...], bytes], float] = {}
    best: dict[tuple[tuple[int, ...], bytes], Answer] = {}
    share: dict[tuple[tuple[int, ...], bytes], float] = {}
    for source in sorted(findings):
        answers = [a for a in findings[source].answers if a.outputs[index] is not None]
        total = sum(a.weight for a in answers) or 1.0
        for answer in answers:
            grid = answer.outputs[index]
            assert grid is not None
            key = (grid.shape, grid.tobytes())
            weights[key] = weights.get(key, 0.0) + answer.weight / total
            mine = (answer.exact, answer.weight / total)
            if key not in best or mine > (best[key].exact, share[key]):
                best[key], share[key] = answer, answer.weight / total
    order = sorted(weights, key=lambda k: (not best[k].exact, -weights[k], k))
    return [
        Attempt(
            np.frombuffer(key[1], np.int8).reshape(key[0]).copy(),
            best[key].source,
            best[key].origin,
            weights[key],
            best[key].exact,
        )
        for key in order[:2]
    ]


def fallback_grids(task: Task, index: int) -> list[np.ndarray]:
    """Plausible grids for a test input of which nothing is known: the input, then single colours in a likely size.

    The size is the outputs' common size, or the input's. The colours are the outputs' most frequent ones. At least
    two different grids.
    """
    grid = task.test[index].input
    outputs = [p.output for p in task.train if p.output is not None]
    shapes = {o.shape for o in outputs}
    shape = shapes.pop() if len(shapes) == 1 else grid.shape
    counts = sum((np.bincount(o.ravel(), minlength=10) for o in outputs), np.zeros(10, np.int64))
    colors = np.argsort(-counts, kind="stable")[:3]
    solid = [np.full(shape, color, np.int8) for color in colors]
    same_size = all(p.output is not None and p.output.shape == p.input.shape for p in task.train)
    return [grid, *solid] if same_size else [*solid, grid]
