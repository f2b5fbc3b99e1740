"""Decision trees over a pool: what an output cell is, asked step by step of the cells at its place in pool values.

A tree's inner nodes ask whether a pool value has a certain colour at the cell; its leaves write a colour or copy the
cell of one of a few cheap pool values. It generalises the tables of `tables.py` to more than three values, of which
each cell looks at a few only. Trees are grown greedily, by right cells and halves that are done with;
several first questions are tried. As a program a tree is nested `where`.

A training pair is *confirmed* when every leaf its cells reach is also reached by cells of another pair.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from ...executor import Value, apply
from ...fused import GridStore
from ...grid.registry import FUNCTIONS, kernel
from .pool import Pool
from .rule import Fit

MAX_LEAVES = 7
NUM_COPIES = 4
NUM_STARTS = 6
COST_WEIGHT = 0.15
"""Right cells that one nat of program cost is worth when questions are compared."""

PURE_BONUS = 0.3
"""What a cell, or a part, is worth beyond being right when its whole half is right: it needs no further question."""


@kernel
def _count_actions(pool, cells, allowed, num_actions, counts):
    """counts[k, v, a] = cells among `cells` where pool value k has colour v and action a is right; a = num_actions:
    all cells with that colour."""
    for k in range(pool.shape[0]):
        for v in range(10):
            for a in range(num_actions + 1):
                counts[k, v, a] = 0
        for c in cells:
            bits = allowed[c]
            v = pool[k, c]
            counts[k, v, num_actions] += 1
            a = 0
            while bits:
                if bits & 1:
                    counts[k, v, a] += 1
                bits >>= 1
                a += 1


@kernel
def _best_questions(counts, total, costs, weight, merits):
    """merits[k, v] of asking 'is value k of colour v?', smaller is better: minus the cells that the best actions of
    the two halves get right, minus a bonus for a half without a wrong cell, plus weighted cost; inf if it does not
    divide the cells."""
    num_actions = counts.shape[2] - 1
    for k in range(counts.shape[0]):
        for v in range(10):
            num_yes = counts[k, v, num_actions]
            num_no = total[num_actions] - num_yes
            if num_yes == 0 or num_no == 0:
                merits[k, v] = np.inf
                continue
            yes, no = 0, 0
            for a in range(num_actions):
                yes = max(yes, counts[k, v, a])
                no = max(no, total[a] - counts[k, v, a])
            merits[k, v] = weight * costs[k] - yes - no
            if yes == num_yes:
                merits[k, v] -= PURE_BONUS * num_yes
            if no == num_no:
                merits[k, v] -= PURE_BONUS * num_no


@dataclass
class _Leaf:
    """cells: numbers of the training cells here. action: the best one. wrong: cells it gets wrong."""

    cells: np.ndarray
    action: int
    wrong: int


@dataclass
class _Question:
    row: int
    color: int
    yes: Any
    no: Any


class Decider:
    """Grows decision trees over the pool values that share the most common shape on the test inputs."""

    def __init__(self, store: GridStore, pool: Pool, max_values: int = 700) -> None:
        self.store, self.pool = store, pool
        group = np.bincount(pool.test_shape).argmax()
        self.rows = np.flatnonzero(pool.test_shape == group)[:max_values]
        self.features = np.ascontiguousarray(pool.train[self.rows])
        self.costs = pool.costs[self.rows]
        self.copies = self.rows[:NUM_COPIES]
        self.num_actions = 10 + len(self.copies)
        self.allowed = np.int64(1) << pool.target.astype(np.int64)
        for k, row in enumerate(self.copies):
            self.allowed |= (pool.train[row] == pool.target).astype(np.int64) << (10 + k)
        self._counts = np.empty((len(self.rows), 10, self.num_actions + 1), np.int64)
        self._merits = np.empty((len(self.rows), 10))
        self.num_checks = 0

    def fits(self, stop: Callable[[], bool]) -> list[Fit]:
        """Trees without a wrong cell, of which at least one pair is confirmed; the smallest first."""
        found: dict[bytes, Fit] = {}
        everything = np.arange(len(self.pool.target))
        first = self._questions(everything, NUM_STARTS)
        for question in first:
            if stop():
                break
            tree = self._grow(everything, question, stop)
            if tree is None:
                continue
            confirmed = self._confirmed(question, stop)
            if (value := self._program(tree)) is not None:
                value.cost = sum(self.costs[row] for row in _rows(tree))
                found.setdefault(value.key, Fit(value, confirmed, len(_leaves(tree))))
        return sorted(found.values(), key=lambda f: (-f.confirmed, f.num_entries, f.value.cost))

    def _leaf(self, cells: np.ndarray) -> _Leaf:
        right = ((self.allowed[cells][:, None] >> np.arange(self.num_actions)) & 1).sum(0)
        # Copying comes before colours: it does not depend on them.
        order = [*range(10, self.num_actions), *range(10)]
        action = max(order, key=lambda a: right[a])
        return _Leaf(cells, action, len(cells) - int(right[action]))

    def _questions(self, cells: np.ndarray, count: int) -> list[tuple[int, int]]:
        """The best questions (row of `features`, colour) to ask about some cells."""
        _count_actions(self.features, cells, self.allowed, self.num_actions, self._counts)
        total = self._counts[0].sum(0)
        _best_questions(self._counts, total, self.costs, COST_WEIGHT, self._merits)
        self.num_checks += len(self.rows)
        flat = np.argsort(self._merits, axis=None, kind="stable")[: 8 * count]
        chosen: list[tuple[int, int]] = []
        for place in flat:
            row, color = divmod(int(place), 10)
            if np.isfinite(self._merits[row, color]) and row not in [r for r, _ in chosen]:
                chosen.append((row, color))
        return chosen[:count]

    def _grow(self, cells: np.ndarray, question: tuple[int, int], stop: Callable[[], bool]) -> Any:
        """A tree that starts with `question` and has no wrong cell; None if it would be too large."""
        root = self._ask(cells, question)
        while True:
            leaves = _leaves(root)
            worst = max(leaves, key=lambda leaf: leaf.wrong)
            if worst.wrong == 0:
                return root
            if len(leaves) >= MAX_LEAVES or stop():
                return None
            following = self._questions(worst.cells, 1)
            if not following:
                return None
            root = _replace(root, worst, self._ask(worst.cells, following[0]))

    def _ask(self, cells: np.ndarray, question: tuple[int, int]) -> _Question:
        row, color = question
        yes = self.features[row, cells] == color
        return _Question(row, color, self._leaf(cells[yes]), self._leaf(cells[~yes]))

    def _confirmed(self, question: tuple[int, int], stop: Callable[[], bool]) -> int:
        """How many pairs a tree gives that is grown from the other pairs alone, with the same first question."""
        pair_of, number = self.pool.pair_of, 0
        for pair in range(self.pool.num_train if self.pool.num_train > 1 else 0):
            tree = self._grow(np.flatnonzero(pair_of != pair), question, stop)
            number += tree is not None and self._gives(tree, np.flatnonzero(pair_of == pair))
        return number

    def _gives(self, node: _Leaf | _Question, cells: np.ndarray) -> bool:
        """Whether a tree gets all these cells right."""
        if isinstance(node, _Leaf):
            return bool(((self.allowed[cells] >> node.action) & 1).all())
        yes = self.features[node.row, cells] == node.color
        return self._gives(node.yes, cells[yes]) and self._gives(node.no, cells[~yes])

    def _value(self, row: int) -> Value:
        return self.store.value(int(self.pool.numbers[row]))

    def _program(self, node: Any) -> Value | None:
        """The tree as an executed program."""
        if isinstance(node, _Leaf):
            if node.action >= 10:
                return self._value(int(self.copies[node.action - 10]))
            return apply(FUNCTIONS["fill_solid"], [self._value(int(self.rows[0])), node.action])
        mask = apply(FUNCTIONS["mask_of_color"], [self._value(int(self.rows[node.row])), node.color])
        yes, no = self._program(node.yes), self._program(node.no)
        if mask is None or yes is None or no is None:
            return None
        return apply(FUNCTIONS["where"], [mask, yes, no])


def _leaves(node: Any) -> list[_Leaf]:
    return [node] if isinstance(node, _Leaf) else [*_leaves(node.yes), *_leaves(node.no)]


def _rows(node: Any) -> set[int]:
    return set() if isinstance(node, _Leaf) else {node.row} | _rows(node.yes) | _rows(node.no)


def _replace(node: Any, old: _Leaf, new: _Question) -> Any:
    if node is old:
        return new
    if isinstance(node, _Leaf):
        return node
    return _Question(node.row, node.color, _replace(node.yes, old, new), _replace(node.no, old, new))
