"""Cell rules: small decision trees over many features of a cell, fitted to all pairs at once.

`decision_trees.py` asks for the colours of known grids; a cell rule also asks what a cell sees, where it lies, what its
object is like (`words/families.py`), and whether two of these colours are equal. Its leaves write a colour, or copy one
of the colours. With that many questions a tree that fits is easily found and means little. So several trees are grown,
each from a random part of the questions, and a pair is *confirmed* only if the tree that the same questions make of the
other pairs alone gives this pair's output. Found rules are steps of free Python, since no library function asks all
this.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence

import numpy as np

from ...executor import Value
from ...fused import GridStore
from ...sandbox.executor import FreeValue
from ..words.carried import source_of
from ..words.families import family_text, functions_of
from .cell_questions import (
    GRID,
    BaseCells,
    Name,
    Question,
    as_rows,
    divisions,
    flat,
    new_questions,
    same_colors,
    unknown,
)
from .cell_trees import CellTrees
from .pool import Pool
from .rule import LEAF_COST, Fit, with_doubt
from .trees import Tree

MAX_CELLS = 8000
"""Of all training outputs together; larger tasks would take seconds."""

TIME_SHARE = 1 / 3
"""Of the time that a root pass has left, for the cell rules of one round."""

PREPARE_S, PREPARE_S_PER_CELL, TREES_S = 0.04, 5e-5, 0.04
"""Seconds that features and questions of a grid take, by all its cells, and trees at least. Where time is shorter cell
rules do not begin: they would leave nothing but a shorter enumeration."""

NUM_EXTRA = 24
"""Pool values whose colours are asked for beside the features."""


class CellRules(CellTrees):
    """The questions and actions over one grid per input, and the trees over them.

    base: the grid whose cells are asked about, of the outputs' shapes. extra: other grids of its shapes. cells: what is
    known of the base, if that is at hand.
    """

    def __init__(
        self, base: Value, extra: Sequence[Value], targets: Sequence[np.ndarray], cells: BaseCells | None = None
    ) -> None:
        self.base, self.extra = base, list(extra)
        self.input_of = np.repeat(np.arange(len(base.items)), [grid.size for grid in base.items])
        target = np.concatenate([grid.ravel() for grid in targets]).astype(np.int64)
        super().__init__(target, [grid.size for grid in targets])
        self._cells = cells or BaseCells(base, len(target))

    @property
    def least_s(self) -> float:
        """Seconds, roughly, below which it makes no sense to ask for fits."""
        is_known = self._cells.steps.done
        return TREES_S + (0.0 if is_known else PREPARE_S + PREPARE_S_PER_CELL * len(self.input_of))

    def prepare(self, stop: Callable[[], bool]) -> bool:
        return self._cells.steps.finish(stop) and super().prepare(stop)

    def _known(self) -> dict[Name, np.ndarray]:
        return self._cells.values | {(-1, str(k)): flat(value.items) for k, value in enumerate(self.extra)}

    def _ask(self, values: dict[Name, np.ndarray]) -> tuple[list[Question], np.ndarray]:
        cells, number = self._cells, len(self.target)
        extra = [name for name in values if name[0] == -1]
        known = {key for _, _, key in cells.divisions}
        found = list(cells.divisions)
        for name in extra:
            found += new_questions(divisions(name, values[name], number), number, known)
        found += unknown(cells.copies, known)
        found += new_questions(same_colors(values, [(GRID, name) for name in extra]), number, known)
        found += unknown(cells.equals, known)
        answers = as_rows([answer for _, answer, _ in found], len(values[GRID]))
        return [question for question, _, _ in found], answers

    def _value(self, tree: Tree) -> FreeValue | None:
        """The tree as an executed step; None if it has no colour for some cell of a test input."""
        out = self._write(tree, np.arange(len(self.input_of)))
        if out.min() < 0:
            return None
        cells = iter(np.split(out.astype(np.int8), np.cumsum([grid.size for grid in self.base.items])[:-1]))
        items = [next(cells).reshape(grid.shape) for grid in self.base.items]
        used = sorted({k for k in self._names(tree) if k[0] == -1})
        parents = (self.base, *(self.extra[int(name)] for _, name in used))
        # An extra value may be the base itself, under another name.
        names = {GRID: "base"} | {name: f"other{name[1]}" for name in used}
        cost = sum(parent.cost for parent in parents)
        return FreeValue.fitted(items, parents, tuple(names.values()), self._text(tree, names), cost)

    def _text(self, tree: Tree, names: dict[Name, str]) -> str:
        """The tree as Python that assigns `out`. names: the variables of grids."""
        used = sorted(name for name in self._names(tree) if name[0] >= 0)
        families = sorted({family for family, _ in used})
        called = {family: f"features{k}" for k, family in enumerate(families, 1)}
        words = names | {name: f'{called[name[0]]}["{name[1]}"]' for name in used}

        calls = [f"{called[family]} = {family_text(family, 'base')}" for family in families]
        rule = f"out = (np.zeros(base.shape, np.int8) + {self._expression(tree, words)}).astype(np.int8)"
        return "\n".join([*filter(None, [source_of(functions_of(families))]), *calls, rule])


class CellFitter:
    """Cell rules in the rounds of a root pass: over the input, or where its shapes are not the outputs' over the
    pool value that has most cells right. What rounds have in common is made once: most have the same base, and many
    the same other grids. It holds one base and one set of rules at a time."""

    def __init__(self, store: GridStore, targets: Sequence[np.ndarray]) -> None:
        self.store, self.targets = store, targets
        self.num_cells = sum(target.size for target in targets)
        self._cells: BaseCells | None = None
        self._rules: CellRules | None = None

    def fits(
        self, pool: Pool, rng: np.random.Generator, stop: Callable[[], bool], deadline: float | None = None
    ) -> tuple[list[Fit], int]:
        """The fits, see `CellRules.fits`, and the number of checks that they took.

        deadline: when all of the root pass's time is over, by time.monotonic; None where nodes are counted: then no
        clock is looked at. With it cell rules get TIME_SHARE of the time until then, and do not begin where that is
        too short to get anywhere.
        """
        if self.num_cells > MAX_CELLS or stop():
            return [], 0
        rules = self._over(*self._grids(pool))
        if deadline is not None:
            now = time.monotonic()
            end = now + TIME_SHARE * (deadline - now)
            if end - now < rules.least_s:
                return [], 0
            before_that, stop = stop, lambda: before_that() or time.monotonic() >= end
        before = rules.num_checks
        return rules.fits(rng, stop), rules.num_checks - before

    def _grids(self, pool: Pool) -> tuple[Value, list[Value]]:
        """The base and the other grids: the cheapest pool values of its shapes."""
        given = self.store.value(0)
        first = 0
        if any(grid.shape != target.shape for grid, target in zip(given.items, self.targets, strict=False)):
            first = int(self.store.matches[pool.numbers, 2].argmax())
        rows = np.flatnonzero(pool.test_shape == pool.test_shape[first])
        rows = [first, *rows[rows != first][:NUM_EXTRA]]
        base, *extra = [self.store.value(int(pool.numbers[row])) for row in rows]
        return base, extra

    def forget(self) -> None:
        """Give back the memory of what the rounds have in common."""
        self._cells = self._rules = None

    def _over(self, base: Value, extra: Sequence[Value]) -> CellRules:
        """The rules over these values, those of the last round if they are over the same."""
        if self._cells is None or self._cells.base.key != base.key:
            self._cells = BaseCells(base, self.num_cells)
        known = self._rules
        if known is None or [v.key for v in (known.base, *known.extra)] != [v.key for v in (base, *extra)]:
            self._rules = CellRules(base, extra, self.targets, self._cells)
        return self._rules


def vote_cost(fit: Fit, num_train: int) -> float:
    """Nats that a cell rule costs in the vote beyond what the grammar knows of."""
    return with_doubt(LEAF_COST * fit.num_entries, fit.confirmed, num_train)
