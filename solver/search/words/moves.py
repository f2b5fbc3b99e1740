"""Moves of parts that are put together from two halves: how far down, and how far to the right.

Each half is said alone: by a number, up to content or the border, or by where another part lies along that axis (level
with it, before or behind it, into its extent, beside it, away from it, mirrored at it). Any two halves are a move, some
thousands in all, far too many to be drawn. But a training part tells where in the output it is found again, so that
a move is checked by looking its two numbers up; the few that explain most are drawn and checked as part rules'
other drawings are (`fit/part_rules.py`). Stacks are int8 [n, H, W], −1 outside the part.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from .drawings import Drawing
from .parts import extents, free_steps, main_colors, placed, sizes
from .relations import nearest_of, other_part

MAX_MOVES, MAX_ALIKE = 16, 2
"""Moves under one division, and how many of them may explain the same parts."""

MAX_TRIED = 60
"""Cells of a part that are looked up: a few tell where it is, and drawing it tells whether all of it is there."""

NOWHERE = 99
"""Stands for a move that there is not: nothing to move to, for instance."""

REFERENCES = (
    "nearest", "own color", "larger", "larger of own color", "own shape", "largest", "smallest", "rarest",
    "most colors",
)  # fmt: skip

AXIS_WORDS = ("beside", "into", "first", "last", "middle", "before", "behind", "step", "over", "away", "mirror")
"""What may be said by another part, see `half_shift`."""

MAX_COLORS = 4
"""Colours whose parts moves may refer to: those that all inputs have."""

Half = tuple[str, int | str]
"""How far along one axis: what, and a number or a reference."""

PLAIN: tuple[Half, ...] = (
    *[("by", k) for k in (0, 1, -1, 2, -2, 3, -3)],
    *[(what, k) for what in ("side", "content", "border") for k in (1, -1)],
    *[("side", k) for k in (2, -2)],
)
"""Halves that need no other part."""


def reference(stack, which):
    """For every part the number of another, −1 where there is none: see `other_part`; or the nearest of a colour, or
    the nearest that is 'larger', or that and 'larger of own color'."""
    color, size = main_colors(stack), sizes(stack)
    if isinstance(which, int):
        may = np.repeat((color == which)[None], len(stack), 0)
    elif which.startswith("larger"):
        may = size > size[:, None]
        may &= (color == color[:, None]) | (which == "larger")
    else:
        return other_part(None, stack, which)
    np.fill_diagonal(may, False)
    return nearest_of(stack, may)


def shifts_by(other, first, last, length):
    """How far parts that lie between lines `first` and `last` of an axis are moved by `other` parts, see `half_shift`;
    int64 [n] by word."""
    low, high = first[other], last[other]
    is_before, is_behind = last < low, first > high
    before, behind = low - 1 - last, high + 1 - first
    found = {"beside": np.where(is_before, before, is_behind * behind)}
    found["into"] = np.where(first < low, low - first, np.minimum(high - last, 0))
    found |= {"first": low - first, "last": high - last, "middle": (low + high - first - last) // 2}
    found |= {"before": before, "behind": behind, "step": is_before * 1 - is_behind}
    found["over"] = np.where(is_before, behind, is_behind * before)
    found["away"] = np.where(is_before, -first, is_behind * (length - 1 - last))
    found["mirror"] = low + high - first - last
    return {word: np.where(other >= 0, shift, 99) for word, shift in found.items()}


def half_shift(grid, stack, axis, what, which):
    """How many cells each part is moved along an axis (0: down), int64 [n]; NOWHERE (99) where it is not.

    'by' a number of cells, or by 'side': its own extent, or that and a cell for 2. Up to 'content', if there is some,
    or the 'border'. By another part (see `reference`): 'beside' it, as far as need be to touch its extent, or 'into'
    that; so that the 'first', 'last' or 'middle' lines are level; 'before' or 'behind' it; a 'step' toward it; 'over'
    it to its other side; 'away' from it to the border; or to the 'mirror' image's place."""
    first, last = extents(stack)[2 * axis : 2 * axis + 2]
    length = stack.shape[1 + axis]
    zero = np.zeros(len(stack), np.int64)
    if what == "by":
        return zero + which
    if what == "side":
        return (last - first + abs(which)) * (1 if which > 0 else -1)
    if what == "border":
        return length - 1 - last if which > 0 else -first
    if what == "content":
        steps, stopped = free_steps(grid, stack, which * (axis == 0), which * (axis == 1))
        return np.where(stopped, steps * which, 99)
    return shifts_by(reference(stack, which), first, last, length)[what]


