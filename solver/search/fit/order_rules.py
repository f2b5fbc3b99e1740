"""Order rules: some parts, each giving the same kind of block, put in an order and laid out.

All rules are sought that give the outputs of all pairs but one. Colours are compared first, then shapes, then grids,
for each costs far more than the one before: a choice of parts and a block go on to be laid out if they have the
outputs' colours, a layout to be tried in all orders if it has their shapes. Rules that give the same are one, as likely
as they are together.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from math import exp
from typing import NamedTuple

import numpy as np

from ...executor import Value
from ..words.layouts import block, in_order, over_one_another
from .layout_blocks import Blocks, num_needed
from .layout_kinds import Layout, possible_layouts
from .part_questions import Choice
from .rule import Rule, cost_together

MAX_CHECKS = 60_000
"""Checks under one division: the cheapest choices of parts and blocks are laid out."""

SURE_COST = 5.0
"""What a rule may cost to be confirmed by two pairs."""

CHECKS_PER_LAYOUT, CHOICES_PER_CHECK, CHECKS_PER_DIVISION = 15, 5, 1_000
"""Table checks (see root.py) that it costs to lay out one grid, choices whose colours are compared for one check, and
what it costs to describe parts and make their blocks."""

KEYS = {"reading": 0.3, "left": 0.6, "top": 0.6, "size": 1.0, "height": 1.3, "width": 1.3}
"""Costs of the features that order parts; others cost OTHER_KEY."""

OTHER_KEY = 2.5

NO_KEYS = ("rank", "cells of", "sides seen", "symmetr", "on the border")
"""Words in the names of features that order no parts."""

COUNTS, COLORS = 0, 1
"""What blocks have in common with an output: as many cells of each colour, or the same colours."""


class _Order(NamedTuple):
    """An order of all parts: by which feature, and whether from its smallest (1) or its largest (−1) value. places: of
    every part, int64 [parts]."""

    name: str
    sign: int
    cost: float
    places: np.ndarray


class _Candidate(NamedTuple):
    """What may give the outputs once it is laid out. in_doubt: whether one of them has other colours. common: COUNTS or
    COLORS. block, choice: by their numbers. Candidates are tried in this order."""

    in_doubt: bool
    cost: float
    common: int
    block: int
    choice: int


@dataclass
class OrderRule:
    """A rule, or several that give the same. right: for each pair whether it is given, bool [pairs]. given: what it
    gives where that is wrong, if anything. make: the value. key: equal where the same is given for the test inputs."""

    right: np.ndarray
    given: list[bytes | None]
    cost: float
    make: Callable[[], Value | None]
    key: tuple[bytes, ...]


class _Chosen:
    """Blocks of one kind of some parts, laid out as often as they are asked for, each time once.

    parts: the numbers of each grid's chosen parts, int64 each.
    """

    def __init__(self, blocks: Blocks, number: int, mask: np.ndarray) -> None:
        """number: of the block. mask: which parts are chosen, bool [parts]."""
        own = blocks.parts
        self.parts = [np.flatnonzero(mask & (own.grid_of == grid)) for grid in range(len(own.labels))]
        self.num_checks = 0
        self._made, self._boxes = blocks.made(number), own.boxes
        self._done: dict[tuple[Layout, int, bytes], np.ndarray | None] = {}

    @property
    def is_one_each(self) -> bool:
        """Whether it is one part of every grid."""
        return all(len(parts) == 1 for parts in self.parts)

    def give(self, layout: Layout, places: np.ndarray, grid: int) -> np.ndarray | None:
        """What a layout makes of one grid, int8 [H, W]. places: see `_Order`."""
        numbers = self.parts[grid][np.argsort(places[self.parts[grid]])]
        key = (layout, grid, numbers.tobytes())
        if key not in self._done:
            self.num_checks += CHECKS_PER_LAYOUT
            self._done[key] = layout.lay_out([self._made[k] for k in numbers], self._boxes[:, numbers])
        return self._done[key]

    def different(self, orders: Sequence[_Order]) -> list[_Order]:
        """The orders that differ for these parts, of equal ones the first."""
        found: dict[bytes, _Order] = {}
        for order in orders:
            found.setdefault(b"".join(np.argsort(order.places[k]).tobytes() for k in self.parts), order)
        return list(found.values())


class OrderRules:
    """The order rules over one division into parts."""

    def __init__(self, blocks: Blocks, targets: Sequence[np.ndarray], stop: Callable[[], bool], cost: float) -> None:
        """targets: int8 [H, W], of the training pairs. cost: nats of the division."""
        self.blocks, self.parts, self.targets, self.stop, self.cost = blocks, blocks.parts, targets, stop, cost
        self.num_train, self.needed = len(targets), num_needed(len(targets))
        self.num_checks = CHECKS_PER_DIVISION
        self.layouts = possible_layouts([target.shape for target in targets])
        self._found: dict[tuple, OrderRule] = {}

    def rules(self) -> list[OrderRule]:
        """Rules that give all training outputs, or all but one."""
        candidates = self._candidates()
        if not candidates or candidates[0].in_doubt:
            return []
        orders = list(self._orders())
        for candidate in candidates:
            if self.stop() or self.num_checks > MAX_CHECKS:
                break
            self._try(candidate, orders)
        return list(self._found.values())

    # --- colours

    def _candidates(self) -> list[_Candidate]:
        """Choices and blocks that have the colours of all outputs, or of all but one; those of all first, then the
        cheapest. None where `stop()` came before."""
        choices = self.parts.choices
        masks = np.array([choice.mask for choice in choices], np.float32)
        found: list[_Candidate] = []
        before = None
        for number, (one, colors) in enumerate(zip(self.blocks.every, self.blocks.colors, strict=True)):
            if self.stop():
                return []
            if colors is not before:  # turned blocks have the same
                before, same = colors, self._compare_colors(masks, colors)
            self.num_checks += len(masks) // CHOICES_PER_CHECK
            # Equal numbers of cells are for all layouts but rings and those without repeats, which are for cells.
            for common in (COUNTS, COLORS) if one.how == "cell" else (COUNTS,):
                for choice in np.flatnonzero(same[common].sum(1) >= self.needed):
                    in_doubt, cost = not same[common, choice].all(), choices[choice].cost + one.cost
                    found.append(_Candidate(in_doubt, cost, common, number, int(choice)))
        return sorted(found)

    def _compare_colors(self, masks: np.ndarray, colors: np.ndarray) -> np.ndarray:
        """What the blocks of chosen parts have in common with the outputs, bool [COUNTS and COLORS, choices, pairs].
        masks: the choices, float32 [choices, parts]. colors: of every part's block, see `Blocks`."""
        same = np.zeros((2, len(masks), self.num_train), bool)
        for grid, target in enumerate(self.targets):
            own, wanted = self.parts.of(grid), np.bincount(target.ravel(), minlength=10)[1:]
            have = masks[:, own] @ colors[own]
            same[COUNTS, :, grid] = (have == wanted).all(1)
            same[COLORS, :, grid] = ((have > 0) == (wanted > 0)).all(1)
            if grid == 1 and not same[:, :, :2].any():
                break  # two pairs are one too many
        return same

    # --- shapes

    def _try(self, candidate: _Candidate, orders: Sequence[_Order]) -> None:
        """Add what layouts and orders make of a candidate."""
        choice = self.parts.choices[candidate.choice]
        chosen = _Chosen(self.blocks, candidate.block, choice.mask)
        fitting = [layout for layout in self._layouts(candidate, chosen) if self._fits(chosen, layout, orders[0])]
        different = chosen.different(orders) if fitting and not chosen.is_one_each else orders[:1]
        for layout in fitting:
            for order in different if layout.ordered else different[:1]:
                by_order = order.cost if layout.ordered and not chosen.is_one_each else 0.0
                cost = self.cost + candidate.cost + layout.cost + by_order
                self._lay_out(chosen, layout, order, cost, partial(self._program, choice, candidate.block))
        self.num_checks += chosen.num_checks

    def _layouts(self, candidate: _Candidate, chosen: _Chosen) -> list[Layout]:
        """The layouts that may give the outputs, from what colours and shapes these have."""
        is_cell = self.blocks.every[candidate.block].how == "cell"
        return [
            layout
            for layout in (self.layouts[:1] if chosen.is_one_each else self.layouts)
            if layout.keeps_counts == (candidate.common == COUNTS) or layout.function is over_one_another
            if not is_cell or all(layout.may_hold_cells(target.shape) for target in self.targets)
        ]

    def _fits(self, chosen: _Chosen, layout: Layout, order: _Order) -> bool:
        """Whether a layout gives the outputs' shapes. These rarely depend on the order: where they are wrong in the
        first one they are in all."""
        wrong = 0
        for grid, target in enumerate(self.targets):
            out = chosen.give(layout, order.places, grid)
            wrong += out is None or out.shape != target.shape
            if wrong > self.num_train - self.needed and layout.repeats != 1:
                return False
        return True

    # --- grids

    def _orders(self) -> list[_Order]:
        """The different orders of all parts, the cheapest first."""
        features = {"reading": np.zeros(len(self.parts.grid_of), np.int64)} | self.parts.features
        top, _, left, _ = self.parts.boxes
        found: dict[bytes, _Order] = {}
        for name, values in sorted(features.items(), key=lambda one: KEYS.get(one[0], OTHER_KEY)):
            if any(word in name for word in NO_KEYS):
                continue
            for sign in (1, -1):
                places = np.empty(len(values), np.int64)
                places[np.lexsort((left, top, values * sign, self.parts.grid_of))] = np.arange(len(values))
                found.setdefault(places.tobytes(), _Order(name, sign, KEYS.get(name, OTHER_KEY), places))
        return list(found.values())

    def _lay_out(
        self,
        chosen: _Chosen,
        layout: Layout,
        order: _Order,
        cost: float,
        program: Callable[[Layout, _Order], tuple[list[str], list]],
    ) -> None:
        """Add a rule if it gives the outputs of enough pairs and something for every test input."""
        right, given = np.zeros(self.num_train, bool), []
        for grid, target in enumerate(self.targets):
            out = chosen.give(layout, order.places, grid)
            right[grid] = out is not None and np.array_equal(out, target)
            given.append(None if right[grid] or out is None else _key(out))
            if grid + 1 - right.sum() > self.num_train - self.needed:
                return
        test = [chosen.give(layout, order.places, grid) for grid in range(self.num_train, len(chosen.parts))]
        if any(out is None for out in test):
            return

        def make() -> Value | None:
            items = [chosen.give(layout, order.places, grid) for grid in range(len(chosen.parts))]
            if any(item is None for item in items):
                return None
            return self.parts.laid_out(items, *program(layout, order))

        self._add(OrderRule(right, given, cost, make, tuple(map(_key, test))))

    def _add(self, rule: OrderRule) -> None:
        key = (rule.right.tobytes(), tuple(rule.given), rule.key)
        known = self._found.get(key)
        if known is not None:
            rule.make = rule.make if rule.cost < known.cost else known.make
            rule.cost = cost_together([known.cost, rule.cost])
        self._found[key] = rule

    def _program(self, choice: Choice, number: int, layout: Layout, order: _Order) -> tuple[list[str], list]:
        """A rule's lines of Python and the functions that they need, see `Parts.laid_out`."""
        one = self.blocks.every[number]
        sign = "-" if order.sign < 0 else ""
        values = "np.zeros(labels.max())" if order.name == "reading" else f'{sign}seen["{order.name}"]'
        chosen = "np.ones(labels.max(), bool)" if choice.text is None else choice.text
        lines = [f"numbers = in_order(where, {chosen}, {values})", f"blocks = [{one.call} for k in numbers]"]
        more, functions = layout.program("where[:, numbers]")
        return [*lines, *more], [in_order, block, *functions]


