"""Candidates: programs that a search keeps, how they are valued, and what their votes weigh."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from math import exp
from typing import Any

import numpy as np

from ..executor import Value
from ..fused import GridStore
from ..program import Program
from .grammar import Grammar
from .views import View, walk


@dataclass(frozen=True, eq=False)
class Candidate:
    """A program with its standing. value: over all inputs, in the task's own frame. exact: reproduces all training
    outputs, and no pair doubts it. right_pairs: how many it reproduces. confirmed: share of the pairs confirmed
    by leave-one-out (1 for unfitted programs). score: reward 0..1 (see `reward`). size: statements of the program.
    cost: of the program under the prior grammar, in nats, and what its kind costs beyond that."""

    value: Value
    exact: bool
    right_pairs: int
    confirmed: float
    score: float
    size: int
    cost: float

    @cached_property
    def program(self) -> Program:
        """What gives the value, from the task's own input."""
        return self.value.program()

    @cached_property
    def text(self) -> str:
        """The program as a file. Written once: free Python is read and written again for its names, which takes some
        milliseconds a rule."""
        return self.program.render()

    @property
    def weight(self) -> float:
        """Its vote: the program's probability under the prior grammar, less for unconfirmed pairs; for a program that
        is not exact, less by its score too."""
        weight = exp(-min(self.cost, 500.0)) * self.confirmed**2
        return weight if self.exact else weight * self.score**4


def candidate_of(
    value: Value,
    view: View,
    given: Value,
    grammar: Grammar,
    *,
    exact: bool = True,
    right_pairs: int = 0,
    confirmed: float = 1.0,
    score: float = 1.0,
    extra_cost: float = 0.0,
    extra_size: int = 0,
) -> Candidate | None:
    """A value of a view as a candidate, None where it cannot be led out of the view. given: the task's real input.
    extra_cost: nats beyond what the grammar knows of. extra_size: statements beyond the program's own."""
    final = walk(value, view.back, given)
    if final is None:
        return None
    program = final.program()
    cost = grammar.prior.program_cost(program) - view.discount + extra_cost
    return Candidate(final, exact, right_pairs, confirmed, score, len(program) + extra_size, cost)


class Candidates:
    """The candidates of one view, each value once: with the best standing of the programs that give it, the first of
    equal ones. given, grammar: see `candidate_of`. found: in the order in which they were kept."""

    def __init__(self, view: View, given: Value, grammar: Grammar) -> None:
        self.view, self.given, self.grammar = view, given, grammar
        self.found: list[Candidate] = []
        self._by_value: dict[bytes, Candidate | None] = {}

    def keep(self, value: Value, **standing: Any) -> None:
        """standing: see `candidate_of`."""
        if value.key in self._by_value:
            known = self._by_value[value.key]
            better = (standing.get("exact", True), standing.get("confirmed", 1.0))
            if known is None or better <= (known.exact, known.confirmed):
                return
            self.found = [candidate for candidate in self.found if candidate is not known]
        candidate = candidate_of(value, self.view, self.given, self.grammar, **standing)
        self._by_value[value.key] = candidate
        if candidate is not None:
            self.found.append(candidate)

    def has_fit(self, max_size: int) -> bool:
        """Whether a program of at most so many statements is exact, and all pairs confirm it."""
        return any(c.exact and c.confirmed == 1.0 and c.size <= max_size for c in self.found)


def reward(store: GridStore, number: int, baseline: float) -> float:
    """Reward of a stored value: 1 for a full fit, else 0.5·pairs solved + 0.3·cells right above the best identity or
    constant baseline + 0.1·sizes right, 0.9 at most."""
    size_bits, exact_bits, right = (int(v) for v in store.matches[number])
    num_train = store.num_train
    if exact_bits == store.all_pairs:
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


def promising(store: GridStore, limit: int = 400) -> np.ndarray:
    """Numbers of the values with the most solved pairs, then the most right cells, then the least cost."""
    matches = store.matches[: len(store)]
    solved = np.bitwise_count(matches[:, 1].astype(np.uint64)).astype(np.int64)
    order = np.lexsort((store.costs[: len(store)], -matches[:, 2], -solved))
    return order[:limit]
