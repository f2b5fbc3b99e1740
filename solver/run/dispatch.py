"""Which task a worker gets next and for how long (runner.py, "Time"), and which tasks a lane is through with."""

from __future__ import annotations

import contextlib
import functools
import time
from collections.abc import Mapping, Sequence
from typing import Any

from ..answers import Findings, Proposals
from ..settings import RunSettings
from ..tasks import Task
from .deadlines import Deadlines
from .events import Events
from .ledger import Ledger
from .plan import LanePlan
from .standing import NO_TIME, LaneStanding
from .worker import Finished, Job
from .workers import Worker, Workers


class Dispatch:
    """Hands out the tasks of all lanes to their workers."""

    def __init__(
        self,
        lanes: Sequence[LaneStanding],
        ledger: Ledger,
        deadlines: Deadlines,
        events: Events,
        workers: Workers,
        limits: RunSettings,
    ) -> None:
        self.lanes = lanes
        self._ledger, self._deadlines, self._events, self._workers = ledger, deadlines, events, workers
        self._limits = limits

    @property
    def is_waiting(self) -> bool:
        """Whether there are tasks to be handed out, in this pass of a lane or its next."""
        return any(lane.waiting for lane in self.lanes)

    def start_clock(self) -> None:
        """The first worker is ready: from now on the tasks' time runs. All lanes end together."""
        num_tasks, first = len(self._ledger.todo), self.lanes[0].num_workers
        clock = self._deadlines.start(time.monotonic(), num_tasks, first)
        for lane in self.lanes:
            lane.plan = LanePlan.of_lane(self._limits, clock, num_tasks, lane.num_workers, first, lane.waiting)

    def say_what_fits(self, lane: LaneStanding) -> None:
        """A line if a lane has no time for all of its tasks."""
        if not self._deadlines.are_set:
            return
        in_time = lane.num_in_time(time.monotonic())
        if in_time < lane.waiting:
            needs = sorted({f"{lane.needs_s(task):.1f}" for task in (*lane.queue, *lane.later)}, key=float)
            each = f"at {' or '.join(needs)} s each"
            self._events.tell("plan", message=f"plan: {lane.name}: time for {in_time} of {lane.waiting} tasks, {each}")

    # Handing out

    def hand_out(self) -> None:
        """Give idle workers tasks, and end those that there is no time for."""
        for lane in self.lanes:
            self._look_ahead(lane)
        for worker in self._workers:
            if worker.lane.queue and worker.idle:
                self._give_task(worker)

    def _look_ahead(self, lane: LaneStanding) -> None:
        """Begin a lane's next pass where the last one is handed out; end what it has no time for."""
        if (
            lane.queue
            and lane.plan is not None
            and lane.plan.pass_index
            and not self._deadlines.may_begin(time.monotonic())
        ):
            self._no_time(lane)
        if lane.later and not lane.queue:
            self._next_pass(lane)
        is_timed = lane.plan is not None and self._deadlines.are_set
        if lane.queue and is_timed and lane.is_too_late(time.monotonic()):
            self._no_time(lane)

    def _next_pass(self, lane: LaneStanding) -> None:
        """Take up once more the tasks that are not settled, if there is time; the most promising first."""
        if not self._deadlines.may_begin(time.monotonic()):
            self._no_time(lane)
            return
        promise = {task.task_id: self._ledger.promise(task.task_id, lane.name) for task in lane.later}
        if lane.begin_pass(promise):
            message = f"{lane.name}: pass {lane.plan.pass_index + 1} begins"
            self._events.tell("pass", message=message, lane=lane.name)

    def _no_time(self, lane: LaneStanding) -> None:
        """A lane begins no task any more."""
        self.end_rest(lane, (NO_TIME, f"no time for {lane.name}"), ("done", ""))

    def _give_task(self, worker: Worker) -> None:
        """Send an idle worker the next task of its lane, if there is time for one."""
        lane, now = worker.lane, time.monotonic()
        seconds: float | None = None
        before: Mapping[str, Findings] = {}
        others: Proposals = ()
        if not self._deadlines.are_set:
            # And no word of other lanes, nor of a worker that was lost: the clock would decide what they had found.
            task = lane.queue.popleft()
        else:
            task = lane.take_next(worker.slot, now, self._ledger.is_solved, functools.partial(self._is_through, lane))
            if task is None:
                return
            busy = {other.task_id: (other.started, other.allowance_s) for other in self._workers.busy(lane)}
            seconds = lane.allowance(task, worker.slot, self._limits, now, busy)
            before = self._ledger.found_by(task.task_id, lane.name)
            if lane.lane.judges:
                others = self._ledger.proposed_to(task.task_id, lane.name)
        worker.task_id, worker.started = task.task_id, time.monotonic()
        worker.allowance_s = seconds or 0.0
        lane.tries[task.task_id] += 1
        self._events.tell("started", task.task_id, worker, seconds=worker.allowance_s)
        with contextlib.suppress(OSError):  # it has died; its task is put back when that is seen
            worker.connection.send(Job(task, seconds, before, others))

    def _is_through(self, lane: LaneStanding, task: Task) -> bool:
        """Whether all other lanes have been through a task more often than this one, or are done with it."""
        task_id, own = task.task_id, lane.passes[task.task_id]
        others = (other for other in self.lanes if other is not lane)
        return all(other.passes[task_id] > own or self._ledger.has_ended(task_id, other.name) for other in others)

    # What lanes are through with

    def free(self, worker: Worker, seconds: float) -> None:
        """The worker has no task any more; its time is spent. seconds: what the task took."""
        if worker.lane.plan is not None:
            worker.lane.plan.pool_s -= time.monotonic() - worker.started
        self._ledger.spend(worker.task_id, worker.lane.name, seconds)
        worker.task_id = ""

    def put_back(self, lane: LaneStanding, task_id: str) -> None:
        """A task that was lost is to be tried once more, after those that wait."""
        lane.queue.append(self._ledger.task(task_id))

    def passed(self, worker: Worker, message: Finished) -> None:
        """A worker has been through a task: it is for the lane's next pass, or that was all."""
        lane, task_id = worker.lane, message.task_id
        self.free(worker, message.seconds)
        self._ledger.take(task_id, lane.name, message.findings)
        lane.passes[task_id] += 1
        lane.tries[task_id] = 0
        settled = all(findings.settled for findings in message.findings.values())
        if lane.passes[task_id] < len(lane.plan.shares) and not settled and not message.errors:
            lane.later.append(self._ledger.task(task_id))
            self._events.tell("passed", task_id, worker, seconds=message.seconds, peak_mib=message.peak_mib)
            return
        self._events.tell("ended", task_id, worker, seconds=message.seconds, peak_mib=message.peak_mib)
        found = any(f.answers for f in message.findings.values())
        status = "done" if not message.errors else "partial" if found else "failed"
        self.end(task_id, worker, status, "; ".join(message.errors), traces=message.traces)

    def end_rest(self, lane: LaneStanding, new: tuple[str, str], known: tuple[str, str]) -> None:
        """A lane is done with all that it still has before it. new, known: status and error of the tasks that it has
        not been through, and of those that it has."""
        rest = [*lane.queue, *lane.later]
        lane.queue.clear()
        lane.later.clear()
        for task in rest:
            self.end(task.task_id, lane, *(known if lane.passes[task.task_id] else new))

    def end(self, task_id: str, by: Worker | LaneStanding, status: str, error: str, **more: Any) -> None:
        """A lane is through with a task, which is finished with the last of them. by: its worker, if one was. more:
        what events.jsonl says besides."""
        lane, worker = (by.lane, by) if isinstance(by, Worker) else (by, None)
        result = self._ledger.end(task_id, lane.name, status, error)
        if result is not None:
            self._events.tell(
                "finished", task_id, worker, message=result.error, result=result, status=result.status,
                seconds=result.seconds, num_nodes=result.num_nodes, num_exact=result.num_exact,
                phases=result.phases, **more,
            )  # fmt: skip
