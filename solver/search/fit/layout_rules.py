"""Layout rules: outputs that are laid out from the parts of a grid.

A grid is divided into parts (`words/parts.py`); some are chosen, all or those that a question is true of; each gives a
block (a cell, a bar, its picture); the blocks are put in an order and laid out (`words/layouts.py`): in a line, in
rows, on a diagonal, in rings, as the parts lie. All such rules that give the outputs of all pairs but one are sought,
and each weighs by what it costs. A pair is *confirmed* if, of the rules that give all other pairs, those that are right
there weigh most. With two pairs only rules that give both are sought, so that only those that cost little are
confirmed.

Parts may also lie where in other pairs those that look alike do (*place rules*). Where every part is laid out, a block
may be chosen by what its part is like: *block rules* are trees, grown and confirmed as those of part rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import exp, log

import numpy as np

from ...executor import Value
from ...grid.types import MAX_SIDE
from ..words.descriptions import described
from ..words.layouts import (
    as_they_lie,
    block,
    boxes,
    counted,
    diagonally,
    in_line,
    in_order,
    in_places,
    in_rows,
    over_one_another,
    plain,
    rings,
    single_cells,
    turned,
    whole,
    without_repeats,
)
from ..words.parts import DIVISIONS
from .divided import MAX_CELLS, Parts, divided
from .part_questions import MAX_EQUAL, PLAIN
from .part_trees import vote
from .rule import ACTION_COST, LEAF_COST, PartRule

DIVIDED = (*DIVISIONS, single_cells, whole)
"""Divisions, those first that cost less."""

MAX_CHECKS = 60_000
"""Checks under one division: the cheapest choices of parts and blocks are laid out."""

MAX_BLOCK_CELLS, MAX_BLOCKS = 49, 6
"""Cells of one block of a block rule, and different ones."""

SURE_COST = 5.0
"""What a rule may cost to be confirmed by two pairs."""

CHECKS_PER_LAYOUT, CHOICES_PER_CHECK = 15, 5
"""Table checks (see root.py) that it costs to lay out one grid, and choices whose colours are compared for one."""

CHECKS_PER_DIVISION, CHECKS_PER_TREES = 1_000, 800
"""What it costs to describe parts and make their blocks, and to grow trees for one layout."""

TURNS = ("left right", "up down", "half", "diagonal", "left", "right")
BARS = ("size", "height", "width", "other cells", "colors", "holes", "of the same color")
"""Features that may be the length of a bar."""

KEYS = {"reading": 0.3, "left": 0.6, "top": 0.6, "size": 1.0, "height": 1.3, "width": 1.3}
"""Costs of the features that order parts; others cost OTHER_KEY."""

OTHER_KEY = 2.5


@dataclass(frozen=True)
class _Block:
    """What `block` is called with, and what that costs."""

    how: str
    turn: str | None
    ink: int | str | None
    cost: float

    @property
    def call(self) -> str:
        return f"block(base, labels, seen, k, {self.how!r}, {self.turn!r}, {self.ink!r})"


@dataclass(frozen=True)
class _Layout:
    """A function of words/layouts.py with its arguments after blocks and boxes. repeats: 0: all blocks, 1: without
    those that equal the one before, 2: all different. ordered: whether the order matters."""

    function: Callable[..., np.ndarray]
    arguments: tuple[int, ...]
    repeats: int
    cost: float
    ordered: bool = True


@dataclass
class _Found:
    """A rule, or several that give the same. right: for each pair whether it is given. given: what it gives where that
    is wrong. make: the value. key: what it gives for the test inputs."""

    right: np.ndarray
    given: list[bytes | None]
    cost: float
    make: Callable[[], Value | None]
    key: tuple


class LayoutRules:
    """The layout rules over one division into parts."""

    def __init__(self, parts: Parts, targets: Sequence[np.ndarray], stop: Callable[[], bool], cost: float) -> None:
        self.parts, self.targets, self.stop, self.cost = parts, targets, stop, cost
        self.num_train, self.num_checks = len(targets), CHECKS_PER_DIVISION
        self.describe = described
        if parts.divide is whole:
            self.describe = counted
            seen = [counted(g, labels) for g, labels in zip(parts.base.items, parts.labels, strict=True)]
            parts.features = {name: np.concatenate([one[name] for one in seen]) for name in seen[0]}
        self.boxes = [boxes(g, labels) for g, labels in zip(parts.base.items, parts.labels, strict=True)]
        self.all_boxes = np.concatenate(self.boxes, axis=1)
        self.seen = [{n: v[parts.of(g)] for n, v in parts.features.items()} for g in range(len(parts.labels))]
        self.needed = self.num_train - (self.num_train > 2)
        self._list_blocks()
        self.layouts = self._list_layouts()
        self.orders: list[tuple[str, int, float, np.ndarray]] = []

    def _list_blocks(self) -> None:
        """The blocks that all parts can give, and how many cells of each colour each part's has."""
        features = self.parts.features
        inks = [("color own", 0.5)] + [(n, 2.0) for n in features if n.startswith("color ") and n != "color own"]
        constants = sorted({int(k) for t in self.targets for k in np.unique(t)} - {0})
        inks += [(c, 1.0) for c in constants if sum((t == c).any() for t in self.targets) >= self.needed]
        total = len(self.parts.grid_of)
        values = [(ink, cost, features[ink] if isinstance(ink, str) else np.full(total, ink)) for ink, cost in inks]
        values = list({v.tobytes(): (ink, cost, v) for ink, cost, v in reversed(values)}.values())[::-1]
        self.blocks: list[_Block] = []
        self.colors: list[np.ndarray] = []
        self.uncolored: dict[str, list[np.ndarray]] = {}
        self._made: dict[int, list[np.ndarray]] = {}
        known: set[bytes] = set()

        def add(how: str, pictures: list[np.ndarray], cost: float, turns: tuple[str, ...], own: bool) -> None:
            key = b"".join(bytes(m.shape) + m.tobytes() for m in pictures)
            if key in known or not min(m.size for m in pictures):
                return
            known.add(key)
            self.uncolored[how] = pictures
            counts = np.array([np.bincount(m.ravel(), minlength=10)[1:] for m in pictures], np.float32)
            is_plain = own and bool(((counts > 0).sum(1) <= 1).all())  # then in its own colour it is as it is
            if own:
                self.blocks += [_Block(how, turn, None, cost + 2.0 * (turn is not None)) for turn in (None, *turns)]
                self.colors += [counts] * (1 + len(turns))
            for ink, price, value in values[is_plain:]:
                colored = np.zeros((total, 10), np.float32)
                colored[np.arange(total), value] = counts.sum(1)
                self.blocks.append(_Block(how, None, ink, cost + price + 0.5 * own))
                self.colors.append(colored[:, 1:])

        add("cell", [np.ones((1, 1), np.int8)] * total, 0.0, (), False)
        if self.parts.divide is single_cells:
            return
        for how, cost in (("region", 0.8), ("alone", 1.0), ("inside", 1.5), ("shrunk", 1.5), ("scaled", 1.5)):
            if self.stop():
                return
            add(how, self.parts.cut(how), cost, TURNS if how in ("alone", "region") else (), True)
        shapes = {t.shape for t in self.targets}
        for tall, wide in sorted({min(shapes) if len(shapes) == 1 else (0, 0), (0, 0), (0, 30), (30, 0)}):
            for down in (0, 1):
                for right in (0, 1):
                    how = f"corner:{tall} {wide} {down} {right}"
                    add(how, self.parts.cut(how), 2.5, (), True)
        for feature in [*BARS, *(name for name in features if name.startswith("parts "))]:
            lengths = np.clip(features[feature], 0, MAX_SIDE)
            add(f"bar up:{feature}", [np.ones((n, 1), np.int8) for n in lengths], 1.5, (), False)
            add(f"bar across:{feature}", [np.ones((1, n), np.int8) for n in lengths], 1.5, (), False)

    def made(self, number: int) -> list[np.ndarray]:
        """The block of every part."""
        if number not in self._made:
            one = self.blocks[number]
            pictures = self.uncolored[one.how]
            if one.ink is not None:
                ink, total = one.ink, len(pictures)
                colors = self.parts.features[ink] if isinstance(ink, str) else np.full(total, ink)
                pictures = [np.where(p > 0, c, 0) for p, c in zip(pictures, colors, strict=True)]
            self._made[number] = [turned(picture, one.turn) for picture in pictures]
        return self._made[number]

    def _list_layouts(self) -> list[_Layout]:
        shapes = [t.shape for t in self.targets]
        wanted = [_Layout(in_line, (u, 0, 0), r, 0.5 + r) for u in (0, 1) for r in (0, 1)]
        wanted += [
            _Layout(in_line, (u, e, g), 0, 0.5 + e + 1.5 * g) for u in (0, 1) for e, g in ((1, 0), (0, 1), (1, 1))
        ]
        wanted += [_Layout(as_they_lie, (g,), 0, 0.5 + 1.5 * g, False) for g in (0, 1)]
        wanted += [_Layout(diagonally, (f,), 0, 1.5) for f in (1, 0)]
        wanted += [_Layout(rings, (last,), r, 1.0 + r / 2) for last in (1, 2) for r in (0, 1, 2)]
        wanted += [_Layout(over_one_another, (), 0, 1.0)]
        for wide in sorted({w for _, w in shapes} | {w // 3 for _, w in shapes if w % 3 == 0}):
            wanted += [_Layout(in_rows, (0, wide, 0, s), 0, 1.5 + 0.7 * s) for s in (0, 1)]
        for tall in sorted({h for h, _ in shapes} | {h // 3 for h, _ in shapes if h % 3 == 0}):
            wanted += [_Layout(in_rows, (tall, 0, 1, s), 0, 1.5 + 0.7 * s) for s in (0, 1)]
        if len(set(shapes)) == 1:
            tall, wide = shapes[0]
            wanted += [_Layout(in_rows, (tall, wide, c, s), 0, 1.5 + 0.7 * s) for c in (0, 1) for s in (0, 1)]
        return wanted

    def _list_orders(self) -> None:
        """Different orders of all parts: name, sign, cost, and places (int [n]) within each grid."""
        features = {"reading": np.zeros(len(self.parts.grid_of), np.int64)} | self.parts.features
        known: set[bytes] = set()
        skipped = ("rank", "cells of", "sides seen", "symmetr", "on the border")
        for name, values in sorted(features.items(), key=lambda one: KEYS.get(one[0], OTHER_KEY)):
            if any(word in name for word in skipped):
                continue
            for sign in (1, -1):
                places = np.empty(len(values), np.int64)
                order = np.lexsort((self.all_boxes[2], self.all_boxes[0], values * sign, self.parts.grid_of))
                places[order] = np.arange(len(order))
                if places.tobytes() not in known:
                    known.add(places.tobytes())
                    self.orders.append((name, sign, KEYS.get(name, OTHER_KEY), places))

    def rules(self) -> list[_Found]:
        """Rules that give all training outputs, or all but one."""
        chosen = choices(self.parts)
        masks = np.array([mask for mask, _, _ in chosen], np.float32)
        costs = np.array([cost for _, _, cost in chosen])
        wanted = np.array([np.bincount(t.ravel(), minlength=10)[1:] for t in self.targets])
        candidates: list[tuple[bool, float, int, int, int]] = []
        own = [self.parts.of(grid) for grid in range(self.num_train)]
        masks_of = [masks[:, numbers] for numbers in own]
        before = None
        for number, colors in enumerate(self.colors):
            if self.stop():
                return []
            if colors is not before:  # turned blocks have the same
                before = colors
                same = np.zeros((2, len(masks), self.num_train), bool)
                for grid in range(self.num_train):
                    have = masks_of[grid] @ colors[own[grid]]
                    same[0, :, grid] = (have == wanted[grid]).all(1)
                    same[1, :, grid] = ((have > 0) == (wanted[grid] > 0)).all(1)
                    if grid == 1 and not same[:, :, :2].any():
                        break  # two pairs are one too many
            self.num_checks += len(masks) // CHOICES_PER_CHECK
            # Equal numbers of cells are for all layouts but rings and those without repeats, which are for cells.
            for kind in (0, 1) if self.blocks[number].how == "cell" else (0,):
                for choice in np.flatnonzero(same[kind].sum(1) >= self.needed):
                    cost = costs[choice] + self.blocks[number].cost
                    candidates.append((not same[kind, choice].all(), cost, kind, number, int(choice)))
        if not candidates or min(candidates)[0]:
            return []
        self._list_orders()
        found: dict[tuple, _Found] = {}
        for _, cost, kind, number, choice in sorted(candidates):
            if self.stop() or self.num_checks > MAX_CHECKS:
                break
            self._lay_out(found, chosen[choice], number, kind, cost)
        return list(found.values())

    def _lay_out(self, found: dict[tuple, _Found], choice: tuple, number: int, kind: int, cost: float) -> None:
        mask, words, _ = choice
        made = self.made(number)
        own = [np.flatnonzero(mask & (self.parts.grid_of == g)) for g in range(len(self.parts.labels))]

        done: dict[tuple, np.ndarray | None] = {}

        def give(layout: _Layout, places: np.ndarray, grid: int) -> np.ndarray | None:
            numbers = own[grid][np.argsort(places[own[grid]])]
            key = (layout, grid, numbers.tobytes())
            if key in done:
                return done[key]
            self.num_checks += CHECKS_PER_LAYOUT
            blocks = [made[k] for k in numbers]
            if layout.repeats:
                blocks = without_repeats(blocks, layout.repeats == 2)
            try:
                out = layout.function(blocks, self.all_boxes[:, numbers], *layout.arguments)
            except ValueError:
                out = None
            done[key] = out if out is not None and max(out.shape) <= MAX_SIDE and min(out.shape) else None
            return done[key]

        fitting: list[_Layout] = []
        alone = all(len(k) == 1 for k in own)
        for layout in self.layouts[:1] if alone else self.layouts:
            changes_counts = layout.repeats > 0 or layout.function is rings
            if changes_counts != (kind == 1) and layout.function is not over_one_another:
                continue
            if self.blocks[number].how == "cell" and not self._may_hold_cells(layout):
                continue
            # The shape rarely depends on the order: where it is wrong in the first one it is in all.
            wrong = 0
            for grid, target in enumerate(self.targets):
                out = give(layout, self.orders[0][3], grid)
                wrong += out is None or out.shape != target.shape
                if wrong > self.num_train - self.needed and layout.repeats != 1:
                    break
            else:
                fitting.append(layout)
        orders = self._different_orders(own) if fitting and not alone else self.orders[:1]
        for layout in fitting:
            for name, sign, price, places in orders if layout.ordered else orders[:1]:
                right, given = np.zeros(self.num_train, bool), []
                for grid, target in enumerate(self.targets):
                    out = give(layout, places, grid)
                    right[grid] = out is not None and np.array_equal(out, target)
                    given.append(None if right[grid] or out is None else bytes(out.shape) + out.tobytes())
                    if grid + 1 - right.sum() > self.num_train - self.needed:
                        break
                if right.sum() < self.needed:
                    continue
                total = self.cost + cost + layout.cost + (price if layout.ordered and not alone else 0.0)

                def make(layout=layout, places=places, name=name, sign=sign) -> Value | None:
                    items = [give(layout, places, grid) for grid in range(len(own))]
                    if any(item is None for item in items):
                        return None
                    text = self._text(words, self.blocks[number], layout, name, sign)
                    return self.parts.value(items, *text)

                test = [give(layout, places, grid) for grid in range(self.num_train, len(own))]
                if any(out is None for out in test):
                    continue
                key = (right.tobytes(), tuple(given), tuple(bytes(out.shape) + out.tobytes() for out in test))
                known = found.get(key)
                if known is None:
                    found[key] = _Found(right, given, total, make, key[2])
                else:  # as one rule: their probabilities add up
                    low, high = sorted((known.cost, total))
                    made_by = make if total < known.cost else known.make
                    found[key] = _Found(right, given, low - log(1.0 + exp(low - high)), made_by, key[2])

    def _different_orders(self, own: list[np.ndarray]) -> list[tuple[str, int, float, np.ndarray]]:
        """The orders that differ for some parts, of equal ones the first. own: the numbers of each grid's."""
        found: dict[bytes, tuple[str, int, float, np.ndarray]] = {}
        for order in self.orders:
            found.setdefault(b"".join(np.argsort(order[3][k]).tobytes() for k in own), order)
        return list(found.values())

    def _may_hold_cells(self, layout: _Layout) -> bool:
        """Whether all outputs have a shape that single cells can have under a layout."""
        if layout.function is in_line and not layout.arguments[2]:
            return all(t.shape[1 if layout.arguments[0] else 0] == 1 for t in self.targets)
        return layout.function not in (diagonally, rings) or all(t.shape[0] == t.shape[1] for t in self.targets)

    def _text(self, words: str | None, one: _Block, layout: _Layout, name: str, sign: int) -> tuple[list[str], list]:
        values = "np.zeros(labels.max())" if name == "reading" else f'{"-" if sign < 0 else ""}seen["{name}"]'
        chosen = "np.ones(labels.max(), bool)" if words is None else words
        lines = [f"seen = {self.describe.__name__}(base, labels)", "where = boxes(base, labels)"]
        lines += [f"numbers = in_order(where, {chosen}, {values})", f"blocks = [{one.call} for k in numbers]"]
        functions = [self.describe, boxes, in_order, block, layout.function]
        if layout.repeats:
            lines += [f"blocks = without_repeats(blocks, {layout.repeats == 2})"]
            functions.append(without_repeats)
        call = ", ".join(["blocks", "where[:, numbers]", *map(repr, layout.arguments)])
        return [*lines, f"out = {layout.function.__name__}({call})"], functions

    def place_rules(self) -> list[PartRule]:
        """Rules that put the pictures of all parts where parts that look alike are put in the outputs."""
        how = "alone" if "alone" in self.uncolored else "region"  # where both are equal only one is known
        if how not in self.uncolored:
            return []
        pictures = self.uncolored[how]
        tables = []
        for grid, target in enumerate(self.targets):
            own = [pictures[k] for k in self.parts.of(grid)]
            high, wide = own[0].shape
            if len(own) < 2 or any(p.shape != (high, wide) for p in own) or target.size != len(own) * own[0].size:
                return []
            if target.shape[0] % high or target.shape[1] % wide or high * wide == 1:
                return []
            split = target.reshape(target.shape[0] // high, high, -1, wide).swapaxes(1, 2)
            table = {}
            for picture in own:
                places = np.argwhere((split == picture).all((2, 3)))
                if len(places) != 1 or plain(picture) in table:
                    return []
                table[plain(picture)] = tuple(places[0].tolist())
            tables.append(table)
        together = {key: place for table in tables for key, place in table.items()}

        def give(places: dict, grid: int) -> np.ndarray | None:
            try:
                return in_places([pictures[k] for k in self.parts.of(grid)], None, places)
            except ValueError:
                return None

        confirmed = 0
        for pair, target in enumerate(self.targets):
            places = {key: p for k, table in enumerate(tables) if k != pair for key, p in table.items()}
            confirmed += np.array_equal(give(places, pair), target)
        items = [give(together, grid) for grid in range(len(self.parts.labels))]
        if any(item is None for item in items):
            return []
        if any(not np.array_equal(item, target) for item, target in zip(items, self.targets, strict=False)):
            return []
        lines = ["seen = described(base, labels)", "where = boxes(base, labels)"]
        lines += [f"blocks = [block(base, labels, seen, k, {how!r}, None, None) for k in range(labels.max())]"]
        lines += [f"out = in_places(blocks, where, {together})"]
        value = self.parts.value(items, lines, [described, boxes, block, in_places])
        return [PartRule(value, confirmed, self.cost + ACTION_COST + LEAF_COST)]

    # --- block rules

    def block_rules(self, rng: np.random.Generator) -> list[PartRule]:
        """Rules that lay out all parts, each as a block that a tree says."""
        layouts = [_Layout(as_they_lie, (0,), 0, 0.5), _Layout(in_line, (0, 0, 0), 0, 0.5)]
        layouts += [_Layout(in_line, (1, 0, 0), 0, 0.5)]
        found: list[PartRule] = []
        known: set[bytes] = set()
        for layout in layouts:
            if self.stop():
                break
            wanted = self._wanted(layout)
            if wanted is None:
                continue
            key = b"".join(w.tobytes() for w in wanted)
            if key in known:
                continue
            known.add(key)
            found += self._trees(layout, wanted, rng)
        return found

    def _wanted(self, layout: _Layout) -> list[np.ndarray] | None:
        """The block that each training part must give under a layout, None if there are no such."""
        out, size = [], None
        for number, target in enumerate(self.targets):
            n = self.parts.labels[number].max()
            ones = [np.full((1, 1), k + 1, np.int8) for k in range(n)]
            try:
                plan = layout.function(ones, self.boxes[number], *layout.arguments)
            except ValueError:
                return None
            if target.shape[0] % plan.shape[0] or target.shape[1] % plan.shape[1]:
                return None
            high, wide = target.shape[0] // plan.shape[0], target.shape[1] // plan.shape[1]
            if size not in (None, (high, wide)) or high * wide > MAX_BLOCK_CELLS:
                return None
            size = (high, wide)
            split = target.reshape(plan.shape[0], high, plan.shape[1], wide).swapaxes(1, 2)
            if split[plan == 0].any():
                return None
            out += [split[plan == k + 1][0] for k in range(n)]
        return out

    def _trees(self, layout: _Layout, wanted: list[np.ndarray], rng: np.random.Generator) -> list[PartRule]:
        parts, train = self.parts, self.parts.train
        shape = wanted[0].shape
        columns, actions, texts, prices = [], [], [], []

        def add(pictures: list[np.ndarray], text: str, price: float) -> None:
            if all(p.shape == shape for p in pictures):
                good = np.array([np.array_equal(pictures[k], w) for k, w in zip(train, wanted, strict=True)])
                if len(np.unique(parts.grid_of[train][good])) >= min(2, self.num_train):
                    columns.append(good)
                    actions.append(pictures)
                    texts.append(text)
                    prices.append(price)

        for number, one in enumerate(self.blocks):
            if shape == (1, 1) or one.how != "cell":
                add(self.made(number), one.call, one.cost)
        for picture in {w.tobytes(): w for w in wanted}.values():
            text = f"np.array({picture.tolist()}, np.int8)"
            add([picture] * len(parts.grid_of), text, 1.0 if shape == (1, 1) else 1.5)
        covered, used = np.zeros(len(train), bool), []
        while not covered.all() and len(used) < MAX_BLOCKS:
            gains = [(int((good & ~covered).sum()), -price) for good, price in zip(columns, prices, strict=True)]
            if not gains or max(gains)[0] == 0:
                return []
            used.append(gains.index(max(gains)))
            covered |= columns[used[-1]]
        if not covered.all() or len(used) == 1:
            return []
        right = np.zeros((len(parts.grid_of), len(used)), bool)
        right[train] = np.array([columns[k] for k in used]).T

        def give(choice: np.ndarray, grid: int) -> np.ndarray | None:
            blocks = [actions[used[choice[k]]][k] for k in parts.of(grid)]
            try:
                out = layout.function(blocks, self.boxes[grid], *layout.arguments)
            except ValueError:
                return None
            return out if max(out.shape) <= MAX_SIDE else None

        def counts(choice: np.ndarray, pair: int) -> bool:
            out = give(choice, pair)
            return out is not None and np.array_equal(out, self.targets[pair])

        self.num_checks += CHECKS_PER_TREES
        voted, confirmed = vote(parts, right, rng, counts)
        rules = []
        for tree, choice in voted:
            items = [give(choice, grid) for grid in range(len(parts.labels))]
            if any(item is None for item in items):
                continue
            lines = [f"seen = {self.describe.__name__}(base, labels)", "where = boxes(base, labels)"]
            lines += [f"choice = np.zeros(labels.max(), np.int64) + {tree.text(parts.questions.texts)}", "blocks = []"]
            lines += ["for k in range(labels.max()):"]
            for number, action in enumerate(used):
                lines += [f"    if choice[k] == {number}:", f"        blocks.append({texts[action]})"]
            call = ", ".join(["blocks", "where", *map(repr, layout.arguments)])
            lines += [f"out = {layout.function.__name__}({call})"]
            value = parts.value(items, lines, [self.describe, boxes, block, layout.function])
            cost = LEAF_COST * tree.num_leaves + ACTION_COST + layout.cost + sum(prices[k] for k in used)
            rules.append(PartRule(value, confirmed, cost))
        return rules


@lru_cache(len(DIVIDED))
def choices(parts: Parts) -> list[tuple[np.ndarray, str | None, float]]:
    """Choices of parts by one question, as bool [n], text (None: all parts) and cost, of equal ones the cheapest, each
    of a part of every grid; the cheapest first."""
    everything = np.ones(len(parts.grid_of), bool)
    found: dict[bytes, tuple[np.ndarray, str | None, float]] = {everything.tobytes(): (everything, None, 0.5)}

    def add(mask: np.ndarray, text: str, cost: float) -> None:
        for mine, words, price in ((mask, text, cost), (~mask, f"~({text})", cost + 0.5)):
            key = mine.tobytes()
            if key in found:
                if price < found[key][2]:
                    found[key] = (mine, words, price)
            elif np.maximum.reduceat(mine, parts.first).all():
                found[key] = (mine, words, price)

    for name, values in parts.features.items():
        is_color = name.startswith("color ")
        for k in np.unique(values[parts.train]).tolist():
            is_end = k == 1 and ("rank" in name or name.startswith("of the same"))
            cost = 2.0 if name == "color own" else 3.0 if name in PLAIN or is_end else 5.0
            add(values == k, f'seen["{name}"] == {k}', cost)
            if not is_color and k <= MAX_EQUAL:
                add(values <= k, f'seen["{name}"] <= {k}', 5.0)
        if is_color and name != "color own":
            add(parts.features["color own"] == values, f'seen["color own"] == seen["{name}"]', 4.0)
    return sorted(found.values(), key=lambda one: one[2])


def fit_layout(
    base: Value, targets: Sequence[np.ndarray], rng: np.random.Generator, stop: Callable[[], bool]
) -> tuple[list[PartRule], int]:
    """Layout and block rules, the most confirmed and cheapest first; and the checks that they took."""
    num_train = len(targets)
    if sum(grid.size for grid in base.items) > MAX_CELLS or num_train < 2:
        return [], 0
    found: list[_Found] = []
    rules: list[PartRule] = []
    checks, known = 0, set()
    for parts in divided(base, DIVIDED, num_train, stop):
        if parts.key in known:
            continue
        known.add(parts.key)
        division = LayoutRules(parts, targets, stop, 0.1 * DIVIDED.index(parts.divide))
        found += division.rules()
        rules += division.place_rules() + division.block_rules(rng)
        checks += division.num_checks
    rules += _settled(found, num_train)
    return sorted(rules, key=lambda rule: (-rule.confirmed, rule.cost)), checks


def _settled(found: Sequence[_Found], num_train: int) -> list[PartRule]:
    """The layout rules that give all pairs, with how many pairs confirm them all together."""
    if not any(one.right.all() for one in found):
        return []
    confirmed = 0
    for pair in range(num_train):
        weights: dict[bytes | None, float] = {}
        for one in found:
            if np.delete(one.right, pair).all():
                key = b"right" if one.right[pair] else one.given[pair] if pair < len(one.given) else None
                weights[key] = weights.get(key, 0.0) + exp(-one.cost)
        confirmed += max(weights, key=lambda key: weights[key]) == b"right"
    together: dict[tuple, tuple[_Found, list[float]]] = {}
    for one in found:
        if one.right.all():
            best, costs = together.get(one.key, (one, []))
            together[one.key] = (one if one.cost < best.cost else best, [*costs, one.cost])
    rules = []
    for one, costs in together.values():
        value = one.make()
        if value is not None:
            total = -log(sum(exp(-cost) for cost in costs))
            in_doubt = num_train == 2 and total > SURE_COST
            rules.append(PartRule(value, min(confirmed, 1) if in_doubt else confirmed, total))
    return rules
