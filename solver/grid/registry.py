"""The one list of the step language: every function of the grid library, read off its signature.

`@primitive("family")` compiles a kernel with numba and returns a `Function`, which is what people import and call.
The grammar, the executor, the program reader and `arc-solve functions` all read `FUNCTIONS`; nothing is listed
twice.
"""

from __future__ import annotations

import hashlib
import inspect
import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, get_type_hints

import numba
import numpy as np

from . import types
from .types import (
    CHOICES,
    MAX_GRIDS,
    MAX_SIDE,
    MISSING,
    NUM_COLORS,
    Choice,
    Color,
    Grid,
    Grids,
    Int,
    Mask,
    Objects,
    Table,
)

VALUE_TYPES = (Grid, Mask, Objects, Grids, Color, Int, Table)
FAMILIES = ("geometry", "color", "objects", "split", "drawing", "symmetry", "template", "scalar", "fitted")


class GridError(ValueError):
    """A library function was given a bad argument, or has no result for this one."""


def source_digest() -> str:
    """SHA-256 (16 hex digits) of the grid library's own source: names the compile cache.

    numba notices a changed file but not a changed *callee*; a cache of its own for each state of the source does.
    """
    digest = hashlib.sha256()
    for path in sorted(Path(__file__).parent.glob("*.py")):
        digest.update(path.name.encode())
        digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


def cache_folder() -> Path:
    """Folder of the compiled kernels: numba's own setting if the user made one, else under the user's cache."""
    if numba.config.CACHE_DIR:
        return Path(numba.config.CACHE_DIR)
    base = Path(os.path.expanduser("~")) / ".cache"
    return base / "arc-solver" / f"numba-{source_digest()}"


numba.config.CACHE_DIR = str(cache_folder())

kernel = numba.njit(cache=True, nogil=True, error_model="numpy")
"""Decorator of the private compiled functions; `primitive` uses the same settings."""


@dataclass(frozen=True)
class Parameter:
    """One argument of a function. `values` are the constants a search may try for it (empty: none, it must be a
    value computed earlier, or a fitted Table)."""

    name: str
    type: Any
    values: tuple[int, ...]

    @property
    def is_choice(self) -> bool:
        return isinstance(self.type, type) and issubclass(self.type, Choice)


@dataclass(frozen=True, eq=False)
class Function:
    """A library function: callable like any Python function; `kernel` is the compiled body without checks.

    Calling checks and converts the arguments, and raises GridError for a bad argument or a result that is not
    applicable. The kernel takes exact types (types.py) and returns 'not applicable' as a value.
    """

    name: str
    family: str
    parameters: tuple[Parameter, ...]
    returns: Any
    kernel: Callable[..., Any]
    __doc__: str

    @property
    def summary(self) -> str:
        return self.__doc__.strip().splitlines()[0]

    @property
    def signature(self) -> str:
        args = ", ".join(f"{p.name}: {p.type.__name__}" for p in self.parameters)
        return f"{self.name}({args}) -> {self.returns.__name__}"

    def __call__(self, *args: Any) -> Any:
        if len(args) != len(self.parameters):
            raise GridError(f"{self.signature} takes {len(self.parameters)} arguments, not {len(args)}")
        checked = [_convert(self, p, a) for p, a in zip(self.parameters, args, strict=True)]
        result = self.kernel(*checked)
        if is_missing(result):
            raise GridError(f"{self.name}: no result for these arguments")
        return _as_value(result, self.returns)


FUNCTIONS: dict[str, Function] = {}
CONSTANTS: dict[str, int] = {m.name: int(m) for c in CHOICES for m in c}
"""Names of the enumerated arguments as programs write them: UP, MAX, CONN8, ..."""


