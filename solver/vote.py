"""The vote: from the answers of all sources to two different attempts for every test input.

Answers are grouped by output, test input by test input, into ballots. How likely a ballot is right is a logistic
function of its *evidence*: its share of the source's weight, its weight itself, whether it is exact, how well the
grid goes with the training pairs (`plausibility.py`), and, where a source judges grids (the vision model, tuned to the
task), how unlikely it finds this one beside the likeliest of all that were proposed. What each of these counts is
calibrated, source by source, on tasks that no source was trained on (`trust.json`, made by tools/calibrate_trust.py).
Sources that agree on a grid count as independent: it is wrong only if all of them are.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property, lru_cache
from importlib.resources import files
from math import exp, inf, log
from statistics import fmean

import numpy as np
import orjson

from . import plausibility
from .answers import Answer, Attempt, Attempts, Ballot, Ballots, Findings, GridKey, Proposals, grid_key
from .plausibility import Plausibility
from .tasks import Task

_SMALLEST = 0.01
"""Shares are kept this far from 0 and 1, so that their log-odds are finite."""

_WEIGHT_NATS, _WEIGHT_UNIT = (-150.0, 30.0), 30.0
"""Bounds of a weight's logarithm, and how many nats of it count as one."""

_LEAST_NATS, _MOST_BEHIND = 1e-3, 5.0
"""Added to the nats of a cell before ratios are taken, since below that a grid is as good as certain; and the largest
logarithm of a ratio."""

JUDGED = ("judged", "behind", "log nats")
"""Names of the evidence that comes from judgements: whether there is one, and what it says."""

EVIDENCE = (
    "bias",
    "share",
    "exact",
    "exact share",
    "weight",
    "exact weight",
    "right",
    "all right",
    *JUDGED,
    *plausibility.FEATURES,
)
"""Names of what `evidence` returns, in its order."""

_DEFAULTS = {"share": 1.0, "exact": 2.0}
"""Coefficients for a source that was not calibrated: the share is taken as a probability, and more if exact."""


@dataclass(frozen=True)
class Trust:
    """How likely a source's ballot is right: 1 / (1 + exp(−z)), where z = coefficients · evidence.

    coefficients: by name of `EVIDENCE`; those left out are 0, the whole left out the defaults. Raises ValueError for
    other names.
    """

    coefficients: Mapping[str, float] = field(default_factory=_DEFAULTS.copy)

    def __post_init__(self) -> None:
        if unknown := set(self.coefficients) - set(EVIDENCE):
            raise ValueError(f"no such evidence: {', '.join(sorted(unknown))}")

    @cached_property
    def vector(self) -> np.ndarray:
        """float64 [len(EVIDENCE)]."""
        return np.array([self.coefficients.get(name, 0.0) for name in EVIDENCE])

    def probability(self, seen: np.ndarray) -> float:
        """seen: a ballot's evidence."""
        return 1.0 / (1.0 + exp(-min(max(float(self.vector @ seen), -500.0), 500.0)))


def evidence(ballot: Ballot, index: int, task: Plausibility) -> np.ndarray:
    """What speaks for a ballot on test input `index`: float64 [len(EVIDENCE)].

    The log-odds of its share; whether it is exact; the logarithm of its weight, in units of 30 nats; both of the
    former once more if it is exact; the share of training outputs that it reproduces, and whether these are all;
    whether it was judged, how far behind the likeliest grid, and the logarithm of its nats (0 without); then
    `Plausibility.features`.
    """
    odds, exact = log_odds(ballot.share), float(ballot.exact)
    least, most = _WEIGHT_NATS
    nats = min(max(log(ballot.weight) if ballot.weight > 0 else least, least), most) / _WEIGHT_UNIT
    own = [1.0, odds, exact, exact * odds, nats, exact * nats, ballot.right, float(ballot.right == 1.0)]
    judged = [0.0, 0.0, 0.0] if ballot.nats is None else [1.0, ballot.behind, log(ballot.nats + _LEAST_NATS)]
    return np.concatenate([own, judged, task.features(index, ballot.grid)])


def log_odds(share: float) -> float:
    """Of a share within 0.01..0.99, to which others are moved."""
    share = min(max(share, _SMALLEST), 1.0 - _SMALLEST)
    return log(share / (1.0 - share))


@cache
def shipped_trust() -> Mapping[str, Trust]:
    """The trust in each source that comes with the package."""
    data = orjson.loads(files("solver").joinpath("trust.json").read_bytes())
    return {name: Trust(coefficients) for name, coefficients in data["sources"].items()}


@lru_cache(maxsize=64)
def _plausibility(task: Task) -> Plausibility:
    """Of a task that is being worked on: votes are taken often, by the runner on as many tasks as it has workers."""
    return Plausibility(task)


@dataclass
class _Merged:
    """Equal outputs for one test input, of all sources. source, origin, probability: of the likeliest ballot."""

    source: str = ""
    origin: str = ""
    probability: float = -1.0
    wrong: float = 1.0
    shares: dict[str, float] = field(default_factory=dict)
    exact: bool = False


def choose_attempts(task: Task, findings: Mapping[str, Findings]) -> Attempts:
    """The two attempts for each test input: different, valid grids; plausible fallbacks where nothing was found."""
    return vote(task, all_ballots(findings, len(task.test)))


def all_ballots(findings: Mapping[str, Findings], num_tests: int) -> dict[str, Ballots]:
    """What is voted over: the ballots of every source, with what sources that judge say of them."""
    said = [_judged_nats(index, findings) for index in range(num_tests)]
    return {
        source: tuple(tuple(_judge(own, said[index], source)) for index, own in enumerate(ballots_of(found, num_tests)))
        for source, found in findings.items()
    }


