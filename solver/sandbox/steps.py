"""Steps of free Python: from a state (a prefix of a program and its variables' values) to the next one.

A step is whole statements at top level over the variables of its state; the first state has one variable, I, the
input. It runs on all inputs of a task at once, each with variables of its own, in a process of its own. What its
variables are then comes home as bytes, and with these the next step starts: a prefix is not run again, and a state
costs no process. Arrays keep dtype, order and what they share.

A step is sent only the variables that its text names, with those that share parts with them, and sends only these
and new ones home; of the others nobody needs to know that they are unchanged.

Functions, classes and modules cannot travel. Where they come from plain `def`, `import` and `lambda` statements of the
prefix these are run again before the next step; where not, the whole prefix is. Hidden state (random generators, what
a step patched into a module) is not kept: whoever takes a program as a solution runs it once as a whole (Pool.run).
"""

from __future__ import annotations

import ast
import re
from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from hashlib import blake2b
from typing import Any

import numpy as np

from .. import grid
from ..executor import DIGEST_BYTES
from ..grid.types import Grids, Objects
from ..program import INPUT_NAME, ProgramError, read_python
from . import protocol
from .pool import Failure, Pool

MAX_TEXT = 20_000
_WORD = re.compile(r"(?<![\w.])\w+")
_LOOKS_AROUND = re.compile(
    r"__|builtins|code|ctypes|\bdir\b|eval|exec|frame|\bgc\b|globals|inspect|locals|\bsys\b|\bvars\b"
)
"""What a text may reach variables by without their names."""
_LIBRARY_NAMES = frozenset(grid.__all__)


@dataclass(frozen=True)
class Group:
    """Variables of a state that share parts, and no others do. frames: per input, the encoded dict of them."""

    names: frozenset[str]
    frames: tuple[bytes, ...]


@dataclass(frozen=True)
class State:
    """text: the prefix, '' at first. inputs: int8 [H, W] each. variables: name → values, an input each, as they were
    (any dtype); treat them as read-only. opaque: names of those that cannot travel. keys: name → digest of the
    values, of 12 bytes; equal keys mean equal values."""

    text: str
    inputs: tuple[np.ndarray, ...]
    variables: dict[str, tuple[Any, ...]]
    opaque: frozenset[str] = frozenset()
    keys: dict[str, bytes] = field(default_factory=dict)

    @property
    def key(self) -> frozenset[bytes]:
        """What two prefixes have in common whose variables have equal values, whatever they are called."""
        return frozenset(self.keys.values())

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The variables by what shares parts, ready to be sent."""
        sets: list[tuple[set[int], list[str]]] = []
        for name, values in self.variables.items():
            parts, names = set().union(*map(protocol.parts_of, values)), [name]
            apart = []
            for other in sets:
                if parts.isdisjoint(other[0]):
                    apart.append(other)
                else:
                    parts, names = parts | other[0], other[1] + names
            sets = [*apart, (parts, names)]
        return tuple(Group(frozenset(names), self._frames(names)) for _, names in sets)

    def _frames(self, names: Sequence[str]) -> tuple[bytes, ...]:
        rows = ({name: self.variables[name][i] for name in names} for i in range(len(self.inputs)))
        return tuple(protocol.encode(row) for row in rows)


@dataclass(frozen=True)
class StepResult:
    """status: 'ok' or that of the failure. state: the next one, or None. failure: None if ok."""

    status: str
    state: State | None = None
    failure: Failure | None = None


def first_state(inputs: Sequence[np.ndarray]) -> State:
    """The state of the empty prefix."""
    grids = tuple(np.ascontiguousarray(grid, np.int8) for grid in inputs)
    return state_of("", grids, {INPUT_NAME: grids})


def state_of(text: str, inputs: Sequence[np.ndarray], variables: dict[str, Sequence[Any]]) -> State:
    """The state whose variables have these values, an input each."""
    kept = {name: tuple(values) for name, values in variables.items()}
    return State(text, tuple(inputs), kept, keys={name: digest(values) for name, values in kept.items()})


def run_step(pool: Pool, state: State, text: str) -> StepResult:
    """Run one step on all inputs; a failure on any of them fails it."""
    if len(text) > MAX_TEXT:
        return _failed(Failure("error", f"the step is longer than {MAX_TEXT} characters"))
    try:
        preface, is_whole = _preface(state)
        groups = [] if is_whole else _reached(state, preface + text)
    except ProgramError as error:
        return _failed(Failure("error", str(error)))
    except protocol.ProtocolError as error:  # as below, for all variables of a group together
        return _failed(Failure("bad_output", f"no value: {error}"))
    sent = {name for group in groups for name in group.names}
    if is_whole:
        rows = [[protocol.encode({INPUT_NAME: grid})] for grid in state.inputs]
    else:
        rows = [[group.frames[i] for group in groups] for i in range(len(state.inputs))]
    uses_library = _uses_library(state, sent, preface + text)
    ended = pool.exchange({"states": rows}, preface + text, pool.settings.wall_s, uses_library)
    found, _, whole = pool.read(ended, len(rows))
    failure = next((f for f in found if isinstance(f, Failure)), whole)
    if failure is None and len(found) < len(rows):
        failure = pool.why(ended)
    if failure:
        line = failure.line - preface.count("\n") if failure.line else None
        return _failed(Failure(failure.status, failure.message, failure.type, line if line and line > 0 else None))
    if any(type(row) is not dict or any(type(name) is not str for name in row) for row in found):
        return _failed(Failure("bad_output", "what the program sent home makes no sense"))
    kept = {} if is_whole else {name: v for name, v in state.variables.items() if name not in sent}
    try:
        return StepResult("ok", _next_state(state, text, kept, found))
    except protocol.ProtocolError as error:  # a forged value that can be read and not be written
        return _failed(Failure("bad_output", f"no value: {error}"))


def run_steps(pool: Pool, state: State, texts: Sequence[str]) -> list[StepResult]:
    """Run several steps from one state, each for itself, as many at a time as the pool has places."""
    return pool.map(lambda text: run_step(pool, state, text), texts)


def _reached(state: State, text: str) -> list[Group]:
    """The groups with a variable that a text can read or change."""
    if not text.isascii() or _LOOKS_AROUND.search(text):  # identifiers beyond ASCII are normalised
        return list(state.groups)
    words = set(_WORD.findall(text))
    return [group for group in state.groups if not group.names.isdisjoint(words)]


def _uses_library(state: State, sent: set[str], text: str) -> bool:
    """Whether a step names something of the grid library, or is sent a value of its types."""
    if not _LIBRARY_NAMES.isdisjoint(_WORD.findall(text)):
        return True
    return any(isinstance(state.variables[name][0], Objects | Grids) for name in sent)


def _failed(failure: Failure) -> StepResult:
    return StepResult(failure.status, failure=failure)


def _next_state(before: State, text: str, kept: dict[str, tuple[Any, ...]], rows: list[dict[str, Any]]) -> State:
    """The state after a step. kept: variables that it was not sent. rows: per input, what it sent home."""
    names = dict.fromkeys(name for row in rows for name in row)
    opaque = {name for name in names if any(name not in row or _is_opaque(row[name]) for row in rows)}
    variables = {name: values for name, values in kept.items() if name not in names}
    keys = {name: before.keys[name] for name in variables}
    for name in names:
        if name not in opaque:
            variables[name] = values = tuple(row[name] for row in rows)
            is_old = name in before.variables and all(map(_is_same_array, values, before.variables[name]))
            keys[name] = before.keys[name] if is_old else digest(values)
    whole = f"{before.text}\n{text}" if before.text else text
    return State(whole, before.inputs, variables, frozenset(opaque), keys)


def _is_same_array(value: Any, other: Any) -> bool:
    return (
        type(value) is type(other) is np.ndarray
        and value.dtype == other.dtype
        and value.shape == other.shape
        and value.tobytes() == other.tobytes()
    )


def digest(values: Sequence[Any]) -> bytes:
    """Digest of a variable's values over all inputs: types, shapes and contents."""
    state = blake2b(digest_size=DIGEST_BYTES)
    for value in values:
        state.update(protocol.encode(_compact(value)))
    return state.digest()


