"""Part rules: what becomes of every part of a grid, and which part is the output.

A grid is divided into parts (`parts.py`). A *drawing rule* has a few actions, each a drawing in a colour (a ray, a move
until contact, a filled box), and a small tree over what parts are like that says which part gets which. The actions
are sought first: for every part one of them must agree with the output, and together they must explain all that
changed. A *choice rule* is a tree that tells the part that the output is cut out of from the others. Several trees are
grown, each from a random part of the questions, and what most of them say counts; a pair is *confirmed* if what most
trees of the other pairs alone say gives its output. Rules are steps of free Python.
"""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from math import log

import numpy as np

from ..executor import Value
from ..grid.registry import GridError
from ..sandbox.executor import FreeValue
from .fit_cells import with_doubt
from .layouts import block
from .moves import moved_as, moves
from .parts import (
    DIVISIONS,
    DRAWINGS,
    DRAWN_DIVISIONS,
    MOVING,
    STILL,
    cut_out,
    described,
    extents,
    layers,
    left,
    painted,
    source_of,
    stack_of,
    stamped,
    stamped_in_middle,
)
from .relations import RELATIONS

MAX_PARTS = 40
"""In one grid; others have no part rules under this division."""

MAX_KEPT = 16
"""Divided grids that are kept: those of one value of a root pass, and some more."""

MAX_CELLS = 12_000
"""Of all grids together; larger tasks would take seconds."""

MAX_ACTIONS, MAX_VOCABULARIES, MAX_VOCABULARY = 90, 40, 6
"""Actions under one division, sets of actions that trees are grown for, and actions of such a set."""

NUM_TREES, MAX_LEAVES, MAX_RULES = 20, 6, 2
"""Trees that vote, leaves of one, and trees that are kept of such a vote."""

PURE_BONUS = 0.3
"""What a part is worth beyond being right when its whole half is right, as in fit_cells.py."""

LEAF_COST, ACTION_COST, RELATION_COST = 1.0, 2.0, 3.0
"""Nats that a leaf and an action cost in the vote, and what an action costs beyond that if it relates a part to others:
there are many of these, so that more of them fit by chance."""

ANY = 99
"""Stands for the colour of a drawing that draws nothing: all are right."""

STAMP_REACH, MAX_STAMP_SIDE, MAX_STAMPS = 3, 6, 12
"""Cells around a part's box that a stamp may have, the longest side of such a part, and stamps under one division."""

MAX_STEPS = 4
"""Single actions that are kept under one division for other rules to go on from."""

CHECKS_PER_DRAWING = 20
"""Table checks (see root.py) that a drawing on one grid costs."""

CHECKS_PER_TREE = 40
"""What it costs to grow one tree, once from all pairs and once without each."""

MAX_EQUAL = 8
"""Numbers up to this are asked for as 'is it k'; all but the largest as 'is it at most k'."""

PLAIN = {
    "holes", "touching", "is full", "is square", "symmetric left right", "symmetric up down", "symmetries", "borders",
    "on the border", "upright", "colors", "of the same shape", "of the same color", "in the middle", "boxes around",
    "parts in its box", "own color seen", "of the same shape if turned", "of the same picture", "ends", "bends",
    "junctions",
}  # fmt: skip
"""Numbers that are asked about more often than others, as is the colour, and who is first in a rank."""

NUM_PLAIN = 3
"""The first drawings, which draw nothing new."""

CUTS = ("region", "alone", "inside", "color")
"""What of a part may be the output, see `parts.cut_out`."""

_RELATING = {moved_as, *(function for function, _, _ in RELATIONS)}

Ink = int | str | None
"""A colour, the name of a feature that is one, or None: as the drawing has it."""


@dataclass(frozen=True)
class PartRule:
    """A rule that gives all training outputs. confirmed: pairs. cost: nats in the vote."""

    value: Value
    confirmed: int
    cost: float


@dataclass(frozen=True)
class Step:
    """What one action gives that is part of what there is to do. explained: how many changed cells of the training
    pairs. cost: nats of the action."""

    value: Value
    explained: int
    cost: float


@dataclass
class _Tree:
    """A node: a leaf while question is −1."""

    parts: np.ndarray
    action: int
    wrong: int
    question: int = -1
    yes: _Tree | None = field(default=None, repr=False)
    no: _Tree | None = field(default=None, repr=False)


@dataclass
class _Node:
    """What trees have in common at a set of parts: the action that most of them have right, how many it has wrong, and
    what every question is worth there, once that was asked."""

    action: int
    wrong: int
    merit: np.ndarray | None = None


