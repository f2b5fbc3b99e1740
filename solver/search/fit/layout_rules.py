"""Layout rules: outputs that are laid out from the parts of a grid.

A grid is divided into parts (`words/divisions.py`); some are chosen, all or those that a question is true of; each
gives a block (a cell, a bar, its picture); the blocks are put in an order and laid out (`words/layouts.py`): in a line,
in rows, on a diagonal, in rings, as the parts lie. These are *order rules* (`order_rules.py`). All of them that give
the outputs of all pairs but one are sought, and each weighs by what it costs. A pair is *confirmed* if, of the rules
that give all other pairs, those that are right there weigh most. With two pairs only rules that give both are sought,
so that only those that cost little are confirmed.

Parts may also lie where in other pairs those that look alike do (*place rules*, `place_rules.py`). Where every part is
laid out, a block may be chosen by what its part is like: *block rules* (`block_rules.py`) are trees, grown and
confirmed as those of part rules.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np

from ...executor import Value
from ..words.divisions import DIVISIONS, single_cells
from ..words.layouts import whole
from .block_rules import block_rules
from .divided import MAX_CELLS, divided
from .layout_blocks import Blocks
from .order_rules import OrderRule, OrderRules, settled
from .place_rules import place_rules
from .rule import Rule, best_first

DIVIDED = (*DIVISIONS, single_cells, whole)
"""Divisions, those first that cost less."""

DIVISION_COST = 0.1
"""Nats that a division costs more than the one before it."""


def fit_layout(
    base: Value, targets: Sequence[np.ndarray], rng: np.random.Generator, stop: Callable[[], bool]
) -> tuple[list[Rule], int]:
    """Layout rules of all three kinds, the most confirmed and cheapest first; and the checks that they took. targets:
    int8 [H, W], of the training pairs."""
    num_train = len(targets)
    if sum(grid.size for grid in base.items) > MAX_CELLS or num_train < 2:
        return [], 0
    ordered: list[OrderRule] = []
    others: list[Rule] = []
    checks, known = 0, set()
    for parts in divided(base, DIVIDED, num_train, stop):
        if parts.key in known:
            continue
        known.add(parts.key)
        blocks, cost = Blocks(parts, targets, stop), DIVISION_COST * DIVIDED.index(parts.divide)
        rules = OrderRules(blocks, targets, stop, cost)
        ordered += rules.rules()
        found, more = block_rules(blocks, targets, rng, stop)
        others += place_rules(blocks, targets, cost) + found
        checks += rules.num_checks + more
    return best_first([*others, *settled(ordered, num_train)]), checks
