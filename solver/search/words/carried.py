"""The sources that programs carry along: functions of program search that steps of free Python call.

Such functions are plain NumPy over the grid library and one another, with no name of a module in them: their sources,
one below the other, run by themselves, without decorators (`kept.py`).
"""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Iterable
from functools import cache, lru_cache
from types import CodeType

PACKAGE = __name__.rpartition(".words.")[0]
"""The package whose functions are carried along: program search. What they use of others programs can import."""

FIRST = ("cells", "divisions", "parts", "descriptions", "drawings")
"""Modules whose functions come first, in this order; then the others, by name."""

MAX_SOURCES = 1000
"""Sources that are kept: a search needs few different ones, but these thousands of times."""


def _words(code: CodeType) -> set[str]:
    """All names that a function uses, in its comprehensions too."""
    return set(code.co_names).union(*(_words(part) for part in code.co_consts if isinstance(part, CodeType)))


def source_of(functions: Iterable[Callable[..., object]]) -> str:
    """The source of these functions and all that they need of program search, modules in the order of FIRST."""
    return _source_of(tuple(functions))


@lru_cache(MAX_SOURCES)
def _source_of(functions: tuple[Callable[..., object], ...]) -> str:
    order = {module: number for number, module in enumerate(FIRST)}
    needed: set[Callable[..., object]] = set()
    left = list(functions)
    while left:
        function = inspect.unwrap(left.pop())
        if function not in needed:
            needed.add(function)
            named = (function.__globals__.get(word) for word in _words(function.__code__))
            left += [own for own in named if inspect.isfunction(own) and own.__module__.startswith(PACKAGE)]

    def place(function: Callable[..., object]) -> tuple[int, str, int]:
        module = function.__module__.rpartition(".")[2]
        return order.get(module, len(FIRST)), module, function.__code__.co_firstlineno

    return "\n".join(_source(function) for function in sorted(needed, key=place))


@cache
def _source(function: Callable[..., object]) -> str:
    """Without decorators."""
    return re.sub(r"\A(@.*\n)+", "", inspect.getsource(function))
