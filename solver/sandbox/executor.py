"""The second executor: library steps in this process, steps of free Python in the sandbox, on the same values.

A free step reads the variables of its state by their names (I, x1, …) and assigns the next one. It adds a value and
changes none: one that writes to an earlier variable is dropped, as is one whose result is no grid, mask, number,
objects or grids on every input. Values keep the dtype they had in the program for the free steps that follow; library
steps see what the library would make of them.
"""

from __future__ import annotations

import ast
from collections.abc import Iterable, Sequence
from hashlib import blake2b
from typing import Any

import numpy as np

from ..executor import DIGEST_BYTES, Value, apply
from ..executor import digest as value_digest
from ..grid.types import MAX_GRIDS, MAX_OBJECTS, MAX_SIDE, NUM_COLORS, Grid, Grids, Int, Mask, Objects
from ..policy import FreeStep, Step
from ..program import FreeStatement, Program, ProgramError, Ref, read_python, rename, variable_name
from .pool import Failure, Pool
from .steps import State, digest, run_step, state_of

MAX_INT = 99

FITTED = "out"
"""What the text of a fitted step assigns; one that a state's variables are read by assigns the next of these."""


class FreeValue(Value):
    """The value that a free step made. text, target, reads: of its FreeStatement. exact: what the variable really
    is, an input each; items: the same as the library sees it."""

    __slots__ = ("exact", "reads", "target", "text")

    @classmethod
    def fitted(
        cls, items: Iterable[np.ndarray], parents: Sequence[Value], reads: tuple[str, ...], text: str, cost: float
    ) -> FreeValue:
        """The grids that a fitted step makes, without running it. text: Python that assigns `out`. reads: what it calls
        the parents."""
        grids = tuple(np.ascontiguousarray(item, dtype=np.int8) for item in items)
        value = cls(Grid, grids, value_digest(Grid, grids))
        value.exact, value.parents, value.depth = grids, tuple(parents), 1 + max(parent.depth for parent in parents)
        value.reads, value.target, value.text, value.cost = reads, FITTED, text, float(cost)
        return value

    @property
    def is_input(self) -> bool:
        return False

    def statement(self, parents: Sequence[int]) -> FreeStatement:
        return FreeStatement(self.text, self.target, self.reads, tuple(map(Ref, parents)))


def is_written(value: Value) -> bool:
    """Whether a step of free Python that was run here stands in a value's program, and not fitted ones alone."""
    waiting, seen = [value], set()
    while waiting:
        one = waiting.pop()
        if isinstance(one, FreeValue) and one.target != FITTED:
            return True
        waiting += [parent for parent in one.parents if id(parent) not in seen]
        seen.update(map(id, one.parents))
    return False


class SandboxExecutor:
    """An executor (see executor.Executor) for Step and FreeStep in any mixture."""

    def __init__(self, pool: Pool) -> None:
        self.pool = pool
        self._state: tuple[tuple[bytes, ...], State] | None = None

    def __call__(self, values: Sequence[Value], steps: Sequence[Step | FreeStep]) -> list[Value | None]:
        """What each step makes of a state's values; None where it fails."""
        state = self.state(values) if any(isinstance(step, FreeStep) for step in steps) else None

        def run(step: Step | FreeStep) -> Value | None:
            if isinstance(step, Step):
                return apply(step.function, step.bind(values), len(values[0].items))
            value = self._run(values, state, step.text)
            return value if isinstance(value, Value) else None

        free = [step for step in steps if isinstance(step, FreeStep)]
        ran = iter(self.pool.map(run, free))
        return [next(ran) if isinstance(step, FreeStep) else run(step) for step in steps]

    def run(self, values: Sequence[Value], text: str) -> Value | Failure:
        """Run one free step; the new value or why there is none."""
        return self._run(values, self.state(values), text)

    def confirm(self, value: Value, start: Value) -> bool:
        """Whether the program of a value gives it when it is run as a whole, on the input that it starts from."""
        program = value.program()
        if not program.is_free:
            return True
        outputs = self.pool.run(program.render(), start.items).outputs
        return all(a is not None and np.array_equal(a, b) for a, b in zip(outputs, value.items, strict=True))

    def execute(self, program: Program, start: Value) -> Value | None:
        """Run a whole mixed program from the input value; None where a step fails."""
        variables: list[Value] = [start]
        for statement in program.statements:
            if isinstance(statement, FreeStatement):
                values = [start, *(variables[a.index] for a in statement.args)]
                names = [variable_name(0), *statement.reads]
                kept = dict(zip(names, values, strict=True))
                text = _in_positions(statement, list(kept))
                value = self.run(list(kept.values()), text)
            else:
                args = [variables[a.index] if isinstance(a, Ref) else a for a in statement.args]
                value = apply(statement.function, args, len(start.items))
            if not isinstance(value, Value):
                return None
            variables.append(value)
        return variables[-1]

    def state(self, values: Sequence[Value]) -> State:
        """The sandbox's state of a state's values; the last one is remembered."""
        keys = tuple(value.key for value in values)
        if self._state is None or self._state[0] != keys:
            variables = {variable_name(i): _exact(value) for i, value in enumerate(values)}
            self._state = (keys, state_of("", values[0].items, variables))
        return self._state[1]

    def _run(self, values: Sequence[Value], state: State, text: str) -> Value | Failure:
        target = variable_name(len(values))
        try:
            names = _names(text)
        except ProgramError as error:
            return Failure("error", str(error))
        result = run_step(self.pool, state, text)
        if result.state is None:
            return result.failure
        after = result.state
        if target not in after.variables:
            return Failure("bad_output", f"the step assigns no plain value to {target}")
        if any(after.keys.get(name) != key for name, key in state.keys.items()):
            return Failure("bad_output", "the step changes a variable of its state")
        exact = after.variables[target]
        typed = typed_items(exact)
        if typed is None:
            return Failure("bad_output", f"{target} is not a grid, mask, number, objects or grids on every input")
        return _value(typed, exact, text, target, [i for i in range(len(values)) if variable_name(i) in names], values)


