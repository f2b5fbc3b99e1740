"""How well a grid goes with a task as its output, whatever proposed it: what all training pairs have in common.

*Laws* are simple statements about a pair of grids ("cells of colour 3 stay", "the output is as tall as the input"),
grouped into kinds. A law is *established* where no training pair breaks it and two of them (or the only one) bear it
out. *Measures* are numbers of a pair (how many cells change) with the range that training pairs have them in.
*Windows* are the 2×2 and 3×3 pieces of an output. Nothing here is certain; how much each counts is calibrated
(`trust.json`).
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from .tasks import MAX_SIDE, NUM_COLORS, Pair, Task

SIDES = (2, 3)
"""Of windows."""

LAWS = {
    "size": {"height kept": 1, "width kept": 1, "not larger": 1, "not smaller": 1, "square": 1,
             "height": MAX_SIDE, "width": MAX_SIDE},
    "palette": {"no new color": 1, "no color lost": 1, "number of colors kept": 1, "number of colors": NUM_COLORS,
                "has color": NUM_COLORS, "lacks color": NUM_COLORS, "color in both or none": NUM_COLORS},
    "count": {"cells of color": NUM_COLORS},
    "symmetry": {"symmetric": 4},
    "change": {"something changes": 1, "color stays": NUM_COLORS, "color goes": NUM_COLORS,
               "changes to color": NUM_COLORS, "changes of color": NUM_COLORS, "border stays": 1},
}  # fmt: skip
"""Laws by kind: how many there are of each, for every colour, side or symmetry."""

MAX_OUTSIDE = 3.0
"""Nats that one measure may lie outside."""

MAX_BROKEN = 3.0
"""Laws of one kind that count as broken, at most: they go together."""

FEATURES = (
    *(f"breaks {kind}" for kind in LAWS),
    "outside",
    *(f"new windows {side}" for side in SIDES),
    "is a training output",
)
"""Names of what `Plausibility.features` returns, in its order."""

_KIND_OF_LAW = np.repeat(np.arange(len(LAWS)), [sum(laws.values()) for laws in LAWS.values()])


class Plausibility:
    """What the training pairs of a task have in common. Never looks at a test output."""

    def __init__(self, task: Task) -> None:
        self.inputs = [pair.input for pair in task.test]
        pairs: Sequence[Pair] = [pair for pair in task.train if pair.output is not None]
        outputs = [pair.output for pair in pairs]
        laws = np.array([_laws(pair.input, pair.output) for pair in pairs])
        self.established = (laws.min(0) >= 0) & ((laws > 0).sum(0) >= min(2, len(pairs)))
        measures = np.array([_measures(pair.input, pair.output) for pair in pairs])
        self.low, self.high = measures.min(0), measures.max(0)
        self.known = {(output.shape, output.tobytes()) for output in outputs}
        self._seen: dict[tuple[int, tuple[int, ...], bytes], np.ndarray] = {}
        windows = [[_windows(output, side) for output in outputs] for side in SIDES]
        self.windows = [set().union(*of_outputs) for of_outputs in windows]
        # What is new in each output if the others are known.
        self.usual = [
            float(np.mean([_share_new(own, set().union(*of_outputs[:k], *of_outputs[k + 1 :]))
                           for k, own in enumerate(of_outputs)]))
            for of_outputs in windows
        ]  # fmt: skip

    def features(self, index: int, output: np.ndarray) -> np.ndarray:
        """Of a grid as the output of a test input: float64 [len(FEATURES)], 0 where it is as the training pairs are.

        How many established laws of each kind it breaks; how far its measures lie outside the training pairs' range, in
        nats; the share of windows that no training output has, less what is usual; whether it is a training output.
        """
        key = index, output.shape, output.tobytes()
        if key not in self._seen:
            given = self.inputs[index]
            broken = self.established & (_laws(given, output) < 0)
            of_kind = np.minimum(np.bincount(_KIND_OF_LAW, broken, len(LAWS)), MAX_BROKEN)
            measures = _measures(given, output)
            outside = np.clip(np.maximum(self.low - measures, measures - self.high), 0.0, MAX_OUTSIDE).sum()
            new = [
                max(0.0, _share_new(_windows(output, side), known) - usual)
                for side, known, usual in zip(SIDES, self.windows, self.usual, strict=True)
            ]
            self._seen[key] = np.array([*of_kind, outside, *new, key[1:] in self.known])
        return self._seen[key]


def _laws(given: np.ndarray, output: np.ndarray) -> np.ndarray:
    """int8 [number of laws], in the order of `LAWS`: 1 borne out by a pair of grids, 0 nothing to say, −1 broken."""
    (tall, broad), (height, width) = given.shape, output.shape
    before, after = np.bincount(given.ravel(), minlength=10), np.bincount(output.ravel(), minlength=10)
    has, gets, sides, numbers = before > 0, after > 0, np.arange(1, MAX_SIDE + 1), np.arange(1, NUM_COLORS + 1)
    square = height == width
    mirrored = [
        np.array_equal(output, output[:, ::-1]),
        np.array_equal(output, output[::-1]),
        square and np.array_equal(output, output.T),
        np.array_equal(output, output[::-1, ::-1]),
    ]
    always = [
        height == tall, width == broad, height <= tall and width <= broad, height >= tall and width >= broad, square,
        *(sides == height), *(sides == width),
        not (gets & ~has).any(), not (has & ~gets).any(), gets.sum() == has.sum(), *(numbers == gets.sum()),
        *gets, *~gets,
    ]  # fmt: skip
    return np.concatenate([
        _law(True, np.array(always)),
        _law(has | gets, gets == has),
        _law(has | gets, after == before),
        _law(True, np.array(mirrored)),
        *_laws_of_change(given, output, has),
    ])  # fmt: skip


def _laws_of_change(given: np.ndarray, output: np.ndarray, has: np.ndarray) -> list[np.ndarray]:
    """The laws of what becomes of cells; all but the first are broken where the output has another shape."""
    if given.shape != output.shape:
        num_laws = sum(LAWS["change"].values())
        return [_law(True, np.arange(num_laws) == 0)]
    becomes = np.bincount(given.ravel().astype(np.int64) * 10 + output.ravel(), minlength=100).reshape(10, 10)
    stays = becomes.diagonal()
    away, new = becomes.sum(1) - stays, becomes.sum(0) - stays
    num_changed = int(away.sum())
    changed = given != output
    return [
        _law(True, num_changed > 0),
        _law(has, away == 0),
        _law(has, stays == 0),
        _law(num_changed > 0, new == num_changed),
        _law(num_changed > 0, away == num_changed),
        _law(True, not (changed[[0, -1]].any() or changed[:, [0, -1]].any())),
    ]


def _law(applies: np.ndarray | bool, holds: np.ndarray | bool) -> np.ndarray:
    """1 where a law applies and holds, −1 where it does not hold, else 0."""
    return np.where(np.atleast_1d(holds), np.where(applies, 1, 0), -1).astype(np.int8)


def _measures(given: np.ndarray, output: np.ndarray) -> np.ndarray:
    """float64 [4], logarithms, so that differences are ratios: how many cells change; the share of them that stay, or
    of the input's area where shapes differ; how many cells are not 0, by those of the input; how many colours."""
    same_shape = given.shape == output.shape
    num_changed = int((given != output).sum()) if same_shape else 0
    kept = given.size - num_changed if same_shape and num_changed < given.size else output.size
    return np.log1p([
        num_changed,
        20.0 * kept / given.size,
        10.0 * np.count_nonzero(output) / max(1, np.count_nonzero(given)),
        len(np.unique(output)),
    ])  # fmt: skip


def _windows(grid: np.ndarray, side: int) -> frozenset[int]:
    """The different square pieces of a grid, as numbers."""
    if min(grid.shape) < side:
        return frozenset()
    pieces = np.lib.stride_tricks.sliding_window_view(grid, (side, side)).reshape(-1, side * side)
    powers = NUM_COLORS ** np.arange(side * side, dtype=np.int64)
    return frozenset(np.unique(pieces.astype(np.int64) @ powers).tolist())


def _share_new(own: frozenset, known: set) -> float:
    return len(own - known) / len(own) if own else 0.0
