"""The root pass over one view of a task: enumerate, fit, stack, and keep what came nearest.

A view is a start value (the input, or a transformed input), target outputs in that view, and steps that lead a
result back. Everything found is a `Candidate`, whose value is a program from the task's real input.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from math import exp

import numpy as np

from ..executor import Value, apply, input_value
from ..fused import GridStore
from ..grid.registry import FUNCTIONS, Function
from ..grid.types import Symmetry
from ..tasks import Task
from .decide import Decider
from .enumerate import Enumerator
from .fit import Fit, Fitter, Pool, build_pool
from .fit_objects import fit_objects
from .grammar import Grammar
from .stack import stack

STATEMENT_WEIGHT = 0.5
"""A program's vote is exp(−STATEMENT_WEIGHT · statements), before other factors."""

INVERSE = {
    Symmetry.FLIP_UD: Symmetry.FLIP_UD,
    Symmetry.FLIP_LR: Symmetry.FLIP_LR,
    Symmetry.ROT90: Symmetry.ROT270,
    Symmetry.ROT180: Symmetry.ROT180,
    Symmetry.ROT270: Symmetry.ROT90,
    Symmetry.TRANSPOSE: Symmetry.TRANSPOSE,
    Symmetry.ANTITRANSPOSE: Symmetry.ANTITRANSPOSE,
}


@dataclass(frozen=True)
class View:
    """A way to look at a task. name: for people. there, back: statements (function, constants) that lead from the
    input into the view and from a result in the view to an output; both empty for the plain view."""

    name: str
    there: tuple[tuple[Function, tuple[int, ...]], ...] = ()
    back: tuple[tuple[Function, tuple[int, ...]], ...] = ()


def views(task: Task, limit: int) -> list[View]:
    """Views in order of promise: first the one in which the background is 0, then rotations of it.

    The background is the most common colour of all grids if it is not 0 and fills more than half of every input.
    """
    transform, swap = FUNCTIONS["transform"], FUNCTIONS["swap_colors"]
    counts = np.array([np.bincount(g.ravel(), minlength=10) / g.size for g in task.inputs])
    background = int(counts.mean(0).argmax())
    there: tuple[tuple[Function, tuple[int, ...]], ...] = ()
    names = []
    if background != 0 and counts[:, background].min() > 0.4 and counts[:, 0].max() < 0.3:
        there = ((swap, (0, background)),)
        names.append(f"background {background}")
    found = [View(" ".join(names) or "plain", there, there)]
    if there:
        found.append(View("plain"))
    for symmetry in (Symmetry.TRANSPOSE, Symmetry.ROT180, Symmetry.ANTITRANSPOSE, Symmetry.ROT90):
        found.append(
            View(
                " ".join([*names, symmetry.name.lower()]),
                (*there, (transform, (int(symmetry),))),
                ((transform, (int(INVERSE[symmetry]),)), *there),
            )
        )
    return found[:limit]


def walk(value: Value, steps: tuple[tuple[Function, tuple[int, ...]], ...]) -> Value | None:
    """Apply statements whose first argument is the value so far."""
    result: Value | None = value
    for function, constants in steps:
        if result is None:
            return None
        cost = result.cost
        result = apply(function, [result, *constants])
        if result is not None:
            result.cost = cost
    return result


@dataclass(frozen=True)
class Candidate:
    """A program with its standing. value: over all inputs, in the task's own frame. exact: reproduces all training
    outputs. right_pairs: how many it reproduces. confirmed: share of the pairs confirmed by leave-one-out (1 for
    unfitted programs). score: reward 0..1 (see `reward`). kind: enumerated, fitted, stacked, tree."""

    value: Value
    exact: bool
    right_pairs: int
    confirmed: float
    score: float
    kind: str

    @property
    def weight(self) -> float:
        """Its vote: fewer and likelier statements, confirmed tables, and, if it is not exact, a better score."""
        size = len(self.value.program())
        weight = exp(-STATEMENT_WEIGHT * size) * self.confirmed**2
        return max(weight, 1e-12) if self.exact else max(weight * self.score**4 * 1e-3, 1e-15)


