"""A worker process: takes one task at a time from its pipe, runs its lane's sources on it, sends back what they found.

What travels: a `Job` in (its task without test outputs), and `Ready`, `Broken`, `Partial`, `Finished` out;
None in or a closed pipe ends the worker. A worker never outlives the process that started the run, even
inside native code, and ignores Ctrl-C: the runner decides. On SIGTERM it sends the answers it held back and
exits. The vote over the findings of all lanes is the runner's; a worker votes over its own only to see whether
an improvement is worth sending.
"""

from __future__ import annotations

import contextlib
import functools
import hashlib
import os
import resource
import signal
import time
import traceback
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing.connection import Connection

import numpy as np

from ..answers import Answer, Attempts, DeviceLostError, Findings, Judgement, Proposals, Source
from ..budget import Budget
from ..grid.registry import GridError, as_grid
from ..settings import Settings
from ..sources import Lane
from ..tasks import MAX_SIDE, Task
from ..vote import choose_attempts
from .process import be_killed_first, die_with_parent, send_broken
from .results import whole_number

REPORT_INTERVAL_S = 1.0
"""Between two partial answers of a task that has a budget of seconds. With nodes every improvement is sent,
so that no clock decides what is left of a task whose worker is lost."""


@dataclass(frozen=True)
class Job:
    """A task to solve. seconds: its time; None where the run counts nodes. before: what is known of it from passes
    before, and from a worker that was lost over it, by source. others: what other lanes propose so far, for sources
    that judge it."""

    task: Task
    seconds: float | None
    before: Mapping[str, Findings] = field(default_factory=dict)
    others: Proposals = ()


@dataclass(frozen=True)
class Ready:
    """The sources are made. about: what they say of themselves, for people, such as how long a task will take.
    least_s: seconds below which they should not begin a task, by its `longest_side`."""

    about: str
    least_s: Mapping[int, float]


@dataclass(frozen=True)
class Partial:
    """More is known of the task at hand than was sent before: findings by source."""

    task_id: str
    findings: dict[str, Findings]


@dataclass(frozen=True)
class Finished:
    """The task is over for this worker. findings: by source. errors: what went wrong, in words. traces: what
    sources raised, by source. least_s: as of Ready, now that more is known. peak_mib: the most memory that the process
    has taken since it began."""

    task_id: str
    findings: dict[str, Findings]
    errors: tuple[str, ...]
    traces: dict[str, str]
    seconds: float
    least_s: Mapping[int, float]
    peak_mib: int = 0


def task_seed(seed: int, task_id: str, name: str = "") -> int:
    """The child of a run's seed for a task (and a source): 32 bits, the same on any worker and in any
    order."""
    words = np.frombuffer(hashlib.sha256(f"{task_id}\0{name}".encode()).digest(), dtype="<u4")
    return int(np.random.SeedSequence([seed, *map(int, words)]).generate_state(1)[0])


def same_grids(left: Attempts | None, right: Attempts | None) -> bool:
    """Whether two sets of attempts would be submitted alike."""
    if left is None or right is None or len(left) != len(right):
        return left is right
    pairs = ((a.grid, b.grid) for p, q in zip(left, right, strict=True) for a, b in zip(p, q, strict=True))
    return all(np.array_equal(a, b) for a, b in pairs)