def ballots_of(findings: Findings, num_tests: int) -> Ballots:
    """One source's answers, put together by output; not judged."""
    return tuple(tuple(_ballots(index, findings)) for index in range(num_tests))


def _judged_nats(index: int, findings: Mapping[str, Findings]) -> dict[GridKey, dict[str, float]]:
    """Of every grid that was judged for one test input, its nats by the source that judged."""
    said: dict[GridKey, dict[str, float]] = {}
    for source, found in findings.items():
        for judgement in found.judged[index] if index < len(found.judged) else ():
            if 0.0 <= judgement.nats < inf:
                said.setdefault(grid_key(judgement.grid), {})[source] = judgement.nats
    return said


def _judge(ballots: Iterable[Ballot], said: Mapping[GridKey, Mapping[str, float]], source: str) -> Iterator[Ballot]:
    """A source's ballots with what others said of their grids, on average: what it thinks of them itself is in their
    weights."""
    least = min((fmean(nats.values()) for nats in said.values()), default=0.0) + _LEAST_NATS
    for ballot in ballots:
        others = [nats for judge, nats in said.get(grid_key(ballot.grid), {}).items() if judge != source]
        if not others:
            yield ballot
            continue
        nats = fmean(others)
        yield replace(ballot, nats=nats, behind=min(max(log((nats + _LEAST_NATS) / least), 0.0), _MOST_BEHIND))


def without_judgements(ballots: Ballots) -> Ballots:
    """The ballots as if nobody had judged them: what a source submits alone does not hang on others."""
    return tuple(tuple(replace(ballot, nats=None, behind=0.0) for ballot in own) for own in ballots)


def likeliest(task: Task, findings: Mapping[str, Findings], most: int) -> Proposals:
    """For each test input at most so many of the proposed grids, likeliest first."""
    ballots = all_ballots(findings, len(task.test))
    return tuple(
        tuple(attempt.grid for attempt in _ranked(task, index, _of_input(ballots, index), most))
        for index in range(len(task.test))
    )


def _of_input(ballots: Mapping[str, Ballots], index: int) -> dict[str, tuple[Ballot, ...]]:
    return {source: of_source[index] for source, of_source in ballots.items()}


def vote(task: Task, ballots: Mapping[str, Ballots]) -> Attempts:
    """The two attempts for each test input, see `choose_attempts`. ballots: by source."""
    attempts = []
    for index in range(len(task.test)):
        ranked = _ranked(task, index, _of_input(ballots, index), 2)
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
        known: dict[GridKey, tuple[float, int, int, Attempt]] = {}
        for order, (attempt, unknown) in enumerate([*((a, 2) for a in new), *((a, 1) for a in old)]):
            rank = 0 if attempt.source else unknown
            entry = -attempt.weight if attempt.source else 0.0, rank, order, attempt
            key = grid_key(attempt.grid)
            known[key] = min(known.get(key, entry), entry, key=lambda item: item[:3])
        first, second = sorted(known.values(), key=lambda item: item[:3])[:2]
        chosen.append((first[3], second[3]))
    return tuple(chosen)


def _ranked(task: Task, index: int, ballots: Mapping[str, Sequence[Ballot]], most: int) -> list[Attempt]:
    """The likeliest outputs for one test input, at most so many."""
    merged: dict[GridKey, _Merged] = {}
    for source in sorted(ballots):
        trust = shipped_trust().get(source, Trust())
        for ballot in ballots[source]:
            entry = merged.setdefault(grid_key(ballot.grid), _Merged())
            probability = trust.probability(evidence(ballot, index, _plausibility(task)))
            if probability > entry.probability:
                entry.source, entry.origin, entry.probability = source, ballot.origin, probability
            entry.wrong *= 1.0 - probability
            entry.shares[source] = ballot.share
            entry.exact |= ballot.exact
    order = sorted(merged, key=lambda key: (merged[key].wrong, -max(merged[key].shares.values()), key))
    return [
        Attempt(
            np.frombuffer(key[1], np.int8).reshape(key[0]).copy(),
            entry.source,
            entry.origin,
            1.0 - entry.wrong,
            entry.exact,
            entry.shares,
        )
        for key, entry in ((key, merged[key]) for key in order[:most])
    ]


def _ballots(index: int, findings: Findings) -> list[Ballot]:
    """Every output with its weight. To an exact one answers that are not exact add nothing: their weights are of
    another scale, on which rules in doubt stand far ahead of programs that do not fit."""
    groups: dict[GridKey, list[Answer]] = {}
    for answer in findings.answers:
        if (grid := answer.outputs[index]) is not None:
            groups.setdefault(grid_key(grid), []).append(answer)
    exact = {key: any(answer.exact for answer in group) for key, group in groups.items()}
    weights = {key: sum(a.weight for a in group if a.exact == exact[key]) for key, group in groups.items()}
    totals = {kind: sum(weights[key] for key in groups if exact[key] == kind) for kind in (True, False)}
    whole = max(1.0, findings.whole_weight) if findings.whole_weight else 0.0
    made = []
    for key, group in groups.items():
        best = max(group, key=lambda answer: (answer.exact, answer.weight))
        share = weights[key] / (max(totals[exact[key]], whole) or 1.0)
        right = 1.0 if exact[key] else max(answer.right for answer in group)
        made.append(Ballot(best.outputs[index], weights[key], share, exact[key], right, best.origin))
    return made


def fallback_grids(task: Task, index: int) -> list[np.ndarray]:
    """Plausible grids for a test input of which nothing is known: the input and single colours in a likely size; the
    input first where all outputs have their inputs' sizes, else last.

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
