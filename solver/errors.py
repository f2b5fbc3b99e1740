"""Errors that a user can act on.

    ArcSolveError
    ├── InputError      a task file, program file or output folder is unusable; names file, task and place
    └── SettingsError   unknown or wrong settings; one error names all of them

A bad *program* is a result, not an exception. Only the command line turns these into exit code 2.
"""

from __future__ import annotations


class ArcSolveError(Exception):
    """Base of all errors that are the user's to mend; str() is one clear line (SettingsError: one line a fault)."""


class InputError(ArcSolveError):
    """An input file or an output folder cannot be used."""


class SettingsError(ArcSolveError):
    """Settings are unknown, of a wrong type, or out of range."""


def first_line(error: BaseException) -> str:
    """The first line of an error's text, for messages of one line."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0]


def shown(text: str, limit: int = 60) -> str:
    """Text of a stranger, safe inside one line."""
    if text.isprintable() and text and len(text) <= limit:
        return text
    return ascii(text[:limit]) + ("…" if len(text) > limit else "")
