"""What a run loses with a worker or a lane: no more than it must (runner.py, "Losses")."""

from __future__ import annotations

import logging
import time

from ..errors import ArcSolveError
from .dispatch import Dispatch
from .events import Events
from .process import Broken
from .standing import MAX_DEATHS, LaneStanding
from .workers import Worker, Workers, cause

logger = logging.getLogger(__name__)

MAX_TRIES = 2
"""How often a lane begins a task whose workers die."""


class Losses:
    """Sees to the tasks of workers and lanes that are lost, so that the run goes on as long as there is hope for it."""

    def __init__(self, dispatch: Dispatch, workers: Workers, events: Events) -> None:
        self._dispatch, self._workers, self._events = dispatch, workers, events
        self._fatal: ArcSolveError | None = None

    def bury(self, worker: Worker) -> None:
        """A worker's process has ended, and all that it had sent is taken in: see to its task."""
        code = self._workers.bury(worker)
        if not worker.ready:
            worker.lane.failed_starts[worker.slot] += 1
        if worker.task_id:
            self._task_lost(worker, worker.task_id, code)

    def _task_lost(self, worker: Worker, task_id: str, code: int | None) -> None:
        lane, dispatch = worker.lane, self._dispatch
        dispatch.free(worker, time.monotonic() - worker.started)
        why = worker.reason or f"its worker died ({cause(code)})"
        logger.warning("task %s: %s", task_id, why)
        self._events.tell("worker_lost", task_id, worker, message=why)
        is_blamed = lane.died(worker.slot, task_id)
        if not lane.may_start(worker.slot):
            logger.error("%s: worker %d is not replaced: %d in a row died or hung", lane.name, worker.slot, MAX_DEATHS)
        if worker.reason and is_blamed:  # what hangs is not tried again: it costs its time and grace_s
            dispatch.end(task_id, worker, "partial", why)
        elif lane.tries[task_id] < MAX_TRIES:
            dispatch.put_back(lane, task_id)
        else:
            status = "partial" if lane.passes[task_id] else "failed"
            dispatch.end(task_id, worker, status, f"{why}, {MAX_TRIES} times")

    def overran(self, worker: Worker, now: float) -> None:
        """A worker should have been through with its task: it is stopped."""
        worker.reason = f"stopped after {now - worker.started:.1f} s of {worker.allowance_s:.1f} s"
        self._workers.ask_to_stop(worker, now)

    def not_ready(self, worker: Worker, now: float) -> None:
        """A worker should have been ready: it is stopped; if none of its lane ever was, no other is tried there."""
        lane = worker.lane
        message = f"a worker for {lane.name} was not ready after {now - worker.spawned:.1f} s"
        logger.error("%s", message)
        if not lane.ever_ready and not lane.is_lost:
            lane.is_lost = True
            self._events.tell("lane_lost", worker=worker, message=message)
        self._workers.ask_to_stop(worker, now)

    def broken(self, lane: LaneStanding, message: Broken) -> None:
        """A worker could not make its sources. If none of its lane was ever ready, and a user can act on the error, no
        other is tried there; of a required lane it is what `check` raises."""
        logger.error("a worker could not make its sources\n%s", message.trace)
        if isinstance(message.error, ArcSolveError) and not lane.ever_ready:
            lane.is_lost = True
            if lane.lane.required:
                self._fatal = self._fatal or message.error
            else:
                self._events.tell("lane_lost", message=str(message.error))

    def check(self) -> None:
        """Raises the error that the run is not to go on after, if there was one. Not raised where it is found, since a
        run that is ending takes in last words, too."""
        if self._fatal is not None:
            raise self._fatal

    def give_up_lanes(self) -> None:
        """End lanes whose tasks wait for workers that could not be started several times in a row: the tasks get what
        the other lanes find. Raises ArcSolveError if the run is not to go on without."""
        for lane in self._dispatch.lanes:
            if lane.waiting and not self._workers.of_lane(lane):
                self._give_up(lane)

    def _give_up(self, lane: LaneStanding) -> None:
        hope = any(other.ever_ready or other.waiting for other in self._dispatch.lanes if other is not lane)
        if not lane.ever_ready and (lane.lane.required or not hope):
            raise ArcSolveError("no worker process could be started; the log says why")
        logger.error("no worker for %s could be started; going on without", lane.name)
        error = f"no worker for {lane.name} could be started"
        self._dispatch.end_rest(lane, ("failed", error), ("partial", error))
