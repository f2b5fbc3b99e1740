"""Root enumeration: typed programs in order of their cost, executed as they are made.

Two queues share the work. The *chain queue* grows grids by all one-grid steps in compiled code (`solver.fused`).
The *typed queue* grows values of every type through Python: objects, masks, grids in plural, colours, numbers, and
the steps that take two values. Both pop the cheapest value first, so that short and likely programs come early; a
value equal to one that exists is dropped.
"""

from __future__ import annotations

import heapq
import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..executor import Value, apply
from ..fused import GridStore, chain_steps
from ..grid.registry import FUNCTIONS, Function, Parameter
from ..grid.types import Color, Grid, Grids, Int, Mask, Objects, Table
from .grammar import Grammar

NUM_PARTNERS = {Grid: 5, Mask: 6, Objects: 4, Grids: 3, Color: 6, Int: 4}
"""How many of the cheapest known values of a type may stand beside the newest argument of a step."""

TYPED_WEIGHT = 6
"""A typed statement costs about as much time as this many chain steps; keeps the queues level without a clock."""


@dataclass(frozen=True)
class TypedFunction:
    """A function for the typed queue: which parameters are values, and its cost without constants."""

    function: Function
    value_positions: tuple[int, ...]
    constant_positions: tuple[int, ...]
    cost: float


class Enumerator:
    """Grows a GridStore from the input value until told to stop.

    start: the input (or its view) over all inputs. targets: training outputs. palette: colours that Color constants
    may take. `spent` counts executed statements; `step(work)` does about `work` chain steps' worth.
    """

    def __init__(self, start: Value, store: GridStore, grammar: Grammar, palette: Sequence[int]) -> None:
        self.store, self.grammar = store, grammar
        self.palette = frozenset(palette)
        self.num_typed = 0
        self._serial = itertools.count()
        self._chain_queue: list[tuple[float, int, int]] = []
        self._typed_queue: list[tuple[float, int, Value | int]] = []
        self._known: dict[Any, list[Value]] = {kind: [] for kind in NUM_PARTNERS}
        self._keys: set[bytes] = set()
        self._typed_work = 0
        self._chain_steps = np.array(
            [
                i
                for i, s in enumerate(chain_steps())
                if all(
                    v in self.palette
                    for p, v in zip(
                        (p for p in s.function.parameters if p.type is not Grid), s.constants, strict=True
                    )
                    if p.type is Color
                )
            ],
            np.int64,
        )
        self._step_costs = np.array([grammar.step_cost(s) for s in chain_steps()])
        self._functions = self._typed_functions()
        start.cost = 0.0
        number = store.add(start)
        self._push_grid(number, 0.0)

    @property
    def num_nodes(self) -> int:
        """Statements executed so far, each over all inputs."""
        return self.num_typed + self.store.num_nodes

    @property
    def exhausted(self) -> bool:
        return self.store.full or not (self._chain_queue or self._typed_queue)

    def run(self, stop: Callable[[], bool]) -> None:
        """Grow until `stop()` or until there is nothing left to grow."""
        while not self.exhausted and not stop():
            self.step()

    def step(self) -> None:
        """Grow one value, out of the queue that has done less work."""
        typed_first = self._typed_work <= self.store.num_nodes
        if self._typed_queue and (typed_first or not self._chain_queue):
            _, _, item = heapq.heappop(self._typed_queue)
            before = self.num_typed
            self._grow_typed(self.store.value(item) if isinstance(item, int) else item)
            self._typed_work += TYPED_WEIGHT * (self.num_typed - before)
        elif self._chain_queue:
            cost, _, number = heapq.heappop(self._chain_queue)
            new = self.store.expand(number, self._chain_steps)
            costs = self.store.costs
            costs[new.start : new.stop] = cost + self._step_costs[self.store.steps[new.start : new.stop]]
            for k in new:
                self._push_grid(k, float(costs[k]))

    def _push_grid(self, number: int, cost: float) -> None:
        serial = next(self._serial)
        heapq.heappush(self._chain_queue, (cost, serial, number))
        heapq.heappush(self._typed_queue, (cost, serial, number))

    def _typed_functions(self) -> list[TypedFunction]:
        found = []
        for function in FUNCTIONS.values():
            parameters = function.parameters
            if any(p.type is Table for p in parameters):
                continue  # fitted, not guessed
            values = tuple(i for i, p in enumerate(parameters) if not p.values or p.type is Color)
            for positions in self._value_positions(parameters, values):
                if not positions:
                    continue
                if function.returns is Grid and [parameters[i].type for i in positions] == [Grid]:
                    continue  # a chain step
                constants = tuple(i for i in range(len(parameters)) if i not in positions)
                found.append(
                    TypedFunction(function, positions, constants, self.grammar.function_cost(function))
                )
        return found

    @staticmethod
    def _value_positions(
        parameters: tuple[Parameter, ...], values: tuple[int, ...]
    ) -> Iterator[tuple[int, ...]]:
        """Which parameters are values: those without constants always, colours both ways."""
        colors = [i for i in values if parameters[i].type is Color]
        fixed = [i for i in values if parameters[i].type is not Color]
        for size in range(len(colors) + 1):
            for chosen in itertools.combinations(colors, size):
                yield tuple(sorted([*fixed, *chosen]))

    def _constants(self, parameter: Parameter) -> Sequence[int]:
        if parameter.type is Color:
            return [v for v in parameter.values if v in self.palette]
        return parameter.values

    def _grow_typed(self, newest: Value) -> None:
        """Run every typed step whose last-known argument is `newest`."""
        kind = newest.type
        partners = self._known[kind]
        if len(partners) < NUM_PARTNERS[kind]:
            partners.append(newest)
        for typed in self._functions:
            parameters = typed.function.parameters
            kinds = [parameters[i].type for i in typed.value_positions]
            for place, wanted in enumerate(kinds):
                if wanted is not kind:
                    continue
                others = [
                    [newest] if i == place else [v for v in self._known[k] if v is not newest or i > place]
                    for i, k in enumerate(kinds)
                ]
                for chosen in itertools.product(*others):
                    self._run_constants(typed, chosen)

    def _run_constants(self, typed: TypedFunction, chosen: Sequence[Value]) -> None:
        function, parameters = typed.function, typed.function.parameters
        args: list[Any] = [None] * len(parameters)
        for i, value in zip(typed.value_positions, chosen, strict=True):
            args[i] = value
        parents = {id(v): v.cost for v in chosen}
        base = sum(parents.values()) + typed.cost
        free = [parameters[i] for i in typed.constant_positions]
        for constants in itertools.product(*(self._constants(p) for p in free)):
            for i, constant in zip(typed.constant_positions, constants, strict=True):
                args[i] = constant
            self.num_typed += 1
            value = apply(function, args)
            if value is None:
                continue
            value.cost = base + sum(
                self.grammar.constant_cost(function, p, v) for p, v in zip(free, constants, strict=True)
            )
            if value.type is Grid:
                number = self.store.add(value)
                if number >= 0:
                    self._push_grid(number, value.cost)
            elif value.key not in self._keys:
                self._keys.add(value.key)
                heapq.heappush(self._typed_queue, (value.cost, next(self._serial), value))
