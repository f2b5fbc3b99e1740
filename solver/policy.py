"""The contract between the tree and whatever proposes steps, and the policy that needs no model."""

from __future__ import annotations

import itertools
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np

from .executor import Value
from .grid.registry import FUNCTIONS, Function
from .grid.types import Color, Table
from .search.grammar import Grammar


@dataclass(frozen=True)
class Step:
    """A proposed statement. args: per parameter the position of a value in the state as ('value', i) or a constant
    as ('constant', v). log_probability: natural log, ≤ 0, of this step given the state."""

    function: Function
    args: tuple[tuple[str, int], ...]
    log_probability: float

    def bind(self, values: Sequence[Value]) -> list[Value | int]:
        """The executor's arguments for a state's values."""
        return [values[v] if kind == "value" else v for kind, v in self.args]


class Policy(Protocol):
    """Proposes next steps for prefixes of programs.

    `propose` is batched over states (each the values of its variables, the input first, the newest last) and
    returns at most `num_steps` different steps for each, most likely first.
    """

    def propose(
        self, states: Sequence[Sequence[Value]], num_steps: int, rng: np.random.Generator
    ) -> list[list[Step]]: ...


class GrammarPolicy:
    """Typed steps that use the newest variable, drawn without replacement by the grammar's probabilities.

    palette: colours that Color constants may take.
    """

    def __init__(self, grammar: Grammar, palette: Sequence[int]) -> None:
        self.grammar, self.palette = grammar, frozenset(palette)
        self._templates: dict[
            tuple[Any, ...], tuple[list[tuple[Function, tuple[tuple[str, int], ...]]], np.ndarray]
        ] = {}

    def propose(self, states: Sequence[Sequence[Value]], num_steps: int, rng: np.random.Generator) -> list[list[Step]]:
        proposals = []
        for values in states:
            templates, log_probabilities = self._for_types(tuple(v.type for v in values))
            # Gumbel top-k: a sample without replacement from the categorical distribution (Kool et al., 2019).
            keys = log_probabilities + rng.gumbel(size=len(log_probabilities))
            chosen = np.argsort(-keys)[:num_steps] if len(keys) > num_steps else np.arange(len(keys))
            chosen = chosen[np.argsort(-log_probabilities[chosen], kind="stable")]
            proposals.append([Step(*templates[i], float(log_probabilities[i])) for i in chosen])
        return proposals

    def _for_types(
        self, types: tuple[Any, ...]
    ) -> tuple[list[tuple[Function, tuple[tuple[str, int], ...]]], np.ndarray]:
        if types not in self._templates:
            newest = len(types) - 1
            found: list[tuple[Function, tuple[tuple[str, int], ...]]] = []
            costs: list[float] = []
            for function in FUNCTIONS.values():
                if any(p.type is Table for p in function.parameters):
                    continue
                base = self.grammar.function_cost(function)
                options: list[list[tuple[tuple[str, int], float]]] = []
                for p in function.parameters:
                    choice = [(("value", i), 0.0) for i, t in enumerate(types) if t is p.type]
                    choice += [
                        (("constant", v), self.grammar.constant_cost(function, p, v))
                        for v in p.values
                        if p.type is not Color or v in self.palette
                    ]
                    options.append(choice)
                for combination in itertools.product(*options):
                    if any(arg == ("value", newest) for arg, _ in combination):
                        found.append((function, tuple(arg for arg, _ in combination)))
                        costs.append(base + sum(cost for _, cost in combination))
            log_mass = -np.array(costs)
            log_mass -= np.logaddexp.reduce(log_mass) if costs else 0.0
            self._templates[types] = (found, log_mass)
        return self._templates[types]
