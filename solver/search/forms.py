"""Normal forms: views in which every grid is turned, or has its colours renamed, by itself.

Pairs that are alike but for a turn, or but for colours, become alike, and a rule need not know of it. How a grid is
turned or renamed is told from its input alone; outputs are led there and results led back by the same. The functions
take grids as int8 [H, W] with 0 the background, and are plain NumPy over the grid library and `words/cells.py`, because
the programs that use them carry their source along.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

from ..tasks import Task
from .grammar import FREE_COST
from .views import INPUT, View, views
from .words.cells import many_colored

MAX_FORMS = 6

FLIPS, QUARTERS, DIAGONAL = (0, 4, 6, 2), (0, 1, 2, 3), (0, 5)
"""Turns to choose from: mirrored upright and across, quarter turns, and mirrored at the diagonal."""

FORMS = (
    (None, "object"),
    ("rarest", QUARTERS),
    ("content", FLIPS),
    (None, "first"),
    ("sides", DIAGONAL),
    ("rarest", FLIPS),
    ("content", QUARTERS),
    ("border", FLIPS),
    (None, "count"),
    ("border", QUARTERS),
    ("lines", DIAGONAL),
)
"""In order of promise: what turns a grid, see `lean`, and how it may be turned; or by what colours are renamed, see
`ranked`."""

FORM_COST = 4.0
"""Nats that a normal form costs in the vote."""


def turned(grid, turn):
    """The grid mirrored left to right if `turn` is 4 or more, then turned `turn` modulo 4 quarters to the left."""
    return np.ascontiguousarray(np.rot90(grid[:, ::-1] if turn >= 4 else grid, turn % 4))


def turned_back(grid, turn):
    """What `turned` gave this grid."""
    grid = np.rot90(grid, -(turn % 4))
    return np.ascontiguousarray(grid[:, ::-1] if turn >= 4 else grid)


def lean(grid, what):
    """Two numbers, for rows and columns. For 'content' and the 'rarest' colour: how far it lies down and to the right
    of the middle. For 'border': how much more content the last line has than the first. For 'lines': how many columns
    and rows have one colour throughout. For 'sides': those of the grid."""
    high, wide = grid.shape
    if what == "sides":
        return high, wide
    if what == "border":
        line = (grid != 0) * 1
        return line[-1].sum() - line[0].sum(), line[:, -1].sum() - line[:, 0].sum()
    if what == "lines":
        upright, across = (grid == grid[:1]).all(0) & (grid[0] > 0), (grid == grid[:, :1]).all(1) & (grid[:, 0] > 0)
        return upright.sum(), across.sum()
    counts = np.bincount(grid.ravel(), minlength=10)
    counts[0] = 0
    rarest = np.where(counts > 0, counts, grid.size + 1).argmin()
    row, column = np.nonzero(grid == rarest if what == "rarest" else grid)
    return (2 * row - high + 1).sum(), (2 * column - wide + 1).sum()


def turn_of(grid, what, turns):
    """Of some turns the one after which the grid leans most upward, then most to the left."""
    return min(turns, key=lambda turn: tuple(map(int, lean(turned(grid, turn), what))))


def ranked(grid, colors, how):
    """Some of the colours, those that the grid has in an order: by their cells, by their largest object (of any
    colours), or by where they come first; then the others as they are given."""
    counts = np.bincount(grid.ravel(), minlength=10)
    place = {color: -int(counts[color]) for color in colors}
    if how == "first":
        place = {color: int((grid.ravel() == color).argmax()) for color in colors}
    if how == "object":
        labels = many_colored(grid)
        sizes = np.bincount(labels.ravel())
        place = {c: (-int(sizes[labels[grid == c]].max(initial=0)), -int(counts[c])) for c in colors}
    here = [color for color in colors if counts[color]]
    return sorted(here, key=lambda color: place[color]) + [color for color in colors if not counts[color]]


def names_of(grid, colors, how):
    """The new name of every colour, int8 [10]: `colors` change names among each other, by rank in this grid."""
    names = np.arange(10, dtype=np.int8)
    names[ranked(grid, colors, how)] = colors
    return names


def posed(grid, given, what, turns):
    """The grid turned as the given one leans."""
    return turned(grid, turn_of(given, what, turns))


def unposed(grid, given, what, turns):
    """Undo `posed`."""
    return turned_back(grid, turn_of(given, what, turns))


def renamed(grid, given, colors, how):
    """The grid with some colours renamed by their rank in the given one."""
    return names_of(given, colors, how)[grid]


def unrenamed(grid, given, colors, how):
    """Undo `renamed`."""
    return np.argsort(names_of(given, colors, how)).astype(np.int8)[grid]


def forms(task: Task, limit: int = MAX_FORMS) -> list[View]:
    """At most `limit` normal forms of a task that differ, in order of promise; none that do the same to all training
    inputs.

    There are none where another colour than 0 is the background: what is rare or a border would be told wrongly.
    """
    if views(task, 1)[0].there:
        return []
    inputs, num_train = task.inputs, len(task.train)
    colors = _changing(inputs)
    found: dict[tuple[bytes, ...], View] = {}
    for what, how in FORMS:
        if what is None:
            done = tuple(names_of(grid, colors, how).tobytes() for grid in inputs)
            view = _view("colours", renamed, unrenamed, (colors, how))
        else:
            done = tuple(bytes([turn_of(grid, what, how)]) for grid in inputs)
            view = _view("pose", posed, unposed, (what, how))
        if len(set(done[:num_train])) > 1:
            found.setdefault(done, view)
    return list(found.values())[:limit]


def _changing(inputs: tuple[np.ndarray, ...]) -> list[int]:
    """The colours that some inputs have and others lack. The others mean the same in all of them, and stay."""
    has = np.array([np.bincount(grid.ravel(), minlength=10) > 0 for grid in inputs])
    return [int(color) for color in np.flatnonzero(has.any(0) & ~has.all(0)) if color]


def _view(name: str, there: Callable, back: Callable, args: tuple) -> View:
    steps = [((function, (INPUT, *args)),) for function in (there, back)]
    return View(f"{name} by {' '.join(map(str, args))}", *steps, discount=2 * FREE_COST - FORM_COST)
