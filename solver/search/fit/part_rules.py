"""Part rules: what becomes of every part of a grid, and which part is the output.

A grid is divided into parts (`words/divisions.py`, `divided.py`). Where the outputs have the inputs' shapes, *drawing
rules* (`drawing_rules.py`) say what is drawn for which part: a ray, a move until contact, a filled box. Where they are
smaller, *choice rules* (`choice_rules.py`) tell which part the output is cut out of. Either is a vote of small trees
(`part_trees.py`), and a step of free Python.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...executor import Value
from ..words.divisions import DIVISIONS, DRAWN_DIVISIONS
from .choice_rules import choice_rules
from .divided import MAX_CELLS, divided
from .drawing_rules import DrawingRules
from .rule import Rule, Step, best_first

CHECKS_PER_GRID = 10
"""Table checks (see root.py) that it costs to divide one grid."""


def fit_parts(
    base: Value,
    targets: Sequence[np.ndarray],
    rng: np.random.Generator,
    stop: Callable[[], bool],
    steps: list[Step] | None = None,
) -> tuple[list[Rule], int]:
    """Drawing rules, where the outputs have the shapes of `base`, and choice rules where they may be cut out of it, the
    most confirmed and cheapest first; and the checks that they took. targets: int8 [H, W], of the training pairs.
    steps: single actions are added to it, as long as no rule is confirmed by all pairs."""
    if sum(grid.size for grid in base.items) > MAX_CELLS:
        return [], 0
    num_train = len(targets)
    shapes = [(grid.shape, target.shape) for grid, target in zip(base.items, targets, strict=False)]
    same_shape = all(own == wanted for own, wanted in shapes)
    may_be_cut = all(wanted[0] <= own[0] and wanted[1] <= own[1] for own, wanted in shapes)
    divisions = DRAWN_DIVISIONS if same_shape else DIVISIONS if may_be_cut else ()
    rules: list[Rule] = []
    checks, known = 0, set()
    for parts in divided(base, divisions, num_train, stop):
        checks += CHECKS_PER_GRID * len(parts.stacks)
        if parts.key in known:
            continue
        known.add(parts.key)
        if same_shape:
            drawing = DrawingRules(parts, targets, stop)
            rules += drawing.fits(rng)
            if steps is not None and all(rule.confirmed < num_train for rule in rules):
                steps += drawing.steps()
            checks += drawing.num_checks
        else:
            found, more = choice_rules(parts, targets, rng, stop)
            rules, checks = rules + found, checks + more
    return best_first(rules), checks
