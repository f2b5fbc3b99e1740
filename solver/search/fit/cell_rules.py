"""Cell rules: small decision trees over many features of a cell, fitted to all pairs at once.

`decision_trees.py` asks for the colours of known grids; a cell rule also asks what a cell sees, where it lies, what its
object is like (`words/cells.py`), and whether two of these colours are equal. Its leaves write a colour, or copy one of
the colours. With that many questions a tree that fits is easily found and means little. So several trees are grown,
each from a random part of the questions, and a pair is *confirmed* only if the tree that the same questions make of the
other pairs alone gives this pair's output. Found rules are steps of free Python, since no library function asks all
this.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise

import numpy as np

from ...executor import Value
from ...fused import GridStore
from ...grid.registry import GridError
from ...sandbox.executor import FreeValue
from ..words.cells import FAMILIES, compute, family_text, places, source_of
from .rule import LEAF_COST, with_doubt
from .tables import Fit, Pool

NUM_TREES = 12
MAX_LEAVES = 10
QUESTIONS_SHARE, PLACES_SHARE = 0.4, 0.1
"""Of the questions, and of those for rows, columns and their remainders (`cells.places`), for every tree. Such rules
seldom hold for other grids. The first tree has 2.5 times as many, which is all but most of the latter."""

MAX_CELLS = 8000
"""Of all training outputs together; larger tasks would take seconds."""

CELLS_PER_STEP = 500
"""Cells that are counted between two looks at the clock: some milliseconds for 2,000 questions."""

TIME_SHARE = 1 / 3
"""Of the time that a root pass has left, for the cell rules of one round."""

PREPARE_S, PREPARE_S_PER_CELL, TREES_S = 0.04, 5e-5, 0.04
"""Seconds that features and questions of a grid take, by all its cells, and trees at least. Where time is shorter cell
rules do not begin: they would leave nothing but a shorter enumeration."""

NUM_EXTRA = 24
"""Pool values whose colours are asked for beside the features."""

PURE_BONUS = 0.3
"""What a cell is worth beyond being right when its whole half is right, as in decision_trees.py."""

CHECKS_PER_CELL = 1 / 400
"""Table checks (see root.py) that one question about one cell costs."""

MAX_EQUAL, MAX_BELOW = 8, 12
"""Numbers up to these are asked for as 'is it k' and 'is it at most k'."""

Name = tuple[int, str]
"""A feature: its family and its name in it; (−1, k): the colours of the k-th extra value, (−2, ''): of the grid."""

GRID: Name = (-2, "")

OPPOSITE = (("up", "down"), ("left", "right"), ("up left", "down right"), ("up right", "down left"))
CORNERS = (("up", "left"), ("up", "right"), ("down", "left"), ("down", "right"))
EQUAL_COLORS = tuple(
    [(f"color seen {a}", f"color seen {b}") for a, b in OPPOSITE + CORNERS]
    + [(f"color {a}", f"color {b}") for a, b in OPPOSITE]
    + [("color of row", "color of column"), ("color nearest", "color most common")]
    + [("color nearest", "color least common"), ("color around", "color most common")]
    + [("color around", "color least common"), ("color of row", "color most common")]
    + [("color of column", "color most common")]
    + [(f"color seen {a}", "color most common") for pair in OPPOSITE[:2] for a in pair]
)
"""Pairs of colours that are asked for being equal and not background, beside the cell's own with every other."""

EQUAL_NUMBERS = tuple(
    [(f"steps {a}", f"steps {b}") for a, b in OPPOSITE] + [("row", "column"), ("row", "column from the right")]
)


@dataclass(frozen=True)
class Question:
    """A question about a cell. how: '==' or '<=' a number, 'is' another colour that is not background, 'as' another
    number."""

    feature: Name
    how: str
    other: int | Name


_Asking = tuple[list[Question], np.ndarray]
"""Questions, and their answers on all cells, bool [questions, n]."""

_Answered = tuple[Question, np.ndarray, bytes]
"""A question, its answers on all cells, and what they have in common with the answers of its contrary."""


@dataclass(eq=False)
class Tree:
    """A node: a leaf while question is −1. cells: numbers of the training cells here. action: the best one. wrong:
    cells that it gets wrong."""

    cells: np.ndarray
    action: int
    wrong: int
    question: int = -1
    yes: Tree | None = field(default=None, repr=False)
    no: Tree | None = field(default=None, repr=False)


@dataclass(frozen=True)
class _Asked:
    """The questions for one tree. use: their numbers. answers: bool [questions, training cells]. counts: how often
    every action is right where the answer is yes, float32 [actions + 1, questions]; the last row counts the cells."""

    use: np.ndarray
    answers: np.ndarray
    counts: np.ndarray


