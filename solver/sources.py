"""The sources of answers that a run uses, made from its settings: one lane of workers a kind of source."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from .answers import Source
from .settings import Settings

MakeSources = Callable[[Settings, int], Sequence[Source]]


@dataclass(frozen=True)
class Lane:
    """Workers of one kind. Every task goes through every lane, each at its own pace.

    num_workers: processes. make_sources: a function of an importable module, called once in each worker with the
    settings and the worker's number in its lane (0..num_workers - 1: it says which device is its own); what it
    returns runs one after the other on every task. required: whether the run fails if no worker of it can start;
    without a lane that is not required it goes on.
    """

    name: str
    num_workers: int
    make_sources: MakeSources
    required: bool = True


def program_sources(settings: Settings, slot: int) -> tuple[Source, ...]:
    """Program search."""
    from .search.source import ProgramSource

    return (ProgramSource(settings.search),)


def own_lanes(settings: Settings) -> tuple[Lane, ...]:
    """The lanes of a run with these settings. Today: program search."""
    return (Lane("program", settings.run.workers, program_sources),)
