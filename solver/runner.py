"""The runner: lanes of worker processes, each fed from its own queue, until every task has been through every lane or
the time is over.

`run` starts the workers of each lane (sources.py: program search on the cores, a model on the devices) from a
fork server (so a lost one is replaced in milliseconds), hands out hidden tasks, largest first, votes over what all
lanes have found of a task so far, and keeps the folder of the run (runfolder.py) complete at every moment.

Time. `seconds` is a budget a task and worker of the first lane, and says how long the run lasts; or `total_s` says
that. In each lane a task that starts gets an equal share of the worker-seconds that are left to the lane's pass,
between `min_task_s` and `max_stretch` times an even share: what one leaves over flows to those still to come. With
several passes (`pass_shares`) a lane goes through all tasks quickly first, then again through those that are not
settled, the least promising last. The run ends `grace_s` after its total at the latest. With `nodes` no clock
influences any result, and there is one pass.

Losses. A worker that overruns its task by `grace_s` (say, in native code) is killed and replaced; its task
keeps the best attempts it had reported. A worker that dies takes nothing with it: its task is tried once
more, then failed. A slot whose workers die or hang one after the other, each over another task, is left without one, if
its lane has another. What a source raises is logged, and costs only that source's answers; a lane that can start no
worker costs only that lane's answers, unless it is required or the last. SIGINT, SIGTERM and the deadline end the run
with the best attempts so far.

Limits: signals are handled only where `run` is called in the main thread; the memory of a worker is not
limited.
"""

from __future__ import annotations

import functools
import logging
import math
import subprocess
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any, TypeVar

from . import __version__
from .answers import Attempt, Attempts, Findings, Proposals, TaskResult
from .errors import ArcSolveError, InputError
from .plan import Clock, LanePlan, check_total, describe, reserve_s, start_limit_s
from .process import KILL_S, Broken
from .runfolder import RunFolder
from .saving import Saver
from .services import Services
from .settings import Settings, as_dict
from .sources import KERNELS, Lane, make_trace_folder, own_lanes
from .standing import MAX_DEATHS, LaneStanding, TaskStanding
from .submission import blank_attempts
from .tasks import Task, TaskStub, tasks_digest
from .vote import choose_attempts, keep_better
from .worker import Finished, Job, Partial, Ready, same_grids
from .workers import Interrupts, StoppedError, Worker, Workers, cause, spawn_service

logger = logging.getLogger(__name__)

T = TypeVar("T")

MAX_TRIES = 2


@dataclass(frozen=True)
class Event:
    """Something that happened.

    kind: 'begin', 'plan' (a line of it), 'ready' (a worker), 'started', 'improved', 'passed' (a task in a lane, to be
    taken up again), 'ended' (a task in a lane), 'finished' (a task), 'pass' (a lane begins one), 'worker_lost',
    'lane_lost', 'service' (the message says what became of one), 'stopping' (by a signal or the deadline), 'end'.
    time_s: since the run began. num_done of num_tasks are finished. result: of 'finished'.
    """

    kind: str
    time_s: float
    num_done: int
    num_tasks: int
    task_id: str = ""
    worker: int | None = None
    message: str = ""
    result: TaskResult | None = None


@dataclass(frozen=True)
class RunRecord:
    """results: of every task, in the order given (then faulty ones). interrupted: '' or 'SIGINT', 'SIGTERM',
    'deadline'. problems: what could not be written to the folder in the end. services: what `Services.facts` says of
    each."""

    results: dict[str, TaskResult]
    wall_s: float
    interrupted: str = ""
    problems: tuple[str, ...] = ()
    services: tuple[dict[str, Any], ...] = ()


