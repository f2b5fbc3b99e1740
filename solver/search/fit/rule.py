"""What all that is fitted comes to: a step that gives all training outputs, how sure it is, and what it costs.

Tables, trees over cells and object rules are `Fit`s, part, layout, growth and two-step rules `Rule`s.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from math import log

import numpy as np

from ...executor import Value
from ...sandbox.executor import FreeValue

LEAF_COST, ACTION_COST = 1.0, 2.0
"""Nats that a leaf of a tree and an action cost in the vote."""

DOUBT_COST, AHEAD = 10.0, 40.0
"""Nats, for rules that not every pair confirms: what one costs in the vote that no pair confirms, and how far they all
stand before programs that do not fit. They are seldom right, so they never count as programs that fit."""


def with_doubt(cost: float, confirmed: int, num_train: int) -> float:
    """Nats that a rule of that cost, which so many pairs confirm, costs in the vote; less than none where in doubt."""
    return cost if confirmed == num_train else cost + DOUBT_COST * (1.0 - confirmed / num_train) - AHEAD


@dataclass(frozen=True)
class Fit:
    """A fitted step that reproduces all training outputs. value: the executed step. confirmed: number of training
    pairs confirmed by the others. num_entries: entries of its table, or leaves of its tree, that are used."""

    value: Value
    confirmed: int
    num_entries: int


@dataclass(frozen=True)
class Rule:
    """A rule that gives all training outputs. confirmed: pairs. cost: nats in the vote."""

    value: Value
    confirmed: int
    cost: float

    def vote_cost(self, num_train: int) -> float:
        """Nats that it costs in the vote beyond what the grammar knows of, less than none where pairs doubt it."""
        return with_doubt(self.cost, self.confirmed, num_train)


@dataclass(frozen=True)
class Step:
    """What one action gives that is part of what there is to do. explained: how many changed cells of the training
    pairs. cost: nats of the action."""

    value: Value
    explained: int
    cost: float


def keep_better(found: dict[bytes, Rule], rule: Rule) -> None:
    """Add a rule to those found, by what they give, unless one is there that gives the same and is as good."""
    known = found.get(rule.value.key)
    if known is None or (rule.confirmed, -rule.cost) > (known.confirmed, -known.cost):
        found[rule.value.key] = rule


def best_first(rules: Iterable[Rule]) -> list[Rule]:
    """Those that most pairs confirm first, of these the cheapest."""
    return sorted(rules, key=lambda rule: (-rule.confirmed, rule.cost))


@dataclass
class _Alike:
    """Rules that give the same. value, confirmed: of the best of them, the first of equal ones. costs: of all."""

    value: FreeValue
    confirmed: int
    costs: list[float]


class DifferentRules:
    """Rules by what they give: those that give the same for all inputs are one, as likely as they are together."""

    def __init__(self) -> None:
        self._found: dict[bytes, _Alike] = {}

    def add(self, value: FreeValue, confirmed: int, cost: float) -> None:
        known = self._found.get(value.key)
        if known is None:
            self._found[value.key] = _Alike(value, confirmed, [cost])
            return
        if (confirmed, -cost) > (known.confirmed, -min(known.costs)):
            known.value, known.confirmed = value, confirmed
        known.costs.append(cost)

    def best_first(self) -> list[Rule]:
        return best_first(Rule(one.value, one.confirmed, cost_together(one.costs)) for one in self._found.values())


def cost_together(costs: Sequence[float]) -> float:
    """What several rules cost as one: their probabilities add up. costs: in nats, at least one."""
    least = min(costs)
    return least - log(sum(np.exp(least - cost) for cost in costs))