_Nodes = dict[bytes, _Node]
"""By the parts' numbers, as bytes."""


class Parts:
    """The parts of one grid per input under one division, what they are like, and the questions about them."""

    def __init__(self, base: Value, divide: Callable[..., np.ndarray], num_train: int) -> None:
        """Raises GridError where some grid has no part, or too many."""
        self.base, self.divide, self.num_train, self.is_asked = base, divide, num_train, False
        self.labels = [divide(grid) for grid in base.items]
        if not all(0 < labels.max() <= MAX_PARTS for labels in self.labels):
            raise GridError("no parts, or too many")
        self.stacks = [stack_of(grid, labels) for grid, labels in zip(base.items, self.labels, strict=True)]
        seen = [described(grid, labels) for grid, labels in zip(base.items, self.labels, strict=True)]
        self.features = {name: np.concatenate([one[name] for one in seen]) for name in seen[0]}
        self.grid_of = np.repeat(np.arange(len(self.stacks)), [len(stack) for stack in self.stacks])
        self.first = np.cumsum([0, *map(len, self.stacks[:-1])])
        self.train = np.flatnonzero(self.grid_of < num_train)
        self.key = b"".join(labels.tobytes() for labels in self.labels)
        self._cuts: dict[str, list[np.ndarray]] = {}

    def cut(self, how: str) -> list[np.ndarray]:
        """What every part gives as a block of its own colours, see `layouts.block`."""
        if how not in self._cuts:
            self._cuts[how] = [
                block(grid, labels, None, k, how, None, None)
                for grid, labels in zip(self.base.items, self.labels, strict=True)
                for k in range(labels.max())
            ]
        return self._cuts[how]

    def of(self, number: int) -> np.ndarray:
        """The numbers of one grid's parts."""
        return np.flatnonzero(self.grid_of == number)

    def ask(self) -> None:
        """Make the questions, once: those that divide the training parts, no two of them alike on all parts."""
        if self.is_asked:
            return
        self.is_asked = True
        self.questions: list[str] = []
        answers: list[np.ndarray] = []
        shares: list[float] = []
        known: set[bytes] = set()

        def add(text: str, answer: np.ndarray, share: float) -> None:
            here = answer[self.train]
            key = (~answer if answer[0] else answer).tobytes()
            if here.any() and not here.all() and key not in known:
                known.add(key)
                self.questions.append(text)
                shares.append(share)
                answers.append(answer)

        colors = [name for name in self.features if name.startswith("color ")]
        for name, values in self.features.items():
            seen = [int(k) for k in np.unique(values[self.train])]
            for k in seen:
                if name in colors or k <= MAX_EQUAL:
                    is_end = k == 1 and ("rank" in name or name.startswith("of the same"))
                    share = 0.8 if name == "color own" else 0.4 if name in PLAIN or is_end else 0.1
                    add(f'seen["{name}"] == {k}', values == k, share)
            if name not in colors:
                for k in seen[:-1]:
                    add(f'seen["{name}"] <= {k}', values <= k, 0.1)
        for a, b in itertools.combinations(colors, 2):
            if a in ("color own", "color beside"):
                same = (self.features[a] == self.features[b]) & (self.features[a] > 0)
                add(f'(seen["{a}"] == seen["{b}"]) & (seen["{a}"] > 0)', same, 0.2)
        self.answers = np.array(answers) if answers else np.zeros((0, len(self.grid_of)), bool)
        self.shares = np.array(shares)
        self.as_floats = self.answers.astype(np.float32)

    def grow(self, parts: np.ndarray, right: np.ndarray, use: np.ndarray, nodes: _Nodes) -> _Tree | None:
        """A tree over some parts without a wrong one. right: bool [all parts, actions]. use: questions to ask. nodes:
        what is known of sets of parts, for all trees with the same `right`."""

        def leaf(here: np.ndarray) -> _Tree:
            known = nodes.get(here.tobytes())
            if known is None:
                number = right[here].sum(0)
                known = nodes[here.tobytes()] = _Node(int(number.argmax()), len(here) - int(number.max()))
            return _Tree(here, known.action, known.wrong)

        root = leaf(parts)
        leaves = [root]
        while True:
            worst = max(leaves, key=lambda one: one.wrong)
            if worst.wrong == 0:
                return root
            if len(leaves) == MAX_LEAVES or not len(use):
                return None
            node = nodes[worst.parts.tobytes()]
            if node.merit is None:
                node.merit = self._merit(worst.parts, right)
            merit = node.merit[use]
            best = int(merit.argmax())
            if merit[best] < 0:
                return None
            worst.question = int(use[best])
            answer = self.answers[worst.question, worst.parts]
            worst.yes, worst.no = leaf(worst.parts[answer]), leaf(worst.parts[~answer])
            leaves = [one for one in leaves if one is not worst] + [worst.yes, worst.no]

    def _merit(self, parts: np.ndarray, right: np.ndarray) -> np.ndarray:
        """Of every question how many parts are right after it, with a bonus for halves that are right as a whole; −1
        where it does not divide the parts."""
        answers, good = self.as_floats[:, parts], right[parts].astype(np.float32)
        yes = answers @ good
        no = good.sum(0) - yes
        num_yes = answers.sum(1)
        num_no = len(parts) - num_yes
        best_yes, best_no = yes.max(1), no.max(1)
        merit = best_yes + best_no + PURE_BONUS * (num_yes * (best_yes == num_yes) + num_no * (best_no == num_no))
        merit[(num_yes == 0) | (num_no == 0)] = -1.0
        return merit

    def choose(self, tree: _Tree) -> np.ndarray:
        """The action of every part, int64 [n]."""
        if tree.question < 0:
            return np.full(len(self.grid_of), tree.action)
        return np.where(self.answers[tree.question], self.choose(tree.yes), self.choose(tree.no))

    def text(self, tree: _Tree) -> str:
        """A tree as Python that gives `choose`."""
        if tree.question < 0:
            return str(tree.action)
        return f"np.where({self.questions[tree.question]}, {self.text(tree.yes)}, {self.text(tree.no)})"

    def vote(
        self, right: np.ndarray, rng: np.random.Generator, counts: Callable[[np.ndarray, int], bool], one: bool = False
    ) -> tuple[list[tuple[_Tree, np.ndarray]], int]:
        """The trees over all training parts that choose most as all trees together do, and how many pairs confirm
        them. A pair is confirmed if what most trees of the other pairs choose counts as right there.

        right: bool [all parts, actions]. counts: whether choices for all parts (int64 [n]) are right on a pair.
        one: whether action 1 is for one part of each grid, the one for which most trees choose it."""
        # In a random order, in which those that are asked more often come earlier.
        drawn = rng.random((NUM_TREES, len(self.questions))) / self.shares
        uses = [np.argsort(order, kind="stable")[: int((order < 1.0).sum())] for order in drawn]

        def most(choices: list[np.ndarray]) -> np.ndarray:
            if not one:
                return _most_chosen(choices)
            often = np.array(choices).sum(0)
            return (often == np.maximum.reduceat(often, self.first)[self.grid_of]) * 1

        confirmed = 0
        for pair in range(self.num_train):
            others = self.train[self.grid_of[self.train] != pair]
            nodes: _Nodes = {}
            trees = [self.grow(others, right, use, nodes) for use in uses] if len(others) else []
            choices = [self.choose(tree) for tree in trees if tree is not None]
            confirmed += bool(choices) and counts(most(choices), pair)
            if pair == 1 and not confirmed:
                return [], 0  # seldom right: the time goes to others
        nodes = {}
        grown = [tree for use in uses if (tree := self.grow(self.train, right, use, nodes)) is not None]
        choices = [self.choose(tree) for tree in grown]
        if not choices:
            return [], 0
        found: dict[bytes, tuple[_Tree, np.ndarray, int]] = {}
        for tree, choice in zip(grown, choices, strict=True):
            known, _, often = found.get(choice.tobytes(), (tree, choice, 0))
            smaller = known if _num_leaves(known) <= _num_leaves(tree) else tree
            found[choice.tobytes()] = (smaller, choice, often + 1)
        voted = most(choices)
        order = sorted(found.values(), key=lambda known: (-(known[1] == voted).mean(), -known[2]))
        return [(tree, choice) for tree, choice, _ in order[:MAX_RULES]], confirmed

    def value(self, items: Sequence[np.ndarray], lines: Sequence[str], functions: Sequence[Callable]) -> FreeValue:
        """A rule as an executed step."""
        text = "\n".join([source_of([self.divide, *functions]), f"labels = {self.divide.__name__}(base)", *lines])
        return FreeValue.fitted(items, (self.base,), ("base",), text, self.base.cost)


