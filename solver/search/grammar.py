"""The grammar's costs: how unlikely each step is before anything is known of the task, in nats.

A step costs −log of (probability of its function among those whose first value argument has that type) plus −log
of the probability of each constant. Probabilities are counts, found in programs that solved training tasks
(`grammar.json`), with add-one smoothing, so that nothing ever has probability 0. Without counts they are uniform.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from importlib.resources import files
from math import log
from typing import Any

import numpy as np
import orjson

from ..fused import ChainStep, chain_steps
from ..grid.registry import FUNCTIONS, Function, Parameter
from ..grid.types import Table
from ..program import FreeStatement, Program

TABLE_COST = 0.1
"""Nats per number in a fitted table."""

FREE_COST = 10.0
"""Nats for a step of free Python, set by hand: about that of an unlikely library step."""

SMOOTHING = 1.0
"""Mass of every function and constant beside its counts."""

PRIOR_FUNCTIONS: dict[str, float] = {
    **{"find_objects": 5.0, "split_separators": 3.0, "split_parts": 2.0, "color_layers": 2.0},
    **{"crop_object": 6.0, "keep": 6.0, "paint_alone": 6.0, "paint": 4.0, "drop": 3.0, "recolor_rank": 3.0},
    **{"crop_region": 3.0, "crop_all": 3.0, "fill_holes": 2.0, "recolor": 2.0, "objects_mask": 2.0},
    **{"pick": 5.0, "merge": 4.0, "pick_odd": 3.0, "overlay_all": 3.0, "stack": 2.0, "nth": 2.0, "where": 2.0},
}
"""Smoothing mass of functions, where not 1: set by hand, for words without which others are of no use."""

PRIOR_CONSTANTS: dict[str, float] = {
    **{"MAX": 6.0, "MIN": 4.0, "UNIQUE": 3.0, "COMMON": 1.5, "SECOND_MAX": 0.3, "SECOND_MIN": 0.3},
    **{"SIZE": 6.0, "SHAPE_COUNT": 3.0, "COLOR_COUNT": 3.0, "NUM_COLORS_IN": 2.0, "HOLES": 2.0, "MINORITY_CELLS": 2.0},
    **{"SYMMETRY_COUNT": 1.5, "HEIGHT": 1.0, "WIDTH": 1.0, "TOP": 1.0, "LEFT_EDGE": 1.0, "COLOR": 1.0},
    **{"DENSITY": 0.7, "BORDER_CELLS": 0.7},
}
"""Smoothing mass of named constants, where not 1: set by hand, because of 84 pairs of a property and a rank few are
what people mean, and uniform costs would put them all out of reach."""


@dataclass(frozen=True)
class Grammar:
    """functions: how often each function was used. constants: 'function.parameter' → constant → how often. before: what
    this grammar was before counts were added to it, if any were."""

    functions: Mapping[str, float] = field(default_factory=dict)
    constants: Mapping[str, Mapping[str, float]] = field(default_factory=dict)
    before: Grammar | None = None

    @classmethod
    def shipped(cls) -> Grammar:
        """The counts that come with the package."""
        data = orjson.loads(files("solver").joinpath("grammar.json").read_bytes())
        return cls(data["functions"], data["constants"])

    def plus(
        self, functions: Mapping[str, float], constants: Mapping[str, Mapping[str, float]], weight: float
    ) -> Grammar:
        """This grammar with `weight` times other counts added to its own. It says where to search first; votes are
        weighed by what it was before (`prior`), so that all programs are weighed alike."""
        names = {**self.constants, **constants}
        return Grammar(
            _sum(self.functions, functions, weight),
            {name: _sum(self.constants.get(name, {}), constants.get(name, {}), weight) for name in names},
            self.prior,
        )

    @property
    def prior(self) -> Grammar:
        """The grammar before anything was known of the task."""
        return self.before or self

    @cached_property
    def _totals(self) -> dict[Any, float]:
        totals: dict[Any, float] = {}
        for function in FUNCTIONS.values():
            kind = leading_type(function)
            totals[kind] = totals.get(kind, 0.0) + self._mass(function)
        return totals

    @cached_property
    def _constant_costs(self) -> dict[tuple[str, str, int], float]:
        """What `constant_cost` has been asked for."""
        return {}

    def _mass(self, function: Function) -> float:
        return self.functions.get(function.name, 0.0) + SMOOTHING * PRIOR_FUNCTIONS.get(function.name, 1.0)

    def function_cost(self, function: Function) -> float:
        """−log P(function | type of its first value argument)."""
        return -log(self._mass(function) / self._totals[leading_type(function)])

    def constant_cost(self, function: Function, parameter: Parameter, value: int) -> float:
        """−log P(constant | function, parameter). A constant that a search would not try itself, but a language model
        or a person may write, has the mass of one that it would."""
        # Every view of every task asks for the same costs again, thousands of them.
        key = function.name, parameter.name, value
        if key not in self._constant_costs:
            counts = self.constants.get(f"{function.name}.{parameter.name}", {})
            smoothing = {v: SMOOTHING * _prior(parameter, v) for v in (*parameter.values, value)}
            total = sum(counts.values()) + sum(smoothing.values())
            self._constant_costs[key] = -log((counts.get(str(value), 0.0) + smoothing[value]) / total)
        return self._constant_costs[key]

    def program_cost(self, program: Program) -> float:
        """Cost of a whole program: of its statements, their constants, and the entries of its tables; FREE_COST for a
        step of free Python."""
        cost = 0.0
        for statement in program.statements:
            if isinstance(statement, FreeStatement):
                cost += FREE_COST
                continue
            cost += self.function_cost(statement.function)
            for parameter, arg in zip(statement.function.parameters, statement.args, strict=True):
                if isinstance(arg, tuple):
                    cost += TABLE_COST * len(arg)
                elif isinstance(arg, int) and parameter.values:
                    cost += self.constant_cost(statement.function, parameter, arg)
        return cost

    @cached_property
    def step_costs(self) -> np.ndarray:
        """Costs of all chain steps, float64 [len(chain_steps())]."""
        return np.array([self.step_cost(step) for step in chain_steps()])

    def step_cost(self, step: ChainStep) -> float:
        """Cost of a chain step."""
        others = [p for i, p in enumerate(step.function.parameters) if i != step.position]
        return self.function_cost(step.function) + sum(
            self.constant_cost(step.function, p, v) for p, v in zip(others, step.constants, strict=True)
        )


def _sum(counts: Mapping[str, float], more: Mapping[str, float], weight: float) -> dict[str, float]:
    return {name: counts.get(name, 0.0) + weight * more.get(name, 0.0) for name in {**counts, **more}}


def _prior(parameter: Parameter, value: int) -> float:
    return PRIOR_CONSTANTS.get(parameter.type(value).name, 1.0) if parameter.is_choice else 1.0


def leading_type(function: Function) -> Any:
    """The type of a function's first argument that is a value rather than a constant; None if all are constants."""
    for parameter in function.parameters:
        if not parameter.values and parameter.type is not Table:
            return parameter.type
    return None
