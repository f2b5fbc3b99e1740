"""Growth rules: local rules that are applied again and again, each time to what they have made so far.

A cell rule (`cell_rules.py`) sees the input alone. What grows, bounces, alternates or turns at obstacles is said far
more simply by what lies beside a cell *in the output*, where that is there before the cell: a tree over the input's
features and over the neighbours in the growing picture. When a cell gets its colour is not given. Some orders are
assumed in turn:

- sweeps: line after line, from one of the four sides;
- waves: at every step all cells that have content beside them, until nothing changes; a changed cell is assumed to come
  as many steps after some content that stays as it is away from it along changed cells.

With an order the training outputs tell every picture on the way and the next one, so that trees can be fitted to single
steps; and a tree that is right in every step of a pair gives this pair's output, by
induction. So confirming leave-one-pair-out is what it is for cell rules.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from ...executor import Value
from ...sandbox.executor import FreeValue
from ..words.carried import source_of
from ..words.cells import (
    lines,
    measures,
    moved,
    neighbors,
    one_colored,
    places,
    sights,
    ways,
    whole_grid,
)
from ..words.families import FAMILIES, compute, family_text, functions_of
from .cell_questions import (
    GRID,
    Name,
    Question,
    add_features,
    as_rows,
    divisions,
    is_color,
    new_questions,
    same_colors,
)
from .cell_rules import MAX_CELLS
from .cell_trees import CellTrees
from .rule import LEAF_COST, Rule, best_first, keep_better
from .trees import Tree

STATIC = tuple(
    FAMILIES.index(family)
    for family in ((sights, None), (places, None), (lines, None), (whole_grid, None), (measures, one_colored))
)
"""Families of features of the input that are asked for."""

STATE = len(FAMILIES)
"""Stands for the family of the growing picture's neighbours, in names of features."""

HERE: Name = (STATE, "color here")
"""The cell in the growing picture."""

MAX_WAVES = 60
ORDER_COST = 2.0
"""Nats that the assumed order costs in the vote."""

CHECKS_PER_PICTURE = 20

SIDES = ("top", "bottom", "left", "right")


def lines_from(shape, side):
    """The number of the line that a cell lies in, counted from a side; int [H, W]."""
    row, column = np.indices(shape)
    return {"top": row, "bottom": shape[0] - 1 - row, "left": column, "right": shape[1] - 1 - column}[side]


def beside_content(grid):
    """The cells that have content in one of the eight cells around; bool [H, W]."""
    return sum((moved(grid, down, right) > 0) * 1 for _, down, right in ways()) > 0


def around(grid):
    """The features of a growing picture: its cells, what lies beside them, and how often each colour does."""
    found = neighbors(grid) | {"color here": grid * 1}
    near = np.array([found["color " + name] for name, _, _ in ways()], np.int8)
    beside = near == np.arange(1, 10, dtype=np.int8)[:, None, None, None]
    for color, straight, every in zip(range(1, 10), beside[:, :4].sum(1), beside.sum(1)):
        found[f"{color} beside 4"], found[f"{color} beside 8"] = straight, every
    return found


def grown(base, side, limit, step):
    """What a local rule makes of a grid. step(picture): what it writes to all cells, int [H, W]. side: of which lines
    are taken one after another; '' for waves, at most `limit` of them. None where they do not come to rest."""
    picture = base.copy()
    if side:
        line = lines_from(base.shape, side)
        for number in range(line.max() + 1):
            picture = np.where(line == number, step(picture), picture).astype(np.int8)
        return picture
    for _ in range(limit):
        after = np.where((picture == base) & beside_content(picture), step(picture), picture).astype(np.int8)
        if (after == picture).all():
            return picture
        picture = after
    return None