@dataclass
class RootResult:
    """What the root pass of a view found. inputs, targets: the training pairs as the view sees them. store: all
    grids, for the tree to go on from. phases: seconds by phase."""

    candidates: list[Candidate]
    inputs: list[np.ndarray]
    targets: list[np.ndarray]
    store: GridStore
    enumerator: Enumerator
    num_nodes: int
    phases: dict[str, float] = field(default_factory=dict)


def reward(store: GridStore, number: int, baseline: float) -> float:
    """Reward of a stored value: 1 for a full fit, else 0.5·pairs solved + 0.3·cells right above the best identity or
    constant baseline + 0.1·sizes right (design: at most 0.9)."""
    size_bits, exact_bits, right = (int(v) for v in store.matches[number])
    num_train = store.num_train
    if exact_bits == (1 << num_train) - 1:
        return 1.0
    match = right / len(store.targets)
    above = max(0.0, match - baseline) / max(1e-9, 1.0 - baseline)
    return 0.5 * exact_bits.bit_count() / num_train + 0.3 * above + 0.1 * size_bits.bit_count() / num_train


def baseline_match(inputs: list[np.ndarray], targets: list[np.ndarray]) -> float:
    """Share of cells that the better of 'copy the input' and 'one constant colour' gets right."""
    total = sum(t.size for t in targets)
    same = sum(int((i == t).sum()) for i, t in zip(inputs, targets, strict=True) if i.shape == t.shape)
    constant = int(sum((np.bincount(t.ravel(), minlength=10) for t in targets), np.zeros(10, np.int64)).max())
    return max(same, constant) / total


def palette_of(inputs: list[np.ndarray], targets: list[np.ndarray]) -> list[int]:
    """Colours worth naming in a program: 0 and those in at least half of the outputs or of the inputs."""
    seen_in = np.array([[c in g for c in range(10)] for g in inputs]).mean(0)
    seen_out = np.array([[c in g for c in range(10)] for g in targets]).mean(0)
    return [c for c in range(10) if c == 0 or max(seen_in[c], seen_out[c]) >= 0.5]


def root_pass(
    task: Task, view: View, grammar: Grammar, settings: RootSettings, expired: Callable[[float, int], bool],
    rng: np.random.Generator,
) -> RootResult | None:  # fmt: skip
    """Enumerate, fit and stack in one view. None if the view does not apply to the task.

    expired(share, nodes): whether `share` of this view's budget is gone, having executed `nodes` statements here.
    """
    import time

    clock = time.monotonic
    base = input_value(task.inputs)
    start = walk(base, view.there)
    # The view of an output is what `back` undoes: for swaps and symmetries the same statements as for inputs.
    target_value = walk(input_value([p.output for p in task.train]), view.there)
    if start is None or target_value is None:
        return None
    targets = list(target_value.items)
    inputs = list(start.items[: len(targets)])
    store = GridStore(targets, len(start.items), settings.max_values, settings.max_cells)
    enumerator = Enumerator(start, store, grammar, palette_of([*start.items], targets))
    result = RootResult([], inputs, targets, store, enumerator, 0)
    began = clock()
    fit_share = settings.enumerate_share if settings.use_fitted or settings.use_stacking else 1.0
    enumerator.run(lambda: expired(fit_share, enumerator.num_nodes))
    result.phases["enumerate"] = clock() - began
    found = result.candidates
    everything = (1 << store.num_train) - 1
    exact = np.flatnonzero(store.matches[: len(store), 1] == everything)
    for number in exact[np.argsort(store.costs[exact], kind="stable")][: settings.max_candidates]:
        keep(found, store.value(int(number)), view, True, store.num_train, 1.0, 1.0, "enumerated")

    pool = build_pool(store, settings.max_pool, rng)
    num_checks = 0
    if pool is not None and settings.use_fitted:
        began = clock()
        num_checks = _fit_all(found, view, result, pool, settings, lambda: expired(1.0, enumerator.num_nodes))
        result.phases["fit"] = clock() - began
    if pool is not None and settings.use_stacking:
        began = clock()
        for pile in stack(store, pool)[: settings.max_candidates]:
            full = pile.covered >= 1.0
            right = store.num_train if full else 0
            keep(found, pile.value, view, full, right, 1.0, 1.0 if full else 0.4 * pile.covered, "stacked")
        result.phases["stack"] = clock() - began
    baseline = baseline_match(inputs, targets)
    numbers = promising(store)
    scores = np.array([reward(store, int(k), baseline) for k in numbers])
    for place in np.argsort(-scores, kind="stable")[: settings.max_partial]:
        number = int(numbers[place])
        bits = int(store.matches[number, 1])
        if bits != everything and scores[place] > 0.1:
            keep(
                found,
                store.value(number),
                view,
                False,
                bits.bit_count(),
                1.0,
                float(scores[place]),
                "enumerated",
            )
    result.num_nodes = enumerator.num_nodes + num_checks // CHECKS_PER_NODE
    return result


