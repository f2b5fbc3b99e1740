"""The sources of answers that a run uses, made from its settings."""

from __future__ import annotations

from .answers import Source
from .settings import Settings


def make_sources(settings: Settings) -> tuple[Source, ...]:
    """The sources in the order in which they run. Today: program search."""
    from .search.source import ProgramSource

    return (ProgramSource(settings.search),)
