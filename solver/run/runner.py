"""The runner: lanes of worker processes, each fed from its own queue, until every task has been through every lane or
the time is over.

`run` starts the workers of each lane (sources.py: program search on the cores, a model on the devices) from a
fork server (so a lost one is replaced in milliseconds), hands out hidden tasks, largest first, votes over what all
lanes have found of a task so far, and keeps the folder of the run (runfolder.py) complete at every moment.

Here is the order in which things happen; each thing has a module:

    ledger.py      what counts of every task, by a vote      dispatch.py   which task a worker gets next
    deadlines.py   when what is to be over                   losses.py     what a lost worker or lane costs
    workers.py     the processes                             events.py     what is told of all that

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

import logging
import subprocess
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import wait
from pathlib import Path
from typing import Any

from .. import __version__
from ..answers import TaskResult
from ..errors import InputError, first_line
from ..settings import Settings, as_dict
from ..sources import KERNELS, Lane, make_trace_folder, own_lanes
from ..tasks import Task, TaskStub, tasks_digest
from .deadlines import Deadlines
from .dispatch import Dispatch
from .events import Event, Events
from .ledger import Ledger
from .losses import Losses
from .plan import check_total, describe
from .process import Broken
from .runfolder import RunFolder
from .services import Services
from .standing import LaneStanding
from .worker import Finished, Partial, Ready
from .workers import Interrupts, StoppedError, Worker, Workers, allow_files, spawn_service

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class RunRecord:
    """results: of every task, in the order given (then faulty ones). wall_s: of the run; of one that was resumed all
    its parts together (`RunFolder.past_s`). interrupted: '' or 'SIGINT', 'SIGTERM', 'deadline'. problems: what could
    not be written to the folder in the end. services: what `Services.facts` says of each. weights: SHA-256 of those
    that its lanes read, by kind."""

    results: dict[str, TaskResult]
    wall_s: float
    interrupted: str = ""
    problems: tuple[str, ...] = ()
    services: tuple[dict[str, Any], ...] = ()
    weights: Mapping[str, str] = field(default_factory=dict)


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

    resume: go on with the run in `out`: finished tasks are kept, failed and unfinished ones done again, and those that
    lanes had no time for in these lanes.
    overwrite: start anew there. faulty: tasks that could not be read, answered with fallback attempts.
    lanes: at least one; None for the solver's own. report: writes summary and report of the run into the folder, while
    no other run can begin there; its OSError is a problem of the run, what else it raises is logged.
    Raises, before anything is written, InputError if the folder cannot be used, an id is given twice or the lanes can't
    be had, and SettingsError if a total leaves no time for tasks or there is no lane; ArcSolveError if no worker of a
    required lane can be started at all.
    """
    began = time.monotonic()
    faulty = dict(faulty or {})
    task_ids = [*(task.task_id for task in tasks), *faulty]
    _check_ids(task_ids)
    check_total(settings.run)
    interrupts = Interrupts()
    with interrupts.taken():
        # Before the folder: what is refused makes none, and costs none of the run that is to be overwritten.
        lanes = own_lanes(settings) if lanes is None else lanes
        weights = {kind: digest for lane in lanes for kind, digest in lane.weights.items()}
        identity = _identity(settings, task_ids, tasks, weights)
        folder = RunFolder(out, identity, resume=resume, overwrite=overwrite)
        try:
            make_trace_folder(settings)
            stubs = list(faulty.values())
            names = [lane.name for lane in lanes]
            ledger = Ledger(tasks, stubs, folder, settings.run, lanes=names, resume=resume)
            record = replace(_Run(settings, lanes, folder, ledger, interrupts, began, on_event).go(), weights=weights)
            return record if report is None else _reported(record, report, out)
        finally:
            folder.close()


def _check_ids(task_ids: Sequence[str]) -> None:
    if repeated := sorted(task_id for task_id, count in Counter(task_ids).items() if count > 1):
        raise InputError(f"task {', '.join(repeated)}: given twice")


