"""Motif rules: an object of several colours is drawn again wherever some of its cells lie as they do in it.

The cells that are found again are its *marks*: those of some colours, by which the rest of the motif is placed, also
turned, mirrored or enlarged. Which colours mark, and what may be done to a motif, is the same for all grids of a task
and is chosen from the pairs: a pair is confirmed if the first choice that gives all other outputs gives its own. (The
library's `complete_copies` takes all colours that recur for marks, and so stray cells, too, and it knows no sizes.)
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence

import numpy as np

from ..executor import Value
from ..sandbox.executor import FreeValue
from .cells import many_colored
from .fit_parts import PartRule
from .parts import source_of

MAX_CELLS = 12_000
"""Of all grids together; larger tasks would take seconds."""

MAX_SCALE = 4
"""How many times larger a copy may be."""

MAX_RULES = 3
RULE_COST, CHOICE_COST = 4.0, 0.3
"""Nats that a motif rule costs in the vote, and what it costs for every choice before it."""

CHECKS_PER_GRID = 60

Choice = tuple[str | tuple[int, ...], bool, int, bool, bool, bool]
"""Arguments of `with_copies` after grid and labels."""

WAYS = (
    (False, 1, True, False),
    (False, 1, False, False),
    (True, 1, True, False),
    (True, 1, False, False),
    (False, MAX_SCALE, True, False),
    (True, MAX_SCALE, True, False),
    (False, 1, False, True),
    (True, 1, False, True),
)
"""What may be done to motifs, in order of promise: turn, max_scale, alone and within of `with_copies`."""


def marking_colors(cells, marking):
    """Those of the colours of a part's cells that mark its copies. marking: colours that do in any part, or 'minor' for
    all but the part's most common one, or 'rarest'."""
    colors, counts = np.unique(cells, return_counts=True)
    if marking == "minor":
        return np.delete(colors, counts.argmax())
    return colors[[counts.argmin()]] if marking == "rarest" else colors[np.isin(colors, marking)]


def box_of(mask):
    """The cells of a mask's bounding box, bool [H, W]. The mask is not empty."""
    rows, columns = np.nonzero(mask)
    box = np.zeros(mask.shape, bool)
    box[rows.min() : rows.max() + 1, columns.min() : columns.max() + 1] = True
    return box


def motifs_of(grid, labels, marking, within):
    """The parts that have marks and other cells, the largest first: where each is, bool [H, W], and the colours of its
    marks. within: without the marks outside of the box of the other cells."""
    found = []
    for number in range(1, labels.max() + 1):
        own = labels == number
        colors = marking_colors(grid[own], marking)
        others = own & ~np.isin(grid, colors)
        if others.any():
            own = own & box_of(others) if within else own
            if own.sum() > others.sum():
                found.append((own, colors))
    return sorted(found, key=lambda motif: -motif[0].sum())


def images(motif, turn, max_scale):
    """A motif in all its sizes and turns, no two of them alike: the largest first, and as it is before it is turned."""
    turns = [np.rot90(m, k) for m in (motif, motif[:, ::-1]) for k in range(4)] if turn else [motif]
    distinct = {(one.shape, one.tobytes()): one for one in turns}
    for scale in range(max_scale, 0, -1):
        for one in distinct.values():
            yield np.kron(one, np.ones((scale, scale), np.int8))


def fitting_places(grid, free, image, is_mark):
    """Where an image's marks lie on free cells of their colours, and the rest of it on background or its own colours,
    or outside: the rows and columns of its upper left cell, int64 [n, 2]. is_mark: bool like the image."""
    high, wide = grid.shape
    marks, others = np.argwhere(is_mark), np.argwhere((image >= 0) & ~is_mark)
    places = np.argwhere(free & (grid == image[tuple(marks[0])])) - marks[0]
    # A row and a column beyond the end stand for all that is outside.
    for cells, under, outside in ((marks, np.where(free, grid, -1), -1), (others, grid, 0)):
        down, right = (places[:, None] + cells).transpose(2, 0, 1)
        is_outside = (down < 0) | (right < 0) | (down >= high) | (right >= wide)
        seen = np.pad(under, ((0, 1), (0, 1)), constant_values=outside)
        seen = seen[np.where(is_outside, high, down), np.where(is_outside, wide, right)]
        fine = (seen == image[tuple(cells.T)]) | ((seen == 0) & (cells is others))
        places = places[fine.all(1)]
    return places