def primitive(
    family: str, *, values: dict[str, Sequence[int]] | None = None
) -> Callable[[Callable[..., Any]], Function]:
    """Make a library function of a plain Python function with annotated arguments and result.

    values: constants a search may try for Int and Color arguments by name (Color: default 0..9; Int: none).
    Raises TypeError for an unknown family or type, a second function of the same name, or a missing docstring.
    """
    if family not in FAMILIES:
        raise TypeError(f"unknown family {family!r}")

    def wrap(body: Callable[..., Any]) -> Function:
        name = body.__name__
        hints = get_type_hints(body)
        returns = hints.pop("return")
        given = dict(values or {})
        parameters = []
        for arg in inspect.signature(body).parameters:
            kind = hints[arg]
            if kind not in VALUE_TYPES and kind not in CHOICES:
                raise TypeError(f"{name}: argument {arg} has no type of the step language")
            if kind in CHOICES:
                default: Sequence[int] = tuple(int(m) for m in kind)
            else:
                default = tuple(range(NUM_COLORS)) if kind is Color else ()
            parameters.append(Parameter(arg, kind, tuple(given.pop(arg, default))))
        if given:
            raise TypeError(f"{name}: values for unknown arguments {sorted(given)}")
        if returns not in VALUE_TYPES:
            raise TypeError(f"{name}: result has no type of the step language")
        if not body.__doc__:
            raise TypeError(f"{name}: a library function needs a docstring")
        if name in FUNCTIONS or name in CONSTANTS:
            raise TypeError(f"{name}: defined twice")
        function = Function(name, family, tuple(parameters), returns, kernel(body), inspect.cleandoc(body.__doc__))
        FUNCTIONS[name] = function
        return function

    return wrap


def is_missing(value: Any) -> bool:
    """Whether a kernel's result says 'not applicable' (types.py) or exceeds the size limits."""
    if isinstance(value, np.ndarray):
        if value.ndim == 1:
            return False
        return value.shape[0] == 0 or max(value.shape) > MAX_SIDE or value.shape[1] == 0
    if isinstance(value, Objects):
        return value.grid.shape[0] == 0
    if isinstance(value, Grids):
        return not 0 < len(value.shapes) <= MAX_GRIDS
    return value == MISSING


def _as_value(result: Any, kind: Any) -> Any:
    return int(result) if kind in (Color, Int) else result


def _convert(function: Function, parameter: Parameter, value: Any) -> Any:
    kind, where = parameter.type, f"{function.name}: {parameter.name}"
    if kind is Grid:
        return as_grid(value, where)
    if kind is Mask:
        mask = np.asarray(value)
        if mask.ndim != 2 or mask.dtype != np.bool_ or not (0 < mask.shape[0] <= 30 and 0 < mask.shape[1] <= 30):
            raise GridError(f"{where} must be a bool array [H, W] of at most 30×30")
        return np.array(mask, order="C")
    if kind is Objects or kind is Grids:
        if not isinstance(value, kind):
            raise GridError(f"{where} must be {kind.__name__}, not {type(value).__name__}")
        return value
    if kind is Table:
        table = np.asarray(value)
        if table.ndim != 1 or table.dtype.kind not in "iu" or (abs(table) > 30_000).any():
            raise GridError(f"{where} must be a flat sequence of small ints")
        return table.astype(np.int16)
    if isinstance(value, bool) or not isinstance(value, (int, np.integer)):
        raise GridError(f"{where} must be an int, not {type(value).__name__}")
    number = int(value)
    if kind is Color and not 0 <= number < NUM_COLORS:
        raise GridError(f"{where} must be a colour 0..9, not {number}")
    if kind is Int and not -99 <= number <= 99:
        raise GridError(f"{where} must be within -99..99, not {number}")
    if parameter.is_choice and number not in parameter.values:
        raise GridError(f"{where} must be one of {', '.join(m.name for m in kind)}")
    return number


def as_grid(value: Any, where: str = "grid") -> np.ndarray:
    """A fresh int8 [H, W] copy of `value`; GridError unless it is rectangular, 1..30 a side, integers 0..9."""
    try:
        array = np.asarray(value)
    except ValueError as error:
        raise GridError(f"{where} is not rectangular") from error
    if array.ndim != 2:
        raise GridError(f"{where} must have two dimensions, not {array.ndim}")
    if array.dtype.kind not in "iu":
        raise GridError(f"{where} must hold integers, not {array.dtype}")
    if not (0 < array.shape[0] <= MAX_SIDE and 0 < array.shape[1] <= MAX_SIDE):
        raise GridError(f"{where} must be 1×1 to 30×30, not {array.shape[0]}×{array.shape[1]}")
    if array.min() < 0 or array.max() >= NUM_COLORS:
        raise GridError(f"{where} must hold values 0..9")
    return np.array(array, dtype=np.int8, order="C")


__all__ = ["CONSTANTS", "FAMILIES", "FUNCTIONS", "Function", "GridError", "Parameter", "as_grid", "is_missing",
           "kernel", "primitive", "types"]  # fmt: skip
