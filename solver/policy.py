"""The contracts between the tree and what proposes steps and scores states, and the policies that need no model."""

from __future__ import annotations

import itertools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any, Protocol

import numpy as np

from .executor import Value
from .grid.registry import FUNCTIONS, Function
from .grid.types import Color, Table
from .program import Ref, parse_step, variable_name
from .search.grammar import Grammar

Constant = int | tuple[int, ...]

Arg = tuple[str, Constant | Value]
"""An argument of a step: ('value', i) for the state's i-th value, ('constant', v), or ('computed', value) for a value
that the state's values were made from but that it does not hold."""


@dataclass(frozen=True, slots=True)
class Step:
    """A proposed statement. args: one a parameter, of its type and, if a constant, one of those that it may be (nothing
    checks that again: compiled code would read past its tables). log_probability: natural log, ≤ 0, of this step given
    the state."""

    function: Function
    args: tuple[Arg, ...]
    log_probability: float

    @classmethod
    def read(cls, call: str, state: Sequence[Value], log_probability: float) -> Step:
        """The step that a program would write as `call`, such as "paint_all(x1, 2)": I, x1, x2, … are the state's
        values by their place. Raises ProgramError for anything but one call of the library with arguments that fit."""
        statement = parse_step(f"{variable_name(len(state))} = {call}", [value.type for value in state])
        args = tuple(("value", arg.index) if isinstance(arg, Ref) else ("constant", arg) for arg in statement.args)
        return cls(statement.function, args, log_probability)

    def bind(self, values: Sequence[Value]) -> list[Value | Constant]:
        """The executor's arguments for a state's values."""
        return [values[v] if kind == "value" else v for kind, v in self.args]


@dataclass(frozen=True, slots=True)
class FreeStep:
    """A proposed step of free Python. text: whole statements that read the state's variables by their names (I, x1,
    x2, …: `program.variable_name` of their position) and assign the next one. log_probability: as in Step."""

    text: str
    log_probability: float


class Policy(Protocol):
    """Proposes next steps for prefixes of programs (docs/extending.md has an example).

    `propose` is batched over states, each the values of its variables, the input first, the newest last. It returns a
    list for each state, in their order: at most `num_steps` different steps, most likely first; none where it knows
    none, which ends that branch of the tree. Probabilities may sum to less than 1, as the tree scales those of the
    steps that could be executed to a sum of 1. All chance comes from `rng`, or a run by nodes does not repeat.
    """

    def propose(
        self, states: Sequence[Sequence[Value]], num_steps: int, rng: np.random.Generator
    ) -> list[list[Step | FreeStep]]: ...


class Preference(Protocol):
    """A process preference model of one task: how good prefixes of programs are as beginnings of its solution."""

    def score(self, states: Sequence[Sequence[Value]]) -> list[float | None]:
        """−1..1 for each state (as in `Policy`), in one call; None where there is no score."""
        ...


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


class UniformPolicy(GrammarPolicy):
    """The grammar's typed steps, all equally likely."""

    def __init__(self, palette: Sequence[int]) -> None:
        super().__init__(Grammar(), palette)

    def _for_types(
        self, types: tuple[Any, ...]
    ) -> tuple[list[tuple[Function, tuple[tuple[str, int], ...]]], np.ndarray]:
        templates, log_mass = super()._for_types(types)
        return templates, np.full_like(log_mass, -np.log(max(1, len(log_mass))))


class MixturePolicy:
    """Several policies as one: P(step) = Σ weight · P_i(step), P_i = 0 where policy i does not propose the step.

    parts: (policy, weight); weights are scaled to sum 1. Where the parts propose more than `num_steps` together, each
    keeps its likeliest up to its weight's share of them, so that none is crowded out, and the likeliest of the rest
    fill what is left.
    """

    def __init__(self, parts: Sequence[tuple[Policy, float]]) -> None:
        if not parts or min(weight for _, weight in parts) < 0 or sum(weight for _, weight in parts) <= 0:
            raise ValueError("a mixture needs weights of at least 0, not all 0")
        total = sum(weight for _, weight in parts)
        self.parts = [(policy, weight / total) for policy, weight in parts if weight > 0]

    def propose(
        self, states: Sequence[Sequence[Value]], num_steps: int, rng: np.random.Generator
    ) -> list[list[Step | FreeStep]]:
        proposed = [policy.propose(states, num_steps, rng) for policy, _ in self.parts]
        weights = [weight for _, weight in self.parts]
        return [mix(own, weights, num_steps) for own in zip(*proposed, strict=True)]


def mix(
    proposed: Sequence[Sequence[Step | FreeStep]], weights: Sequence[float], num_steps: int
) -> list[Step | FreeStep]:
    """One state's steps of a mixture. proposed: of each part, most likely first. weights: of the parts, sum 1."""
    mass: dict[Step | FreeStep, float] = {}
    kept: dict[Step | FreeStep, None] = {}
    for steps, weight in zip(proposed, weights, strict=True):
        for place, step in enumerate(steps):
            key = replace(step, log_probability=0.0)
            mass[key] = mass.get(key, 0.0) + weight * math.exp(step.log_probability)
            if place < weight * num_steps:
                kept[key] = None
    ordered = sorted(mass, key=lambda key: -mass[key])
    for key in ordered:
        if len(kept) >= num_steps:
            break
        kept[key] = None
    chosen = sorted(kept, key=lambda key: -mass[key])[:num_steps]
    # A probability may be too small for a float; such a step stays the least likely one.
    return [replace(key, log_probability=min(0.0, math.log(max(mass[key], 1e-300)))) for key in chosen]
