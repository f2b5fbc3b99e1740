"""Actions: drawings in a colour that agree with the outputs, for some parts of the grids under one division.

Every drawing is made for every part and compared with the output, as it is drawn and in other colours. What is kept
is a table: for which parts an action is right, and which of the changed cells it explains. Drawing rules
(`drawing_rules.py`) are put together from it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ..words.descriptions import described
from ..words.divisions import STILL
from ..words.drawings import DRAWINGS, MOVING, NUM_PLAIN, Drawing, left, painted
from ..words.moves import moved_as, moves
from ..words.parts import stack_of
from ..words.relations import RELATIONS
from .divided import CHECKS_PER_DRAWING, Parts
from .rule import ACTION_COST
from .stamps import stamps

MAX_ACTIONS = 90
"""Under one division."""

MAX_ALIKE = 3
"""Actions that are right for the same parts and explain the same cells, of which that many are kept."""

PLAIN_COST, RELATION_COST = 0.5, 3.0
"""Nats that an action costs that draws nothing new, and beyond ACTION_COST if it relates a part to others: there are
many of these, so that more of them fit by chance."""

ANY = 99
"""Stands for the colour of a drawing that draws nothing: all are right."""

_RELATING = {moved_as, *(drawing.function for drawing in RELATIONS)}

Ink = int | str | None
"""A colour, the name of a feature that is one, or None: as the drawing has it."""


@dataclass(frozen=True)
class Action:
    """drawing: its number among the table's drawings. ink: in which colour."""

    drawing: int
    ink: Ink

    @property
    def is_new(self) -> bool:
        """Whether the drawing is one that draws something new."""
        return self.drawing >= NUM_PLAIN

    @property
    def is_plain(self) -> bool:
        return not self.is_new and self.ink is None


@dataclass(frozen=True)
class _Agreement:
    """How a drawing agrees with the outputs. as_drawn, in_color: whether it does as it is drawn, and in one colour for
    all that it draws, bool [training parts]. only: that colour (−1: none, ANY: nothing is drawn), int64 [training
    parts]. reach: how many changed cells it explains, int64 [training parts]. part_of, cell: these, as numbers of
    training parts and of changed cells, int64 [explained cells] each."""

    as_drawn: np.ndarray
    in_color: np.ndarray
    only: np.ndarray
    reach: np.ndarray
    part_of: np.ndarray
    cell: np.ndarray

    def within(self, color: int | np.ndarray) -> np.ndarray:
        """For which parts it agrees in a colour, or in one for each; bool [training parts]."""
        return self.in_color & ((self.only == color) | (self.only == ANY)) & (np.asarray(color) > 0)


@dataclass(frozen=True)
class _Column:
    """An action with its column of the table, see `ActionTable`."""

    action: Action
    valid: np.ndarray
    covered: np.ndarray
    reach: np.ndarray


