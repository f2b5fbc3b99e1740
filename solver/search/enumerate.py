"""Root enumeration: typed programs in order of their cost, executed as they are made.

Three queues share the work equally. The *chain* queue grows grids by all one-grid steps in compiled code
(`solver.fused`). The *grid* queue grows grids by every other step, the *part* queue grows values of all other types
(objects, masks, grids in plural, colours, numbers); both run through the executor. A queue entry is a value and a
*band* of step costs, so that likely steps of an unlikely value and unlikely steps of a likely one take turns. A value
equal to one that exists is dropped.
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

NUM_PARTNERS = {Grid: 3, Mask: 4, Objects: 3, Grids: 2, Color: 4, Int: 2}
"""How many of the cheapest known values of a type may stand beside the newest argument of a step."""

TYPED_WEIGHT = 6
"""A typed statement costs about the time of this many chain steps: keeps the queues level without a clock."""


BANDS = (0.0, 5.0, 7.0, 9.0, 11.0)
"""Lower bounds of the bands of step costs, in nats. The last band is open."""

CHAIN, GRID, PART = range(3)


@dataclass(frozen=True)
class TypedFunction:
    """A function with a choice of which parameters are values. steps[band]: (cost, constants) of its steps."""

    function: Function
    value_positions: tuple[int, ...]
    constant_positions: tuple[int, ...]
    steps: tuple[tuple[tuple[float, tuple[int, ...]], ...], ...]

    @property
    def types(self) -> tuple[Any, ...]:
        return tuple(self.function.parameters[i].type for i in self.value_positions)


class Enumerator:
    """Grows a GridStore from the input value until told to stop.

    start: the input (or its view) over all inputs. palette: colours that Color constants may take. objects: all
    Objects values met so far.
    """

    def __init__(self, start: Value, store: GridStore, grammar: Grammar, palette: Sequence[int]) -> None:
        self.store, self.grammar = store, grammar
        self.palette = frozenset(palette)
        self.num_typed = 0
        self._serial = itertools.count()
        self._queues: tuple[list[tuple[float, int, int, Value | int]], ...] = ([], [], [])
        self._work = [0, 0, 0]
        self._known: dict[Any, list[Value]] = {kind: [] for kind in NUM_PARTNERS}
        self._keys: set[bytes] = set()
        self.objects: list[Value] = []
        self._step_costs = grammar.step_costs
        self._chain_bands = self._split_chain_steps()
        self._functions = self._typed_functions()
        start.cost = 0.0
        self.take(start)

    @property
    def num_nodes(self) -> int:
        """Statements executed so far, each over all inputs."""
        return self.num_typed + self.store.num_nodes

    @property
    def exhausted(self) -> bool:
        """Whether there is nothing left to grow, or no room for it."""
        return self.store.crowded or not any(self._queues)

    def run(self, stop: Callable[[], bool]) -> None:
        """Grow until `stop()` or until there is nothing left to grow."""
        while not self.exhausted and not stop():
            self.step()

    def forget(self) -> None:
        """Give back the memory of what it would grow from: it grows no more."""
        self._queues = ([], [], [])
        self._known, self._keys, self.objects = {kind: [] for kind in NUM_PARTNERS}, set(), []

    def step(self) -> None:
        """Do the cheapest entry of the queue that has done the least work."""
        which = min((q for q in (CHAIN, GRID, PART) if self._queues[q]), key=lambda q: self._work[q])
        cost, _, band, item = heapq.heappop(self._queues[which])
        if band + 1 < len(BANDS):
            self._push(which, cost - BANDS[band], band + 1, item)
        if which == CHAIN:
            before = self.store.num_nodes
            self._grow_chain(item, band)
            self._work[CHAIN] += self.store.num_nodes - before
        else:
            before = self.num_typed
            self._grow_typed(self.store.value(item) if isinstance(item, int) else item, band)
            self._work[which] += TYPED_WEIGHT * (self.num_typed - before) + 1

    def _push(self, which: int, cost: float, band: int, item: Value | int) -> None:
        heapq.heappush(self._queues[which], (cost + BANDS[band], next(self._serial), band, item))

    def _push_grid(self, number: int, cost: float) -> None:
        self._push(CHAIN, cost, 0, number)
        self._push(GRID, cost, 0, number)

    def _grow_chain(self, number: int, band: int) -> None:
        costs, steps = self.store.costs, self.store.steps
        new = self.store.expand(number, self._chain_bands[band])
        costs[new.start : new.stop] = costs[number] + self._step_costs[steps[new.start : new.stop]]
        for k in new:
            self._push_grid(k, float(costs[k]))

    def _split_chain_steps(self) -> list[np.ndarray]:
        """Numbers of the chain steps by band, without colours that are not in the palette."""
        bands: list[list[int]] = [[] for _ in BANDS]
        for number, step in enumerate(chain_steps()):
            free = [p for i, p in enumerate(step.function.parameters) if i != step.position]
            if all(p.type is not Color or v in self.palette for p, v in zip(free, step.constants, strict=True)):
                bands[_band(self._step_costs[number])].append(number)
        return [np.array(band, np.int64) for band in bands]

    def _typed_functions(self) -> list[TypedFunction]:
        found = []
        for function in FUNCTIONS.values():
            parameters = function.parameters
            if any(p.type is Table for p in parameters):
                continue  # fitted, not guessed
            for positions in _value_positions(parameters):
                types = [parameters[i].type for i in positions]
                if not positions or (function.returns is Grid and types == [Grid]):
                    continue  # nothing to grow from, or a chain step
                constants = tuple(i for i in range(len(parameters)) if i not in positions)
                steps = self._banded_steps(function, [parameters[i] for i in constants])
                found.append(TypedFunction(function, positions, constants, steps))
        return found

    def _banded_steps(
        self, function: Function, free: Sequence[Parameter]
    ) -> tuple[tuple[tuple[float, tuple[int, ...]], ...], ...]:
        """All choices of constants with the cost of the step, by band."""
        bands: list[list[tuple[float, tuple[int, ...]]]] = [[] for _ in BANDS]
        base = self.grammar.function_cost(function)
        options = [[v for v in p.values if p.type is not Color or v in self.palette] for p in free]
        for constants in itertools.product(*options):
            cost = base + sum(self.grammar.constant_cost(function, p, v) for p, v in zip(free, constants, strict=True))
            bands[_band(cost)].append((cost, constants))
        return tuple(map(tuple, bands))

    def _grow_typed(self, newest: Value, band: int) -> None:
        """Run every typed step of a band that takes `newest` and, beside it, only values known before."""
        kind = newest.type
        partners = self._known[kind]
        if band == 0 and len(partners) < NUM_PARTNERS[kind]:
            partners.append(newest)
        for typed in self._functions:
            steps = typed.steps[band]
            if not steps:
                continue
            for place, wanted in enumerate(typed.types):
                if wanted is not kind:
                    continue
                others = [
                    [newest] if i == place else [v for v in self._known[k] if v is not newest or i > place]
                    for i, k in enumerate(typed.types)
                ]
                for chosen in itertools.product(*others):
                    self._run_steps(typed, chosen, steps)

    def _run_steps(
        self, typed: TypedFunction, chosen: Sequence[Value], steps: Sequence[tuple[float, tuple[int, ...]]]
    ) -> None:
        args: list[Any] = [None] * len(typed.function.parameters)
        for i, value in zip(typed.value_positions, chosen, strict=True):
            args[i] = value
        base = sum({id(v): v.cost for v in chosen}.values())
        self.num_typed += len(steps)
        for cost, constants in steps:
            for i, constant in zip(typed.constant_positions, constants, strict=True):
                args[i] = constant
            value = apply(typed.function, args)
            if value is None:
                continue
            value.cost = base + cost
            self.take(value)

    def take(self, value: Value) -> None:
        """Grow from a value, too, unless an equal one is known."""
        if value.type is Grid:
            number = self.store.add(value)
            if number >= 0:
                self._push_grid(number, value.cost)
        elif value.key not in self._keys:
            self._keys.add(value.key)
            self._push(PART, value.cost, 0, value)
            if value.type is Objects:
                self.objects.append(value)


def _band(cost: float) -> int:
    return max(k for k, low in enumerate(BANDS) if cost >= low)


def _value_positions(parameters: Sequence[Parameter]) -> Iterator[tuple[int, ...]]:
    """Which parameters are values: those without constants always, colours either way."""
    fixed = [i for i, p in enumerate(parameters) if not p.values]
    colors = [i for i, p in enumerate(parameters) if p.values and p.type is Color]
    for size in range(len(colors) + 1):
        for chosen in itertools.combinations(colors, size):
            yield tuple(sorted([*fixed, *chosen]))