class _Steps:
    """Work in steps of some milliseconds, done once, that may be left at any of them and taken up again."""

    def __init__(self, steps: Iterator[None]) -> None:
        self._steps, self.done = steps, False

    def finish(self, stop: Callable[[], bool]) -> bool:
        """Go on until all is done; False if `stop()` came before."""
        while not self.done and not stop():
            self.done = next(self._steps, True) is True
        return self.done


class BaseCells:
    """What can be known of one grid per input, the base, without other grids: its cells' features, the questions about
    them, and their answers. It is made once, however often other grids come beside it.

    values: all features over all cells of all inputs, int16 [n] each. divisions, copies, equals: answered questions
    that ask for numbers and colours, for the cell's own colour being another one, and for two features being equal;
    each with its answers, bool [n].
    """

    def __init__(self, base: Value, num_cells: int) -> None:
        """num_cells: of the training pairs."""
        self.base, self.num_cells = base, num_cells
        self.values: dict[Name, np.ndarray] = {}
        self.divisions: list[_Answered] = []
        self.copies: list[_Answered] = []
        self.equals: list[_Answered] = []
        self.steps = _Steps(self._make())

    def _make(self) -> Iterator[None]:
        values = self.values
        yield from add_features(values, self.base.items, range(len(FAMILIES)))
        known: set[bytes] = set()
        for name, cells in values.items():
            self.divisions += new_questions(divisions(name, cells, self.num_cells), self.num_cells, known)
            yield
        colors = [name for name in values if is_color(name) and name != GRID]
        self.copies += new_questions(same_colors(values, [(GRID, name) for name in colors]), self.num_cells, known)
        yield
        called: dict[str, list[Name]] = {}
        for name in values:
            called.setdefault(name[1], []).append(name)
        pairs = [(a, b) for x, y in EQUAL_COLORS for a in called.get(x, []) for b in called.get(y, [])]
        self.equals += new_questions(same_colors(values, pairs), self.num_cells, known)
        yield
        pairs = [(a, b) for x, y in EQUAL_NUMBERS for a in called.get(x, []) for b in called.get(y, [])]
        self.equals += new_questions(_same_numbers(values, pairs), self.num_cells, known)


