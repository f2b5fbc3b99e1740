"""Cell rules: small decision trees over many features of a cell, fitted to all pairs at once.

`decide.py` asks for the colours of known grids; a cell rule also asks what a cell sees, where it lies, what its object
is like (`cells.py`), and whether two of these colours are equal. Its leaves write a colour, or copy one of the colours.
With that many questions a tree that fits is easily found and means little. So several trees are grown, each from a
random part of the questions, and a pair is *confirmed* only if the tree that the same questions make of the other pairs
alone gives this pair's output. Found rules are steps of free Python, since no library function asks all this.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field

import numpy as np

from ..executor import Value, digest
from ..fused import GridStore
from ..grid.registry import GridError
from ..grid.types import Grid
from ..sandbox.executor import FreeValue
from .cells import FAMILIES, compute, family_text, places, source_of
from .fit import Fit, Pool

NUM_TREES = 12
MAX_LEAVES = 10
QUESTIONS_SHARE, PLACES_SHARE = 0.4, 0.1
"""Of the questions, and of those for rows, columns and their remainders (`cells.places`), for every tree. Such rules
seldom hold for other grids. The first tree has 2.5 times as many, which is all but most of the latter."""

MAX_CELLS = 8000
"""Of all training outputs together; larger tasks would take seconds."""

NUM_EXTRA = 24
"""Pool values whose colours are asked for beside the features."""

PURE_BONUS = 0.3
"""What a cell is worth beyond being right when its whole half is right, as in decide.py."""

CHECKS_PER_CELL = 1 / 400
"""Table checks (see root.py) that one question about one cell costs."""

LEAF_COST = 1.0
"""Nats that a leaf of a rule costs in the vote."""

DOUBT_COST, AHEAD = 10.0, 40.0
"""Nats, for rules that not every pair confirms: what one costs in the vote that no pair confirms, and how far they all
stand before programs that do not fit. They are seldom right, so they never count as programs that fit."""

MAX_EQUAL, MAX_BELOW = 8, 12
"""Numbers up to these are asked for as 'is it k' and 'is it at most k'."""

_Name = tuple[int, str]
"""A feature: its family and its name in it; (−1, k): the colours of the k-th extra value, (−2, ''): of the grid."""

GRID: _Name = (-2, "")

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

    feature: _Name
    how: str
    other: int | _Name


@dataclass
class _Tree:
    """A node: a leaf while question is −1. cells: numbers of the training cells here. action: the best one. wrong:
    cells that it gets wrong."""

    cells: np.ndarray
    action: int
    wrong: int
    question: int = -1
    yes: _Tree | None = field(default=None, repr=False)
    no: _Tree | None = field(default=None, repr=False)


class CellRules:
    """The questions and actions over one grid per input, and the trees over them.

    base: the grid whose cells are asked about, of the outputs' shapes. extra: other grids of its shapes.
    """

    def __init__(self, base: Value, extra: Sequence[Value], targets: Sequence[np.ndarray]) -> None:
        self.base, self.extra, self.num_train = base, list(extra), len(targets)
        self.input_of = np.repeat(np.arange(len(base.items)), [grid.size for grid in base.items])
        self.target = np.concatenate([grid.ravel() for grid in targets]).astype(np.int64)
        self.num_checks = 0
        values = self._features()
        self.questions, self.answers = self._ask(values)
        self.actions, self.results = self._act(values)
        right = self.results[:, : len(self.target)] == self.target
        useful = right.any(1)
        self.actions = [action for action, is_useful in zip(self.actions, useful, strict=True) if is_useful]
        self.results, self._right = self.results[useful], right[useful]
        self._answers_as_floats = self.answers[:, : len(self.target)].astype(np.float32)
        self._right_as_floats = np.ascontiguousarray(self._right.T, dtype=np.float32)
        self._shares = np.array([_share(question) for question in self.questions])
        # Where several actions are right equally often: the cell as it is, then one colour, then another feature.
        self._preference = np.array([0.0 if a == GRID else 0.2 if isinstance(a, int) else 0.5 for a in self.actions])

    def _features(self) -> dict[_Name, np.ndarray]:
        """All features over all cells of all inputs, int64 [n] each."""
        values: dict[_Name, np.ndarray] = {GRID: _flat(self.base.items)}
        for family in range(len(FAMILIES)):
            try:
                found = [compute(family, grid) for grid in self.base.items]
            except GridError:
                continue
            for name in found[0]:
                if all(name in one for one in found):
                    values[family, name] = _flat([one[name] for one in found])
        for k, value in enumerate(self.extra):
            values[-1, str(k)] = _flat(value.items)
        return values

    def _ask(self, values: dict[_Name, np.ndarray]) -> tuple[list[Question], np.ndarray]:
        """The questions that divide the training cells, no two of them alike on all cells, and their answers, bool
        [questions, n]."""
        questions: list[Question] = []
        answers: list[np.ndarray] = []
        known: set[bytes] = set()

        def add(question: Question, answer: np.ndarray) -> None:
            here = answer[: len(self.target)]
            key = (~answer if answer[0] else answer).tobytes()
            if here.any() and not here.all() and key not in known:
                known.add(key)
                questions.append(question)
                answers.append(answer)

        for name, cells in values.items():
            seen = [int(k) for k in np.unique(cells[: len(self.target)])]
            if _is_color(name):
                for k in seen:
                    add(Question(name, "==", k), cells == k)
                continue
            for k in seen[:-1]:
                if k <= MAX_BELOW:
                    add(Question(name, "<=", k), cells <= k)
            for k in seen[1:-1]:
                if k <= MAX_EQUAL:
                    add(Question(name, "==", k), cells == k)
        called: dict[str, list[_Name]] = {}
        for name in values:
            called.setdefault(name[1], []).append(name)
        pairs = [(a, b) for x, y in EQUAL_COLORS for a in called.get(x, []) for b in called.get(y, [])]
        for a, b in [(GRID, name) for name in values if _is_color(name) and name != GRID] + pairs:
            add(Question(a, "is", b), (values[a] == values[b]) & (values[a] > 0))
        for x, y in EQUAL_NUMBERS:
            for a in called.get(x, []):
                for b in called.get(y, []):
                    add(Question(a, "as", b), values[a] == values[b])
        shape = (len(questions), len(values[GRID]))
        return questions, np.array(answers) if answers else np.zeros(shape, bool)

    def _act(self, values: dict[_Name, np.ndarray]) -> tuple[list[int | _Name], np.ndarray]:
        """All actions, no two of them alike on all cells, and the colours that they write, int64 [actions, n]."""
        every: list[tuple[int | _Name, np.ndarray]] = [(n, cells) for n, cells in values.items() if _is_color(n)]
        every += [(int(k), np.full(len(values[GRID]), k)) for k in np.unique(self.target)]
        known: dict[bytes, tuple[int | _Name, np.ndarray]] = {}
        for action, cells in every:
            known.setdefault(cells.astype(np.int64).tobytes(), (action, cells))
        return [action for action, _ in known.values()], np.array([cells for _, cells in known.values()], np.int64)

    def fits(self, rng: np.random.Generator, stop: Callable[[], bool]) -> list[Fit]:
        """The trees without a wrong cell that work on all inputs, the most confirmed and smallest first."""
        found: dict[bytes, Fit] = {}
        everything = np.arange(len(self.target))
        for number in range(NUM_TREES if self.questions else 0):
            if stop():
                break
            use = np.flatnonzero(rng.random(len(self.questions)) < self._shares * (1.0 if number else 2.5))
            tree = self._grow(everything, use)
            value = None if tree is None else self._value(tree)
            if value is None:
                continue
            confirmed = sum(self._is_confirmed(pair, use) for pair in range(self.num_train))
            fit = Fit(value, confirmed, len(_leaves(tree)))
            known = found.get(value.key)
            if known is None or (fit.confirmed, -fit.num_entries) > (known.confirmed, -known.num_entries):
                found[value.key] = fit
        return sorted(found.values(), key=lambda fit: (-fit.confirmed, fit.num_entries))

    def _is_confirmed(self, pair: int, use: np.ndarray) -> bool:
        """Whether the tree that the other pairs make with the questions `use` gives this pair's output."""
        is_own = self.input_of[: len(self.target)] == pair
        others, own = np.flatnonzero(~is_own), np.flatnonzero(is_own)
        tree = self._grow(others, use) if len(others) else None
        return tree is not None and bool((self._write(tree, own) == self.target[own]).all())

    def _leaf(self, cells: np.ndarray) -> _Tree:
        right = self._right[:, cells].sum(1)
        action = int((right - 1e-3 * self._preference).argmax())
        return _Tree(cells, action, len(cells) - int(right[action]))

    def _grow(self, cells: np.ndarray, use: np.ndarray) -> _Tree | None:
        """A tree over training cells that asks the questions `use` and has no wrong cell; None if it would be too
        large."""
        root = self._leaf(cells)
        leaves = [root]
        while True:
            worst = max(leaves, key=lambda leaf: leaf.wrong)
            if worst.wrong == 0:
                return root
            question = self._best_question(worst.cells, use) if len(leaves) < MAX_LEAVES else -1
            if question < 0:
                return None
            answer = self.answers[question, worst.cells]
            worst.question = question
            worst.yes, worst.no = self._leaf(worst.cells[answer]), self._leaf(worst.cells[~answer])
            leaves = [leaf for leaf in leaves if leaf is not worst] + [worst.yes, worst.no]

    def _best_question(self, cells: np.ndarray, use: np.ndarray) -> int:
        """The question after which most cells are right, with a bonus for halves that are right as a whole; −1 if none
        divides the cells."""
        self.num_checks += int(len(use) * len(cells) * CHECKS_PER_CELL) + 1
        # Sums of zeros and ones: exact in float32, and many times as fast as whole numbers.
        answers, right = self._answers_as_floats[np.ix_(use, cells)], self._right_as_floats[cells]
        yes = answers @ right
        no = right.sum(0) - yes
        num_yes = answers.sum(1)
        num_no = len(cells) - num_yes
        best_yes, best_no = yes.max(1), no.max(1)
        merit = best_yes + best_no + PURE_BONUS * (num_yes * (best_yes == num_yes) + num_no * (best_no == num_no))
        merit[(num_yes == 0) | (num_no == 0)] = -1.0
        best = int(merit.argmax()) if len(merit) else -1
        return int(use[best]) if best >= 0 and merit[best] >= 0 else -1

    def _write(self, tree: _Tree, cells: np.ndarray) -> np.ndarray:
        """The colours that a tree writes to cells of any input; −1: none."""
        if tree.question < 0:
            return self.results[tree.action, cells]
        answer = self.answers[tree.question, cells]
        out = np.empty(len(cells), np.int64)
        out[answer] = self._write(tree.yes, cells[answer])
        out[~answer] = self._write(tree.no, cells[~answer])
        return out

    def _value(self, tree: _Tree) -> FreeValue | None:
        """The tree as an executed step; None if it has no colour for some cell of a test input."""
        out = self._write(tree, np.arange(len(self.input_of)))
        if out.min() < 0:
            return None
        cells = iter(np.split(out.astype(np.int8), np.cumsum([grid.size for grid in self.base.items])[:-1]))
        items = tuple(np.ascontiguousarray(next(cells).reshape(grid.shape)) for grid in self.base.items)
        value = FreeValue(Grid, items, digest(Grid, items))
        value.exact = items
        used = sorted({k for k in self._names(tree) if k[0] == -1})
        parents = (self.base, *(self.extra[int(name)] for _, name in used))
        # An extra value may be the base itself, under another name.
        value.parents, value.depth = parents, 1 + max(parent.depth for parent in parents)
        names = {GRID: "base"} | {name: f"other{name[1]}" for name in used}
        value.reads, value.target = tuple(names.values()), "out"
        value.text = self._text(tree, names)
        value.cost = float(sum(parent.cost for parent in parents))
        return value

    def _names(self, tree: _Tree) -> set[_Name]:
        """The features that a tree uses."""
        if tree.question < 0:
            action = self.actions[tree.action]
            return set() if isinstance(action, int) else {action}
        question = self.questions[tree.question]
        own = {question.feature} | ({question.other} if isinstance(question.other, tuple) else set())
        return own | self._names(tree.yes) | self._names(tree.no)

    def _text(self, tree: _Tree, names: dict[_Name, str]) -> str:
        """The tree as Python that assigns `out`. names: the variables of grids."""
        used = sorted(name for name in self._names(tree) if name[0] >= 0)
        families = sorted({family for family, _ in used})
        called = {family: f"features{k}" for k, family in enumerate(families, 1)}
        words = names | {name: f'{called[name[0]]}["{name[1]}"]' for name in used}

        def write(node: _Tree) -> str:
            if node.question < 0:
                action = self.actions[node.action]
                return str(action) if isinstance(action, int) else words[action]
            question = self.questions[node.question]
            feature = words[question.feature]
            if question.how == "is":
                asked = f"({feature} == {words[question.other]}) & ({feature} > 0)"
            elif question.how == "as":
                asked = f"{feature} == {words[question.other]}"
            else:
                asked = f"{feature} {question.how} {question.other}"
            return f"np.where({asked}, {write(node.yes)}, {write(node.no)})"

        calls = [f"{called[family]} = {family_text(family, 'base')}" for family in families]
        rule = f"out = (np.zeros(base.shape, np.int8) + {write(tree)}).astype(np.int8)"
        return "\n".join([*filter(None, [source_of(set(families))]), *calls, rule])


