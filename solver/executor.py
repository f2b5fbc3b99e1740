"""Executor of library steps: one statement on all inputs of a task at once, in this process, every value hashed.

Measured with `make bench` (statements_per_s). A step that has no result on any one input is dropped whole, so that
a value always exists for all training *and* test inputs.
"""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from typing import Any, Protocol

import numpy as np

from .grid.registry import Function
from .grid.types import MAX_GRIDS, MAX_SIDE, MISSING, Color, Grid, Grids, Mask, Objects
from .program import Argument, FreeStatement, Program, Ref, Statement, trim_statements

DIGEST_BYTES = 12

VALUE_BYTES, ARRAY_BYTES = 600, 400
"""About what a value and an array of its items take in memory beside their cells: Python objects, and the allocator's
blocks of the compiled library. Measured over whole searches."""


class Value:
    """The value of one variable over all inputs of a task.

    type: a type of the step language. items: one value per input (training first, then test). key: digest of type
    and items; equal keys mean equal values. function, parents: how it was made (None for the input); arguments
    that are values stand in `parents` in order. cost: how unlikely the program up to here is (nats).
    """

    __slots__ = ("cost", "depth", "function", "items", "key", "literals", "parents", "type")

    def __init__(self, kind: Any, items: tuple[Any, ...], key: bytes) -> None:
        self.type = kind
        self.items = items
        self.key = key
        self.function: Function | None = None
        self.parents: tuple[Value, ...] = ()
        self.literals: tuple[int | tuple[int, ...] | None, ...] = ()
        self.depth = 0
        self.cost = 0.0

    @property
    def is_input(self) -> bool:
        return self.function is None

    @property
    def num_bytes(self) -> int:
        """About what it takes in memory, without its parents."""
        total = VALUE_BYTES
        for item in self.items:
            for part in item if isinstance(item, tuple) else (item,):
                if isinstance(part, np.ndarray):
                    total += ARRAY_BYTES + part.nbytes
        return total

    def statement(self, parents: Sequence[int]) -> Statement | FreeStatement:
        """How this value is made from its parents; parents: which variables these are."""
        variables = iter(parents)
        args: tuple[Argument, ...] = tuple(Ref(next(variables)) if v is None else v for v in self.literals)
        return Statement(self.function, args)

    def program(self) -> Program:
        """The shortest record of how this value is made; shared parts are computed once."""
        statements: list[Statement | FreeStatement] = []
        index: dict[bytes, int] = {}

        def visit(value: Value) -> int:
            if value.is_input:
                return 0
            if value.key not in index:
                statements.append(value.statement([visit(p) for p in value.parents]))
                index[value.key] = len(statements)
            return index[value.key]

        return Program(trim_statements(statements, visit(self)))


def digest(kind: Any, items: Sequence[Any]) -> bytes:
    """Digest of a value: type, shapes and contents of all items."""
    state = blake2b(digest_size=DIGEST_BYTES)
    if kind is Grid or kind is Mask:
        state.update(bytes([side for g in items for side in g.shape]) + (b"g" if kind is Grid else b"m"))
        state.update(b"".join(items))
        return state.digest()
    if kind is Objects:
        for o in items:
            state.update(b"o" + bytes(o.grid.shape) + o.labels.tobytes() + (o.grid * (o.labels > 0)).tobytes())
        return state.digest()
    if kind is Grids:
        for gs in items:
            state.update(b"s" + gs.shapes.tobytes() + gs.cells.tobytes())
        return state.digest()
    state.update((b"c" if kind is Color else b"i") + np.array(items, np.int16).tobytes())
    return state.digest()


def input_value(inputs: Sequence[np.ndarray]) -> Value:
    """The variable I over all inputs (int8 [H, W] each)."""
    items = tuple(np.ascontiguousarray(g, dtype=np.int8) for g in inputs)
    return Value(Grid, items, digest(Grid, items))


def apply(function: Function, args: Sequence[Value | int | tuple[int, ...]], num_inputs: int = 0) -> Value | None:
    """Run one statement on all inputs; None if it is not applicable to one of them.

    args: a Value, an int constant, or the tuple of a Table, per parameter. num_inputs: how many inputs there are, for
    a statement of constants alone. Raises ValueError if it is needed and not given.
    """
    kernel = function.kernel
    for arg in args:
        if isinstance(arg, Value):
            num_inputs = len(arg.items)
            break
    if not num_inputs:
        raise ValueError(f"{function.name}: no argument is a value, so the number of inputs must be given")
    columns = [
        arg.items if isinstance(arg, Value) else ((arg if type(arg) is int else np.array(arg, np.int16)),) * num_inputs
        for arg in args
    ]
    kind = function.returns
    items = []
    if kind is Grid or kind is Mask:
        for item in zip(*columns):
            result = kernel(*item)
            height, width = result.shape
            if height == 0 or width == 0 or height > MAX_SIDE or width > MAX_SIDE:
                return None
            items.append(result)
    elif kind is Objects:
        for item in zip(*columns):
            result = kernel(*item)
            if result.grid.shape[0] == 0:
                return None
            items.append(result)
    elif kind is Grids:
        for item in zip(*columns):
            result = kernel(*item)
            if not 0 < len(result.shapes) <= MAX_GRIDS:
                return None
            items.append(result)
    else:
        for item in zip(*columns):
            result = kernel(*item)
            if result == MISSING or not (0 <= result < 10 if kind is Color else -99 <= result <= 99):
                return None
            items.append(result)
    values = tuple(items)
    value = Value(kind, values, digest(kind, values))
    value.function = function
    value.parents = tuple(a for a in args if isinstance(a, Value))
    value.literals = tuple(None if isinstance(a, Value) else a for a in args)
    value.depth = 1 + max((p.depth for p in value.parents), default=0)
    return value


class Executor(Protocol):
    """Runs the steps that a policy proposes. Called with a state's values, the input first, and some steps, it gives
    what each step makes of them, or None where it is not applicable. `confirm` says whether a found value's program,
    run from the input on as a whole, gives that value."""

    def __call__(self, values: Sequence[Value], steps: Sequence[Any]) -> list[Value | None]: ...

    def confirm(self, value: Value, start: Value) -> bool: ...


class LibraryExecutor:
    """An executor of library steps (policy.Step). Theirs have no hidden state, so their values need no second look.
    sandbox.executor.SandboxExecutor runs free Python too."""

    def __call__(self, values: Sequence[Value], steps: Sequence[Any]) -> list[Value | None]:
        return [apply(step.function, step.bind(values), len(values[0].items)) for step in steps]

    def confirm(self, value: Value, start: Value) -> bool:
        return True


def execute(program: Program, start: Value) -> Value | None:
    """Run a whole program from the input value; None where a step is not applicable."""
    values = execute_all(program, start)
    return None if values is None else values[-1]


def execute_all(program: Program, start: Value) -> list[Value] | None:
    """The values of all variables of a program, the input first; None where a step is not applicable."""
    variables: list[Value] = [start]
    for statement in program.statements:
        args = [variables[a.index] if isinstance(a, Ref) else a for a in statement.args]
        value = apply(statement.function, args, len(start.items))
        if value is None:
            return None
        variables.append(value)
    return variables