def divided(
    base: Value, divisions: Iterable[Callable[..., np.ndarray]], num_train: int, stop: Callable[[], bool]
) -> Iterator[Parts]:
    """The parts of a grid under one division after another, until `stop()`, without those that have no use for it."""
    for divide in divisions:
        if stop():
            return
        parts = _parts_of(base, divide, num_train)
        if parts is not None:
            yield parts


@lru_cache(MAX_KEPT)
def _parts_of(base: Value, divide: Callable[..., np.ndarray], num_train: int) -> Parts | None:
    """None where they have no use. Kept, as pieces, layout rules and part rules are sought over the same ones."""
    try:
        return Parts(base, divide, num_train)
    except GridError:
        return None


@dataclass(frozen=True)
class _Action:
    drawing: int
    ink: Ink


class DrawingRules:
    """The drawing rules over one division into parts, for outputs of the inputs' shapes."""

    def __init__(self, parts: Parts, targets: Sequence[np.ndarray], stop: Callable[[], bool]) -> None:
        self.parts, self.targets, self.stop = parts, targets, stop
        self.num_checks = 0
        grids = parts.base.items[: parts.num_train]
        self.number_of: list[np.ndarray] = []  # of each cell among all changed cells, −1: not changed
        self.num_changed = 0
        for grid, target in zip(grids, targets, strict=True):
            changed = (grid != target).ravel()
            self.number_of.append(np.where(changed, np.cumsum(changed) - 1 + self.num_changed, -1))
            self.num_changed += int(changed.sum())
        self.own = [np.nonzero(stack.reshape(len(stack), -1) >= 0) for stack in parts.stacks]
        self.drawings = [*DRAWINGS, *RELATIONS, *self._stamps(), *self._moves()]
        self._drawn: dict[tuple[int, int], np.ndarray] = {}
        self._pictures: dict[tuple[Callable[..., np.ndarray], tuple, int], np.ndarray] = {}
        self._find_actions()

    def _stamps(self) -> list[tuple[Callable[..., np.ndarray], tuple, bool]]:
        """Drawings of single cells around parts of one size, or around the middles of parts: those cells that have one
        colour in the outputs, for all such parts, or for those of one colour."""
        parts, found = self.parts, []
        if parts.divide in STILL and parts.divide is not layers:
            return []
        boxes = np.concatenate([extents(stack) for stack in parts.stacks[: parts.num_train]], axis=1)
        own_color = parts.features["color own"][parts.train]
        sizes = np.stack([boxes[1] - boxes[0] + 1, boxes[3] - boxes[2] + 1], 1)
        corners = boxes[[0, 2]].T - STAMP_REACH
        kinds = [
            (stamped, (sizes == size).all(1), corners, size + 2 * STAMP_REACH)
            for size in np.unique(sizes, axis=0)[:MAX_STAMPS]
            if size.max() <= MAX_STAMP_SIDE and parts.divide not in STILL
        ]
        middles = (boxes[[0, 2]] + boxes[[1, 3]]).T // 2 - STAMP_REACH
        kinds.append((stamped_in_middle, (sizes % 2 == 1).all(1), middles, np.full(2, 2 * STAMP_REACH + 1)))
        for function, of_kind, firsts, shape in kinds:
            for color in (-1, *np.unique(own_color[of_kind])):
                members = np.flatnonzero(of_kind & ((own_color == color) | (color < 0)))
                cells = self._constant_cells(members, firsts[members], shape)
                if cells and all((function, cells) != (f, other) for f, (other,), _ in found):
                    found.append((function, (cells,), True))
        return found[:MAX_STAMPS]

    def _moves(self) -> list[tuple[Callable[..., np.ndarray], tuple, bool]]:
        """The moves that explain most of what changed."""
        if self.parts.divide in STILL or self.stop():
            return []
        self.num_checks += CHECKS_PER_DRAWING * len(self.parts.stacks)
        return moves(self.parts.base.items, self.parts.stacks, self.targets)

    def _constant_cells(
        self, members: np.ndarray, firsts: np.ndarray, shape: np.ndarray
    ) -> tuple[tuple[int, int, int], ...]:
        """Cells of windows that have one colour in the outputs, in all windows, as (row, column, colour) less
        STAMP_REACH; none where the windows are of one pair. members: training parts, int64 [n], whose windows begin
        at `firsts`, int64 [n, 2], and have a shape."""
        grid_of = self.parts.grid_of[self.parts.train][members]
        if len(np.unique(grid_of)) < min(2, self.parts.num_train):
            return ()
        seen, changed = np.zeros((10, *shape), np.int64), np.zeros((self.parts.num_train, *shape), bool)
        for number, (top, left_end) in zip(grid_of, firsts, strict=True):
            grid, target = self.parts.base.items[number], self.targets[number]
            row, column = np.indices(tuple(shape))
            fine = (row + top >= 0) & (row + top < grid.shape[0])
            fine &= (column + left_end >= 0) & (column + left_end < grid.shape[1])
            row, column = row[fine], column[fine]
            new = target[row + top, column + left_end]
            np.add.at(seen, (new, row, column), 1)
            changed[number, row, column] |= new != grid[row + top, column + left_end]
        constant = ((seen > 0).sum(0) == 1) & (seen[0] == 0) & (changed.sum(0) >= min(2, self.parts.num_train))
        return tuple(
            (int(row) - STAMP_REACH, int(column) - STAMP_REACH, int(seen[:, row, column].argmax()))
            for row, column in np.argwhere(constant)
        )

    def draw(self, drawing: int, number: int) -> np.ndarray:
        """What a drawing paints for every part of one grid."""
        if (drawing, number) not in self._drawn:
            function, arguments, _ = self.drawings[drawing]
            # Where the part stays and where it does not the same is drawn.
            key = (function, arguments, number)
            if key not in self._pictures:
                self._pictures[key] = function(self.parts.base.items[number], self.parts.stacks[number], *arguments)
            self._drawn[drawing, number] = self._pictures[key]
            self.num_checks += CHECKS_PER_DRAWING
        return self._drawn[drawing, number]

    def _find_actions(self) -> None:
        """Fill actions, valid (bool [training parts, actions]: agrees with the output), covered (bool [actions,
        changed cells]: what an action explains, done wherever it is valid) and reach (int [training parts, actions]:
        how many changed cells each part's explains)."""
        parts = self.parts
        colors = sorted({int(k) for target in self.targets for k in np.unique(target)} - {0})
        named = {name: parts.features[name][parts.train] for name in parts.features if name.startswith("color ")}
        found: list[tuple[_Action, np.ndarray, np.ndarray, np.ndarray]] = []
        seen: dict[bytes, int] = {}
        for drawing, (function, _, _) in enumerate(self.drawings):
            if self.stop():
                break
            if (function in MOVING or function in _RELATING) and parts.divide in STILL:
                continue
            checked = self._check(drawing)
            if checked is None:
                continue
            as_drawn, in_color, only, reach, part_of, cell = checked
            inks: list[tuple[Ink, np.ndarray]] = [(None, as_drawn)]
            inks += [(color, in_color & ((only == color) | (only == ANY))) for color in colors]
            inks += [(n, in_color & ((only == value) | (only == ANY)) & (value > 0)) for n, value in named.items()]
            for ink, good in inks:
                is_plain = ink is None and drawing < NUM_PLAIN
                used = parts.grid_of[parts.train][good & (reach > 0)]
                if not is_plain and (not len(used) or ((used == used[0]).all() and parts.num_train > 1)):
                    continue
                covered = np.zeros(self.num_changed, bool)
                covered[cell[good[part_of]]] = True
                key = good.tobytes() + covered.tobytes()
                seen[key] = seen.get(key, 0) + 1
                if seen[key] <= (1 if is_plain else 3):
                    found.append((_Action(drawing, ink), good, covered, np.where(good, reach, -1)))
        # Those that draw nothing new, then those that explain most.
        order = sorted(range(len(found)), key=lambda k: (found[k][0].drawing >= NUM_PLAIN, -int(found[k][2].sum())))
        found = [found[k] for k in order[:MAX_ACTIONS]]
        self.actions = [action for action, _, _, _ in found]
        self.valid = np.array([good for _, good, _, _ in found]).T if found else np.zeros((len(parts.train), 0), bool)
        self.covered = np.array([covered for _, _, covered, _ in found])
        self.reach = np.array([reach for _, _, _, reach in found]).T

    def _check(
        self, drawing: int
    ) -> tuple[np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray, np.ndarray] | None:
        """Of a drawing, for each training part: whether it agrees with the output as it is drawn, and in another
        colour; which that is (−1: none, ANY: nothing is drawn); how many changed cells it explains. Then those cells,
        as numbers of parts and of cells. None if it is of no use for the first two pairs."""
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
            own_part, own_cell = self.own[number]
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
            changed = self.number_of[number][cell]
            part, changed = part[changed >= 0], changed[changed >= 0]
            reach[first : first + n] = np.bincount(part, minlength=n)
            explained.append((part + first, changed))
            first += n
            if number == 1 and drawing >= NUM_PLAIN and not ((as_drawn | in_color) & (reach > 0))[:first].any():
                return None
        of_part, of_cell = (np.concatenate(column) for column in zip(*explained, strict=True))
        return as_drawn, in_color, only, reach, of_part, of_cell

    def vocabularies(self) -> list[tuple[int, ...]]:
        """Sets of actions of which every part has one that agrees, and that together explain all changed cells."""
        if not self.num_changed or not self.actions or not self.covered.any(0).all() or not self.valid.any(1).all():
            return []
        bad = np.unique(~self.valid, axis=0).astype(np.float32)
        open_cells = np.unique(~self.covered.T, axis=0).astype(np.float32)
        found = [(a,) for a in range(len(self.actions)) if not bad[:, a].any() and not open_cells[:, a].any()]
        single = {a for (a,) in found}
        both = (bad.T @ bad == 0) & (open_cells.T @ open_cells == 0)
        for a, b in np.argwhere(np.triu(both, 1)):
            if a not in single and b not in single:
                found.append((int(a), int(b)))
        if not found:
            for a in range(len(self.actions)):
                if self.stop():
                    break
                rest, cells = bad[bad[:, a] > 0], open_cells[open_cells[:, a] > 0]
                both = (rest.T @ rest == 0) & (cells.T @ cells == 0)
                both[: a + 1] = False
                found += [(a, int(b), int(c)) for b, c in np.argwhere(np.triu(both, 1))]
                if len(found) > 4 * MAX_VOCABULARIES:
                    break
            if not found:
                found = self._larger()
        self.num_checks += len(self.actions)
        return sorted(found, key=lambda v: (len(v), sum(self._price(a) for a in v)))[:MAX_VOCABULARIES]

    def _larger(self) -> list[tuple[int, ...]]:
        """Larger sets, one after each action that draws nothing new: what mends most comes next."""
        found = []
        for first in range(min(NUM_PLAIN, len(self.actions))):
            chosen = [first]
            valid, covered = self.valid[:, first], self.covered[first]
            while len(chosen) < MAX_VOCABULARY and not (valid.all() and covered.all()):
                gain = (self.valid & ~valid[:, None]).sum(0) + (self.covered & ~covered).sum(1)
                best = int(gain.argmax())
                if not gain[best]:
                    break
                chosen.append(best)
                valid, covered = valid | self.valid[:, best], covered | self.covered[best]
            if valid.all() and covered.all() and len(chosen) > 3:
                found.append(tuple(chosen))
        return found

    def _price(self, action: int) -> float:
        ink = self.actions[action].ink
        plain = self.actions[action].drawing < NUM_PLAIN and ink is None
        if plain:
            return 0.5
        relates = self.drawings[self.actions[action].drawing][0] in _RELATING
        by_ink = 0.0 if ink is None else 0.5 if isinstance(ink, int) else 1.0
        return ACTION_COST + relates * RELATION_COST + by_ink

    def fits(self, rng: np.random.Generator) -> list[PartRule]:
        """Rules that give all training outputs, the most confirmed and cheapest first."""
        vocabularies = self.vocabularies()
        found: dict[bytes, tuple[FreeValue, int, list[float]]] = {}
        if vocabularies:
            self.parts.ask()
        for vocabulary in vocabularies:
            if self.stop():
                break
            right = np.zeros((len(self.parts.grid_of), len(vocabulary)), bool)
            reach = self.reach[:, vocabulary]
            right[self.parts.train] = self.valid[:, vocabulary] & (reach == reach.max(1, keepdims=True))
            counts = lambda choice, pair, v=vocabulary: self._gives(v, choice, pair)  # noqa: E731
            self.num_checks += CHECKS_PER_TREE * NUM_TREES
            voted, confirmed = self.parts.vote(right, rng, counts)
            for tree, choice in voted:
                if not all(self._gives(vocabulary, choice, pair) for pair in range(self.parts.num_train)):
                    continue
                items = [self._paint(vocabulary, choice, number) for number in range(len(self.parts.stacks))]
                value = self.parts.value(items, *self._text(vocabulary, tree))
                cost = LEAF_COST * _num_leaves(tree) + sum(self._price(a) for a in vocabulary)
                _note(found, value, confirmed, cost)
        rules = [PartRule(value, confirmed, _together(costs)) for value, confirmed, costs in found.values()]
        return sorted(rules, key=lambda rule: (-rule.confirmed, rule.cost))

    def _paint(self, vocabulary: tuple[int, ...], choice: np.ndarray, number: int) -> np.ndarray:
        own = self.parts.of(number)
        actions = []
        for a in vocabulary:
            ink = self.actions[a].ink
            color = self.parts.features[ink][own] if isinstance(ink, str) else ink
            actions.append(
                (self.draw(self.actions[a].drawing, number), self.drawings[self.actions[a].drawing][2], color)
            )
        return painted(self.parts.base.items[number], self.parts.stacks[number], choice[own], actions)

    def _gives(self, vocabulary: tuple[int, ...], choice: np.ndarray, pair: int) -> bool:
        return np.array_equal(self._paint(vocabulary, choice, pair), self.targets[pair])

    def _text(self, vocabulary: tuple[int, ...], tree: _Tree) -> tuple[list[str], list[Callable]]:
        return self._lines(vocabulary, self.parts.text(tree))

    def _lines(self, vocabulary: tuple[int, ...], choice: str) -> tuple[list[str], list[Callable]]:
        """The program's lines, and the functions that it needs. choice: the action of every part, as Python."""
        actions, functions = [], []
        for a in vocabulary:
            function, arguments, stays = self.drawings[self.actions[a].drawing]
            ink = self.actions[a].ink
            color = f'seen["{ink}"]' if isinstance(ink, str) else repr(ink)
            call = ", ".join(["base", "stack", *map(repr, arguments)])
            actions.append(f"({function.__name__}({call}), {stays}, {color})")
            functions.append(function)
        lines = ["stack = stack_of(base, labels)"]
        used = "seen[" in choice or any(isinstance(self.actions[a].ink, str) for a in vocabulary)
        lines += ["seen = described(base, labels)"] if used else []
        lines += [f"choice = np.zeros(len(stack), np.int64) + {choice}"]
        lines += [f"out = painted(base, stack, choice, [{', '.join(actions)}])"]
        return lines, [*functions, stack_of, painted, *([described] if used else [])]

    def steps(self) -> list[Step]:
        """Actions for all parts, or for those that one question tells from the others, that change something in two
        pairs and nothing but to what the outputs have; those that explain most first."""
        parts = self.parts
        if not self.actions or self.stop():
            return []
        parts.ask()
        train, texts = parts.train, [None, *parts.questions, *(f"~({text})" for text in parts.questions)]
        answers = np.concatenate([np.ones((1, len(parts.grid_of)), bool), parts.answers, ~parts.answers])
        asked = answers[:, train].astype(np.float32)
        shares = np.concatenate([[2.0], parts.shares, 0.9 * parts.shares])
        reach = np.maximum(self.reach, 0).astype(np.float32)
        pairs = [parts.grid_of[train] == pair for pair in range(parts.num_train)]
        gain = np.array([asked[:, own] @ reach[own] for own in pairs])
        good = (asked @ (~self.valid).astype(np.float32) == 0) & ((gain > 0).sum(0) >= min(2, len(pairs)))
        merit = np.where(good, gain.sum(0) + 0.01 * shares[:, None], 0.0)  # [questions, actions]
        self.num_checks += CHECKS_PER_DRAWING * len(self.actions)
        found: list[Step] = []
        for action in np.argsort(-merit.max(0), kind="stable"):
            question = int(merit[:, action].argmax())
            if not merit[question, action] or len(found) == MAX_STEPS:
                break
            step = self._step(int(action), texts[question], answers[question])
            if step is not None and all(step.value.key != other.value.key for other in found):
                found.append(step)
        return found

    def _step(self, action: int, question: str | None, chosen: np.ndarray) -> Step | None:
        """One action as an executed step, None if it does harm or all there is to do. chosen: for which parts."""
        choice = np.where(chosen, 0, -1)
        items = [self._paint((action,), choice, number) for number in range(len(self.parts.stacks))]
        explained = 0
        for item, grid, target in zip(items, self.parts.base.items, self.targets, strict=False):
            if ((item != grid) & (item != target)).any():
                return None
            explained += int((item != grid).sum())
        if explained == self.num_changed:
            return None
        text = "0" if question is None else f"np.where({question}, 0, -1)"
        price = self._price(action) + LEAF_COST * (question is not None)
        return Step(self.parts.value(items, *self._lines((action,), text)), explained, price)


