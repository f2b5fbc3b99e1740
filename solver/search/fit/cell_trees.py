"""Small trees over questions about cells, grown from random parts of the questions.

A leaf writes a colour or copies one. A tree fits where it has no wrong cell, and a pair is *confirmed* if the tree that
the same questions make of the other pairs alone gives this pair's output. Cell rules (`cell_rules.py`) and growth rules
(`growth_rules.py`) are such trees over different cells.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np

from ...sandbox.executor import FreeValue
from ..words.cells import places
from ..words.families import FAMILIES
from .cell_questions import GRID, Name, Question, Steps, is_color
from .rule import Fit
from .trees import Tree, question_merits

NUM_TREES = 12
MAX_LEAVES = 10
QUESTIONS_SHARE, PLACES_SHARE = 0.4, 0.1
"""Of the questions, and of those for rows, columns and their remainders (`cells.places`), for every tree. Such rules
seldom hold for other grids. The first tree has 2.5 times as many, which is all but most of the latter."""

CELLS_PER_STEP = 500
"""Cells that are counted between two looks at the clock: some milliseconds for 2,000 questions."""

CHECKS_PER_CELL = 1 / 400
"""Table checks (see root.py) that one question about one cell costs."""


@dataclass(frozen=True)
class Asked:
    """The questions for one tree. use: their numbers. answers: bool [questions, training cells]. counts: how often
    every action is right where the answer is yes, float32 [actions + 1, questions]; the last row counts the cells."""

    use: np.ndarray
    answers: np.ndarray
    counts: np.ndarray


class CellTrees:
    """Small trees over questions about cells. A subclass says what is known of the cells (`_known`), what is asked
    (`_ask`), and what a tree makes of all inputs (`_value`).

    target: the colour that each training cell should get, int64 [n]: pair after pair. sizes: how many are each pair's.
    """

    num_trees = NUM_TREES

    def __init__(self, target: np.ndarray, sizes: Sequence[int]) -> None:
        self.target = target
        self._pairs = [slice(int(first), int(end)) for first, end in pairwise(np.cumsum([0, *sizes]))]
        self.num_checks = 0
        self.questions: list[Question] = []
        self.actions: list[int | Name] = []
        self._steps = Steps(self._make())

    def _known(self) -> dict[Name, np.ndarray]:
        """All features over all cells, those of training first, int16 each."""
        raise NotImplementedError

    def _ask(self, values: dict[Name, np.ndarray]) -> tuple[list[Question], np.ndarray]:
        """The questions that divide the training cells, no two of them alike on all cells, and their answers, bool
        [questions, n]."""
        raise NotImplementedError

    def _value(self, tree: Tree) -> FreeValue | None:
        """The tree as an executed step; None if it does not work on all inputs."""
        raise NotImplementedError

    def prepare(self, stop: Callable[[], bool]) -> bool:
        """Make questions and actions, once; False if `stop()` came before they were all there."""
        return self._steps.finish(stop)

    def _make(self) -> Iterator[None]:
        values = self._known()
        self.questions, self.answers = self._ask(values)
        self._shares = np.array([_share(question) for question in self.questions])
        yield
        self._list_actions(values)
        yield
        yield from self._count_pairs()

    def _list_actions(self, values: dict[Name, np.ndarray]) -> None:
        """The actions that are right in some training cell, no two of them alike on all cells, and the colours that
        they write, int16 [actions, n]."""
        every: list[tuple[int | Name, np.ndarray]] = [(n, cells) for n, cells in values.items() if is_color(n)]
        every += [(int(k), np.full(values[GRID].shape, k, np.int16)) for k in np.unique(self.target)]
        different: dict[bytes, tuple[int | Name, np.ndarray]] = {}
        for action, cells in every:
            different.setdefault(cells.tobytes(), (action, cells))
        results = np.array([cells for _, cells in different.values()])
        right = results[:, : len(self.target)] == self.target
        useful = right.any(1)
        self.actions = [a for (a, _), is_useful in zip(different.values(), useful, strict=True) if is_useful]
        self.results = results[useful]
        # Where several actions are right equally often: the cell as it is, then one colour, then another feature.
        self._preference = np.array([0.0 if a == GRID else 0.2 if isinstance(a, int) else 0.5 for a in self.actions])
        # The last column counts cells. Sums of zeros and ones are exact in float32, and many times as fast as whole
        # numbers.
        self._right = np.ones((len(self.target), len(self.actions) + 1), np.float32)
        self._right[:, :-1] = right[useful].T

    def _count_pairs(self) -> Iterator[None]:
        """How often every action is right where a question is answered by yes, for each pair: no tree need count again
        before its first question."""
        self._counts = np.empty((len(self._pairs), len(self.actions) + 1, len(self.questions)), np.float32)
        for pair, cells in enumerate(self._pairs):
            self._counts[pair] = 0.0
            for first in range(cells.start, cells.stop, CELLS_PER_STEP):
                part = slice(first, min(first + CELLS_PER_STEP, cells.stop))
                self._counts[pair] += self._right[part].T @ self.answers[:, part].T.astype(np.float32)
                yield
        self._all_counts = self._counts.sum(0)

    def fits(self, rng: np.random.Generator, stop: Callable[[], bool]) -> list[Fit]:
        """The trees without a wrong cell that work on all inputs, the most confirmed and smallest first.

        stop: asked between steps of some milliseconds. What was found before it came is returned; a pair that was not
        looked at by then counts as one that is not confirmed.
        """
        found: dict[bytes, Fit] = {}
        everything = np.arange(len(self.target))
        for number in range(self.num_trees if self.prepare(stop) and self.questions else 0):
            if stop():
                break
            use = np.flatnonzero(rng.random(len(self.questions)) < self._shares * (1.0 if number else 2.5))
            asked = Asked(use, self.answers[use, : len(self.target)], self._all_counts[:, use])
            tree = self._grow(everything, asked, asked.counts, stop)
            value = None if tree is None else self._value(tree)
            if value is None:
                continue
            confirmed = sum(self._is_confirmed(pair, asked, stop) for pair in range(len(self._pairs)))
            fit = Fit(value, confirmed, tree.num_leaves)
            known = found.get(value.key)
            if known is None or (fit.confirmed, -fit.num_entries) > (known.confirmed, -known.num_entries):
                found[value.key] = fit
        return sorted(found.values(), key=lambda fit: (-fit.confirmed, fit.num_entries))

    def _is_confirmed(self, pair: int, asked: Asked, stop: Callable[[], bool]) -> bool:
        """Whether the tree that the other pairs make with the same questions gives this pair's output."""
        own = np.arange(self._pairs[pair].start, self._pairs[pair].stop)
        others = np.concatenate([np.arange(own[0]), np.arange(own[-1] + 1, len(self.target))])
        if not len(others) or stop():
            return False
        tree = self._grow(others, asked, asked.counts - self._counts[pair][:, asked.use], stop)
        return tree is not None and bool((self._write(tree, own) == self.target[own]).all())

    def _leaf(self, cells: np.ndarray, right: np.ndarray) -> Tree:
        """right: how often every action is right in these cells, float32 [actions + 1]; the last is their number."""
        action = int((right[:-1].astype(np.float64) - 1e-3 * self._preference).argmax())
        return Tree(cells, action, len(cells) - int(right[action]))

    def _grow(self, cells: np.ndarray, asked: Asked, counts: np.ndarray, stop: Callable[[], bool]) -> Tree | None:
        """A tree over training cells that asks these questions and has no wrong cell; None if it would be too large,
        or where `stop()` came before it had grown. counts: of all its cells, see `Asked`."""
        total = self._right[cells].sum(0)
        root = self._leaf(cells, total)
        # What is known of every leaf: how often every action is right in it, and where a question's answer is yes.
        known: dict[Tree, tuple[np.ndarray, np.ndarray]] = {root: (total, counts)}
        while True:
            worst = max(known, key=lambda leaf: leaf.wrong)
            if worst.wrong == 0:
                return root
            if len(known) >= MAX_LEAVES or stop():
                return None
            total, counts = known.pop(worst)
            self.num_checks += int(len(asked.use) * len(worst.items) * CHECKS_PER_CELL) + 1
            best = _best_question(total, counts)
            if best < 0:
                return None
            totals = self._divide(worst, int(asked.use[best]), total, counts[:, best].copy())
            halves = dict.fromkeys(totals, counts)  # of no use where no question follows
            if len(known) + 2 < MAX_LEAVES and (worst.yes.wrong or worst.no.wrong):
                # One half is counted, the smaller, and the other is what that leaves.
                fewer, more = sorted(totals, key=lambda leaf: len(leaf.items))
                few = self._count(fewer.items, asked, stop)
                if few is None:
                    return None
                halves |= {fewer: few, more: counts - few}
            known |= {leaf: (totals[leaf], halves[leaf]) for leaf in totals}

    def _divide(self, leaf: Tree, question: int, total: np.ndarray, right: np.ndarray) -> dict[Tree, np.ndarray]:
        """Let a leaf ask a question; the two leaves that follow, each with how often every action is right in it.
        total, right: that in all its cells, and in those with the answer yes; float32 [actions + 1]."""
        leaf.question = question
        answer = self.answers[question, leaf.items]
        leaf.yes, leaf.no = self._leaf(leaf.items[answer], right), self._leaf(leaf.items[~answer], total - right)
        return {leaf.yes: right, leaf.no: total - right}

    def _count(self, cells: np.ndarray, asked: Asked, stop: Callable[[], bool]) -> np.ndarray | None:
        """How often every action is right in these cells where the answers are yes, see `Asked`; None where `stop()`
        came before."""
        counts = np.zeros((self._right.shape[1], len(asked.use)), np.float32)
        for first in range(0, len(cells), CELLS_PER_STEP):
            if first and stop():
                return None
            part = cells[first : first + CELLS_PER_STEP]
            counts += self._right[part].T @ asked.answers[:, part].T.astype(np.float32)
        return counts

    def _write(self, tree: Tree, cells: np.ndarray) -> np.ndarray:
        """The colours that a tree writes to cells of any input; −1: none."""
        if tree.question < 0:
            return self.results[tree.action, cells]
        answer = self.answers[tree.question, cells]
        out = np.empty(len(cells), np.int64)
        out[answer] = self._write(tree.yes, cells[answer])
        out[~answer] = self._write(tree.no, cells[~answer])
        return out

    def _names(self, tree: Tree) -> set[Name]:
        """The features that a tree uses."""
        if tree.question < 0:
            action = self.actions[tree.action]
            return set() if isinstance(action, int) else {action}
        return self.questions[tree.question].names | self._names(tree.yes) | self._names(tree.no)

    def _expression(self, tree: Tree, words: dict[Name, str]) -> str:
        """The tree as a Python expression. words: how features are written."""
        if tree.question < 0:
            action = self.actions[tree.action]
            return str(action) if isinstance(action, int) else words[action]
        asked = self.questions[tree.question].text(words)
        return f"np.where({asked}, {self._expression(tree.yes, words)}, {self._expression(tree.no, words)})"


def _best_question(total: np.ndarray, counts: np.ndarray) -> int:
    """The place of the question after which most cells are right, with a bonus for halves that are right as a whole;
    −1 if none divides the cells. total, counts: see `CellTrees._grow`."""
    yes, num_yes = counts[:-1], counts[-1]
    num_no = total[-1] - num_yes
    merit = question_merits(yes.max(0), (total[:-1, None] - yes).max(0), num_yes, num_no)
    best = int(merit.argmax()) if len(merit) else -1
    return best if best >= 0 and merit[best] >= 0 else -1


def _share(question: Question) -> float:
    """Of the trees, how many a question is for."""
    family = question.feature[0]
    return PLACES_SHARE if 0 <= family < len(FAMILIES) and FAMILIES[family][0] is places else QUESTIONS_SHARE
