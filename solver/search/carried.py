"""The sources that programs carry along: functions of this package that steps of free Python call.

Such functions are plain NumPy over the grid library and one another, with no name of a module in them: their sources,
one below the other, run by themselves.
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from functools import cache, lru_cache, wraps
from types import CodeType
from typing import TypeVar

import numpy as np

T = TypeVar("T")

FIRST = ("cells", "parts", "descriptions", "drawings")
"""Modules of this package whose functions come first, in this order; then the others, by name."""

MAX_SOURCES = 1000
"""Sources that are kept: a search needs few different ones, but these thousands of times."""

MAX_GRIDS = 64
"""Grids for which `kept` functions keep what they give: those of one task, and some more."""


def kept(function: Callable[[np.ndarray], T]) -> Callable[[np.ndarray], T]:
    """A function of one grid (int8 [H, W]) that keeps what it gives; nobody may change that. Programs carry it along
    as it is without this."""

    @lru_cache(MAX_GRIDS)
    def of_cells(cells: bytes, shape: tuple[int, int]) -> T:
        return function(np.frombuffer(cells, np.int8).reshape(shape))

    @wraps(function)
    def of_grid(grid: np.ndarray) -> T:
        return of_cells(grid.astype(np.int8).tobytes(), grid.shape)

    return of_grid


def _words(code: CodeType) -> set[str]:
    """All names that a function uses, in its comprehensions too."""
    return set(code.co_names).union(*(_words(part) for part in code.co_consts if isinstance(part, CodeType)))


def source_of(functions: Iterable[Callable[..., object]]) -> str:
    """The source of these functions and all that they need of this package, modules in the order of FIRST."""
    return _source_of(tuple(functions))


@lru_cache(MAX_SOURCES)
def _source_of(functions: tuple[Callable[..., object], ...]) -> str:
    package = __name__.rpartition(".")[0]
    order = {f"{package}.{module}": number for number, module in enumerate(FIRST)}
    needed: set[Callable[..., object]] = set()
    left = list(functions)
    while left:
        function = inspect.unwrap(left.pop())
        if function not in needed:
            needed.add(function)
            named = (function.__globals__.get(word) for word in _words(function.__code__))
            left += [own for own in named if inspect.isfunction(own) and own.__module__.startswith(package)]
    place = {f: (order.get(f.__module__, len(FIRST)), f.__module__, f.__code__.co_firstlineno) for f in needed}
    return "\n".join(_source(function) for function in sorted(needed, key=place.__getitem__))


@cache
def _source(function: Callable[..., object]) -> str:
    """Without decorators."""
    return re.sub(r"\A(@.*\n)+", "", inspect.getsource(function))