def run(
    tasks: Sequence[Task],
    settings: Settings,
    out: Path,
    *,
    resume: bool = False,
    overwrite: bool = False,
    faulty: Mapping[str, TaskStub] | None = None,
    on_event: Callable[[Event], None] | None = None,
    lanes: Sequence[Lane] | None = None,
    report: Callable[[RunRecord], None] | None = None,
) -> RunRecord:
    """Solve tasks into the folder `out`; see the module's docstring.

    resume: go on with the run in `out`: finished tasks are kept, failed and unfinished ones done again.
    overwrite: start anew there. faulty: tasks that could not be read, answered with fallback attempts.
    lanes: at least one; None for the solver's own. report: writes summary and report of the run into the folder, while
    no other run can begin there; its OSError is a problem of the run.
    Raises, before anything is written, InputError if the folder cannot be used, an id is given twice or the lanes can't
    be had, and SettingsError if a total leaves no time for tasks or there is no lane; ArcSolveError if no worker of a
    required lane can be started at all.
    """
    return _Run(tuple(tasks), settings, out, dict(faulty or {}), on_event, lanes, report).go(resume, overwrite)


@dataclass
class _Run:
    tasks: tuple[Task, ...]
    settings: Settings
    out: Path
    faulty: dict[str, TaskStub]
    on_event: Callable[[Event], None] | None
    given_lanes: Sequence[Lane] | None
    report: Callable[[RunRecord], None] | None
    began: float = field(default_factory=time.monotonic)

    def go(self, resume: bool, overwrite: bool) -> RunRecord:
        self.by_id = {task.task_id: task for task in self.tasks}
        if len(self.by_id) < len(self.tasks) or set(self.by_id) & set(self.faulty):
            ids = [task.task_id for task in self.tasks] + list(self.faulty)
            repeated = sorted({task_id for task_id in ids if ids.count(task_id) > 1})
            raise InputError(f"task {', '.join(repeated)}: given twice")
        check_total(self.settings.run)
        self.interrupts = Interrupts()
        self.workers = Workers(self.settings, self.interrupts)
        self.services = self._make_services(())
        with self.interrupts.taken():
            # Before the folder: what is refused makes none, and costs none of the run that is to be overwritten.
            lanes = own_lanes(self.settings) if self.given_lanes is None else self.given_lanes
            self.folder = RunFolder(self.out, self._identity(), resume=resume, overwrite=overwrite)
            try:
                make_trace_folder(self.settings)
                self._begin(lanes, resume)
                self._loop()
                self._stop()
                record = self._close()
                return record if self.report is None else self._report(record, self.report)
            finally:
                try:
                    self._stop()
                finally:
                    self.folder.close()

    def _identity(self) -> dict[str, Any]:
        return {
            "version": __version__,
            "seed": self.settings.run.seed,
            "settings": as_dict(self.settings),
            "task_ids": sorted([*self.by_id, *self.faulty]),
            "tasks_digest": tasks_digest(self.tasks),
        }

    def _report(self, record: RunRecord, write: Callable[[RunRecord], None]) -> RunRecord:
        try:
            write(record)
        except OSError as error:
            problem = f"{self.out}: summary and report cannot be written: {error.strerror or error}"
            return replace(record, problems=(*record.problems, problem))
        return record

    def _begin(self, lanes: Sequence[Lane], resume: bool) -> None:
        """What is to be done, what is known of it, and a first submission."""
        carried = self.folder.carried([*self.tasks, *self.faulty.values()]) if resume else {}
        self.best = self._first_results(carried)
        # Counted in nodes a run finds again what it had found, and must end as one that was not stopped.
        self.carried = carried if self.settings.run.nodes is None else {}
        kept = {
            task_id: result
            for task_id, result in self.folder.results.items()
            if result.status != "failed" and task_id in self.by_id
        }
        self.best.update(kept)
        self.folder.begin(self.best)
        self.done = set(kept) | set(self.faulty)
        self.saver = Saver(self.folder, self.best, [self.best[task_id] for task_id in self.faulty])
        todo = [task for task in self.tasks if task.task_id not in kept]
        # Hidden once: the vote remembers what it knows of a task by the object.
        self.hidden = {task.task_id: task.hide() for task in todo}
        todo.sort(key=lambda task: (-self.hidden[task.task_id].num_cells, task.task_id))
        self.states = {task.task_id: TaskStanding() for task in todo}
        self.lanes = [LaneStanding.of(lane, todo) for lane in lanes]
        self.end: float | None = None
        self._event("stopping" if self.interrupts.reason else "begin", message=f"{len(todo)} tasks to do")
        for line in describe(self.settings.run, [(lane.name, lane.lane.num_workers) for lane in self.lanes], len(todo)):
            self._event("plan", message=line)

    def _start_clock(self) -> None:
        """The first worker is ready: from now on the tasks' time runs. All lanes end together."""
        limits, num_tasks, first = self.settings.run, len(self.states), self.lanes[0].num_workers
        clock = Clock.of_run(limits, self.began, time.monotonic(), num_tasks, first)
        self.end = clock.end
        for lane in self.lanes:
            lane.plan = LanePlan.of_lane(limits, clock, num_tasks, lane.num_workers, first)

    def _first_results(self, carried: Mapping[str, Attempts]) -> dict[str, TaskResult]:
        """What counts until something better is known."""
        best = {}
        for task in self.tasks:
            attempts = carried.get(task.task_id) or choose_attempts(task.hide(), {})
            best[task.task_id] = TaskResult(task.task_id, attempts, "partial", "not reached")
        for stub in self.faulty.values():
            grids = [blank_attempts(grid) for grid in stub.inputs]
            attempts = tuple((Attempt(first), Attempt(second)) for first, second in grids)
            best[stub.task_id] = TaskResult(stub.task_id, attempts, "failed", stub.error)
        return best

    # The loop

    def _loop(self) -> None:
        self.saver.save()
        self._prepare()
        self._start_services()
        while (self._queued() or self.workers.busy()) and not self.interrupts.reason:
            self._start_workers()
            if self.interrupts.reason:
                return
            for lane in self.lanes:
                if lane.waiting and not self.workers.of_lane(lane):
                    self._give_up(lane)
            if not self.workers:
                continue
            self._hand_out()
            sources = [w.connection for w in self.workers if not w.closed]
            sources += [*(w.process.sentinel for w in self.workers), *self.services.sources(), self.interrupts.wake]
            wait(sources, self._timeout())
            self.services.look()
            for worker in list(self.workers):
                self._receive(worker)
                if worker.has_ended:
                    self._bury(worker)
            self._check_clock()
            self.saver.save()

    def _prepare(self) -> None:
        """Compile the library if a lane needs it and this machine has not done so yet. A signal to stop ends it."""
        needed = any(KERNELS in lane.lane.preload for lane in self.lanes)
        if not needed or not self._queued():
            return
        from .warm import prepare  # needs numba

        try:
            with self.interrupts.breaking():
                prepare(self.lanes[0].num_workers)
        except StoppedError:
            logger.info("stopped while compiling")
        except (OSError, subprocess.CalledProcessError) as error:
            logger.error("the grid library could not be compiled ahead: %s", error)

    def _queued(self) -> bool:
        return any(lane.waiting for lane in self.lanes)

    def _timeout(self) -> float:
        """Seconds until something is due that no message announces."""
        now = time.monotonic()
        due = [now + 1.0, self.saver.due()]
        due += [worker.kill_at for worker in self.workers if worker.kill_at is not None and not worker.killed]
        if self.settings.run.nodes is None:
            due += [self._limit(worker) for worker in self.workers.busy() if worker.kill_at is None]
            if self.end is not None:
                due.append(self._last())
        return max(0.0, min(due) - now)

    def _hand_out(self) -> None:
        for lane in self.lanes:
            self._look_ahead(lane)
        for worker in self.workers:
            if worker.lane.queue and worker.idle:
                self._give_task(worker)

    def _look_ahead(self, lane: LaneStanding) -> None:
        """Begin a lane's next pass where the last one is handed out; end what it has no time for."""
        if lane.queue and lane.plan is not None and lane.plan.pass_index and not self._time_left():
            self._no_time(lane)
        if lane.later and not lane.queue:
            self._next_pass(lane)
        is_timed = lane.plan is not None and self.settings.run.nodes is None
        if lane.queue and is_timed and lane.is_too_late(time.monotonic()):
            self._no_time(lane)

    def _give_task(self, worker: Worker) -> None:
        """Send an idle worker the next task of its lane, if there is time for one."""
        lane, now = worker.lane, time.monotonic()
        seconds: float | None = None
        before: Mapping[str, Findings] = {}
        others: Proposals = ()
        if self.settings.run.nodes is not None:
            # And no word of other lanes, nor of a worker that was lost: the clock would decide what they had found.
            task = lane.queue.popleft()
        else:
            task = lane.take_next(worker.slot, now, self._is_solved, functools.partial(self._is_through, lane))
            if task is None:
                return
            seconds = self._allowance(worker, task, now)
            before = self.states[task.task_id].of_lane(lane.name)
            if lane.lane.judges:
                others = self._voted(task.task_id, functools.partial(self._others, task.task_id, lane), ())
        worker.task_id, worker.started = task.task_id, time.monotonic()
        worker.allowance_s = seconds or 0.0
        lane.tries[task.task_id] += 1
        self._event("started", task.task_id, worker, seconds=worker.allowance_s)
        try:
            worker.connection.send(Job(task.hide(), seconds, before, others))
        except OSError:
            worker.closed = True  # it has died; _bury puts the task back

    def _is_solved(self, task: Task) -> bool:
        """Whether a program that fits all pairs is known."""
        return self.best[task.task_id].num_exact > 0

    def _is_through(self, lane: LaneStanding, task: Task) -> bool:
        """Whether all other lanes have been through a task at least once."""
        ends = self.states[task.task_id].ends
        return all(other is lane or other.passes[task.task_id] or other.name in ends for other in self.lanes)

    def _allowance(self, worker: Worker, task: Task, now: float) -> float:
        """Seconds for a task that was just taken from the queue of a worker's lane for it."""
        busy = {other.task_id: (other.started, other.allowance_s) for other in self.workers.busy(worker.lane)}
        return worker.lane.allowance(task, worker.slot, self.settings.run, now, busy)

    def _end_rest(self, lane: LaneStanding, new: tuple[str, str], known: tuple[str, str]) -> None:
        """A lane is done with all that it still has before it. new, known: status and error of the tasks that it has
        not been through, and of those that it has."""
        rest = [*lane.queue, *lane.later]
        lane.queue.clear()
        lane.later.clear()
        for task in rest:
            self._end(task.task_id, lane, *(known if lane.passes[task.task_id] else new))

    def _no_time(self, lane: LaneStanding) -> None:
        """A lane begins no task any more."""
        self._end_rest(lane, ("partial", f"no time for {lane.name}"), ("done", ""))

    def _time_left(self) -> bool:
        """Whether there is time to take up a task once more."""
        return not self.interrupts.reason and time.monotonic() + self.settings.run.min_task_s < self.end

    def _next_pass(self, lane: LaneStanding) -> None:
        """Take up once more the tasks that are not settled, if there is time; the most promising first."""
        if not self._time_left():
            self._no_time(lane)
            return
        promise = {task.task_id: self.states[task.task_id].promise(lane.name) for task in lane.later}
        if lane.begin_pass(promise):
            message = f"{lane.name}: pass {lane.plan.pass_index + 1} begins"
            self._event("pass", message=message, lane=lane.name)

    def _limit(self, worker: Worker) -> float:
        """When a worker is stopped: grace_s over its time, and just before the deadline would do it."""
        grace_s = self.settings.run.grace_s
        limit = worker.started + worker.allowance_s + grace_s
        return limit if worker.lane.waiting else min(limit, self.end + 0.95 * grace_s)

    def _last(self) -> float:
        """When the run ends, whatever its workers do: once their tasks overrun, those that were killed have a while."""
        limits = self.settings.run
        return self.end + limits.grace_s + (0.0 if self._queued() else limits.stop_s + KILL_S)

    def _check_clock(self) -> None:
        now = time.monotonic()
        self.workers.kill_overdue(now)
        if self.settings.run.nodes is not None or self.interrupts.reason:
            return
        for worker in self.workers:
            if worker.kill_at is None and not worker.ready:
                self._check_start(worker, now)
        if self.end is None:
            limits = self.settings.run
            total_s = math.inf if limits.total_s is None else limits.total_s - reserve_s(limits)
            if now - self.began > min(limits.start_timeout_s, total_s):
                self.interrupts.reason = "deadline"
            return
        for worker in self.workers.busy():
            if worker.kill_at is None and now >= self._limit(worker):
                worker.reason = f"stopped after {now - worker.started:.1f} s of {worker.allowance_s:.1f} s"
                self.workers.ask_to_stop(worker, now)
        if now >= self._last():
            self.interrupts.reason = "deadline"  # even if a killed worker has not ended

    def _check_start(self, worker: Worker, now: float) -> None:
        """Kill a worker that does not get ready in time; if none of its lane ever did, no other is tried there."""
        lane = worker.lane
        if now - worker.spawned <= start_limit_s(self.settings.run):
            return
        message = f"a worker for {lane.name} was not ready after {now - worker.spawned:.1f} s"
        logger.error("%s", message)
        if not lane.ever_ready and not lane.is_lost:
            lane.is_lost = True
            self._event("lane_lost", worker=worker, message=message)
        self.workers.ask_to_stop(worker, now)

    # Workers and services

    def _make_services(self, lanes: Iterable[LaneStanding]) -> Services:
        services = [service for lane in lanes for service in lane.lane.services]
        return Services(services, spawn_service, lambda line: self._event("service", message=line))

    def _start_services(self) -> None:
        """Start what the lanes' workers use. Nothing waits for it."""
        if self._queued() and not self.interrupts.reason:
            self.services = self._make_services(self.lanes)
            self.services.start()

    def _start_workers(self) -> None:
        preload = [name for lane in self.lanes for name in lane.lane.preload]
        for lane in self.lanes:
            wanted = min(lane.num_workers, lane.waiting + len(self.workers.busy(lane)))
            while not self.interrupts.reason:
                taken = {worker.slot for worker in self.workers.of_lane(lane)}
                free = [slot for slot in range(lane.num_workers) if slot not in taken and lane.may_start(slot)]
                if len(taken) >= wanted or not free:
                    break
                slot = free[0]
                if not self.workers.start(lane, slot, self.services.addresses(lane.lane.services), preload):
                    return

    def _receive(self, worker: Worker) -> None:
        """Take in all that a worker has sent."""
        while not worker.closed:
            try:
                if not worker.connection.poll():
                    return
                message = worker.connection.recv()
            except (EOFError, OSError):
                worker.closed = True
                if worker.kill_at is None:
                    worker.kill_at = time.monotonic() + self.settings.run.stop_s
                return
            match message:
                case Ready():
                    worker.ready = worker.lane.ever_ready = True
                    worker.lane.failed_starts[worker.slot] = 0
                    worker.lane.least_s[worker.slot] = message.least_s
                    if self.end is None:
                        self._start_clock()
                    self._event("ready", worker=worker, message=message.about)
                    self._say_what_fits(worker.lane)
                case Partial() if message.task_id == worker.task_id:
                    self._take(worker, message.findings)
                    self._event("improved", message.task_id, worker, num_exact=self.best[message.task_id].num_exact)
                case Finished() if message.task_id == worker.task_id:
                    for source, trace in message.traces.items():
                        logger.error("task %s: %s raised\n%s", worker.task_id, source, trace)
                    worker.lane.least_s[worker.slot] = message.least_s
                    worker.lane.deaths[worker.slot] = 0
                    self._take(worker, message.findings)
                    self._free(worker, message.seconds)
                    self._through(worker, message)
                case Broken():
                    self._broken(worker.lane, message)

    def _say_what_fits(self, lane: LaneStanding) -> None:
        """A line if a lane has no time for all of its tasks."""
        if self.settings.run.nodes is not None:
            return
        in_time = lane.num_in_time(time.monotonic())
        if in_time < lane.waiting:
            needs = sorted({f"{lane.needs_s(task):.1f}" for task in (*lane.queue, *lane.later)}, key=float)
            each = f"at {' or '.join(needs)} s each"
            self._event("plan", message=f"plan: {lane.name}: time for {in_time} of {lane.waiting} tasks, {each}")

    def _broken(self, lane: LaneStanding, message: Broken) -> None:
        logger.error("a worker could not make its sources\n%s", message.trace)
        if isinstance(message.error, ArcSolveError) and not lane.ever_ready:
            if lane.lane.required:
                raise message.error
            lane.is_lost = True
            self._event("lane_lost", message=str(message.error))

    def _free(self, worker: Worker, seconds: float) -> None:
        """The worker has no task any more; its time is spent. seconds: what the task took."""
        if worker.lane.plan is not None:
            worker.lane.plan.pool_s -= time.monotonic() - worker.started
        self.states[worker.task_id].seconds += seconds
        worker.task_id = ""

    def _bury(self, worker: Worker) -> None:
        """A worker process has ended: take in its last words, replace it, see to its task."""
        self._receive(worker)
        code = self.workers.bury(worker)
        lane = worker.lane
        if not worker.ready:
            lane.failed_starts[worker.slot] += 1
        task_id = worker.task_id
        if not task_id:
            return
        self._free(worker, time.monotonic() - worker.started)
        why = worker.reason or f"its worker died ({cause(code)})"
        logger.warning("task %s: %s", task_id, why)
        self._event("worker_lost", task_id, worker, message=why)
        is_blamed = lane.died(worker.slot, task_id)
        if not lane.may_start(worker.slot):
            logger.error("%s: worker %d is not replaced: %d in a row died or hung", lane.name, worker.slot, MAX_DEATHS)
        if worker.reason and is_blamed:  # what hangs is not tried again: it costs its time and grace_s
            self._end(task_id, worker, "partial", why)
        elif lane.tries[task_id] < MAX_TRIES:
            lane.queue.append(self.by_id[task_id])
        else:
            status = "partial" if lane.passes[task_id] else "failed"
            self._end(task_id, worker, status, f"{why}, {MAX_TRIES} times")

    def _give_up(self, lane: LaneStanding) -> None:
        """No worker of a lane could be started several times in a row: its tasks get what the others find."""
        hope = any(other.ever_ready or other.waiting for other in self.lanes if other is not lane)
        if not lane.ever_ready and (lane.lane.required or not hope):
            raise ArcSolveError("no worker process could be started; the log says why")
        logger.error("no worker for %s could be started; going on without", lane.name)
        error = f"no worker for {lane.name} could be started"
        self._end_rest(lane, ("failed", error), ("partial", error))

    def _stop(self) -> None:
        """End all processes."""
        self.services.ask_to_stop()
        self.workers.stop(lambda worker: self._receive(worker) if hasattr(self, "best") else None)
        self.services.stop(self.settings.run.stop_s)

    # Results

    def _take(self, worker: Worker, found: Mapping[str, Findings]) -> None:
        """Vote anew over a worker's task with what it has found."""
        task_id = worker.task_id
        state, before = self.states[task_id], self.best[task_id]
        state.take(worker.lane.name, found)
        attempts, findings = before.attempts, state.findings
        if any(own.answers for own in findings.values()):
            began = time.monotonic()
            attempts = self._voted(task_id, lambda: self._attempts(task_id, findings), attempts)
            state.vote_s += time.monotonic() - began
        if not same_grids(attempts, before.attempts):
            self.saver.improved()
        self.best[task_id] = replace(
            before,
            attempts=attempts,
            error="",
            num_nodes=state.num_nodes,
            num_exact=state.num_exact,
            seconds=state.seconds,
            phases=state.phases,
            notes=state.notes,
        )
        if self.settings.run.nodes is None:
            self.folder.hold(self.best[task_id])

    def _attempts(self, task_id: str, findings: Mapping[str, Findings]) -> Attempts:
        """What to submit of a task by what is known of it."""
        attempts = choose_attempts(self.hidden[task_id], findings)
        return keep_better(attempts, self.carried[task_id]) if task_id in self.carried else attempts

    def _others(self, task_id: str, lane: LaneStanding) -> Proposals:
        return self.states[task_id].others(lane.name, self.hidden[task_id])

    def _voted(self, task_id: str, vote: Callable[[], T], otherwise: T) -> T:
        """What a vote gives; something else if it raises, which costs nothing but that."""
        try:
            return vote()
        except Exception:
            logger.exception("vote on task %s", task_id)
            return otherwise

    def _end(self, task_id: str, by: Worker | LaneStanding, status: str, error: str, **more: Any) -> None:
        """A lane is through with a task, which is finished with the last of them."""
        lane, worker = (by.lane, by) if isinstance(by, Worker) else (by, None)
        state = self.states[task_id]
        state.ends[lane.name] = (status, error)
        if len(state.ends) < len(self.lanes):
            return
        statuses = {status for status, _ in state.ends.values()}
        result = replace(
            self.best[task_id],
            status=statuses.pop() if len(statuses) == 1 else "partial",
            error="; ".join(error for _, error in state.ends.values() if error),
            seconds=state.seconds,
            alone=self._voted(task_id, lambda: state.alone(self.hidden[task_id]), {}),
        )
        if self.settings.run.keep_ballots:
            ballots = self._voted(task_id, lambda: state.ballots(self.hidden[task_id]), {})
            result = replace(result, ballots=ballots)
        del self.states[task_id]
        self._finish(result, worker, **more)

    def _through(self, worker: Worker, message: Finished) -> None:
        """A lane's worker has been through a task: it is for the next pass, or that was all."""
        lane, task_id = worker.lane, message.task_id
        lane.passes[task_id] += 1
        lane.tries[task_id] = 0
        settled = all(findings.settled for findings in message.findings.values())
        if lane.passes[task_id] < len(lane.plan.shares) and not settled and not message.errors:
            lane.later.append(self.by_id[task_id])
            self._event("passed", task_id, worker, seconds=message.seconds)
            return
        self._event("ended", task_id, worker, seconds=message.seconds)
        found = any(f.answers for f in message.findings.values())
        status = "done" if not message.errors else "partial" if found else "failed"
        self._end(task_id, worker, status, "; ".join(message.errors), traces=message.traces)

    def _finish(self, result: TaskResult, worker: Worker | None, **more: Any) -> None:
        self.best[result.task_id] = result
        self.done.add(result.task_id)
        self.saver.finished(result)
        logger.info(
            "task %s: %s in %.1f s, %d exact, %d nodes%s",
            result.task_id, result.status, result.seconds, result.num_exact, result.num_nodes,
            f" ({result.error})" if result.error else "",
        )  # fmt: skip
        self._event(
            "finished", result.task_id, worker, message=result.error, result=result, status=result.status,
            seconds=result.seconds, num_nodes=result.num_nodes, num_exact=result.num_exact,
            phases=result.phases, **more,
        )  # fmt: skip

    def _close(self) -> RunRecord:
        if self.interrupts.reason:
            self._event("stopping", message=self.interrupts.reason)
            for task_id in self.by_id:
                if task_id not in self.done:
                    result, state = self.best[task_id], self.states[task_id]
                    error = f"{self.interrupts.reason} before it was {'reached' if result.error else 'finished'}"
                    self.best[task_id] = replace(
                        result, status="partial", error=error, seconds=state.seconds, phases=state.phases
                    )
            self.saver.improved()
        self.saver.save(final=True)
        services = self.services.facts()
        self._event("end", message=self.interrupts.reason, **({"services": services} if services else {}))
        problems = tuple(f"{self.out / name}: {text}" for name, text in self.folder.problems.items())
        wall_s = time.monotonic() - self.began
        return RunRecord(dict(self.best), wall_s, self.interrupts.reason, problems, services)

    def _event(
        self, kind: str, task_id: str = "", worker: Worker | None = None, *, message: str = "",
        result: TaskResult | None = None, **more: Any,
    ) -> None:  # fmt: skip
        """Tell the caller, and events.jsonl."""
        time_s = time.monotonic() - self.began
        num_tasks = len(self.by_id) + len(self.faulty)
        line = {"time_s": round(time_s, 4), "kind": kind, "num_done": len(self.done), "num_tasks": num_tasks}
        line |= {"task_id": task_id} if task_id else {}
        index = None if worker is None else worker.index
        line |= {} if worker is None else {"worker": index, "lane": worker.lane.name}
        line |= {"message": message} if message else {}
        self.folder.add_event(line | more)
        if self.on_event is not None:
            event = Event(kind, time_s, len(self.done), num_tasks, task_id, index, message, result)
            try:
                self.on_event(event)
            except Exception:
                logger.exception("the progress display failed; going on without it")
                self.on_event = None
