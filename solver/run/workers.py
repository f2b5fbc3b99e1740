"""The worker processes of a run: started from a fork server, stopped, killed if they do not stop, replaced."""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import resource
import signal
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from ..settings import Settings
from ..sockets import ensure_fork_server
from .process import KILL_S, leave_behind
from .services import spawn
from .standing import LaneStanding
from .worker import serve

logger = logging.getLogger(__name__)

PRELOAD = "solver.run.worker"
"""What the fork server imports, so that workers inherit it, with what the lanes need."""

ONE_THREAD = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
"""Workers are the parallelism; a fork server with threads of its own could not fork safely."""


FILES = 64
FILES_EACH = 4
"""Descriptors that the run's main process has open, at most: its own, and for each worker (a pipe, the sign of its end,
and two more while it is started)."""


class StoppedError(Exception):
    """A signal came while something was waited for that nothing else would end."""


class Interrupts:
    """SIGINT and SIGTERM while a run goes on: they only ask it to end, as often as they come. reason: the first one's
    name, or what else ends the run early; '' while nothing does. wake: a descriptor that is readable once one came."""

    def __init__(self) -> None:
        self.reason = ""
        self._breaking = False

    @contextlib.contextmanager
    def taken(self) -> Iterator[None]:
        """Take the signals, and give them back."""
        self.wake, self._wake_write = os.pipe()
        os.set_blocking(self._wake_write, False)
        before = {}
        try:
            with contextlib.suppress(ValueError):  # not in the main thread
                for number in (signal.SIGINT, signal.SIGTERM):
                    before[number] = signal.signal(number, self._on_signal)
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)
            os.close(self.wake)
            os.close(self._wake_write)

    @contextlib.contextmanager
    def breaking(self) -> Iterator[None]:
        """A signal ends what is done meanwhile with StoppedError, and so does one that has come before."""
        self._breaking = True
        try:
            if self.reason:
                raise StoppedError
            yield
        finally:
            self._breaking = False

    def _on_signal(self, number: int, _frame: Any) -> None:
        self.reason = self.reason or signal.Signals(number).name
        with contextlib.suppress(OSError):
            os.write(self._wake_write, b"!")
        if self._breaking:
            self._breaking = False
            raise StoppedError


@dataclass(eq=False)
class Worker:
    """A worker process as the runner sees it. slot: its number in its lane. kill_at: when it is killed, once it has
    been asked to stop. spawned: when its process was made."""

    index: int
    lane: LaneStanding
    slot: int
    process: Any
    connection: Connection
    ready: bool = False
    closed: bool = False
    task_id: str = ""
    started: float = 0.0
    allowance_s: float = 0.0
    spawned: float = field(default_factory=time.monotonic)
    kill_at: float | None = None
    killed: bool = False
    reason: str = ""

    @property
    def idle(self) -> bool:
        """Whether it can be given a task."""
        return self.ready and not self.task_id and not self.closed and self.kill_at is None

    @property
    def has_ended(self) -> bool:
        return bool(wait([self.process.sentinel], 0))