def moved_as(grid, stack, down, across):
    """The part moved by two halves (see `half_shift`): what and which."""
    shifts = np.stack([half_shift(grid, stack, axis, *half) for axis, half in enumerate((down, across))], 1)
    return placed(stack, np.where((shifts == 99).any(1, keepdims=True), 99, shifts))


def found_again(part: np.ndarray, grid: np.ndarray, target: np.ndarray) -> np.ndarray:
    """Where a part is found in the output, and explains something that changed: bool [2 H, 2 W], at H + down, W +
    right."""
    high, wide = grid.shape
    rows, columns = np.nonzero(part >= 0)
    changed = grid != target
    where, news = np.zeros((2 * high, 2 * wide), bool), np.zeros((2 * high, 2 * wide), bool)
    # Only moves that leave all of it on the grid.
    low, high_end, left, right = -rows.min(), high - rows.max(), -columns.min(), wide - columns.max()
    here = (slice(high + low, high + high_end), slice(wide + left, wide + right))
    where[here] = True
    step = -(-len(rows) // MAX_TRIED)
    for row, column in zip(rows[::step], columns[::step], strict=True):
        window = (slice(row + low, row + high_end), slice(column + left, column + right))
        where[here] &= target[window] == part[row, column]
        news[here] |= changed[window]
    return where & news


@dataclass(frozen=True)
class _Moved:
    """A training part: the number of its pair, where it is found again (see `found_again`), and whether it stays where
    it is, too."""

    pair: int
    again: np.ndarray
    stays: bool


def moves(grids: Sequence[np.ndarray], stacks: Sequence[np.ndarray], targets: Sequence[np.ndarray]) -> list[Drawing]:
    """Drawings, `moved_as` with two halves each, that explain most, each something in two pairs. grids,
    stacks: of all inputs; the training ones come first."""
    parts = [
        _Moved(pair, found_again(part, grids[pair], target), bool((target[part >= 0] == part[part >= 0]).all()))
        for pair, target in enumerate(targets)
        for part in stacks[pair]
    ]
    num_needed = min(2, len(targets))
    if len({part.pair for part in parts if part.again.any()}) < num_needed:
        return []
    common = [int(color) for color in range(1, 10) if all((grid == color).any() for grid in grids)][:MAX_COLORS]
    references = (*REFERENCES, *common)
    halves = [*PLAIN, *((what, which) for which in references for what in AXIS_WORDS)]
    shifts = np.concatenate([_shifts(*one, references) for one in zip(grids, stacks, strict=True)], axis=2)
    right = np.array([_right(part.again, *shifts[:, :, k]) for k, part in enumerate(parts)])
    often, pair_of = right.sum(0), np.array([part.pair for part in parts])
    pairs = sum(right[pair_of == pair].any(0) * 1 for pair in range(len(targets)))
    # Halves that refer to the same say something simpler, and so do those that come first.
    same = np.array([[a[1] == b[1] for b in halves] for a in halves])
    order = sorted(
        np.argwhere(pairs >= num_needed).tolist(),
        key=lambda one: (-often[one[0], one[1]], not same[one[0], one[1]], sum(one)),
    )
    found, known, alike = [], set(), Counter()
    stays = np.array([part.stays for part in parts])
    for down, across in order:
        key, explains = shifts[0, down].tobytes() + shifts[1, across].tobytes(), right[:, down, across]
        if key in known or alike[explains.tobytes()] >= MAX_ALIKE:
            continue
        known.add(key)
        alike[explains.tobytes()] += 1
        found.append(Drawing(moved_as, (halves[down], halves[across]), bool(stays[explains].mean() > 0.5)))
        if len(found) == MAX_MOVES:
            break
    return found


def _shifts(grid: np.ndarray, stack: np.ndarray, references: Sequence[int | str]) -> np.ndarray:
    """All halves for the parts of one grid: int64 [axis, half, n]."""
    ends = extents(stack).reshape(2, 2, -1)
    others = [reference(stack, which) for which in references]
    table = []
    for axis, (first, last) in enumerate(ends):
        rows = [half_shift(grid, stack, axis, *half) for half in PLAIN]
        for other in others:
            by = shifts_by(other, first, last, grid.shape[axis])
            rows += [by[word] for word in AXIS_WORDS]
        table.append(rows)
    return np.array(table)


def _right(again: np.ndarray, down: np.ndarray, across: np.ndarray) -> np.ndarray:
    """Whether a part is found again after two halves, bool [halves, halves]. down, across: int64 [halves]."""
    high, wide = (side // 2 for side in again.shape)
    fine_down, fine_across = abs(down) < high, abs(across) < wide
    there = again[np.where(fine_down, down, 0) + high][:, np.where(fine_across, across, 0) + wide]
    return there & fine_down[:, None] & fine_across