def _value(
    typed: tuple[Any, tuple[Any, ...]],
    exact: tuple[Any, ...],
    text: str,
    target: str,
    reads: list[int],
    values: Sequence[Value],
) -> FreeValue:
    kind, items = typed
    key = value_digest(kind, items)
    if digest(exact) == digest(items):
        exact = items
    else:  # another dtype: it may behave differently in the steps to come
        key = blake2b(key + digest(exact), digest_size=DIGEST_BYTES).digest()
        exact = tuple(map(_own_copy, exact))
    value = FreeValue(kind, items, key)
    value.text, value.target, value.exact = text, target, exact
    value.reads = tuple(variable_name(i) for i in reads)
    value.parents = tuple(values[i] for i in reads)
    value.literals = (None,) * len(reads)
    value.depth = 1 + max((p.depth for p in value.parents), default=0)
    return value


def _own_copy(value: Any) -> Any:
    """A value of a type of the step language that keeps nothing else in memory: what it was a view of may be large."""
    if type(value) is np.ndarray:
        return value.copy(order="K")
    return type(value)(*map(_own_copy, value)) if isinstance(value, tuple) else value


def _exact(value: Value) -> tuple[Any, ...]:
    return value.exact if isinstance(value, FreeValue) else value.items


def _names(text: str) -> set[str]:
    return {node.id for node in ast.walk(read_python(text)) if isinstance(node, ast.Name)}


def _in_positions(statement: FreeStatement, names: Sequence[str]) -> str:
    """A statement's text with the variables called by their positions among `names`."""
    renamed = {name: variable_name(i) for i, name in enumerate(names)}
    return rename(statement.text, renamed | {statement.target: variable_name(len(names))})


def typed_items(values: Sequence[Any]) -> tuple[Any, tuple[Any, ...]] | None:
    """The step language's type of a variable and its items, one an input, checked and fresh (they go to compiled code
    that checks nothing); None if it has none."""
    for kind, convert in ((Grid, _grid), (Mask, _mask), (Int, _int), (Objects, _objects), (Grids, _grids)):
        items = tuple(convert(value) for value in values)
        if all(item is not None for item in items):
            return kind, items
    return None


def _is_picture(value: Any, kinds: str) -> bool:
    return (
        type(value) is np.ndarray
        and value.dtype.kind in kinds
        and value.ndim == 2
        and 0 < value.shape[0] <= MAX_SIDE
        and 0 < value.shape[1] <= MAX_SIDE
    )


def _grid(value: Any) -> np.ndarray | None:
    if not _is_picture(value, "iu") or value.min() < 0 or value.max() >= NUM_COLORS:
        return None
    return np.array(value, np.int8, order="C")


def _mask(value: Any) -> np.ndarray | None:
    return np.array(value, np.bool_, order="C") if _is_picture(value, "b") else None


def _int(value: Any) -> int | None:
    if type(value) is not int and not isinstance(value, np.integer):
        return None
    return int(value) if -MAX_INT <= value <= MAX_INT else None


def _objects(value: Any) -> Objects | None:
    """As the library keeps objects: numbers without cells closed up, other cells blanked; None without any."""
    if type(value) is not Objects or type(value.count) is not int or not 0 <= value.count <= MAX_OBJECTS:
        return None
    grid, labels = _grid(value.grid), value.labels
    if grid is None or not _is_picture(labels, "iu") or labels.shape != grid.shape:
        return None
    if labels.min() < 0 or labels.max() > value.count:
        return None
    numbers = np.unique(labels[labels > 0])
    if not len(numbers):
        return None
    closed = np.zeros(value.count + 1, np.int16)
    closed[numbers] = np.arange(1, len(numbers) + 1)
    return Objects(np.where(labels > 0, grid, np.int8(0)), np.ascontiguousarray(closed[labels]), len(numbers))


def _grids(value: Any) -> Grids | None:
    if type(value) is not Grids or any(type(part) is not np.ndarray or part.dtype.kind not in "iu" for part in value):
        return None
    cells, shapes = value
    count = len(shapes) if shapes.ndim == 2 else 0
    if not 0 < count <= MAX_GRIDS or shapes.shape != (count, 2) or cells.shape != (count, MAX_SIDE, MAX_SIDE):
        return None
    if shapes.min() < 1 or shapes.max() > MAX_SIDE or cells.min() < 0 or cells.max() >= NUM_COLORS:
        return None
    found = Grids(np.array(cells, np.int8, order="C"), np.array(shapes, np.int64, order="C"))
    for grid, (height, width) in zip(found.cells, found.shapes, strict=True):
        if grid[height:].any() or grid[:, width:].any():
            return None
    return found