def serve(connection: Connection, settings: Settings, lane: Lane, slot: int, addresses: Sequence[str] = ()) -> None:
    """Main function of a worker process, the lane's number `slot`. addresses: of the lane's services."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    be_killed_first()
    os.nice(lane.niceness)
    try:
        more = (addresses,) if lane.services else ()
        sources = lane.make_sources(settings, slot, *more)
    except Exception as error:
        send_broken(connection, error)
        return
    worker = _Worker(connection, settings, sources)
    signal.signal(signal.SIGTERM, worker.terminate)
    with contextlib.suppress(EOFError, BrokenPipeError, ConnectionResetError):
        about = "; ".join(filter(None, (getattr(source, "about", "") for source in sources)))
        worker.send(Ready(about, worker.least_s))
        while (job := connection.recv()) is not None:
            worker.send(worker.solve(job))


class _Worker:
    def __init__(self, connection: Connection, settings: Settings, sources: Sequence[Source]) -> None:
        self.connection = connection
        self.settings = settings
        self.sources = sources
        self.sending = False
        self.terminating = False
        self.task: Task | None = None
        self.findings: dict[str, Findings] = {}
        self.errors: dict[str, None] = {}
        self.sent: Attempts | None = None
        self.sent_runs = 0
        self.next_report = 0.0
        self.held_back = False

    def send(self, message: object) -> None:
        """Send a message whole: SIGTERM waits until it is out."""
        self.sending = True
        self.connection.send(message)
        self.sending = False
        if self.terminating:
            os._exit(0)

    def terminate(self, *_: object) -> None:
        """SIGTERM: send what was held back, then go."""
        self.terminating = True
        if self.sending:
            return
        self.send_held_back()
        os._exit(0)

    def send_held_back(self) -> None:
        """Before the process ends: what it knows and has not sent."""
        with contextlib.suppress(Exception):
            if self.held_back:
                self.send_partial()

    def solve(self, job: Job) -> Finished:
        started = time.monotonic()
        task, run = job.task, self.settings.run
        self.task, self.findings, self.sent, self.sent_runs, self.held_back = task, {}, None, 0, False
        self.next_report = 0.0
        self.errors, traces = {}, {}
        nodes_left = run.nodes or 0
        for index, source in enumerate(self.sources):
            num_left = len(self.sources) - index
            if job.seconds is None:
                budget = Budget(nodes=max(1, nodes_left // num_left))
            else:
                left_s = job.seconds - (time.monotonic() - started)
                budget = Budget(seconds=max(0.001, left_s / num_left))
            seed = task_seed(run.seed, task.task_id, source.name)
            try:
                report = functools.partial(self.report, source.name)
                before = job.before.get(source.name)
                more = {"others": job.others} if getattr(source, "judges", False) else {}
                found = source.solve(task, budget, seed, report, before, **more)
                if num_left > 1:
                    report(found)  # the next one may cost the process
                else:
                    self.take(source.name, found)
            except DeviceLostError:
                self.send_held_back()
                raise  # and end this process: the task is for a new one
            except (Exception, SystemExit) as error:
                self.errors[f"{source.name}: {type(error).__name__}: {error}"] = None
                traces[source.name] = traceback.format_exc()
            nodes_left -= budget.spent_nodes
        self.held_back = False
        self.task = None
        seconds = time.monotonic() - started
        peak_mib = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10
        return Finished(task.task_id, self.findings, tuple(self.errors), traces, seconds, self.least_s, peak_mib)

    @property
    def least_s(self) -> dict[int, float]:
        """Seconds below which the sources should not begin a task, by its longest side."""
        asked = [source for source in self.sources if hasattr(source, "least_s")]
        return {side: float(sum(source.least_s(side) for source in asked)) for side in range(1, MAX_SIDE + 1)}

    def take(self, name: str, findings: Findings) -> None:
        """Keep a copy of a source's findings, without answers and judgements that are no grids, or too few of them, and
        of nothing but plain values: what travels must not need a source's own packages to be read."""
        answers = []
        for answer in findings.answers:
            try:
                answers.append(self.plain(answer))
            except (ValueError, TypeError) as error:
                self.errors[f"{name}: an answer was left out: {error}"] = None
        self.findings[name] = replace(
            findings,
            answers=answers,
            num_nodes=whole_number(findings.num_nodes),
            phases={str(phase): float(seconds) for phase, seconds in findings.phases.items()},
            note=str(findings.note),
            whole_weight=float(findings.whole_weight),
            num_runs=whole_number(findings.num_runs),
            settled=bool(findings.settled),
            judged=tuple(tuple(self.judgements(name, of_input)) for of_input in findings.judged),
        )

    def plain(self, answer: Answer) -> Answer:
        """Raises ValueError or TypeError for what is none."""
        if len(answer.outputs) != len(self.task.test):
            raise GridError(f"{len(answer.outputs)} outputs for {len(self.task.test)} test inputs")
        outputs = tuple(None if grid is None else as_grid(grid) for grid in answer.outputs)
        return replace(
            answer,
            outputs=outputs,
            weight=float(answer.weight),
            source=str(answer.source),
            origin=str(answer.origin),
            exact=bool(answer.exact),
            right=float(answer.right),
        )

    def judgements(self, name: str, judged: Sequence[Judgement]) -> Iterator[Judgement]:
        """Copies of those that are of grids."""
        for judgement in judged:
            try:
                yield replace(judgement, grid=as_grid(judgement.grid), nats=float(judgement.nats))
            except (ValueError, TypeError) as error:
                self.errors[f"{name}: a judgement was left out: {error}"] = None

    def report(self, name: str, findings: Findings) -> None:
        """What a source calls when it knows better."""
        self.take(name, findings)
        if self.settings.run.nodes is None and time.monotonic() < self.next_report:
            self.held_back = True
            return
        self.send_partial()

    def send_partial(self) -> None:
        """Send the findings if they would be submitted otherwise than those sent before, or come from more runs of a
        source: another worker may have to go on from them."""
        self.held_back = False
        self.next_report = time.monotonic() + REPORT_INTERVAL_S
        if not any(f.answers for f in self.findings.values()):
            return
        num_runs = sum(f.num_runs for f in self.findings.values())
        try:
            attempts = choose_attempts(self.task, self.findings)
        except Exception:
            attempts = None  # the runner says so; what is searched for here goes on
        if attempts is None or num_runs > self.sent_runs or not same_grids(attempts, self.sent):
            self.send(Partial(self.task.task_id, dict(self.findings)))
            self.sent, self.sent_runs = attempts, num_runs
