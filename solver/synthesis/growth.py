"""Random typed programs over one set of inputs, grown as a pool of executed values.

Every statement is executed at once on all inputs of the set. A value that is there already is added again only if the
new program is shorter, and then stands for it. Grids, objects, masks, colours and numbers all
take part; the program of a value is read off its history.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..executor import Value, apply, input_value
from ..grid.registry import FUNCTIONS, Function, Parameter
from ..grid.types import Color, Grid, Grids, Int, Mask, Objects, Table
from ..program import Program, Ref
from ..search.grammar import Grammar, leading_type
from .inputs import grid_tokens

TYPE_WEIGHTS = {Grid: 0.42, Objects: 0.28, Mask: 0.12, Grids: 0.1, Color: 0.05, Int: 0.03}
"""How often the newest argument of a statement has each type, where the pool has values of it."""

SOLUTION_WEIGHT = 0.5
"""How much each hand-written solution that uses a function adds to the function's mass."""

FLATTENING = 0.7
"""Exponent of a function's probability: below 1, rare functions are tried more often than they are used."""

RARER = {"shift": 0.25, "roll": 0.3, "trim": 0.5, "trim_side": 0.4, "pad": 0.5, "move_objects": 0.5}
"""Functions that nearly always apply and change something, and so would be in too many programs."""

FOLLOWER_SHARE = 0.6
"""How much of a function's probability comes, at most, from what solutions do next."""


@dataclass(frozen=True)
class Entry:
    """A value of the pool. ancestors: bit set of the entries that its program computes, itself included; their
    number is the number of statements."""

    value: Value
    number: int
    ancestors: int

    @property
    def length(self) -> int:
        return self.ancestors.bit_count()


class StepWeights:
    """How often each function and constant is tried: the grammar's priors, what hand-written solutions use, and what
    they do next with a result of the same function."""

    def __init__(self, solutions: Iterable[Program]) -> None:
        functions: Counter[str] = Counter()
        constants: dict[str, Counter[str]] = {}
        self._followers: dict[tuple[Any, str], Counter[str]] = {}
        for program in solutions:
            functions.update({s.function.name: SOLUTION_WEIGHT for s in program.statements})  # once a program
            for statement in program.statements:
                name = statement.function.name
                for parameter, arg in zip(statement.function.parameters, statement.args, strict=True):
                    if parameter.is_choice:
                        constants.setdefault(f"{name}.{parameter.name}", Counter())[str(arg)] += SOLUTION_WEIGHT
                    elif isinstance(arg, Ref) and arg.index:
                        maker = program.statements[arg.index - 1].function.name
                        self._followers.setdefault((parameter.type, maker), Counter())[name] += 1
        grammar = Grammar(functions, constants)
        self._functions: dict[Any, list[Function]] = {}
        self._mass: dict[Any, np.ndarray] = {}
        for kind in TYPE_WEIGHTS:
            fitting = [
                f
                for f in FUNCTIONS.values()
                if any(p.type is kind for p in f.parameters)
                and not any(p.type is Table for p in f.parameters)
                and (kind is not Color or leading_type(f) is not None)
            ]
            mass = np.array([np.exp(-FLATTENING * grammar.function_cost(f)) * RARER.get(f.name, 1.0) for f in fitting])
            self._functions[kind], self._mass[kind] = fitting, mass / mass.sum()
        self._cumulated: dict[tuple[Any, str], np.ndarray] = {}
        self._constants = {
            (f.name, p.name): np.cumsum([np.exp(-grammar.constant_cost(f, p, v)) for v in p.values])
            for f in FUNCTIONS.values()
            for p in f.parameters
            if p.values
        }

    def function(self, value: Value, rng: np.random.Generator) -> Function:
        """A function to call with `value` as one of its arguments."""
        kind, maker = value.type, value.function.name if value.function else ""
        if (kind, maker) not in self._cumulated:
            self._cumulated[kind, maker] = np.cumsum(self._mass_after(kind, maker))
        index = int(np.searchsorted(self._cumulated[kind, maker], rng.random()))
        functions = self._functions[kind]
        return functions[min(index, len(functions) - 1)]

    def _mass_after(self, kind: Any, maker: str) -> np.ndarray:
        """Probabilities of the functions that take a value of type `kind` made by function `maker`."""
        counts = self._followers.get((kind, maker), Counter())
        seen = np.array([counts[f.name] for f in self._functions[kind]], float)
        trust = FOLLOWER_SHARE * seen.sum() / (seen.sum() + 3)
        return (1 - trust) * self._mass[kind] + trust * seen / max(seen.sum(), 1)

    def constant(self, function: Function, parameter: Parameter, rng: np.random.Generator) -> int:
        cumulated = self._constants[function.name, parameter.name]
        return parameter.values[min(int(np.searchsorted(cumulated, rng.random())), len(cumulated) - 1)]


