"""Questions about cells: what may tell some cells of the grids from others, and what that is at each of them.

A question asks for a feature of a cell (`words/families.py`, or the colour of another grid at its place): whether it is
a number or colour, at most a number, or the same as another feature. Of questions with equal or contrary answers one is
kept. All that is made of a grid is made in steps of some milliseconds, between which the clock may be looked at.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np

from ...executor import Value
from ...grid.registry import GridError
from ..words.families import FAMILIES, compute

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
    [(f"steps {a}", f"steps {b}") for a, b in OPPOSITE]
    + [("row", "column"), ("row", "column from the right")]
    + [("row", "row from below"), ("column", "column from the right"), ("rows away", "columns away")]
)
"""Pairs of numbers that are asked for being equal."""


@dataclass(frozen=True)
class Question:
    """A question about a cell. how: '==' or '<=' a number, 'is' another colour that is not background, 'as' another
    number."""

    feature: Name
    how: str
    other: int | Name

    @property
    def names(self) -> set[Name]:
        """The features that it asks for."""
        return {self.feature} | ({self.other} if isinstance(self.other, tuple) else set())

    def text(self, words: Mapping[Name, str]) -> str:
        """As Python. words: how features are written."""
        feature = words[self.feature]
        if self.how == "is":
            return f"({feature} == {words[self.other]}) & ({feature} > 0)"
        if self.how == "as":
            return f"{feature} == {words[self.other]}"
        return f"{feature} {self.how} {self.other}"


Asking = tuple[list[Question], np.ndarray]
"""Questions, and their answers on all cells, bool [questions, n]."""

Answered = tuple[Question, np.ndarray, bytes]
"""A question, its answers on all cells, and what they have in common with the answers of its contrary."""


def is_color(name: Name) -> bool:
    """Whether a feature holds colours."""
    return name[0] < 0 or name[1].startswith("color ")


def flat(grids: Sequence[np.ndarray]) -> np.ndarray:
    """All cells, one grid after the other, int16 [n]."""
    return np.concatenate([np.ravel(grid) for grid in grids]).astype(np.int16)


def divisions(name: Name, cells: np.ndarray, number: int) -> Asking:
    """The questions for the numbers or colours that a feature has in the first `number` cells."""
    low = int(cells[:number].min())
    seen = [int(k) + low for k in np.flatnonzero(np.bincount(cells[:number] - low))]
    if is_color(name):
        return [Question(name, "==", k) for k in seen], cells == np.array(seen, np.int16)[:, None]
    below, equal = [k for k in seen[:-1] if k <= MAX_BELOW], [k for k in seen[1:-1] if k <= MAX_EQUAL]
    questions = [Question(name, "<=", k) for k in below] + [Question(name, "==", k) for k in equal]
    parts = [cells <= np.array(below, np.int16)[:, None], cells == np.array(equal, np.int16)[:, None]]
    return questions, np.concatenate(parts)


def same_colors(values: dict[Name, np.ndarray], pairs: Sequence[tuple[Name, Name]]) -> Asking:
    """The questions whether two colours are equal and not background."""
    answers = [(values[a] == values[b]) & (values[a] > 0) for a, b in pairs]
    return [Question(a, "is", b) for a, b in pairs], as_rows(answers, len(values[GRID]))


def same_numbers(values: dict[Name, np.ndarray], pairs: Sequence[tuple[Name, Name]]) -> Asking:
    """The questions whether two numbers are equal."""
    answers = [values[a] == values[b] for a, b in pairs]
    return [Question(a, "as", b) for a, b in pairs], as_rows(answers, len(values[GRID]))


def as_rows(answers: list[np.ndarray], width: int) -> np.ndarray:
    """Answers, each bool [width], as one array, also where there are none."""
    return np.array(answers) if answers else np.zeros((0, width), bool)


def new_questions(asking: Asking, number: int, known: set[bytes]) -> Iterator[Answered]:
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


def unknown(answered: Iterable[Answered], known: set[bytes]) -> Iterator[Answered]:
    """Those with answers that are not known yet. known: keys of the answers so far; grows."""
    for one in answered:
        if one[2] not in known:
            known.add(one[2])
            yield one


class Steps:
    """Work in steps of some milliseconds, done once, that may be left at any of them and taken up again."""

    def __init__(self, steps: Iterator[None]) -> None:
        self._steps, self.done = steps, False

    def finish(self, stop: Callable[[], bool]) -> bool:
        """Go on until all is done; False if `stop()` came before."""
        while not self.done and not stop():
            self.done = next(self._steps, True) is True
        return self.done


def add_features(
    values: dict[Name, np.ndarray], grids: Sequence[np.ndarray], families: Iterable[int]
) -> Iterator[None]:
    """Add the features of all cells of the grids to `values`, in steps of some milliseconds. A family that one of the
    grids lacks is left out."""
    values[GRID] = flat(grids)
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
                values[family, name] = flat([one[name] for one in found])


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
        self.divisions: list[Answered] = []
        self.copies: list[Answered] = []
        self.equals: list[Answered] = []
        self.steps = Steps(self._make())

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
        self.equals += new_questions(same_colors(values, self._called(EQUAL_COLORS)), self.num_cells, known)
        yield
        self.equals += new_questions(same_numbers(values, self._called(EQUAL_NUMBERS)), self.num_cells, known)

    def _called(self, pairs: Iterable[tuple[str, str]]) -> list[tuple[Name, Name]]:
        """Pairs of features that are called so, of any families."""
        called: dict[str, list[Name]] = {}
        for name in self.values:
            called.setdefault(name[1], []).append(name)
        return [(a, b) for x, y in pairs for a in called.get(x, []) for b in called.get(y, [])]