def _identity(
    settings: Settings, task_ids: Iterable[str], tasks: Sequence[Task], weights: Mapping[str, str]
) -> dict[str, Any]:
    """What run.json says: a run that goes on must be the same."""
    return {
        "version": __version__,
        "seed": settings.run.seed,
        "settings": as_dict(settings),
        "task_ids": sorted(task_ids),
        "tasks_digest": tasks_digest(tasks),
        "weights": dict(weights),
    }


def _reported(record: RunRecord, write: Callable[[RunRecord], None], out: Path) -> RunRecord:
    try:
        write(record)
    except OSError as error:
        problem = f"{out}: summary or report cannot be written: {error.strerror or error}"
        return replace(record, problems=(*record.problems, problem))
    except Exception as error:  # of what is made for people, once all that counts is written
        logger.error("%s: no report could be made: %s: %s", out, type(error).__name__, first_line(error))
        logger.info("no report could be made", exc_info=True)
    return record


class _Run:
    """A run that has its folder and a first submission: from its first event to its last."""

    def __init__(
        self,
        settings: Settings,
        lanes: Sequence[Lane],
        folder: RunFolder,
        ledger: Ledger,
        interrupts: Interrupts,
        began: float,
        on_event: Callable[[Event], None] | None,
    ) -> None:
        self.settings, self.folder, self.ledger = settings, folder, ledger
        self.interrupts, self.began = interrupts, began
        self.events = Events(
            folder.add_event,
            on_event,
            began=began,
            num_done=ledger.num_done,
            num_tasks=len(ledger.best),
            num_exact=ledger.num_exact,
        )
        self.lanes = [LaneStanding.of(lane, ledger.todo, ledger.ended_by(lane.name)) for lane in lanes]
        self.workers = Workers(settings, interrupts)
        self.deadlines = Deadlines(settings.run, began)
        self.dispatch = Dispatch(self.lanes, ledger, self.deadlines, self.events, self.workers, settings.run)
        self.losses = Losses(self.dispatch, self.workers, self.events)
        self.services = self._make_services(())

    def go(self) -> RunRecord:
        self._begin()
        try:
            self._loop()
            self._stop()
        except BaseException:  # after which neither a process is left behind nor anything lost that was found
            try:
                self._stop()
            finally:
                self.ledger.saver.save(final=True)
            raise
        return self._close()

    def _begin(self) -> None:
        num_todo = len(self.ledger.todo)
        self.events.tell("stopping" if self.interrupts.reason else "begin", message=f"{num_todo} tasks to do")
        lanes = [(lane.name, lane.lane.num_workers, lane.waiting) for lane in self.lanes]
        for line in describe(self.settings.run, lanes, num_todo):
            self.events.tell("plan", message=line)

    def _loop(self) -> None:
        self.ledger.saver.save()
        allow_files(sum(lane.num_workers for lane in self.lanes))
        self._prepare()
        self._start_services()
        while (self.dispatch.is_waiting or self.workers.busy()) and not self.interrupts.reason:
            self._start_workers()
            if self.interrupts.reason:
                return
            self.losses.give_up_lanes()
            if not self.workers:
                continue
            self.dispatch.hand_out()
            self._wait()
            self.services.look()
            for worker in list(self.workers):
                self._receive(worker)
                if worker.has_ended:
                    self._receive(worker)  # its last words
                    self.losses.bury(worker)
            self.losses.check()
            self._keep_time()
            self.ledger.saver.save()

    def _prepare(self) -> None:
        """Compile the library if a lane that has tasks needs it and this machine has not done so yet. A signal to stop
        ends it, and so does the clock, since all lanes wait. What is lacking then is left to the workers that need it:
        the fork server, which all lanes wait for, too, would compile it without end again."""
        needed = any(KERNELS in lane.lane.preload for lane in self.lanes if lane.waiting)
        if not needed or not self.dispatch.is_waiting:
            return
        from ..warm import prepare  # needs numba

        try:
            with self.interrupts.breaking():
                prepare(self.lanes[0].num_workers, self.deadlines.compile_end)
        except StoppedError:
            logger.info("stopped while compiling")
        except subprocess.TimeoutExpired:
            self.workers.preloads = False
            logger.error("the grid library was not compiled within %.0f s; going on", time.monotonic() - self.began)
        except (OSError, subprocess.CalledProcessError) as error:
            logger.error("the grid library could not be compiled ahead: %s", error)

    def _make_services(self, lanes: Iterable[LaneStanding]) -> Services:
        services = [service for lane in lanes for service in lane.lane.services]
        return Services(services, spawn_service, lambda line: self.events.tell("service", message=line))

    def _start_services(self) -> None:
        """Start what the workers of lanes use that have tasks. Nothing waits for it."""
        if self.dispatch.is_waiting and not self.interrupts.reason:
            self.services = self._make_services(lane for lane in self.lanes if lane.waiting)
            self.services.start()

    def _start_workers(self) -> None:
        """Start workers where there are tasks for more than there are, until a signal comes."""
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

    def _wait(self) -> None:
        """Sleep until a message has come, a process has ended, or something is due."""
        sources = [worker.connection for worker in self.workers if not worker.closed]
        sources += [worker.process.sentinel for worker in self.workers]
        sources += [*self.services.sources(), self.interrupts.wake]
        kills = [worker.kill_at for worker in self.workers if worker.kill_at is not None and not worker.killed]
        due = [self.ledger.saver.due(), *kills]
        wait_s = self.deadlines.wait_s(time.monotonic(), self.workers.busy(), self.dispatch.is_waiting, due)
        wait(sources, wait_s)

    def _receive(self, worker: Worker) -> None:
        """Take in all that a worker has sent."""
        lane = worker.lane
        for message in self.workers.messages(worker):
            match message:
                case Ready():
                    self._ready(worker, message)
                case Partial() if message.task_id == worker.task_id:
                    seconds = time.monotonic() - worker.started
                    self.ledger.take(message.task_id, lane.name, message.findings, seconds)
                    num_exact = self.ledger.best[message.task_id].num_exact
                    self.events.tell("improved", message.task_id, worker, num_exact=num_exact)
                case Finished() if message.task_id == worker.task_id:
                    for source, trace in message.traces.items():
                        logger.error("task %s: %s raised\n%s", message.task_id, source, trace)
                    lane.least_s[worker.slot] = message.least_s
                    lane.deaths[worker.slot] = 0
                    self.dispatch.passed(worker, message)
                case Broken():
                    self.losses.broken(lane, message)

    def _ready(self, worker: Worker, message: Ready) -> None:
        worker.ready = worker.lane.ever_ready = True
        worker.lane.failed_starts[worker.slot] = 0
        worker.lane.least_s[worker.slot] = message.least_s
        if self.deadlines.clock is None:
            self.dispatch.start_clock()
        self.events.tell("ready", worker=worker, message=message.about)
        self.dispatch.say_what_fits(worker.lane)

    def _keep_time(self) -> None:
        """Stop what is late, in the end the run."""
        now = time.monotonic()
        self.workers.kill_overdue(now)
        if self.interrupts.reason:
            return
        for worker in self.workers:
            if self.deadlines.is_start_late(worker, now):
                self.losses.not_ready(worker, now)
        for worker in self.workers.busy():
            if self.deadlines.is_task_late(worker, now):
                self.losses.overran(worker, now)
        if self.deadlines.is_run_over(now, self.dispatch.is_waiting):
            self.interrupts.reason = "deadline"  # even if a killed worker has not ended

    def _stop(self) -> None:
        """End all processes."""
        busy, now = self.workers.busy(), time.monotonic()
        self.services.ask_to_stop()
        self.workers.stop(self._receive)
        for worker in busy:
            if worker.task_id:
                self.dispatch.free(worker, now - worker.started)
        self.services.stop(self.settings.run.stop_s)

    def _close(self) -> RunRecord:
        """Write what was found, and say how it ended."""
        reason = self.interrupts.reason
        if reason:
            self.events.tell("stopping", message=reason)
            self.ledger.cut_short(reason)
        self.ledger.saver.save(final=True)
        services = self.services.facts()
        self.events.tell("end", message=reason, **({"services": services} if services else {}))
        problems = tuple(
            f"{self.folder.path / name}: cannot be written: {text}" for name, text in self.folder.problems.items()
        )
        wall_s = self.folder.past_s + time.monotonic() - self.began
        return RunRecord(dict(self.ledger.best), wall_s, reason, problems, services)