def _fit_all(
    found: list[Candidate], view: View, root: RootResult, pool: Pool, settings: RootSettings, stop: Callable[[], bool]
) -> int:
    """Run the fits from the simplest kind to the richest, until one kind has a fit confirmed on every pair. Returns
    the number of checks done."""
    store = root.store
    fitter = Fitter(store, pool, stop, settings.max_candidates)
    decider = Decider(store, pool)
    cheapest = sorted(root.enumerator.objects, key=lambda v: v.cost)[: settings.max_objects]
    kinds: list[Callable[[], list[Fit]]] = [
        fitter.singles,
        lambda: fit_objects(cheapest, store.value(0), root.targets, settings.max_candidates),
        fitter.pairs,
        fitter.triples,
        lambda: decider.fits(stop),
    ]
    for search in kinds:
        fits = [fit for fit in search() if fit.confirmed > 0]
        for fit in fits:
            keep(found, fit.value, view, True, store.num_train, fit.confirmed / store.num_train, 1.0, "fitted")
        if any(fit.confirmed == store.num_train for fit in fits) or stop():
            break
    return fitter.num_checks + decider.num_checks


CHECKS_PER_NODE = 20
"""A table check costs about a twentieth of an executed chain step."""


def promising(store: GridStore, limit: int = 400) -> np.ndarray:
    """Numbers of the values with the most solved pairs, then the most right cells, then the least cost."""
    matches = store.matches[: len(store)]
    solved = np.bitwise_count(matches[:, 1].astype(np.uint64)).astype(np.int64)
    order = np.lexsort((store.costs[: len(store)], -matches[:, 2], -solved))
    return order[:limit]


def keep(
    found: list[Candidate], value: Value, view: View, exact: bool, right_pairs: int, confirmed: float, score: float,
    kind: str,
) -> None:  # fmt: skip
    final = walk(value, view.back)
    if final is not None:
        found.append(Candidate(final, exact, right_pairs, confirmed, score, kind))


@dataclass(frozen=True)
class RootSettings:
    """Limits of the root pass. enumerate_share: share of the view's budget for enumeration. max_values, max_cells:
    of the store. max_pool: values that fits are sought among. max_objects: Objects values that rules are sought for.
    max_candidates, max_partial: kept per search."""

    use_stacking: bool = True
    use_fitted: bool = True
    enumerate_share: float = 0.6
    max_values: int = 150_000
    max_cells: int = 200 << 20
    max_pool: int = 2_000
    max_objects: int = 80
    max_candidates: int = 60
    max_partial: int = 12