class TreeRules:
    """Small trees over questions about cells. A subclass says what is known of the cells (`_known`), what is asked
    (`_ask`), and what a tree makes of all inputs (`_value`).

    target: the colour that each training cell should get, int64 [n]. pairs: which of the cells are each pair's.
    """

    num_trees = NUM_TREES

    def __init__(self, target: np.ndarray, pairs: list[slice]) -> None:
        self.target, self._pairs = target, pairs
        self.num_checks = 0
        self.questions: list[Question] = []
        self.actions: list[int | Name] = []
        self._steps = _Steps(self._make())

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
        yield
        self.actions, self.results = self._act(values)
        right = self.results[:, : len(self.target)] == self.target
        useful = right.any(1)
        self.actions = [action for action, is_useful in zip(self.actions, useful, strict=True) if is_useful]
        self.results = self.results[useful]
        # Where several actions are right equally often: the cell as it is, then one colour, then another feature.
        self._preference = np.array([0.0 if a == GRID else 0.2 if isinstance(a, int) else 0.5 for a in self.actions])
        self._shares = np.array([_share(question) for question in self.questions])
        # The last column counts cells. Sums of zeros and ones are exact in float32, and many times as fast as whole
        # numbers.
        self._right = np.ones((len(self.target), len(self.actions) + 1), np.float32)
        self._right[:, :-1] = right[useful].T
        yield
        # How often every action is right where a question is answered by yes, for each pair: no tree need count again
        # before its first question.
        self._counts = np.empty((len(self._pairs), len(self.actions) + 1, len(self.questions)), np.float32)
        for pair, cells in enumerate(self._pairs):
            self._counts[pair] = 0.0
            for first in range(cells.start, cells.stop, CELLS_PER_STEP):
                part = slice(first, min(first + CELLS_PER_STEP, cells.stop))
                self._counts[pair] += self._right[part].T @ self.answers[:, part].T.astype(np.float32)
                yield
        self._all_counts = self._counts.sum(0)

    def _act(self, values: dict[Name, np.ndarray]) -> tuple[list[int | Name], np.ndarray]:
        """All actions, no two of them alike on all cells, and the colours that they write, int16 [actions, n]."""
        every: list[tuple[int | Name, np.ndarray]] = [(n, cells) for n, cells in values.items() if is_color(n)]
        every += [(int(k), np.full(values[GRID].shape, k, np.int16)) for k in np.unique(self.target)]
        known: dict[bytes, tuple[int | Name, np.ndarray]] = {}
        for action, cells in every:
            known.setdefault(cells.tobytes(), (action, cells))
        return [action for action, _ in known.values()], np.array([cells for _, cells in known.values()])

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
            asked = _Asked(use, self.answers[use, : len(self.target)], self._all_counts[:, use])
            tree = self._grow(everything, asked, asked.counts, stop)
            value = None if tree is None else self._value(tree)
            if value is None:
                continue
            confirmed = sum(self._is_confirmed(pair, asked, stop) for pair in range(len(self._pairs)))
            fit = Fit(value, confirmed, len(_leaves(tree)))
            known = found.get(value.key)
            if known is None or (fit.confirmed, -fit.num_entries) > (known.confirmed, -known.num_entries):
                found[value.key] = fit
        return sorted(found.values(), key=lambda fit: (-fit.confirmed, fit.num_entries))

    def _is_confirmed(self, pair: int, asked: _Asked, stop: Callable[[], bool]) -> bool:
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

    def _grow(self, cells: np.ndarray, asked: _Asked, counts: np.ndarray, stop: Callable[[], bool]) -> Tree | None:
        """A tree over training cells that asks these questions and has no wrong cell; None if it would be too large,
        or where `stop()` came before it had grown. counts: of all its cells, see `_Asked`."""
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
            self.num_checks += int(len(asked.use) * len(worst.cells) * CHECKS_PER_CELL) + 1
            best = _best_question(total, counts)
            if best < 0:
                return None
            worst.question = int(asked.use[best])
            answer = self.answers[worst.question, worst.cells]
            right = counts[:, best].copy()
            worst.yes = self._leaf(worst.cells[answer], right)
            worst.no = self._leaf(worst.cells[~answer], total - right)
            totals = {worst.yes: right, worst.no: total - right}
            halves = dict.fromkeys(totals, counts)  # of no use where no question follows
            if len(known) + 2 < MAX_LEAVES and (worst.yes.wrong or worst.no.wrong):
                # One half is counted, the smaller, and the other is what that leaves.
                fewer, more = sorted(totals, key=lambda leaf: len(leaf.cells))
                few = self._count(fewer.cells, asked, stop)
                if few is None:
                    return None
                halves |= {fewer: few, more: counts - few}
            known |= {leaf: (totals[leaf], halves[leaf]) for leaf in totals}

    def _count(self, cells: np.ndarray, asked: _Asked, stop: Callable[[], bool]) -> np.ndarray | None:
        """How often every action is right in these cells where the answers are yes, see `_Asked`; None where `stop()`
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
        question = self.questions[tree.question]
        own = {question.feature} | ({question.other} if isinstance(question.other, tuple) else set())
        return own | self._names(tree.yes) | self._names(tree.no)

    def _expression(self, tree: Tree, words: dict[Name, str]) -> str:
        """The tree as a Python expression. words: how features are written."""
        if tree.question < 0:
            action = self.actions[tree.action]
            return str(action) if isinstance(action, int) else words[action]
        question = self.questions[tree.question]
        feature = words[question.feature]
        if question.how == "is":
            asked = f"({feature} == {words[question.other]}) & ({feature} > 0)"
        elif question.how == "as":
            asked = f"{feature} == {words[question.other]}"
        else:
            asked = f"{feature} {question.how} {question.other}"
        return f"np.where({asked}, {self._expression(tree.yes, words)}, {self._expression(tree.no, words)})"


class CellRules(TreeRules):
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
        ends = np.cumsum([0] + [grid.size for grid in targets])
        super().__init__(target, [slice(int(a), int(b)) for a, b in pairwise(ends)])
        self._cells = cells or BaseCells(base, len(target))

    @property
    def least_s(self) -> float:
        """Seconds, roughly, below which it makes no sense to ask for fits."""
        is_known = self._cells.steps.done
        return TREES_S + (0.0 if is_known else PREPARE_S + PREPARE_S_PER_CELL * len(self.input_of))

    def prepare(self, stop: Callable[[], bool]) -> bool:
        return self._cells.steps.finish(stop) and super().prepare(stop)

    def _known(self) -> dict[Name, np.ndarray]:
        return self._cells.values | {(-1, str(k)): _flat(value.items) for k, value in enumerate(self.extra)}

    def _ask(self, values: dict[Name, np.ndarray]) -> tuple[list[Question], np.ndarray]:
        cells, number = self._cells, len(self.target)
        extra = [name for name in values if name[0] == -1]
        known = {key for _, _, key in cells.divisions}
        found = list(cells.divisions)
        for name in extra:
            found += new_questions(divisions(name, values[name], number), number, known)
        found += _unknown(cells.copies, known)
        found += new_questions(same_colors(values, [(GRID, name) for name in extra]), number, known)
        found += _unknown(cells.equals, known)
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
        return "\n".join([*filter(None, [source_of(set(families))]), *calls, rule])


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


def add_features(
    values: dict[Name, np.ndarray], grids: Sequence[np.ndarray], families: Iterable[int]
) -> Iterator[None]:
    """Add the features of all cells of the grids to `values`, in steps of some milliseconds. A family that one of the
    grids lacks is left out."""
    values[GRID] = _flat(grids)
    for family in families:
        found: list[dict[str, np.ndarray]] = []
        try:
            for grid in grids:
                found.append(compute(family, grid))
                yield
        except GridError:
            continue
        for name in found[0]:
            if all(name in one for one in found):
                values[family, name] = _flat([one[name] for one in found])


def divisions(name: Name, cells: np.ndarray, number: int) -> _Asking:
    """The questions for the numbers or colours that a feature has in the first `number` cells."""
    low = int(cells[:number].min())
    seen = [int(k) + low for k in np.flatnonzero(np.bincount(cells[:number] - low))]
    if is_color(name):
        return [Question(name, "==", k) for k in seen], cells == np.array(seen, np.int16)[:, None]
    below, equal = [k for k in seen[:-1] if k <= MAX_BELOW], [k for k in seen[1:-1] if k <= MAX_EQUAL]
    questions = [Question(name, "<=", k) for k in below] + [Question(name, "==", k) for k in equal]
    parts = [cells <= np.array(below, np.int16)[:, None], cells == np.array(equal, np.int16)[:, None]]
    return questions, np.concatenate(parts)


def same_colors(values: dict[Name, np.ndarray], pairs: Sequence[tuple[Name, Name]]) -> _Asking:
    answers = [(values[a] == values[b]) & (values[a] > 0) for a, b in pairs]
    return [Question(a, "is", b) for a, b in pairs], as_rows(answers, len(values[GRID]))


def _same_numbers(values: dict[Name, np.ndarray], pairs: Sequence[tuple[Name, Name]]) -> _Asking:
    answers = [values[a] == values[b] for a, b in pairs]
    return [Question(a, "as", b) for a, b in pairs], as_rows(answers, len(values[GRID]))


def as_rows(answers: list[np.ndarray], width: int) -> np.ndarray:
    """Answers, each bool [width], as one array, also where there are none."""
    return np.array(answers) if answers else np.zeros((0, width), bool)


def new_questions(asking: _Asking, number: int, known: set[bytes]) -> Iterator[_Answered]:
    """Those of the questions that divide the first `number` cells and that no other one, nor its contrary, is like on
    all cells. known: keys of the answers so far; grows."""
    questions, answers = asking
    here = answers[:, :number]
    divides = here.any(1) & ~here.all(1)
    keys = np.packbits(answers ^ answers[:, :1], axis=1)
    for k in np.flatnonzero(divides):
        key = keys[k].tobytes()
        if key not in known:
            known.add(key)
            yield questions[k], answers[k], key


def _unknown(answered: Iterable[_Answered], known: set[bytes]) -> Iterator[_Answered]:
    for one in answered:
        if one[2] not in known:
            known.add(one[2])
            yield one


def _best_question(total: np.ndarray, counts: np.ndarray) -> int:
    """The place of the question after which most cells are right, with a bonus for halves that are right as a whole;
    −1 if none divides the cells. total, counts: see `CellRules._grow`."""
    yes, num_yes = counts[:-1], counts[-1]
    num_no = total[-1] - num_yes
    best_yes, best_no = yes.max(0), (total[:-1, None] - yes).max(0)
    merit = best_yes + best_no + PURE_BONUS * (num_yes * (best_yes == num_yes) + num_no * (best_no == num_no))
    merit[(num_yes == 0) | (num_no == 0)] = -1.0
    best = int(merit.argmax()) if len(merit) else -1
    return best if best >= 0 and merit[best] >= 0 else -1


def _share(question: Question) -> float:
    """Of the trees, how many a question is for."""
    family = question.feature[0]
    return PLACES_SHARE if 0 <= family < len(FAMILIES) and FAMILIES[family][0] is places else QUESTIONS_SHARE


def vote_cost(fit: Fit, num_train: int) -> float:
    """Nats that a cell rule costs in the vote beyond what the grammar knows of."""
    return with_doubt(LEAF_COST * fit.num_entries, fit.confirmed, num_train)


def _leaves(tree: Tree) -> list[Tree]:
    return [tree] if tree.question < 0 else [*_leaves(tree.yes), *_leaves(tree.no)]


def _flat(grids: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.ravel(grid) for grid in grids]).astype(np.int16)


def is_color(name: Name) -> bool:
    return name[0] < 0 or name[1].startswith("color ")
