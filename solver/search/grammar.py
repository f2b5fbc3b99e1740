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

import orjson

from ..fused import ChainStep
from ..grid.registry import FUNCTIONS, Function, Parameter
from ..grid.types import Table

SMOOTHING = 1.0


@dataclass(frozen=True)
class Grammar:
    """functions: how often each function was used. constants: 'function.parameter' → constant → how often."""

    functions: Mapping[str, float] = field(default_factory=dict)
    constants: Mapping[str, Mapping[str, float]] = field(default_factory=dict)

    @classmethod
    def shipped(cls) -> Grammar:
        """The counts that come with the package."""
        data = orjson.loads(files("solver").joinpath("grammar.json").read_bytes())
        return cls(data["functions"], data["constants"])

    @cached_property
    def _totals(self) -> dict[Any, float]:
        totals: dict[Any, float] = {}
        for function in FUNCTIONS.values():
            kind = leading_type(function)
            totals[kind] = totals.get(kind, 0.0) + self.functions.get(function.name, 0.0) + SMOOTHING
        return totals

    def function_cost(self, function: Function) -> float:
        """−log P(function | type of its first value argument)."""
        mass = self.functions.get(function.name, 0.0) + SMOOTHING
        return -log(mass / self._totals[leading_type(function)])

    def constant_cost(self, function: Function, parameter: Parameter, value: int) -> float:
        """−log P(constant | function, parameter)."""
        counts = self.constants.get(f"{function.name}.{parameter.name}", {})
        total = sum(counts.values()) + SMOOTHING * len(parameter.values)
        return -log((counts.get(str(value), 0.0) + SMOOTHING) / total)

    def step_cost(self, step: ChainStep) -> float:
        """Cost of a chain step."""
        others = [p for i, p in enumerate(step.function.parameters) if i != step.position]
        return self.function_cost(step.function) + sum(
            self.constant_cost(step.function, p, v) for p, v in zip(others, step.constants, strict=True)
        )


def leading_type(function: Function) -> Any:
    """The type of a function's first argument that is a value rather than a constant; None if all are constants."""
    for parameter in function.parameters:
        if not parameter.values and parameter.type is not Table:
            return parameter.type
    return None
