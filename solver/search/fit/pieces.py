"""Pieces: what can be cut out of the input, made as large as the outputs, so that other fits may go on from it.

Choice and layout rules end where a part that is cut out is the output. Often it is not, but is changed, or two choices
go together: the shape of one part in the colours of another, each cell of one as a copy of another. So *pieces* (parts
that one question tells from all others, cut out) are brought to the outputs' size: as they are, as mirror images,
scaled up, tiled, or as a plane of a part's colour. The size may be a piece's own, a multiple of it, or two pieces'
multiplied. Or one piece is put into another (`assembly.py`). All these are executed steps; with them in the pool,
tables, part rules and cell rules find the rest.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...executor import Value
from ...grid.types import MAX_SIDE
from ...sandbox.executor import FreeValue
from ..words.carried import source_of
from ..words.descriptions import described
from ..words.divisions import DIVISIONS, panels
from ..words.layouts import block, canvas, turned
from .assembly import assembled
from .canvas import mosaic, mosaic_cost
from .divided import CHECKS_PER_DRAWING, MAX_CELLS, Parts, divided

PIECE_COST, SIZE_COST = 2.0, 1.0
"""Nats that a piece costs beyond the question that chooses it, and a step that brings one to the outputs' size."""

MAX_PIECES, MAX_FITTED = 60, 80
"""The cheapest of each kind are kept."""

MAX_TIMES = 5
"""Pieces' sizes may be multiplied by numbers up to this."""

CUTS = {"region": 0.0, "alone": 0.3, "inside": 0.6, "color": 0.3, "scaled": 0.6, "shrunk": 0.6}
"""What is cut out of a part's box (see `layouts.block`), with its cost."""

TURNS = ("left right", "up down", "half", "diagonal")

Sizes = tuple[tuple[int, int], ...]
"""Rows and columns, for every input."""


@dataclass(frozen=True)
class _Size:
    """A rule for the outputs' size. sizes: what it gives. text: Python over `first` and `second`, the pieces that it
    is made from. parents: those."""

    sizes: Sizes
    text: str
    parents: tuple[Value, ...]
    cost: float


def shapes_of(value: Value) -> Sizes:
    return tuple(item.shape for item in value.items)


def cut_pieces(base: Value, num_train: int, stop: Callable[[], bool]) -> tuple[list[FreeValue], int]:
    """The parts of a grid, under all divisions, that one question tells from the others in every input, each cut out in
    several ways; the cheapest first, and the checks that this took."""
    found: dict[bytes, FreeValue] = {}
    checks = 0
    for parts in divided(base, DIVISIONS, num_train, stop):
        chosen: dict[tuple[int, ...], tuple[str, float]] = {}
        for mask, question, cost in _single(parts):
            checks += len(CUTS)
            numbers = tuple(int(mask[parts.of(k)].argmax()) for k in range(len(parts.labels)))
            if numbers not in chosen or cost < chosen[numbers][1]:
                chosen[numbers] = question, cost
        for numbers, (question, cost) in chosen.items():
            for how, price in CUTS.items():
                every = parts.cut(how)
                items = [every[first + number] for first, number in zip(parts.first, numbers, strict=True)]
                is_seen = "seen[" in question
                lines = ["seen = described(base, labels)"] * is_seen
                lines += [f"number = ({question}).argmax()"]
                lines += [f"out = block(base, labels, None, number, {how!r}, None, None)"]
                value = parts.value(items, lines, [block, *[described] * is_seen])
                value.cost = base.cost + PIECE_COST + cost + price
                known = found.get(value.key)
                if known is None or value.cost < known.cost:
                    found[value.key] = value
        checks += CHECKS_PER_DRAWING * len(parts.labels)
    found.pop(base.key, None)
    return sorted(found.values(), key=lambda value: value.cost), checks


def _single(parts: Parts) -> Iterator[tuple[np.ndarray, str, float]]:
    """Questions that are true of one part of every grid: the answers (bool [n]), as Python, and the cost."""
    for mask, text, cost in parts.choices:
        if (np.add.reduceat(mask * 1, parts.first) == 1).all():
            yield mask, text or "np.ones(labels.max(), bool)", cost
    sizes = np.bincount(parts.grid_of)
    if parts.divide is panels and (sizes == sizes[0]).all():
        places = np.arange(len(parts.grid_of)) - parts.first[parts.grid_of]
        for k in range(int(sizes[0])):
            yield places == k, f"np.arange(labels.max()) == {k}", 1.0