def choice_rules(
    parts: Parts, targets: Sequence[np.ndarray], rng: np.random.Generator, stop: Callable[[], bool]
) -> tuple[list[PartRule], int]:
    """Rules that cut the output out of the box of one part; and the checks that this took."""
    found: dict[bytes, tuple[FreeValue, int, list[float]]] = {}
    checks = 0
    for how in CUTS:
        every = parts.cut(how)
        cuts = [[every[k] for k in parts.of(number)] for number in range(len(parts.labels))]
        checks += sum(map(len, cuts))
        is_right = [[np.array_equal(cut, t) for cut in here] for here, t in zip(cuts, targets, strict=False)]
        if stop() or not all(map(any, is_right)):
            continue
        parts.ask()
        right = np.zeros((len(parts.grid_of), 2), bool)
        right[parts.train, 1] = np.concatenate(is_right)
        right[:, 0] = ~right[:, 1]

        def picked(choice: np.ndarray, number: int, cuts: list = cuts) -> np.ndarray | None:
            chosen = [cuts[number][k] for k in np.flatnonzero(choice[parts.of(number)])]
            return chosen[0] if chosen and all(np.array_equal(chosen[0], cut) for cut in chosen) else None

        def counts(choice: np.ndarray, pair: int, picked: Callable = picked) -> bool:
            mine = picked(choice, pair)
            return mine is not None and np.array_equal(mine, targets[pair])

        checks += CHECKS_PER_TREE * NUM_TREES
        voted, confirmed = parts.vote(right, rng, counts, one=True)
        for tree, choice in voted:
            items = [picked(choice, number) for number in range(len(cuts))]
            if any(item is None for item in items):
                continue
            lines = ["seen = described(base, labels)"]
            lines += [f"choice = np.zeros(labels.max(), np.int64) + {parts.text(tree)}"]
            lines += [f"out = cut_out(base, labels, choice.argmax(), {how!r})"]
            value = parts.value(items, lines, [described, cut_out])
            _note(found, value, confirmed, LEAF_COST * _num_leaves(tree) + ACTION_COST)
    rules = [PartRule(value, confirmed, _together(costs)) for value, confirmed, costs in found.values()]
    return sorted(rules, key=lambda rule: (-rule.confirmed, rule.cost)), checks