def _compact(value: Any) -> Any:
    """An array without what it is a view of."""
    return np.array(value, order="C") if type(value) is np.ndarray else value


def _is_opaque(value: Any) -> bool:
    """Whether there is something in a value that could not travel."""
    waiting, seen = [value], set()
    while waiting:
        part = waiting.pop()
        if isinstance(part, protocol.Opaque):
            return True
        if type(part) in (list, tuple, set, frozenset, dict) and id(part) not in seen:
            seen.add(id(part))
            waiting += part
            if type(part) is dict:
                waiting += part.values()
    return False


def _preface(state: State) -> tuple[str, bool]:
    """What must be run before the next step, and whether that is the whole prefix, from the input on."""
    if not state.opaque:
        return "", False
    definitions: list[ast.stmt] = []
    defined: set[str] = set()
    for node in read_python(state.text).body:
        names = _defined_names(node)
        if names & state.opaque:
            definitions.append(node)
        defined |= names
    if state.opaque <= defined:
        return "".join(ast.unparse(node) + "\n" for node in definitions), False
    return state.text + "\n", True


def _defined_names(node: ast.stmt) -> set[str]:
    """Names that a statement binds to something that does not depend on the variables when it is run."""
    if isinstance(node, ast.Import | ast.ImportFrom):
        return {(alias.asname or alias.name).partition(".")[0] for alias in node.names}
    if isinstance(node, ast.FunctionDef) and not node.decorator_list and _is_plain(node.args):
        return {node.name}
    if isinstance(node, ast.Assign) and isinstance(node.value, ast.Lambda) and _is_plain(node.value.args):
        return {target.id for target in node.targets if isinstance(target, ast.Name)}
    return set()


def _is_plain(arguments: ast.arguments) -> bool:
    """Whether all defaults are constants and nothing is annotated."""
    defaults = [value for value in (*arguments.defaults, *arguments.kw_defaults) if value is not None]
    every = [*arguments.posonlyargs, *arguments.args, *arguments.kwonlyargs, arguments.vararg, arguments.kwarg]
    return all(isinstance(value, ast.Constant) for value in defaults) and not any(a and a.annotation for a in every)