def fit_cells(
    store: GridStore, pool: Pool, targets: Sequence[np.ndarray], rng: np.random.Generator, stop: Callable[[], bool]
) -> tuple[list[Fit], int]:
    """Cell rules over the input, or where its shapes are not the outputs' over the cheapest pool value. Returns the
    fits and the number of checks that they took."""
    if sum(target.size for target in targets) > MAX_CELLS or stop():
        return [], 0
    rows = [int(row) for row in np.flatnonzero(pool.test_shape == pool.test_shape[0])]
    base, *extra = [store.value(int(pool.numbers[row])) for row in rows[: NUM_EXTRA + 1]]
    rules = CellRules(base, extra, targets)
    return rules.fits(rng, stop), rules.num_checks


def _share(question: Question) -> float:
    """Of the trees, how many a question is for."""
    family = question.feature[0]
    return PLACES_SHARE if family >= 0 and FAMILIES[family][0] is places else QUESTIONS_SHARE


def vote_cost(fit: Fit, num_train: int) -> float:
    """Nats that a cell rule costs in the vote beyond what the grammar knows of; less than none for rules in doubt."""
    cost = LEAF_COST * fit.num_entries
    return cost if fit.confirmed == num_train else cost + DOUBT_COST * (1.0 - fit.confirmed / num_train) - AHEAD


def _leaves(tree: _Tree) -> list[_Tree]:
    return [tree] if tree.question < 0 else [*_leaves(tree.yes), *_leaves(tree.no)]


def _flat(grids: Sequence[np.ndarray]) -> np.ndarray:
    return np.concatenate([np.ravel(grid) for grid in grids]).astype(np.int64)


def _is_color(name: _Name) -> bool:
    return name[0] < 0 or name[1].startswith("color ")
