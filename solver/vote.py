"""The vote: from the answers of all sources to two different attempts for every test input.

Answers are grouped by output, test input by test input. Within a source, groups with an exact answer come before groups
without, then the group with more of the source's weight. Sources are compared by how likely a group is right: a
logistic function of whether it is exact and of its share of the source's weight on exact (else on other) groups,
calibrated on tasks that no source was trained on (`trust.json`, made by tools/calibrate_trust.py). Sources that agree
on a grid count as independent: it is wrong only if all of them are.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from math import exp, log

import numpy as np
import orjson

from .answers import Answer, Attempt, Attempts, Findings
from .tasks import Task

_SMALLEST = 0.01
"""Shares are kept this far from 0 and 1, so that their log-odds are finite."""

_Key = tuple[tuple[int, ...], bytes]


@dataclass(frozen=True)
class Trust:
    """How likely a source's group is right: 1 / (1 + exp(−z)), where z = bias + slope · (log-odds of its share), and
    for an exact group exact + exact_slope · (log-odds of its share) more.

    The defaults, for a source that was not calibrated, take the share as a probability, and more if exact.
    """

    bias: float = 0.0
    slope: float = 1.0
    exact: float = 2.0
    exact_slope: float = 0.0

    def probability(self, share: float, exact: bool) -> float:
        """share: of the source's weight, 0..1. exact: the group has an answer that fits all training pairs."""
        odds = log_odds(share)
        z = self.bias + self.slope * odds
        return 1.0 / (1.0 + exp(-(z + self.exact + self.exact_slope * odds if exact else z)))


def log_odds(share: float) -> float:
    """Of a share within 0.01..0.99, to which others are moved."""
    share = min(max(share, _SMALLEST), 1.0 - _SMALLEST)
    return log(share / (1.0 - share))


@cache
def shipped_trust() -> Mapping[str, Trust]:
    """The trust in each source that comes with the package."""
    data = orjson.loads(files("solver").joinpath("trust.json").read_bytes())
    return {name: Trust(**numbers) for name, numbers in data["sources"].items()}


@dataclass
class _Group:
    """Equal outputs for one test input, of one source. best: the answer that weighs most, exact ones first."""

    best: Answer
    weight: float = 0.0
    probability: float = 0.0
    share: float = 0.0


@dataclass
class _Merged:
    """Equal outputs for one test input, of all sources."""

    strongest: _Group
    wrong: float = 1.0
    shares: dict[str, float] = field(default_factory=dict)
    exact: bool = False


def choose_attempts(task: Task, findings: Mapping[str, Findings]) -> Attempts:
    """The two attempts for each test input: different, valid grids; plausible fallbacks where nothing was found."""
    attempts = []
    for index in range(len(task.test)):
        ranked = _ranked(index, findings)
        for grid in fallback_grids(task, index):
            if len(ranked) >= 2:
                break
            if not any(np.array_equal(grid, a.grid) for a in ranked):
                ranked.append(Attempt(grid))
        attempts.append((ranked[0], ranked[1]))
    return tuple(attempts)


def keep_better(attempts: Attempts, before: Attempts) -> Attempts:
    """The two most likely of these and earlier attempts for each test input, each grid once. Of earlier ones of which
    nothing is known any more (no source) those are kept that only fallbacks would replace."""
    chosen = []
    for new, old in zip(attempts, before, strict=True):
        known: dict[_Key, tuple[float, int, int, Attempt]] = {}
        for order, (attempt, unknown) in enumerate([*((a, 2) for a in new), *((a, 1) for a in old)]):
            rank = 0 if attempt.source else unknown
            entry = -attempt.weight if attempt.source else 0.0, rank, order, attempt
            key = attempt.grid.shape, attempt.grid.tobytes()
            known[key] = min(known.get(key, entry), entry, key=lambda item: item[:3])
        first, second = sorted(known.values(), key=lambda item: item[:3])[:2]
        chosen.append((first[3], second[3]))
    return tuple(chosen)


def _ranked(index: int, findings: Mapping[str, Findings]) -> list[Attempt]:
    """The two best groups of equal outputs for one test input."""
    merged: dict[_Key, _Merged] = {}
    for source in sorted(findings):
        trust = shipped_trust().get(source, Trust())
        for key, group in _groups(index, findings[source], trust).items():
            entry = merged.setdefault(key, _Merged(group))
            entry.wrong *= 1.0 - group.probability
            entry.shares[source] = group.share
            entry.exact |= group.best.exact
            if group.probability > entry.strongest.probability:
                entry.strongest = group
    order = sorted(merged, key=lambda key: (merged[key].wrong, key))
    return [
        Attempt(
            np.frombuffer(key[1], np.int8).reshape(key[0]).copy(),
            entry.strongest.best.source,
            entry.strongest.best.origin,
            1.0 - entry.wrong,
            entry.exact,
            entry.shares,
        )
        for key, entry in ((key, merged[key]) for key in order[:2])
    ]


def _groups(index: int, findings: Findings, trust: Trust) -> dict[_Key, _Group]:
    """One source's groups for one test input, best first, their probabilities falling strictly in that order."""
    groups: dict[_Key, _Group] = {}
    for answer in findings.answers:
        grid = answer.outputs[index]
        if grid is None:
            continue
        group = groups.setdefault((grid.shape, grid.tobytes()), _Group(answer))
        group.weight += answer.weight
        if (answer.exact, answer.weight) > (group.best.exact, group.best.weight):
            group.best = answer
    ranked = dict(sorted(groups.items(), key=lambda item: (not item[1].best.exact, -item[1].weight, item[0])))
    totals = {True: 0.0, False: 0.0}
    for group in groups.values():
        totals[group.best.exact] += group.weight
    whole = max(1.0, findings.whole_weight) if findings.whole_weight else 0.0
    before = 1.0
    for group in ranked.values():
        group.share = group.weight / (max(totals[group.best.exact], whole) or 1.0)
        group.probability = before = min(before * 0.999, trust.probability(group.share, group.best.exact))
    return ranked


def fallback_grids(task: Task, index: int) -> list[np.ndarray]:
    """Plausible grids for a test input of which nothing is known: the input, then single colours in a likely size.

    The size is the outputs' common size, or the input's. The colours are the outputs' most frequent ones. At least
    two different grids.
    """
    grid = task.test[index].input
    outputs = [p.output for p in task.train if p.output is not None]
    shapes = {o.shape for o in outputs}
    shape = shapes.pop() if len(shapes) == 1 else grid.shape
    counts = sum((np.bincount(o.ravel(), minlength=10) for o in outputs), np.zeros(10, np.int64))
    colors = np.argsort(-counts, kind="stable")[:3]
    solid = [np.full(shape, color, np.int8) for color in colors]
    same_size = all(p.output is not None and p.output.shape == p.input.shape for p in task.train)
    return [grid, *solid] if same_size else [*solid, grid]
