"""The contract between sources of answers (program search, the vision model), the vote and the runner."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from .budget import Budget
from .tasks import Task

GridKey = tuple[tuple[int, ...], bytes]
"""What equal grids have alike, to look them up by: shape and int8 cells."""


def grid_key(grid: np.ndarray) -> GridKey:
    """grid: int8 or uint8 [H, W]."""
    return grid.shape, grid.astype(np.int8, copy=False).tobytes()


@dataclass(frozen=True, eq=False)
class Answer:
    """One proposal for all test inputs of a task.

    outputs: one int8 [H, W] grid, or None for 'no idea', per test input. weight: how much it counts in the vote,
    > 0, comparable within a source. source: name of the source. origin: where it came from, for people: the
    program's text, or what a model says of its views. exact: it reproduces every training output, and
    its source does not doubt it. right: the share of training outputs that it reproduces; 0 where that is not known.
    """

    outputs: tuple[np.ndarray | None, ...]
    weight: float
    source: str
    origin: str
    exact: bool
    right: float = 0.0


@dataclass(frozen=True, eq=False)
class Judgement:
    """How unlikely a source finds a grid as the output for one test input, whoever proposed it.

    grid: int8 [H, W]. nats: mean negative log-likelihood of a cell.
    """

    grid: np.ndarray
    nats: float


Proposals = tuple[tuple[np.ndarray, ...], ...]
"""For each test input, grids that other sources propose: int8 [H, W], likeliest first."""


@dataclass
class Findings:
    """What a source knows of a task so far. answers: best first. num_nodes: statements executed. phases: seconds
    by phase, for the profile. note: one line for people, if there is something to say. whole_weight: the weight of
    all that could have been answered for a test input, if the answers' own weights are not the whole: 1 for every full
    run of the source, less for one that was cut short; the vote takes less than 1 as 1, so that it leaves doubt. Such
    findings add up, run by run: where a run of the solver is resumed, the source goes on from them.
    num_runs: how often the source has worked on the task. settled: more time would change nothing. judged: for each
    test input, what the source thinks of grids, its own and others', all by one measure: the vote compares them."""

    answers: list[Answer] = field(default_factory=list)
    num_nodes: int = 0
    phases: dict[str, float] = field(default_factory=dict)
    note: str = ""
    whole_weight: float = 0.0
    num_runs: int = 1
    settled: bool = False
    judged: tuple[tuple[Judgement, ...], ...] = ()


Found = Mapping[str, Mapping[str, Findings]]
"""Findings by lane and source."""


class DeviceLostError(RuntimeError):
    """A source's device fails whatever it is asked. Ends the worker's process; its task is tried again in a new one."""


class Source(Protocol):
    """Something that proposes answers.

    `solve` must end soon after the budget expires, must not look at the task's test outputs (the runner hides
    them), depends on nothing but its arguments and `seed`, and may call `report` whenever its findings improved:
    those survive if the process is lost. It raises DeviceLostError where a new process is needed. before: what the
    source found when it worked on the task before; what it returns and reports includes that.

    May have, too: about, what it says of itself to people; least_s(side), seconds below which it should not begin a
    task whose `longest_side` that is; judges, whether `solve` takes `others` as well, the Proposals of the other
    sources, to judge them (Findings.judged).
    """

    name: str

    def solve(
        self,
        task: Task,
        budget: Budget,
        seed: int,
        report: Callable[[Findings], None],
        before: Findings | None = None,
    ) -> Findings: ...


@dataclass(frozen=True)
class Attempt:
    """One submitted grid: int8 [H, W], with the source and origin of its strongest supporter ('' = fallback).

    weight: how likely the vote holds it to be right, 0..1. shares: for each source that proposes it, the part of the
    source's weight: on all exact grids if it is exact, else on all others.
    """

    grid: np.ndarray
    source: str = ""
    origin: str = ""
    weight: float = 0.0
    exact: bool = False
    shares: Mapping[str, float] = field(default_factory=dict)


Attempts = tuple[tuple[Attempt, Attempt], ...]
"""Two attempts for each test input: attempts[test_index] = (first, second)."""


@dataclass(frozen=True, eq=False)
class Ballot:
    """All answers of one source that have the same output for one test input.

    grid: int8 [H, W]. weight: theirs together. share: that, as a part of the source's weight on all exact grids if one
    of them is exact, else on all others. exact: one of them is. right: the largest share of training outputs that one
    of them reproduces, 1 if exact. origin: of the answer in it that weighs most, exact ones before others. nats: how
    unlikely other sources that judge grids find this one (Judgement), None if none was asked. behind: the logarithm of
    that by the least of any grid for the same test input.
    """

    grid: np.ndarray
    weight: float
    share: float
    exact: bool
    right: float
    origin: str = ""
    nats: float | None = None
    behind: float = 0.0


Ballots = tuple[tuple[Ballot, ...], ...]
"""For each test input, of one source: ballots[test_index]."""


@dataclass(frozen=True)
class TaskResult:
    """The two attempts for each test input, attempts[test_index] = (first, second), two different grids, and how
    they came about. status: 'done', 'partial' (cut short, best so far), or 'failed' (fallback; see `error`).
    alone: what each source would have submitted alone, where several had answers. notes: what sources say, by
    source. ballots: all that was voted over, by source, if the run was to keep it. no_time: lanes that had no time for
    it, to which a run that goes on gives it."""

    task_id: str
    attempts: Attempts
    status: str = "done"
    error: str = ""
    seconds: float = 0.0
    num_nodes: int = 0
    num_exact: int = 0
    phases: dict[str, float] = field(default_factory=dict)
    alone: Mapping[str, Attempts] = field(default_factory=dict)
    notes: Mapping[str, str] = field(default_factory=dict)
    ballots: Mapping[str, Ballots] = field(default_factory=dict)
    no_time: tuple[str, ...] = ()
