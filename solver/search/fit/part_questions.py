"""Questions about parts: what may tell some parts of the grids from others, as answers and as Python."""

from __future__ import annotations

import itertools
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import NamedTuple

import numpy as np

MAX_EQUAL = 8
"""Numbers up to this are asked for as 'is it k'; all but the largest as 'is it at most k'."""

PLAIN = {
    "holes", "touching", "is full", "is square", "symmetric left right", "symmetric up down", "symmetries", "borders",
    "on the border", "upright", "colors", "of the same shape", "of the same color", "in the middle", "boxes around",
    "parts in its box", "own color seen", "of the same shape if turned", "of the same picture", "ends", "bends",
    "junctions",
}  # fmt: skip
"""Numbers that are asked about more often than others, as is the colour, and who is first in a rank."""


@dataclass(frozen=True, eq=False)
class Questions:
    """Questions that divide the training parts, no two of them alike on all parts.

    texts: as Python over `seen`, which `described` gives. answers: bool [questions, parts]. shares: float64
    [questions], the share of trees that each is asked in.
    """

    texts: list[str]
    answers: np.ndarray
    shares: np.ndarray

    @cached_property
    def as_floats(self) -> np.ndarray:
        """The answers as float32."""
        return self.answers.astype(np.float32)

    @classmethod
    def about(cls, features: Mapping[str, np.ndarray], train: np.ndarray) -> Questions:
        """features: of all parts by name, int64 [parts]. train: numbers of the training parts, int64."""
        texts: list[str] = []
        answers: list[np.ndarray] = []
        shares: list[float] = []
        known: set[bytes] = set()
        for text, answer, share in _all_questions(features, train):
            here = answer[train]
            key = (~answer if answer[0] else answer).tobytes()  # yes for no divides as well
            if here.any() and not here.all() and key not in known:
                known.add(key)
                texts.append(text)
                answers.append(answer)
                shares.append(share)
        num_parts = len(next(iter(features.values())))
        return cls(texts, np.array(answers, bool).reshape(len(answers), num_parts), np.array(shares))


def _all_questions(features: Mapping[str, np.ndarray], train: np.ndarray) -> Iterator[tuple[str, np.ndarray, float]]:
    """Every question's text, answers and share."""
    colors = [name for name in features if name.startswith("color ")]
    for name, values in features.items():
        seen = [int(k) for k in np.unique(values[train])]
        for k in seen:
            if name in colors or k <= MAX_EQUAL:
                share = 0.8 if name == "color own" else 0.4 if name in PLAIN or _is_end(name, k) else 0.1
                yield f'seen["{name}"] == {k}', values == k, share
        if name not in colors:
            for k in seen[:-1]:
                yield f'seen["{name}"] <= {k}', values <= k, 0.1
    for a, b in itertools.combinations(colors, 2):
        if a in ("color own", "color beside"):
            same = (features[a] == features[b]) & (features[a] > 0)
            yield f'(seen["{a}"] == seen["{b}"]) & (seen["{a}"] > 0)', same, 0.2


class Choice(NamedTuple):
    """Some of the parts, told from others by one question. mask: bool [parts]. text: as Python over `seen`, None: all
    parts. cost: nats."""

    mask: np.ndarray
    text: str | None
    cost: float


def choices(features: Mapping[str, np.ndarray], train: np.ndarray, first: np.ndarray) -> list[Choice]:
    """The different choices of at least one part of every grid, each by its cheapest question; the cheapest first.
    features, train: see `Questions.about`. first: the number of each grid's first part, int64 [grids]."""
    everything = np.ones(len(next(iter(features.values()))), bool)
    found = {everything.tobytes(): Choice(everything, None, 0.5)}
    for mask, text, cost in _choosing_questions(features, train):
        for one in (Choice(mask, text, cost), Choice(~mask, f"~({text})", cost + 0.5)):
            known = found.get(one.mask.tobytes())
            is_better = np.maximum.reduceat(one.mask, first).all() if known is None else one.cost < known.cost
            if is_better:
                found[one.mask.tobytes()] = one
    return sorted(found.values(), key=lambda choice: choice.cost)


def _choosing_questions(features: Mapping[str, np.ndarray], train: np.ndarray) -> Iterator[Choice]:
    for name, values in features.items():
        is_color = name.startswith("color ")
        for k in np.unique(values[train]).tolist():
            cost = 2.0 if name == "color own" else 3.0 if name in PLAIN or _is_end(name, k) else 5.0
            yield Choice(values == k, f'seen["{name}"] == {k}', cost)
            if not is_color and k <= MAX_EQUAL:
                yield Choice(values <= k, f'seen["{name}"] <= {k}', 5.0)
        if is_color and name != "color own":
            yield Choice(features["color own"] == values, f'seen["color own"] == seen["{name}"]', 4.0)


def _is_end(name: str, number: int) -> bool:
    """Whether a number says that a part is the first in a rank, or the only one of its kind."""
    return number == 1 and ("rank" in name or name.startswith("of the same"))
