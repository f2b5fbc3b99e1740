"""Views: other ways to look at a task, in which a program may be shorter.

A view is a list of statements that lead from the input into the view, and one that leads a result back to an output.
What is found in a view is a program from the task's real input all the same.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..executor import Value, apply
from ..grid.color import _color_codes
from ..grid.registry import FUNCTIONS, Function
from ..grid.types import Symmetry
from ..sandbox.executor import FreeValue
from ..tasks import Task
from .grammar import FREE_COST
from .words.carried import source_of

INVERSE = {
    Symmetry.FLIP_UD: Symmetry.FLIP_UD,
    Symmetry.FLIP_LR: Symmetry.FLIP_LR,
    Symmetry.ROT90: Symmetry.ROT270,
    Symmetry.ROT180: Symmetry.ROT180,
    Symmetry.ROT270: Symmetry.ROT90,
    Symmetry.TRANSPOSE: Symmetry.TRANSPOSE,
    Symmetry.ANTITRANSPOSE: Symmetry.ANTITRANSPOSE,
}


MAX_VIEWS = 8

BACKGROUND_SHARE = 0.4
"""Of a grid's cells, that its most common colour must exceed to be taken for its background."""


class _Input:
    """Stands in a view's statement for the task's real input."""


INPUT = _Input()

Steps = tuple[tuple[Function | Callable[..., np.ndarray], tuple[Any, ...]], ...]
"""Functions of the grid library, or of program search that programs can carry along, and their arguments after the
grid: constants or INPUT."""


@dataclass(frozen=True)
class View:
    """A way to look at a task. name: for people. there, back: statements that lead from a grid into the view and
    from a result in the view to an output: a function and its arguments after the grid, constants or INPUT.
    discount: nats that these statements cost less in the vote than the grammar says."""

    name: str
    there: Steps = ()
    back: Steps = ()
    discount: float = 0.0


def cleared(grid, given):
    """The grid with 0 and the most common colour of the given one exchanged."""
    names = np.arange(10, dtype=np.int8)
    background = np.bincount(given.ravel(), minlength=10).argmax()
    names[[0, background]] = background, 0
    return names[grid]


def views(task: Task, limit: int) -> list[View]:
    """At most `limit` views in order of promise.

    First the one in which the background is 0, if another colour is the most common of all grids and fills much of
    every input, or if inputs have backgrounds of their own. Then, if the inputs' colours differ, one with the colours
    renamed by rank. Then rotations.
    """
    swap, transform = FUNCTIONS["swap_colors"], FUNCTIONS["transform"]
    counts = np.array([np.bincount(g.ravel(), minlength=10) / g.size for g in task.inputs])
    background = int(counts.mean(0).argmax())
    there: Steps = ()
    name = "plain"
    discount = 0.0
    own = counts.argmax(1)
    if background != 0 and counts[:, background].min() > BACKGROUND_SHARE and counts[:, 0].max() < 0.3:
        there = ((swap, (0, background)),)
        name = f"background {background}"
    elif counts.max(1).min() > BACKGROUND_SHARE and len(set(own[own.nonzero()])) > 1 and not counts[own != 0, 0].any():
        there = ((cleared, (INPUT,)),)
        name, discount = "own background", 2 * FREE_COST
    found = [View(name, there, there, discount)]
    if len({_color_codes(grid).tobytes() for grid in task.inputs}) > 1:
        encoded: Steps = ((FUNCTIONS["encode_colors"], (INPUT,)),)
        found.append(View("colours by rank", encoded, ((FUNCTIONS["decode_colors"], (INPUT,)),)))
    for symmetry in (Symmetry.TRANSPOSE, Symmetry.ROT180, Symmetry.ANTITRANSPOSE, Symmetry.ROT90):
        turn, turn_back = (transform, (int(symmetry),)), (transform, (int(INVERSE[symmetry]),))
        found.append(View(f"{name} {symmetry.name.lower()}", (*there, turn), (turn_back, *there), discount))
    return found[:limit]


def walk(value: Value, steps: Steps, given: Value) -> Value | None:
    """Apply a view's statements to a value. given: what INPUT stands for, over the same inputs."""
    result: Value | None = value
    for function, constants in steps:
        if result is None:
            return None
        cost = result.cost
        if isinstance(function, Function):
            result = apply(function, [result, *(given if isinstance(c, _Input) else c for c in constants)])
        else:
            result = _carried(function, constants, result, given)
        if result is not None:
            result.cost = cost
    return result


def _carried(
    function: Callable[..., np.ndarray], constants: tuple[Any, ...], value: Value, given: Value
) -> FreeValue | None:
    """The step of free Python that calls a function which the program carries along; None where that raises ValueError
    for some grid."""
    try:
        items = [
            function(grid, *(own if isinstance(c, _Input) else c for c in constants))
            for grid, own in zip(value.items, given.items, strict=True)
        ]
    except ValueError:
        return None
    words = ["given" if isinstance(c, _Input) else repr(c) for c in constants]
    text = f"{source_of([function])}\nout = {function.__name__}({', '.join(['base', *words])})"
    return FreeValue.fitted(items, (value, given), ("base", "given"), text, value.cost)