def fit_parts(
    base: Value,
    targets: Sequence[np.ndarray],
    rng: np.random.Generator,
    stop: Callable[[], bool],
    steps: list[Step] | None = None,
) -> tuple[list[PartRule], int]:
    """Drawing rules, where the outputs have the shapes of `base`, and choice rules; and the checks that they took.
    steps: single actions are added to it, as long as no rule is confirmed by all pairs."""
    num_train = len(targets)
    if sum(grid.size for grid in base.items) > MAX_CELLS:
        return [], 0
    same_shape = all(grid.shape == target.shape for grid, target in zip(base.items, targets, strict=False))
    may_be_cut = all(
        t.shape[0] <= g.shape[0] and t.shape[1] <= g.shape[1] for g, t in zip(base.items, targets, strict=False)
    )
    rules: list[PartRule] = []
    checks, known = 0, set()
    divisions = DRAWN_DIVISIONS if same_shape else DIVISIONS if may_be_cut else ()
    for parts in divided(base, divisions, num_train, stop):
        checks += 10 * len(parts.stacks)
        if parts.key in known:
            continue
        known.add(parts.key)
        if same_shape:
            drawing = DrawingRules(parts, targets, stop)
            rules += drawing.fits(rng)
            if steps is not None and all(rule.confirmed < num_train for rule in rules):
                steps += drawing.steps()
            checks += drawing.num_checks
        else:
            found, more = choice_rules(parts, targets, rng, stop)
            rules, checks = rules + found, checks + more
    return sorted(rules, key=lambda rule: (-rule.confirmed, rule.cost)), checks


def _most_chosen(choices: Sequence[np.ndarray]) -> np.ndarray:
    """What most of several choices say, part by part."""
    table = np.array(choices)
    return np.array([np.bincount(column).argmax() for column in table.T], np.int64)


def _num_leaves(tree: _Tree) -> int:
    return 1 if tree.question < 0 else _num_leaves(tree.yes) + _num_leaves(tree.no)


def vote_cost(rule: PartRule, num_train: int) -> float:
    """Nats that a part rule costs in the vote beyond what the grammar knows of."""
    return with_doubt(rule.cost, rule.confirmed, num_train)


def _note(
    found: dict[bytes, tuple[FreeValue, int, list[float]]], value: FreeValue, confirmed: int, cost: float
) -> None:
    """Remember a rule under what it gives."""
    known = found.get(value.key)
    costs = [*(known[2] if known else []), cost]
    is_better = known is None or (confirmed, -cost) > (known[1], -min(known[2]))
    found[value.key] = (value, confirmed, costs) if is_better else (known[0], known[1], costs)


def _together(costs: list[float]) -> float:
    """What several rules with equal outputs cost as one: their probabilities add up."""
    least = min(costs)
    return least - log(sum(np.exp(least - cost) for cost in costs))