class ActionTable:
    """The actions under one division, and what each is good for; those first that draw nothing new, then those that
    explain most.

    drawings: what actions refer to. actions: at most MAX_ACTIONS. num_changed: changed cells of the training pairs.
    valid: bool [training parts, actions], whether an action agrees with the output there. covered: bool [actions,
    changed cells], what an action explains, done wherever it is valid. reach: int64 [training parts, actions], how
    many changed cells it explains there, −1 where it is not valid. num_checks: that it took so far.
    """

    def __init__(self, parts: Parts, targets: Sequence[np.ndarray], stop: Callable[[], bool]) -> None:
        """targets: int8 [H, W], of the training pairs, in the shapes of the grids."""
        self.parts, self.targets = parts, targets
        self.num_checks = 0
        self._number_changed_cells()
        self.drawings = [*DRAWINGS, *RELATIONS, *stamps(parts, targets), *self._moves(stop)]
        self._own = [np.nonzero(stack.reshape(len(stack), -1) >= 0) for stack in parts.stacks]
        self._drawn: dict[tuple[int, int], np.ndarray] = {}
        self._pictures: dict[tuple[Callable[..., np.ndarray], tuple, int], np.ndarray] = {}
        columns = list(self._columns(stop))
        order = sorted(range(len(columns)), key=lambda k: (columns[k].action.is_new, -int(columns[k].covered.sum())))
        columns = [columns[k] for k in order[:MAX_ACTIONS]]
        self.actions = [column.action for column in columns]
        self.valid = np.array([column.valid for column in columns], bool).reshape(len(columns), len(parts.train)).T
        self.covered = np.array([column.covered for column in columns], bool).reshape(len(columns), self.num_changed)
        self.reach = np.array([column.reach for column in columns], np.int64).reshape(len(columns), len(parts.train)).T

    def _number_changed_cells(self) -> None:
        """Fill num_changed, and for each training grid the number of every cell among all changed ones, −1: not
        changed."""
        self._number_of: list[np.ndarray] = []
        self.num_changed = 0
        for grid, target in zip(self.parts.base.items, self.targets, strict=False):
            changed = (grid != target).ravel()
            self._number_of.append(np.where(changed, np.cumsum(changed) - 1 + self.num_changed, -1))
            self.num_changed += int(changed.sum())

    def _moves(self, stop: Callable[[], bool]) -> list[Drawing]:
        """The moves that explain most of what changed."""
        if self.parts.divide in STILL or stop():
            return []
        self.num_checks += CHECKS_PER_DRAWING * len(self.parts.stacks)
        return moves(self.parts.base.items, self.parts.stacks, self.targets)

    def _columns(self, stop: Callable[[], bool]) -> Iterator[_Column]:
        """Actions that explain something in two pairs, or draw nothing new; of those alike the first."""
        parts = self.parts
        colors = sorted({int(k) for target in self.targets for k in np.unique(target)} - {0})
        named = {name: parts.features[name][parts.train] for name in parts.features if name.startswith("color ")}
        pair_of = parts.grid_of[parts.train]
        often: dict[bytes, int] = {}
        for drawing, (function, _, _) in enumerate(self.drawings):
            if stop():
                break
            if (function in MOVING or function in _RELATING) and parts.divide in STILL:
                continue
            agreement = self._compare(drawing)
            if agreement is None:
                continue
            inks: list[tuple[Ink, np.ndarray]] = [(None, agreement.as_drawn)]
            inks += [(color, agreement.within(color)) for color in colors]
            inks += [(name, agreement.within(value)) for name, value in named.items()]
            for ink, good in inks:
                action = Action(drawing, ink)
                used = pair_of[good & (agreement.reach > 0)]
                if not action.is_plain and (not len(used) or ((used == used[0]).all() and parts.num_train > 1)):
                    continue
                covered = np.zeros(self.num_changed, bool)
                covered[agreement.cell[good[agreement.part_of]]] = True
                key = good.tobytes() + covered.tobytes()
                often[key] = often.get(key, 0) + 1
                if often[key] <= (1 if action.is_plain else MAX_ALIKE):
                    yield _Column(action, good, covered, np.where(good, agreement.reach, -1))

    def _compare(self, drawing: int) -> _Agreement | None:
        """None if the drawing is of no use for the first two pairs."""
        function, _, stays = self.drawings[drawing]
        total = len(self.parts.train)
        as_drawn, in_color = np.ones(total, bool), np.ones(total, bool)
        only, reach = np.full(total, ANY), np.zeros(total, np.int64)
        explained: list[tuple[np.ndarray, np.ndarray]] = []
        first = 0
        for number, target in enumerate(self.targets):
            grid, stack = self.parts.base.items[number].ravel(), self.parts.stacks[number]
            n, wanted = len(stack), target.ravel()
            picture = self.draw(drawing, number).reshape(n, -1)
            part, cell = np.nonzero(picture >= 0)
            colors, right = picture[part, cell], wanted[cell]
            # Cells of the part that are not drawn on: as they were if it stays, else free.
            own_part, own_cell = self._own[number]
            bare = picture[own_part, own_cell] < 0
            own_part, own_cell = own_part[bare], own_cell[bare]
            kept, free = wanted[own_cell] == grid[own_cell], wanted[own_cell] == 0
            if function is not left:
                wrong = own_part[~kept if stays else kept & ~free] + first
                as_drawn[wrong] = in_color[wrong] = False
            as_drawn[first + part[colors != right]] = False
            if len(part):
                drawn, begin = np.unique(part, return_index=True)
                low, high = np.minimum.reduceat(right, begin), np.maximum.reduceat(right, begin)
                only[first + drawn] = np.where(low == high, low, -1)
                in_color[first + drawn[low != high]] = False
            if not stays:
                part, cell = np.concatenate([part, own_part[free]]), np.concatenate([cell, own_cell[free]])
            changed = self._number_of[number][cell]
            part, changed = part[changed >= 0], changed[changed >= 0]
            reach[first : first + n] = np.bincount(part, minlength=n)
            explained.append((part + first, changed))
            first += n
            if number == 1 and drawing >= NUM_PLAIN and not ((as_drawn | in_color) & (reach > 0))[:first].any():
                return None
        of_part, of_cell = (np.concatenate(column) for column in zip(*explained, strict=True))
        return _Agreement(as_drawn, in_color, only, reach, of_part, of_cell)

    def draw(self, drawing: int, number: int) -> np.ndarray:
        """What a drawing paints for every part of one grid, int8 [n, H, W]."""
        if (drawing, number) not in self._drawn:
            function, arguments, _ = self.drawings[drawing]
            # Where the part stays and where it does not the same is drawn.
            key = (function, arguments, number)
            if key not in self._pictures:
                self._pictures[key] = function(self.parts.base.items[number], self.parts.stacks[number], *arguments)
            self._drawn[drawing, number] = self._pictures[key]
            self.num_checks += CHECKS_PER_DRAWING
        return self._drawn[drawing, number]

    def price(self, action: int) -> float:
        """Nats that an action, by its number, costs in the vote."""
        drawing, ink = self.actions[action].drawing, self.actions[action].ink
        if self.actions[action].is_plain:
            return PLAIN_COST
        relates = self.drawings[drawing].function in _RELATING
        by_ink = 0.0 if ink is None else 0.5 if isinstance(ink, int) else 1.0
        return ACTION_COST + relates * RELATION_COST + by_ink

    def paint(self, actions: Sequence[int], choice: np.ndarray, number: int) -> np.ndarray:
        """One grid with what was chosen for each part. actions: by their numbers. choice: an index of these for every
        part, −1: none; int64 [parts]."""
        own = self.parts.of(number)
        drawn = []
        for drawing, ink in ((self.actions[a].drawing, self.actions[a].ink) for a in actions):
            color = self.parts.features[ink][own] if isinstance(ink, str) else ink
            drawn.append((self.draw(drawing, number), self.drawings[drawing].stays, color))
        return painted(self.parts.base.items[number], self.parts.stacks[number], choice[own], drawn)

    def gives(self, actions: Sequence[int], choice: np.ndarray, pair: int) -> bool:
        """Whether `paint` gives the output of a pair."""
        return np.array_equal(self.paint(actions, choice, pair), self.targets[pair])

    def program(self, actions: Sequence[int], choice: str) -> tuple[list[str], list[Callable[..., object]]]:
        """The lines of free Python that `paint` every grid, and the functions that they need, see `Parts.value`.
        choice: as Python over `seen`."""
        calls, functions = [], []
        inks = [self.actions[a].ink for a in actions]
        for a, ink in zip(actions, inks, strict=True):
            function, arguments, stays = self.drawings[self.actions[a].drawing]
            color = f'seen["{ink}"]' if isinstance(ink, str) else repr(ink)
            call = ", ".join(["base", "stack", *map(repr, arguments)])
            calls.append(f"({function.__name__}({call}), {stays}, {color})")
            functions.append(function)
        needs_seen = "seen[" in choice or any(isinstance(ink, str) for ink in inks)
        lines = ["stack = stack_of(base, labels)"]
        lines += ["seen = described(base, labels)"] * needs_seen
        lines += [f"choice = np.zeros(len(stack), np.int64) + {choice}"]
        lines += [f"out = painted(base, stack, choice, [{', '.join(calls)}])"]
        return lines, [*functions, stack_of, painted, *[described] * needs_seen]
