"""Services: processes of their own that the workers of a lane use together, such as a model's engine on each GPU.

The runner starts them beside the workers and keeps the run going whatever becomes of them: workers find a service
through its address (a local socket in a private folder) when they need it and it is there, and go on without it
otherwise. A service that ends or shows no sign of life is started again, `max_restarts` times; then the run goes on
without it. It is spawned, not forked: nothing of the run's own process is in it, and what it starts, such as CUDA, is
in no other process. It dies with the run.
"""

from __future__ import annotations

import contextlib
import logging
import multiprocessing
import os
import select
import shutil
import signal
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from multiprocessing.connection import Connection, wait
from typing import Any

from ..errors import ArcSolveError
from ..sockets import make_socket_folder
from .process import KILL_S, Broken, be_killed_first, die_with_parent, leave_behind, send_broken

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Service:
    """name: for people. target: a function of an importable module, called in the service's process with its `Link`,
    its address and `args`; it listens at the address, then calls `Link.ready`, then `Link.alive` at least every
    `silence_s` seconds, but for a silence that it announces. facts: what the run's summary says of it, beside its
    counts. start_timeout_s: how long it may take until it is ready. required: whether a first start that fails with an
    ArcSolveError ends the run with that.
    """

    name: str
    target: Callable[..., None]
    args: tuple[Any, ...] = ()
    facts: Mapping[str, Any] = field(default_factory=dict)
    start_timeout_s: float = 900.0
    silence_s: float = 60.0
    max_restarts: int = 1
    required: bool = False


@dataclass(frozen=True)
class _Up:
    about: str


@dataclass(frozen=True)
class _Alive:
    counts: Mapping[str, float]
    quiet_s: float


class Link:
    """A service's line to the runner."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def ready(self, about: str = "") -> None:
        """It can be used from now on. about: a few words for people."""
        self._connection.send(_Up(about))

    def alive(self, counts: Mapping[str, float], quiet_s: float = 0.0) -> None:
        """A sign of life. counts: numbers since it was ready, for the summary. quiet_s: it may be so many seconds more
        than always until the next one."""
        if select.select([], [self._connection], [], 0)[1]:  # a runner that is busy may read later than we write
            self._connection.send(_Alive(counts, quiet_s))


def serve_service(connection: Connection, service: Service, address: str) -> None:
    """Main function of a service's process. SIGTERM ends it at once."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    die_with_parent()
    be_killed_first()
    try:
        service.target(Link(connection), address, *service.args)
    except Exception as error:
        send_broken(connection, error)
        os._exit(1)  # at once, whatever a library would wait for


@dataclass
class _State:
    """A service as the runner sees it. counts: of the process that runs; past: of those before it, added up."""

    service: Service
    address: str
    process: Any = None
    connection: Connection | None = None
    spawned: float = 0.0
    last_sign: float = 0.0
    ready: bool = False
    ready_s: float | None = None
    reason: str = ""
    num_restarts: int = 0
    given_up: bool = False
    counts: Mapping[str, float] = field(default_factory=dict)
    past: Counter[str] = field(default_factory=Counter)

    @property
    def all_counts(self) -> Counter[str]:
        counts = Counter(self.past)
        counts.update(self.counts)
        return counts