def output_sizes(pieces: Sequence[Value], wanted: Sizes) -> list[_Size]:
    """Different rules that give the outputs' sizes, the cheapest first. wanted: of the training outputs."""
    rules = []
    num_train = len(wanted)

    def add(sizes: Sequence[Sequence[int]], text: str, parents: tuple[Value, ...], cost: float) -> None:
        if max(map(max, sizes)) <= MAX_SIDE:
            rules.append(_Size(tuple(map(tuple, sizes)), text, parents, cost))

    if len(set(wanted)) == 1:
        add([wanted[0]] * len(pieces[0].items), f"{wanted[0][0]}, {wanted[0][1]}", (), 0.0)
    shapes = np.array([shapes_of(piece) for piece in pieces])  # [pieces, inputs, 2]
    target = np.array(wanted)
    divides = (target % shapes[:, :num_train] == 0).all((1, 2))
    for a in np.flatnonzero(divides):
        times = target // shapes[a, :num_train]
        if (times == times[0]).all() and times.max() <= MAX_TIMES:
            down, across = map(int, times[0])
            text = f"{down} * first.shape[0], {across} * first.shape[1]"
            add((shapes[a] * times[0]).tolist(), text, (pieces[a],), pieces[a].cost + (down * across > 1))
        for b in np.flatnonzero(divides[: a + 1]):
            if times.max() > 1 and (shapes[a, :num_train] * shapes[b, :num_train] == target).all():
                text = "first.shape[0] * second.shape[0], first.shape[1] * second.shape[1]"
                cost = pieces[a].cost + (pieces[b].cost if b != a else 0.0)
                add((shapes[a] * shapes[b]).tolist(), text, (pieces[a], pieces[b]), cost)
    best: dict[Sizes, _Size] = {}
    for rule in sorted(rules, key=lambda rule: rule.cost):
        best.setdefault(rule.sizes, rule)
    return list(best.values())


def fitted_pieces(base: Value, targets: Sequence[np.ndarray], stop: Callable[[], bool]) -> tuple[list[FreeValue], int]:
    """Pieces of the outputs' size, the cheapest first, as executed steps; and the checks that this took."""
    if sum(grid.size for grid in base.items) > MAX_CELLS or len(targets) < 2:
        return [], 0
    cut, checks = cut_pieces(base, len(targets), stop)
    wanted = tuple(target.shape for target in targets)
    pieces = [base, *[piece for piece in cut if _may_fit(piece, wanted)][:MAX_PIECES]]
    found: dict[bytes, FreeValue] = {}

    def add(value: FreeValue) -> None:
        if value.key not in found or value.cost < found[value.key].cost:
            found[value.key] = value

    for piece in pieces[1:]:
        if (how := mosaic(piece.items, targets)) is not None:
            items = [canvas(item, 0, 0, how) for item in piece.items]
            text = f"{source_of([canvas])}\nout = canvas(base, 0, 0, {how!r})"
            add(FreeValue.fitted(items, (piece,), ("base",), text, piece.cost + mosaic_cost(how)))
    for size in output_sizes(pieces, wanted):
        if stop() or len(found) >= 2 * MAX_FITTED:
            break
        for piece in pieces:
            checks += 1
            shapes = shapes_of(piece)
            if shapes == size.sizes:
                if piece is not base:
                    add(piece)
                for turn in TURNS:
                    items = [turned(item, turn) for item in piece.items]
                    if piece is not base and tuple(item.shape for item in items) == shapes:
                        text = f"{source_of([turned])}\nout = turned(base, {turn!r})"
                        add(FreeValue.fitted(items, (piece,), ("base",), text, piece.cost + 2.0))
            elif all(a % c == 0 and b % d == 0 for (a, b), (c, d) in zip(size.sizes, shapes, strict=True)):
                for how in ("upscaled", "tiled"):
                    add(_resized(piece, size, how))
    # A piece that is the output is for layout and choice rules, which know how sure that is.
    values = [value for value in found.values() if not all(map(np.array_equal, value.items, targets))]
    values = sorted(values, key=lambda value: value.cost)[:MAX_FITTED]
    return values + assembled(base, cut, targets, stop), checks


def _may_fit(piece: Value, wanted: Sizes) -> bool:
    """Whether the outputs' sides are multiples of the piece's."""
    return all(a % c == 0 and b % d == 0 for (a, b), (c, d) in zip(wanted, shapes_of(piece), strict=False))


def _resized(piece: Value, size: _Size, how: str) -> FreeValue:
    """A piece scaled up or tiled to a size."""
    items = [canvas(item, tall, wide, how) for item, (tall, wide) in zip(piece.items, size.sizes, strict=True)]
    parents = {"base": piece} | dict(zip(("first", "second"), size.parents, strict=False))
    text = f"{source_of([canvas])}\nout = canvas(base, {size.text}, {how!r})"
    cost = sum({value.key: value.cost for value in parents.values()}.values()) + SIZE_COST
    return FreeValue.fitted(items, tuple(parents.values()), tuple(parents), text, cost)