def with_copies(grid, labels, marking, turn, max_scale, alone, within, erased):
    """The grid with all copies that marks call for: cells of the marks' colours that no motif has, each for one copy.
    labels: of the parts, int64 [H, W]. turn: whether copies may be turned and mirrored. alone: whether marks must be
    whole parts. erased: whether motifs go. For the rest see `marking_colors`, `motifs_of` and `images`."""
    out, free = grid.copy(), grid > 0
    motifs = motifs_of(grid, labels, marking, within)
    for own, _ in motifs:
        free &= ~own
    for own, colors in motifs[:8]:
        box = box_of(own)
        motif = np.where(own, grid, -1)[box.any(1)][:, box.any(0)]
        for image in images(motif, turn, max_scale) if np.isin(grid[free], colors).any() else ():
            marks, cells = np.argwhere(np.isin(image, colors)), np.argwhere(image >= 0)
            for place in fitting_places(grid, free, image, np.isin(image, colors)):
                rows, columns = (marks + place).T
                touched = np.isin(labels, labels[rows, columns]).sum() if alone else len(marks)
                if free[rows, columns].all() and touched == len(marks):
                    free[rows, columns] = False
                    fine = ((cells + place >= 0) & (cells + place < grid.shape)).all(1)
                    out[tuple((cells + place)[fine].T)] = image[tuple(cells[fine].T)]
        if erased:
            out[own] = 0
    return out


def fit_motifs(
    base: Value, targets: Sequence[np.ndarray], rng: np.random.Generator, stop: Callable[[], bool]
) -> tuple[list[PartRule], int]:
    """The motif rules over a grid that give all training outputs, the most confirmed and cheapest first; and the
    checks that they took. None where the outputs have other shapes."""
    num_train, grids = len(targets), base.items
    same_shape = all(grid.shape == target.shape for grid, target in zip(grids, targets, strict=False))
    if not same_shape or sum(grid.size for grid in grids) > MAX_CELLS:
        return [], 0
    labels = [many_colored(grid) for grid in grids]
    tried: list[Choice] = []
    right: list[np.ndarray] = []
    checks = 0
    for choice in _choices(grids, labels, targets):
        if stop():
            break
        is_right = np.zeros(num_train, bool)
        for pair in range(num_train):
            # One pair that it does not give may be the one that is left out; with two it is of no use.
            if pair - is_right.sum() > 1:
                break
            checks += CHECKS_PER_GRID
            is_right[pair] = np.array_equal(with_copies(grids[pair], labels[pair], *choice), targets[pair])
        if is_right.sum() >= num_train - 1:
            tried.append(choice)
            right.append(is_right)
    rules: dict[bytes, PartRule] = {}
    if right:
        confirmed = sum(_is_confirmed(np.array(right), pair) for pair in range(num_train))
        for place, (choice, is_right) in enumerate(zip(tried, right, strict=True)):
            if is_right.all() and len(rules) < MAX_RULES:
                value = _value(base, labels, choice)
                rules.setdefault(value.key, PartRule(value, confirmed, RULE_COST + CHOICE_COST * place))
    return list(rules.values()), checks


def _choices(
    grids: Sequence[np.ndarray], labels: Sequence[np.ndarray], targets: Sequence[np.ndarray]
) -> Iterator[Choice]:
    """What may be tried, in order of promise: only markings by which all training grids have a motif and marks beside
    it, and that differ on some grid."""
    number = len(targets)
    erased = any(((grid > 0) & (target == 0)).any() for grid, target in zip(grids, targets, strict=False))
    common = [c for c in range(1, 10) if all((grid == c).any() for grid in grids[:number])]
    markings: list[str | tuple[int, ...]] = ["minor", "rarest", *((c,) for c in common)]
    markings += [tuple(c for c in range(1, 10) if c != other) for other in common]
    known: set[bytes] = set()
    for marking in markings:
        found = [motifs_of(grid, own, marking, False) for grid, own in zip(grids, labels, strict=True)]
        key = b"".join(own.tobytes() + colors.astype(np.int8).tobytes() for motifs in found for own, colors in motifs)
        is_marked = all(map(_has_marks, grids[:number], found))
        if is_marked and key not in known:
            known.add(key)
            for way in WAYS:
                yield marking, *way, erased


def _has_marks(grid: np.ndarray, motifs: list[tuple[np.ndarray, np.ndarray]]) -> bool:
    """Whether cells outside of all motifs have a colour that marks one."""
    free = (grid > 0) & ~np.any([own for own, _ in motifs], axis=0) if motifs else np.zeros(grid.shape, bool)
    return any(np.isin(grid[free], colors).any() for _, colors in motifs)


def _is_confirmed(right: np.ndarray, pair: int) -> bool:
    """Whether the first choice that gives all other outputs gives this pair's. right: bool [choices, pairs]."""
    others = np.delete(right, pair, axis=1)
    fits = others.all(1) & (others.shape[1] > 0)
    return bool(fits.any() and right[fits.argmax(), pair])


def _value(base: Value, labels: Sequence[np.ndarray], choice: Choice) -> FreeValue:
    items = [with_copies(grid, own, *choice) for grid, own in zip(base.items, labels, strict=True)]
    arguments = ", ".join(["base", "many_colored(base)", *map(repr, choice)])
    text = f"{source_of([many_colored, with_copies])}\nout = with_copies({arguments})"
    return FreeValue.fitted(items, (base,), ("base",), text, base.cost)