class Services:
    """The services of a run.

    start: makes a process of a function, its arguments and a name, and returns it started, with the runner's end of a
    pipe whose other end is the function's first argument. tell: is told what happens, a line each.
    """

    def __init__(
        self,
        services: Sequence[Service],
        start: Callable[[Callable[..., None], tuple[Any, ...], str], tuple[Any, Connection]],
        tell: Callable[[str], None],
    ) -> None:
        self._start, self._tell = start, tell
        self.folder, self._states = None, []
        if not services:
            return
        try:
            self.folder = make_socket_folder()
        except OSError as error:
            logger.error("no folder for sockets (%s); going on without %s", error, ", ".join(s.name for s in services))
            return
        self._states = [_State(s, str(self.folder / str(number))) for number, s in enumerate(services)]

    def addresses(self, services: Sequence[Service]) -> tuple[str, ...]:
        """Where these of the run's services are to be found. The folder of the addresses is there as long as there is
        any hope for one of them."""
        return tuple(state.address for state in self._states if state.service in services)

    def start(self) -> None:
        for state in self._states:
            self._spawn(state)

    def _spawn(self, state: _State) -> None:
        state.ready, state.reason = False, ""
        state.spawned = time.monotonic()
        try:
            state.process, state.connection = self._start(
                serve_service, (state.service, state.address), f"arc-{state.service.name}"
            )
        except OSError as error:
            self._lost(state, f"could not be started ({error})")

    def sources(self) -> list[Any]:
        """What to wait for: something is to be looked at then."""
        running = [state for state in self._states if state.process is not None]
        return [source for state in running for source in (state.connection, state.process.sentinel)]

    def look(self) -> None:
        """Take in what the services have sent, end those that hang and start again those that ended. Raises the error
        of a required one that never got ready."""
        for state in self._states:
            if state.process is None:
                continue
            self._receive(state)
            if wait([state.process.sentinel], 0):
                self._receive(state)
                self._bury(state)
            elif not state.reason:
                self._check(state, time.monotonic())

    def _receive(self, state: _State) -> None:
        try:
            while state.connection.poll():
                self._take(state, state.connection.recv())
        except (EOFError, OSError):
            return  # it is ending

    def _take(self, state: _State, message: Any) -> None:
        state.last_sign = time.monotonic()
        match message:
            case _Up():
                state.ready = True
                seconds = state.last_sign - state.spawned
                state.ready_s = seconds if state.ready_s is None else state.ready_s
                self._tell(f"{state.service.name} is ready after {seconds:.1f} s {message.about}".rstrip())
            case _Alive():
                state.counts = message.counts
                state.last_sign += message.quiet_s
            case Broken():
                never = state.ready_s is None and not state.num_restarts
                if state.service.required and never and isinstance(message.error, ArcSolveError):
                    raise message.error
                if isinstance(message.error, ArcSolveError):
                    state.reason = str(message.error)
                else:
                    state.reason = message.trace.strip().splitlines()[-1]
                    logger.error("%s\n%s", state.service.name, message.trace)

    def _check(self, state: _State, now: float) -> None:
        service = state.service
        if state.ready and now - state.last_sign > service.silence_s:
            state.reason = f"no sign of life for {now - state.last_sign:.0f} s"
        elif not state.ready and now - state.spawned > service.start_timeout_s:
            state.reason = f"not ready after {now - state.spawned:.0f} s"
        if state.reason:
            state.process.kill()

    def _bury(self, state: _State) -> None:
        state.process.join()
        why = state.reason or f"it ended with exit code {state.process.exitcode}"
        self._close(state)
        self._lost(state, why)

    def _close(self, state: _State) -> None:
        state.process.close()
        state.connection.close()
        state.process = state.connection = None
        state.past, state.counts = state.all_counts, {}

    def _lost(self, state: _State, why: str) -> None:
        name = state.service.name
        again = state.num_restarts < state.service.max_restarts
        line = f"{name}: {why}; {'starting it again' if again else 'going on without it'}"
        logger.log(logging.WARNING if again else logging.ERROR, "%s", line)
        self._tell(line)
        if again:
            state.num_restarts += 1
            self._spawn(state)
            return
        state.given_up = True
        if all(other.given_up for other in self._states):
            shutil.rmtree(self.folder, ignore_errors=True)

    def ask_to_stop(self) -> None:
        """Begin to end all of them; `stop` waits for that."""
        for state in self._states:
            if state.process is not None:
                with contextlib.suppress(ArcSolveError):  # of one that is required: the run ends in any case
                    self._receive(state)
                state.process.terminate()

    def stop(self, stop_s: float) -> None:
        """End all of them, after `stop_s` seconds by force."""
        self.ask_to_stop()
        until = time.monotonic() + stop_s
        for state in self._states:
            if state.process is None:
                continue
            state.process.join(max(0.0, until - time.monotonic()))
            if state.process.exitcode is None:
                state.process.kill()
                state.process.join(KILL_S)
            try:
                self._close(state)
            except ValueError:  # it still has not ended
                leave_behind(state.process)
        if self.folder is not None:
            shutil.rmtree(self.folder, ignore_errors=True)

    def facts(self) -> tuple[dict[str, Any], ...]:
        """For the summary, of each: its facts, seconds until it was first ready (None: never), counts, restarts."""
        return tuple(
            {
                "name": state.service.name,
                **state.service.facts,
                "ready_s": None if state.ready_s is None else round(state.ready_s, 3),
                **{name: round(number, 3) for name, number in state.all_counts.items()},
                "restarts": state.num_restarts,
            }
            for state in self._states
        )


def spawn(target: Callable[..., None], args: tuple[Any, ...], name: str) -> tuple[Any, Connection]:
    """The `start` of Services: a process with a fresh interpreter."""
    context = multiprocessing.get_context("spawn")
    ours, theirs = context.Pipe()
    try:
        process = context.Process(target=target, args=(theirs, *args), daemon=True, name=name)
        process.start()
    except OSError:
        ours.close()
        raise
    finally:
        theirs.close()
    return process, ours
