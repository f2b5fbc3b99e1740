"""What counts of every task of a run: the best that is known of it, voted anew whenever a lane has found more.

Nothing here starts, waits, or writes: what changes is told to the folder's `Saver`.
"""

from __future__ import annotations

import logging
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from typing import TypeVar

from ..answers import Attempt, Attempts, Findings, Proposals, TaskResult
from ..settings import RunSettings
from ..submission import blank_attempts
from ..tasks import Task, TaskStub
from ..vote import choose_attempts, keep_better
from .runfolder import Carried, RunFolder
from .saving import Saver
from .standing import TaskStanding
from .worker import same_grids

logger = logging.getLogger(__name__)

T = TypeVar("T")


class Ledger:
    """The results of a run, of which the folder has a first submission from now on. Raises InputError if there is no
    room for it.

    best: what counts of every task until something better is known, in the order given, then the faulty ones. saver:
    its `save` is the run's to call. lanes: their names; a task is finished once all of them are through with it.
    resume: go on from what the folder holds: finished tasks, attempts at others, and findings that sources add to.
    Tasks that lanes had no time for are for these lanes again; what the others have found of them stays.
    """

    def __init__(
        self,
        tasks: Sequence[Task],
        faulty: Sequence[TaskStub],
        folder: RunFolder,
        limits: RunSettings,
        *,
        lanes: Sequence[str],
        resume: bool,
    ) -> None:
        self._folder, self._limits, self._lanes = folder, limits, lanes
        carried = folder.carried([*tasks, *faulty]) if resume else {}
        self.best = _first_results(tasks, faulty, carried)
        if limits.nodes is not None:
            carried = {}  # such a run finds again what it had found, and must end as one that was not stopped
        self._carried = {task_id: _voted_anew(known) for task_id, known in carried.items()}
        num_tests = {task.task_id: len(task.test) for task in tasks}
        kept = {i: result for i, result in folder.finished.items() if len(result.attempts) == num_tests.get(i)}
        for task_id, known in carried.items():
            if known.ends.keys() >= {*lanes}:  # the lane that had no time for it is none of this run's: its GPU is gone
                kept[task_id] = folder.results[task_id]
        self.best.update(kept)
        folder.begin(self.best)
        self.saver = Saver(folder, self.best, [self.best[stub.task_id] for stub in faulty])
        # Hidden once: the vote remembers what it knows of a task by the object.
        todo = [task.hide() for task in tasks if task.task_id not in kept]
        todo.sort(key=lambda task: (-task.num_cells, task.task_id))
        self._tasks = {task.task_id: task for task in todo}
        self._standings = {
            task_id: TaskStanding.of(carried[task_id].found, carried[task_id].before, carried[task_id].ends)
            if task_id in carried
            else TaskStanding()
            for task_id in self._tasks
        }
        self.best |= {task_id: known.counted(self.best[task_id]) for task_id, known in self._standings.items()}

    @property
    def todo(self) -> list[Task]:
        """Tasks that are to be done, without test outputs, largest first; finished ones stay among them."""
        return list(self._tasks.values())

    @property
    def num_done(self) -> int:
        return len(self.best) - len(self._standings)

    @property
    def num_exact(self) -> int:
        """How many of the finished ones have a program that fits all pairs."""
        return sum(result.num_exact > 0 for task_id, result in self.best.items() if task_id not in self._standings)

    def task(self, task_id: str) -> Task:
        """A task that is to be done, without test outputs."""
        return self._tasks[task_id]

    def is_solved(self, task: Task) -> bool:
        """Whether a program that fits all pairs is known."""
        return self.best[task.task_id].num_exact > 0

    # Tasks that are not finished

    def has_ended(self, task_id: str, lane: str) -> bool:
        """Whether a lane is through with it."""
        return lane in self._standings[task_id].ends

    def ended_by(self, lane: str) -> set[str]:
        """Ids of those that a lane is through with."""
        return {task_id for task_id, standing in self._standings.items() if lane in standing.ends}

    def promise(self, task_id: str, lane: str) -> float:
        """How near it seems to be, by what the lane has found itself."""
        return self._standings[task_id].promise(lane)

    def found_by(self, task_id: str, lane: str) -> dict[str, Findings]:
        """What a lane has found itself, by source."""
        return self._standings[task_id].of_lane(lane)

    def proposed_to(self, task_id: str, lane: str) -> Proposals:
        """What the other lanes propose, likeliest first."""
        return self._voted(task_id, lambda: self._standings[task_id].others(lane, self._tasks[task_id]), ())

    def take(self, task_id: str, lane: str, found: Mapping[str, Findings], seconds: float = 0.0) -> None:
        """Vote anew with what a lane's worker has found. found: by source. seconds: since it began, unless it is
        through."""
        standing, before = self._standings[task_id], self.best[task_id]
        standing.take(lane, found, seconds)
        attempts, findings = before.attempts, standing.findings
        if any(own.answers for own in findings.values()):
            began = time.monotonic()
            attempts = self._voted(task_id, lambda: self._attempts(task_id, findings), attempts)
            standing.vote_s += time.monotonic() - began
        if not same_grids(attempts, before.attempts):
            self.saver.improved()
        self.best[task_id] = replace(before, attempts=attempts, error="")
        self._hold(task_id)

    def spend(self, task_id: str, lane: str, seconds: float) -> None:
        """A lane's worker has worked on it for so long, and does not any more."""
        self._standings[task_id].spend(lane, seconds)
        self._hold(task_id)

    def _hold(self, task_id: str) -> None:
        """Bring a task's result up to date, and keep it for a run that goes on, unless that finds all again."""
        standing = self._standings[task_id]
        self.best[task_id] = standing.counted(self.best[task_id])
        if self._limits.nodes is None:
            self._folder.hold(self.best[task_id], standing.kept, standing.through)

    def end(self, task_id: str, lane: str, status: str, error: str) -> TaskResult | None:
        """A lane is through with it. status: a result's, or NO_TIME. Returns its result if that was the last lane, with
        which it is finished."""
        standing = self._standings[task_id]
        standing.ends[lane] = (status, error)
        if not standing.ends.keys() >= {*self._lanes}:
            return None
        task, statuses, no_time = self._tasks[task_id], {s for s, _ in standing.ends.values()}, standing.no_time
        result = replace(
            standing.counted(self.best[task_id]),
            status="partial" if no_time or len(statuses) > 1 else statuses.pop(),
            error="; ".join(error for _, error in standing.ends.values() if error),
            alone=self._voted(task_id, lambda: standing.alone(task), {}),
            no_time=no_time,
        )
        if no_time:
            standing.leave()
            self._folder.hold(result, standing.kept, standing.through)
        if self._limits.keep_ballots:
            result = replace(result, ballots=self._voted(task_id, lambda: standing.ballots(task), {}))
        del self._standings[task_id]
        self.best[task_id] = result
        self.saver.finished(result)
        logger.info(
            "task %s: %s in %.1f s, %d exact, %d nodes%s",
            task_id, result.status, result.seconds, result.num_exact, result.num_nodes,
            f" ({result.error})" if result.error else "",
        )  # fmt: skip
        return result

    def cut_short(self, reason: str) -> None:
        """The run ends for this reason before these tasks are finished."""
        for task_id, standing in self._standings.items():
            result = standing.counted(self.best[task_id])
            error = f"{reason} before it was {'finished' if result.seconds else 'reached'}"
            self.best[task_id] = replace(result, status="partial", error=error)
        self.saver.improved()

    def _attempts(self, task_id: str, findings: Mapping[str, Findings]) -> Attempts:
        """What to submit by what is known now, and was known to the run that this one goes on with."""
        attempts = choose_attempts(self._tasks[task_id], findings)
        return keep_better(attempts, self._carried[task_id]) if task_id in self._carried else attempts

    def _voted(self, task_id: str, vote: Callable[[], T], otherwise: T) -> T:
        """What a vote gives; something else if it raises, which costs nothing but that."""
        try:
            return vote()
        except Exception:
            logger.exception("vote on task %s", task_id)
            return otherwise


def _voted_anew(known: Carried) -> Attempts:
    """The attempts of a run that was stopped, without what is said of those that only findings propose which this run
    has: it votes on them itself, as they are then."""
    sources = {source for own in known.found.values() for source in own}

    def stale(attempt: Attempt) -> bool:
        return bool(attempt.shares) and sources.issuperset(attempt.shares)

    return tuple(tuple(Attempt(a.grid) if stale(a) else a for a in pair) for pair in known.attempts)


def _first_results(
    tasks: Sequence[Task], faulty: Sequence[TaskStub], carried: Mapping[str, Carried]
) -> dict[str, TaskResult]:
    """What counts until something better is known."""
    best = {}
    for task in tasks:
        known = carried.get(task.task_id)
        attempts = choose_attempts(task.hide(), {}) if known is None else known.attempts
        best[task.task_id] = TaskResult(task.task_id, attempts, "partial", "not reached")
    for stub in faulty:
        grids = [blank_attempts(grid) for grid in stub.inputs]
        attempts = tuple((Attempt(first), Attempt(second)) for first, second in grids)
        best[stub.task_id] = TaskResult(stub.task_id, attempts, "failed", stub.error)
    return best