class Workers(list[Worker]):
    """The living workers of all lanes. preloads: whether the fork server is to import what lanes want imported."""

    def __init__(self, settings: Settings, interrupts: Interrupts) -> None:
        super().__init__()
        self.settings, self.interrupts = settings, interrupts
        self.num_started = 0
        self.preloads = True

    def busy(self, lane: LaneStanding | None = None) -> list[Worker]:
        return [worker for worker in self if worker.task_id and (lane is None or worker.lane is lane)]

    def of_lane(self, lane: LaneStanding) -> list[Worker]:
        return [worker for worker in self if worker.lane is lane]

    def start(self, lane: LaneStanding, slot: int, addresses: tuple[str, ...], preload: list[str]) -> bool:
        """Start a worker; False if a signal came meanwhile. A failure is counted. addresses: of the lane's services.
        preload: what the fork server imports besides, if it does not run yet; left out once a start has failed, since
        an import may have ended the fork server, without which no lane has workers."""
        try:
            process, ours = self._spawn(lane, slot, addresses, preload)
        except StoppedError:
            return False
        except (OSError, EOFError) as error:
            lane.failed_starts[slot] += 1
            self.preloads = False
            logger.error("a worker could not be started: %s", error)
            time.sleep(0.1)
            return True
        self.append(Worker(self.num_started, lane, slot, process, ours))
        self.num_started += 1
        return True

    def _spawn(
        self, lane: LaneStanding, slot: int, addresses: tuple[str, ...], preload: list[str]
    ) -> tuple[Any, Connection]:
        """A worker's process, started, and the runner's end of its pipe. Raises OSError, EOFError and StoppedError."""
        context = multiprocessing.get_context("forkserver")
        ours, theirs = context.Pipe()
        try:
            process = context.Process(
                target=serve,
                args=(theirs, self.settings, lane.lane, slot, addresses),
                daemon=True,
                name=f"arc-{lane.name}",
            )
            with process_terms():
                ensure_fork_server([PRELOAD, *(preload if self.preloads else ())])
            with self.interrupts.breaking():
                process.start()
        except BaseException:
            ours.close()
            raise
        finally:
            theirs.close()
        return process, ours

    def messages(self, worker: Worker) -> Iterator[Any]:
        """All that a worker has sent and was not read yet; one that has closed its pipe, or sends what cannot be read,
        has to end soon."""
        while not worker.closed:
            try:
                if not worker.connection.poll():
                    return
                message = worker.connection.recv()
            except Exception as error:  # of a source's own kind of value, its package raises what it likes
                if not isinstance(error, (EOFError, OSError)):
                    logger.exception("a worker for %s sent what cannot be read", worker.lane.name)
                worker.closed = True
                if worker.kill_at is None:
                    worker.kill_at = time.monotonic() + self.settings.run.stop_s
                return
            yield message

    def ask_to_stop(self, worker: Worker, now: float) -> None:
        worker.process.terminate()
        worker.kill_at = now + self.settings.run.stop_s

    def kill_overdue(self, now: float) -> None:
        """Kill those that were asked to stop and did not."""
        for worker in self:
            if worker.kill_at is not None and not worker.killed and now >= worker.kill_at:
                worker.killed = True
                worker.process.kill()

    def bury(self, worker: Worker) -> int | None:
        """Let go of a worker whose process has ended. Returns its exit code."""
        worker.process.join()
        code = worker.process.exitcode
        worker.process.close()
        worker.connection.close()
        self.remove(worker)
        return code

    def stop(self, receive: Callable[[Worker], None]) -> None:
        """End all workers: idle ones by closing their pipe, busy ones by SIGTERM, then SIGKILL; one that does not end
        even so is left behind. receive: takes in what one has sent."""
        now = time.monotonic()
        for worker in self:
            if worker.task_id or not worker.ready:
                if worker.kill_at is None:
                    self.ask_to_stop(worker, now)
            else:
                worker.kill_at = now + self.settings.run.stop_s
                with contextlib.suppress(OSError):
                    worker.connection.send(None)
        while self:
            wait([worker.process.sentinel for worker in self], 0.05)
            for worker in list(self):
                receive(worker)
            now = time.monotonic()
            self.kill_overdue(now)
            for worker in list(self):
                if worker.has_ended:
                    receive(worker)
                    self.bury(worker)
                elif worker.killed and now >= worker.kill_at + KILL_S:
                    logger.error("a worker for %s was killed and does not end", worker.lane.name)
                    leave_behind(worker.process)
                    worker.connection.close()
                    self.remove(worker)


def allow_files(num_workers: int) -> None:
    """Let this process have as many descriptors as so many workers need, if the system allows it: where they run out
    while one is started the fork server ends, and with it all other workers. Often no more than 1,024 are allowed
    unasked."""
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    needed = FILES + FILES_EACH * num_workers
    if hard != resource.RLIM_INFINITY:
        needed = min(needed, hard)
    if soft != resource.RLIM_INFINITY and soft < needed:
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (needed, hard))


@contextlib.contextmanager
def process_terms() -> Iterator[None]:
    """Have a process that starts now, such as the fork server with its workers, compute in one thread and sleep
    through Ctrl-C."""
    before = signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGINT])
    added = [name for name in ONE_THREAD if name not in os.environ]
    os.environ.update(dict.fromkeys(added, "1"))
    try:
        yield
    finally:
        for name in added:
            del os.environ[name]
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def spawn_service(target: Callable[..., None], args: tuple[Any, ...], name: str) -> tuple[Any, Connection]:
    """The `start` of services: a process that computes in one thread and sleeps through Ctrl-C, as workers do."""
    with process_terms():
        return spawn(target, args, name)


def cause(code: int | None) -> str:
    """An exit code in words."""
    if code is not None and code < 0:
        with contextlib.suppress(ValueError):
            return signal.Signals(-code).name
    return f"exit code {code}"