def waves(base: np.ndarray, target: np.ndarray, seeds: np.ndarray, alike: bool) -> np.ndarray | None:
    """The step at which every cell changes, int [H, W], 0 for those that never do; None if some cannot be reached.

    seeds: unchanged cells from which waves start, bool [H, W]. alike: only cells of a seed's colour come after it.
    """
    when = np.where(base != target, -1, 0)
    reached = seeds.copy()
    for step in range(1, MAX_WAVES):
        if (when >= 0).all():
            return when
        colors = np.where(reached, target, -1)
        near = np.zeros(base.shape, bool)
        for _, down, right in ways():
            beside = moved(colors + 1, down, right) - 1
            near |= (beside == target) if alike else (beside >= 0)
        new = near & (when < 0)
        if not new.any():
            return None
        when[new] = step
        reached |= new
    return None


@dataclass(frozen=True)
class _Moment:
    """Cells of one pair that a rule decides upon at one time. picture: that it sees then, int8 [H, W]. cells: which,
    bool [H, W]. after: the colours that they should get, int8 [H, W]."""

    picture: np.ndarray
    cells: np.ndarray
    after: np.ndarray


def _sweep(base: np.ndarray, target: np.ndarray, side: str) -> Iterator[_Moment]:
    line = lines_from(base.shape, side)
    for number in range(line.max() + 1):
        yield _Moment(np.where(line < number, target, base), line == number, target)


def _wave(base: np.ndarray, target: np.ndarray, when: np.ndarray) -> Iterator[_Moment]:
    """The moments of waves. A cell that sees what it has seen before is not asked about again."""
    before = np.full(base.shape, -1, np.int8)
    for step in range(1, int(when.max()) + 2):
        picture = np.where((when > 0) & (when < step), target, base)
        news = picture != before
        # Features look two cells far.
        for _ in range(2):
            news |= sum((moved(news * 1, down, right) > 0) * 1 for _, down, right in ways()) > 0
        cells = (picture == base) & beside_content(picture) & news
        yield _Moment(picture, cells, np.where((when > 0) & (when <= step), target, base))
        before = picture


class GrowthRules(CellTrees):
    """The trees for one order. moments: a list for every training pair. values: features of the inputs, of all cells
    of all of them. side: of a sweep; '' for waves."""

    num_trees = 4

    def __init__(self, base: Value, values: dict[Name, np.ndarray], moments: list[list[_Moment]], side: str) -> None:
        self.base, self.side, self._values, self._moments = base, side, values, moments
        target = np.concatenate([m.after[m.cells] for own in moments for m in own]).astype(np.int64)
        super().__init__(target, [sum(int(moment.cells.sum()) for moment in own) for own in moments])

    def _known(self) -> dict[Name, np.ndarray]:
        first = np.cumsum([0] + [grid.size for grid in self.base.items])
        cells = np.concatenate(
            [first[pair] + np.flatnonzero(m.cells) for pair, own in enumerate(self._moments) for m in own]
        )
        values = {name: column[cells] for name, column in self._values.items()}
        found: dict[str, list[np.ndarray]] = {}
        for moment in (m for own in self._moments for m in own):
            for name, column in around(moment.picture).items():
                found.setdefault(name, []).append(column[moment.cells])
        self.num_checks += CHECKS_PER_PICTURE * sum(map(len, self._moments))
        return values | {(STATE, name): np.concatenate(columns).astype(np.int16) for name, columns in found.items()}

    def _ask(self, values: dict[Name, np.ndarray]) -> tuple[list[Question], np.ndarray]:
        number, known = len(self.target), set()
        found = [
            one
            for name, cells in values.items()
            for one in new_questions(divisions(name, cells, number), number, known)
        ]
        here = [name for name in values if name[0] == STATE and is_color(name)]
        pairs = [(HERE, name) for name in values if is_color(name) and name != HERE]
        pairs += [(a, b) for k, a in enumerate(here) for b in here[:k] if HERE not in (a, b)]
        found += new_questions(same_colors(values, pairs), number, known)
        return [question for question, _, _ in found], as_rows([answer for _, answer, _ in found], number)

    def _value(self, tree: Tree) -> FreeValue | None:
        """The rule applied to all inputs. It is run from the text that the program has, so that both do the same."""
        used = sorted(name for name in self._names(tree) if 0 <= name[0] < STATE)
        families = sorted({family for family, _ in used})
        words = {name: f'fixed{name[0]}["{name[1]}"]' for name in used} | {GRID: "base"}
        words |= {name: f'seen["{name[1]}"]' for name in self._names(tree) if name[0] == STATE}
        calls = [f"fixed{family} = {family_text(family, 'base')}" for family in families]
        rule = f"np.zeros(base.shape, np.int64) + {self._expression(tree, words)}"
        body = ["def step(picture):", "    seen = around(picture)", f"    return {rule}"]
        body.append(f"out = grown(base, {self.side!r}, {MAX_WAVES}, step)")
        code = compile("\n".join(body), "growth rule", "exec")
        items = []
        for grid in self.base.items:
            fixed = {f"fixed{family}": compute(family, grid) for family in families}  # what the calls give
            names = {**globals(), **fixed, "base": grid}
            exec(code, names)
            out = names["out"]
            if out is None or out.min() < 0:
                return None
            items.append(out)
        text = "\n".join([source_of([around, grown, *functions_of(families)]), *calls, *body])
        return FreeValue.fitted(items, (self.base,), ("base",), text, self.base.cost)


