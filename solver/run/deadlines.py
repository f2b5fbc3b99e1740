"""When what a run does is to be over: the start of a worker, a task, the run itself. Nothing here acts on it.

All moments are seconds of time.monotonic(). In a run by nodes no clock influences anything: nothing is ever late there.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from ..settings import RunSettings
from .plan import Clock, compile_limit_s, first_start_limit_s, start_limit_s
from .process import KILL_S

if TYPE_CHECKING:
    from .workers import Worker

MOST_WAIT_S = 1.0
"""Between two looks at what no message announces."""

END_SHARE = 0.95
"""The part of the grace at the end of a run after which a worker is stopped: just before the run would be over."""


class Deadlines:
    """began: when the run did. clock: the tasks' time, once a first worker is ready."""

    def __init__(self, limits: RunSettings, began: float) -> None:
        self._limits, self._began = limits, began
        self.clock: Clock | None = None

    @property
    def are_set(self) -> bool:
        """Whether a clock decides anything."""
        return self._limits.nodes is None

    def start(self, now: float, num_tasks: int, num_workers: int) -> Clock:
        """The tasks' time begins. num_workers: of the run's first lane."""
        self.clock = Clock.of_run(self._limits, self._began, now, num_tasks, num_workers)
        return self.clock

    @property
    def compile_end(self) -> float:
        """When compiling ahead of the workers is to be over; infinite where no clock decides anything."""
        return self._began + compile_limit_s(self._limits, first_start_limit_s(self._limits))

    def may_begin(self, now: float) -> bool:
        """Whether there is time to take up a task once more."""
        return now + self._limits.min_task_s < self.clock.end

    def is_start_late(self, worker: Worker, now: float) -> bool:
        """Whether a worker should have been ready by now."""
        starts = not worker.ready and worker.kill_at is None
        return self.are_set and starts and now - worker.spawned > start_limit_s(self._limits)

    def is_task_late(self, worker: Worker, now: float) -> bool:
        """Whether a worker should have been through with its task by now."""
        return self.are_set and worker.kill_at is None and now >= self._task_end(worker)

    def is_run_over(self, now: float, is_waiting: bool) -> bool:
        """Whether the run ends whatever is still going on. is_waiting: there are tasks that no worker has begun; else
        there is time to kill workers, of which not every one may end."""
        if not self.are_set:
            return False
        if self.clock is None:
            return now - self._began > first_start_limit_s(self._limits)
        return now >= self._run_end(is_waiting)

    def wait_s(self, now: float, busy: Sequence[Worker], is_waiting: bool, others: Sequence[float]) -> float:
        """Seconds until something is due that no message announces. busy: workers that have a task. is_waiting: as of
        `is_run_over`. others: moments at which other things are."""
        due = [now + MOST_WAIT_S, *others]
        if self.are_set:
            due += [self._task_end(worker) for worker in busy if worker.kill_at is None]
            due += [] if self.clock is None else [self._run_end(is_waiting)]
        return max(0.0, min(due) - now)

    def _run_end(self, is_waiting: bool) -> float:
        last = self.clock.end + self._limits.grace_s
        return last if is_waiting else last + self._limits.stop_s + KILL_S

    def _task_end(self, worker: Worker) -> float:
        """When a worker is stopped: grace_s over its time, and just before the run's end would do it."""
        grace_s = self._limits.grace_s
        limit = worker.started + worker.allowance_s + grace_s
        return limit if worker.lane.waiting else min(limit, self.clock.end + END_SHARE * grace_s)