def _key(grid: np.ndarray) -> bytes:
    """Equal where grids are."""
    return bytes(grid.shape) + grid.tobytes()


def settled(found: Sequence[OrderRule], num_train: int) -> list[Rule]:
    """The rules, of all divisions, that give all pairs, with how many pairs confirm them all together."""
    if not any(one.right.all() for one in found):
        return []
    confirmed = sum(_is_confirmed(found, pair) for pair in range(num_train))
    together: dict[tuple, tuple[OrderRule, list[float]]] = {}
    for one in found:
        if one.right.all():
            best, costs = together.get(one.key, (one, []))
            together[one.key] = (one if one.cost < best.cost else best, [*costs, one.cost])
    rules = []
    for one, costs in together.values():
        value = one.make()
        if value is not None:
            total = cost_together(costs)
            in_doubt = num_train == 2 and total > SURE_COST
            rules.append(Rule(value, min(confirmed, 1) if in_doubt else confirmed, total))
    return rules


def _is_confirmed(found: Sequence[OrderRule], pair: int) -> bool:
    """Whether of the rules that give all other pairs those that give this one weigh most."""
    weights: dict[bytes | None, float] = {}
    for one in found:
        if np.delete(one.right, pair).all():
            key = b"right" if one.right[pair] else one.given[pair]
            weights[key] = weights.get(key, 0.0) + exp(-one.cost)
    return max(weights, key=lambda key: weights[key]) == b"right"