def _orders(grids: Sequence[np.ndarray], targets: Sequence[np.ndarray]) -> Iterator[tuple[str, list[list[_Moment]]]]:
    """The orders that are possible: the side of a sweep or '', and the moments of all pairs. Waves come first."""
    pairs = list(zip(grids, targets, strict=True))
    colors = [c for c in range(1, 10) if all((g == c).any() and ((g == c) & (t == c)).any() for g, t in pairs)]
    known: set[bytes] = set()
    for color, alike in [(0, True), (0, False), *((color, False) for color in colors)]:
        times = []
        for grid, target in pairs:
            same = (grid == target) & (grid > 0)
            when = waves(grid, target, same & (grid == color) if color else same, alike)
            if when is None:
                break
            times.append(when)
        # Where all changes come at once nothing grows, and a cell rule would say it.
        if len(times) < len(pairs) or max(int(when.max()) for when in times) < 2:
            continue
        key = b"".join(when.tobytes() for when in times)
        if key not in known:
            known.add(key)
            yield "", [list(_wave(*pair, when)) for pair, when in zip(pairs, times, strict=True)]
    for side in SIDES:
        yield side, [list(_sweep(*pair, side)) for pair in pairs]


def fit_growth(
    base: Value, targets: Sequence[np.ndarray], rng: np.random.Generator, stop: Callable[[], bool]
) -> tuple[list[Rule], int]:
    """The growth rules over a grid that give all training outputs, the most confirmed and cheapest first; and the
    checks that they took. None where the outputs have other shapes."""
    grids = base.items[: len(targets)]
    same_shape = all(grid.shape == target.shape for grid, target in zip(grids, targets, strict=True))
    if not same_shape or sum(grid.size for grid in grids) > MAX_CELLS:
        return [], 0
    values: dict[Name, np.ndarray] = {}
    for _ in add_features(values, base.items, STATIC):
        if stop():
            return [], 0
    found: dict[bytes, Rule] = {}
    checks = 0
    for side, moments in _orders(grids, targets):
        if stop():
            break
        rules = GrowthRules(base, values, moments, side)
        if len(rules.target) > MAX_CELLS:
            continue
        for fit in rules.fits(rng, stop):
            keep_better(found, Rule(fit.value, fit.confirmed, LEAF_COST * fit.num_entries + ORDER_COST))
        checks += rules.num_checks
        if any(rule.confirmed == len(targets) for rule in found.values()):
            break
    return best_first(found.values()), checks
