"""Lattices: grids of panels between lines, each panel of one colour, seen as small grids with a cell for each panel.

What is said of panels (join those alike, stamp a pattern around one) is said of cells there, by all that searches
programs. The lines and the panels' places are told from the input alone; the functions are plain NumPy over the grid
library, because the programs that use them carry their source along.
"""

from __future__ import annotations

import numpy as np

from ..grid.registry import GridError
from ..grid.types import MAX_SIDE
from ..tasks import Pair, Task
from .grammar import FREE_COST
from .views import INPUT, View, cleared, views
from .words.divisions import panels
from .words.kept import kept_by_cells

MIN_PANELS = 4
"""In every grid: a plain frame or cross is no lattice."""

LATTICE_COST = 2.0
"""Nats that going there and back costs in the vote."""


@kept_by_cells
def lattice_places(given):
    """The panels of a grid as labels (int64 [H, W], from 0, −1: a line), and how many lie in a column and in a row."""
    labels = panels(given) - 1
    column = (labels >= 0).any(1)
    across = len(np.unique(labels[column.argmax()][labels[column.argmax()] >= 0]))
    return labels, (labels.max() + 1) // max(across, 1), across


def without_lines(grid, given):
    """One cell for each panel of the given grid, in the colour of its first cell in `grid`."""
    labels, down, across = lattice_places(given)
    first = np.unique(labels, return_index=True)[1][-down * across :]
    return grid.ravel()[first].reshape(down, across)


def with_lines(small, given):
    """Undo `without_lines`: every cell as a panel of the given grid."""
    labels, down, across = lattice_places(given)
    if small.shape != (down, across):
        raise ValueError("a cell for each panel")
    return np.where(labels >= 0, small.ravel()[labels], given).astype(np.int8)


def cleared_panels(grid, given):
    """The grid with 0 and the most common colour of the given one's panels exchanged."""
    return cleared(grid, without_lines(given, given))


def searched_views(task: Task, limit: int, use_lattices: bool) -> list[View]:
    """The views that a search goes through: at most `limit` of `views.views`, and before them that of a lattice."""
    lattice = lattice_view(task) if use_lattices else None
    return [*([] if lattice is None else [lattice]), *views(task, limit)]


def lattice_view(task: Task) -> View | None:
    """The view of a task in which panels are cells; None where not all grids, outputs too, are such lattices."""
    try:
        train = tuple(Pair(_reduced(p.input, p.input), _reduced(p.output, p.input)) for p in task.train)
        test = tuple(Pair(_reduced(p.input, p.input)) for p in task.test)
    except (GridError, ValueError):
        return None
    turn = views(Task(task.task_id, train, test), 1)[0]  # another colour may be the background there
    # INPUT has the lines, of which there may be more than of any panels.
    exchanged = tuple((cleared_panels if function is cleared else function, args) for function, args in turn.there)
    there, back = ((without_lines, (INPUT,)), *exchanged), (*exchanged, (with_lines, (INPUT,)))
    return View("lattice", there, back, discount=turn.discount + 2 * FREE_COST - LATTICE_COST)


def _reduced(grid: np.ndarray, given: np.ndarray) -> np.ndarray:
    """A grid with a cell for each panel. Raises ValueError where it has not the given one's lines and enough panels, of
    one colour each."""
    if grid.shape == given.shape and max(grid.shape) <= MAX_SIDE:
        small = without_lines(grid, given)
        if small.size >= MIN_PANELS and min(small.shape) >= 2 and np.array_equal(with_lines(small, given), grid):
            return small
    raise ValueError("no lattice")