class Pool:
    """Values over one set of inputs.

    max_statements: longer programs are not grown. max_tokens: a Grid value whose items have more tokens together is
    not kept. palette: the colours of the inputs, drawn most often as constants.
    """

    def __init__(
        self, inputs: Sequence[np.ndarray], weights: StepWeights, max_statements: int, max_tokens: int
    ) -> None:
        start = input_value(inputs)
        self.weights, self.max_statements, self.max_tokens = weights, max_statements, max_tokens
        self.palette = sorted({int(c) for grid in inputs for c in np.unique(grid)} - {0})
        self.entries: list[Entry] = []
        self._by_key: dict[bytes, Entry] = {}
        self._buckets: dict[Any, dict[int, list[Entry]]] = {kind: {} for kind in TYPE_WEIGHTS}
        self.start = self._insert(start, 0)

    def is_shortest(self, entry: Entry) -> bool:
        """Whether no shorter program of the pool gives the same value."""
        return self._by_key[entry.value.key] is entry

    def bucket(self, kind: Any, length: int) -> list[Entry]:
        """The entries of a type whose programs have `length` statements."""
        return self._buckets[kind].get(length, [])

    def _buckets_below(self, kind: Any, length: int) -> list[list[Entry]]:
        """The entries of a type by length, as far as they have less than `length` statements."""
        return [bucket for n, bucket in self._buckets[kind].items() if n < length]

    def _insert(self, value: Value, ancestors: int) -> Entry:
        number = len(self.entries)
        if value.function is not None:
            ancestors |= 1 << number
        entry = Entry(value, number, ancestors)
        self.entries.append(entry)
        self._by_key[value.key] = entry
        self._buckets[value.type].setdefault(entry.length, []).append(entry)
        return entry

    def run(self, program: Program, max_statements: int) -> Entry | None:
        """Execute a program into the pool; the entry of its output, or None where it does not apply or is longer than
        `max_statements`. Statements before the one that fails stay in the pool."""
        entries = [self.start]
        for statement in program.statements:
            args = [entries[a.index] if isinstance(a, Ref) else a for a in statement.args]
            entry = self._step(statement.function, args, max_statements)
            if entry is None:
                return None
            entries.append(entry)
        return entries[-1]

    def _step(self, function: Function, args: Sequence[Any], max_statements: int) -> Entry | None:
        """Execute one statement; its entry, new or old, or None."""
        ancestors = 0
        for arg in args:
            if type(arg) is Entry:
                ancestors |= arg.ancestors
        if ancestors.bit_count() >= max_statements:
            return None
        value = apply(function, [a.value if type(a) is Entry else a for a in args], len(self.start.value.items))
        if value is None:
            return None
        known = self._by_key.get(value.key)
        if known is not None and known.length <= ancestors.bit_count() + 1:
            return known
        if value.type is Grid and sum(map(grid_tokens, value.items)) > self.max_tokens:
            return None
        return self._insert(value, ancestors)

    def grow(self, num_steps: int, rng: np.random.Generator) -> None:
        """Try `num_steps` random statements."""
        for _ in range(num_steps):
            newest = self._draw_newest(rng)
            function = self.weights.function(newest.value, rng)
            args = self._draw_arguments(function, newest, rng)
            if args is not None:
                self._step(function, args, self.max_statements)

    def _draw_newest(self, rng: np.random.Generator) -> Entry:
        """An entry to go on from: its length and type drawn first, so that rare ones get their turn."""
        kinds = [k for k in TYPE_WEIGHTS if self._buckets_below(k, self.max_statements)]
        kind = _weighted(kinds, TYPE_WEIGHTS, rng)
        return _any_entry(self._buckets_below(kind, self.max_statements), rng)

    def _draw_arguments(self, function: Function, newest: Entry, rng: np.random.Generator) -> list[Any] | None:
        places = [i for i, p in enumerate(function.parameters) if p.type is newest.value.type]
        place = places[rng.integers(len(places))]
        args: list[Any] = []
        for i, parameter in enumerate(function.parameters):
            arg = newest if i == place else self._draw_argument(function, parameter, newest, rng)
            if arg is None:
                return None
            args.append(arg)
        return args

    def _draw_argument(self, function: Function, parameter: Parameter, newest: Entry, rng: np.random.Generator) -> Any:
        kind = parameter.type
        if parameter.values and not (kind is Color and rng.random() < 0.25):
            if kind is Color and self.palette and rng.random() < 0.75:
                color = self.palette[rng.integers(len(self.palette))]
                if color in parameter.values:
                    return color
            return self.weights.constant(function, parameter, rng)
        if kind is Grid and rng.random() < 0.4:
            return self.start
        if rng.random() < 0.5:
            related = [e for e in self._ancestors(newest) if e.value.type is kind]
            if related:
                return related[rng.integers(len(related))]
        buckets = self._buckets_below(kind, 4)
        if buckets:
            return _any_entry(buckets, rng)
        return self.weights.constant(function, parameter, rng) if parameter.values else None

    def _ancestors(self, entry: Entry) -> list[Entry]:
        """The values that an entry's program computes on the way, the entry itself left out."""
        bits, found = entry.ancestors & ~(1 << entry.number), []
        while bits:
            low = bits & -bits
            found.append(self.entries[low.bit_length() - 1])
            bits ^= low
        return found

    def grids_before(self, entry: Entry) -> list[Entry]:
        """The Grid values on the way to an entry, the input included."""
        return [self.start, *(e for e in self._ancestors(entry) if e.value.type is Grid)]


def _any_entry(buckets: Sequence[Sequence[Entry]], rng: np.random.Generator) -> Entry:
    bucket = buckets[rng.integers(len(buckets))]
    return bucket[rng.integers(len(bucket))]


def _weighted(items: Sequence[Any], weights: Mapping[Any, float], rng: np.random.Generator) -> Any:
    total = sum(weights[item] for item in items)
    point = rng.random() * total
    for item in items:
        point -= weights[item]
        if point < 0:
            return item
    return items[-1]
