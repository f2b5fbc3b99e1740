"""Two-step rules: an action for some parts of the input first, then a cell rule over what that has made.

A part rule (`part_rules.py`) has one division into parts and one look at the grid, and a cell rule sees no rays, boxes
or moves. Where one action explains some of what is to be done but not all, and does no harm, it is a *step*: what it
makes is nearer to the outputs and the same as the input elsewhere. Cell rules go on from the steps that explain most.
They are confirmed without each pair, but their step is not sought anew; so it is one action and one question only, and
costs more in the vote.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np

from ...executor import Value
from .cell_rules import MAX_CELLS, CellRules
from .rule import LEAF_COST, Rule, Step, best_first, keep_better

MAX_STEPS = 10
"""Steps from which cell rules go on."""

STEP_COST = 3.0
"""Nats that going two steps costs in the vote."""

MAX_RULES = 4
"""Rules that are kept after one step."""


def best_steps(steps: Iterable[Step]) -> list[Step]:
    """Those that cell rules go on from, the ones that explain most first, each result once."""
    best: dict[bytes, Step] = {}
    for step in sorted(steps, key=lambda step: (-step.explained, step.cost)):
        best.setdefault(step.value.key, step)
    return list(best.values())[:MAX_STEPS]


def fit_steps(
    base: Value,
    targets: Sequence[np.ndarray],
    rng: np.random.Generator,
    stop: Callable[[], bool],
    steps: Iterable[Step] = (),
) -> tuple[list[Rule], int]:
    """The two-step rules over a grid that give all training outputs, the most confirmed and cheapest first; and the
    checks that they took. steps: what single actions make of the grid."""
    if sum(target.size for target in targets) > MAX_CELLS:
        return [], 0
    found: dict[bytes, Rule] = {}
    checks = 0
    for step in best_steps(steps):
        if stop():
            break
        rules = CellRules(step.value, [base], targets)
        for fit in rules.fits(rng, stop)[:MAX_RULES]:
            cost = STEP_COST + step.cost + LEAF_COST * fit.num_entries
            keep_better(found, Rule(fit.value, fit.confirmed, cost))
        checks += rules.num_checks
    return best_first(found.values()), checks
