"""The engine server: one process a GPU that owns the models and answers the requests of many trees together.

Workers (other processes, a tree each) send questions, in tokens, over a local socket; see client.py. The server puts
them to its engines as they come and sends every answer as soon as it is there: no request waits for another worker's,
and a worker that executes, has ended or died holds up nobody. An engine with continuous batching (vLLM) takes requests
between its steps; any other answers all that wait in one call (`WholeCalls`).

A thread accepts connections and one a connection reads; the main thread drives the engines and sends. It gives a sign
of life between steps, so that one that hangs is found out, and before a long step says how long that may take. A worker
that does not read what it asked for is cut off, lest the others wait for it.
"""

from __future__ import annotations

import itertools
import logging
import math
import multiprocessing
import os
import socket
import struct
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, Listener
from pathlib import Path
from queue import Empty, SimpleQueue
from typing import Any, Protocol

from ..run.services import Link
from .engine import TokenAnswer, TokenRequest

logger = logging.getLogger(__name__)

BEAT_S = 0.5
"""Between two signs of life."""

SEND_S = 1.0
"""How long a worker may take to read an answer where the socket has no room for it."""

BACKLOG = 128

TokenPrompt = tuple[tuple[int, ...], tuple[int, ...]]
"""Token ids of a prompt's two parts."""


@dataclass(frozen=True)
class Ask:
    """Questions of a worker. call: its number, the worker's own. model: the engine's name. questions: by place, each a
    TokenRequest for a policy, a TokenPrompt for a preference model. seconds: that the worker will wait; None: any."""

    call: int
    model: str
    questions: Mapping[int, TokenRequest | TokenPrompt]
    seconds: float | None


@dataclass(frozen=True)
class Abort:
    """The worker does not wait for this call any more."""

    call: int


@dataclass(frozen=True)
class Refusal:
    """Instead of an answer: why there is none."""

    reason: str


@dataclass(frozen=True)
class Answered:
    """Answers to a call's questions, by place: TokenAnswers of a policy, a score of a preference model, or a Refusal.
    More may come."""

    call: int
    answers: Mapping[int, Sequence[TokenAnswer] | float | Refusal]


class BatchedEngine(Protocol):
    """What a server drives: it takes questions at any time and answers each when it is done with it."""

    @property
    def busy(self) -> bool:
        """Whether there are questions that are not answered."""
        ...

    @property
    def quiet_s(self) -> float:
        """Seconds that the next step may take; 0 where steps are short."""
        ...

    def add(self, key: int, question: Any, deadline: float | None) -> None:
        """Take a question. deadline: by time.monotonic(). Raises ValueError if it cannot be answered."""
        ...

    def abort(self, keys: Sequence[int]) -> None:
        """Forget questions; those that are answered already do not matter."""
        ...

    def step(self) -> list[tuple[int, Any]]:
        """Work for a moment; the keys and answers of the questions that are done."""
        ...


class WholeCalls:
    """A `BatchedEngine` of an engine that answers many questions in one call: a step is a call with all that wait.

    call: questions and a deadline (the latest of theirs; None if one has none) to answers. A call that fails is made
    again for each question by itself: one that cannot be answered costs nobody else's. What is raised then is told to
    who asked.
    """

    def __init__(self, call: Callable[[list[Any], float | None], Sequence[Any]]) -> None:
        self._call = call
        self._waiting: dict[int, tuple[Any, float | None]] = {}

    @property
    def busy(self) -> bool:
        return bool(self._waiting)

    @property
    def quiet_s(self) -> float:
        return math.inf if self._latest is None else max(0.0, self._latest - time.monotonic())

    @property
    def _latest(self) -> float | None:
        """The latest deadline of the questions that wait; None if one has none."""
        deadlines = [deadline for _, deadline in self._waiting.values()]
        return None if None in deadlines else max(deadlines)

    def add(self, key: int, question: Any, deadline: float | None) -> None:
        self._waiting[key] = (question, deadline)

    def abort(self, keys: Sequence[int]) -> None:
        for key in keys:
            self._waiting.pop(key, None)

    def step(self) -> list[tuple[int, Any]]:
        latest = self._latest
        batch, self._waiting = self._waiting, {}
        return list(zip(batch, self._answers(list(batch.values()), latest), strict=True))

    def _answers(self, asked: Sequence[tuple[Any, float | None]], deadline: float | None) -> Sequence[Any]:
        try:
            return self._call([question for question, _ in asked], deadline)
        except Exception as error:
            logger.exception("an engine's call failed")
            if len(asked) == 1:
                return [Refusal(f"{type(error).__name__}: {error}")]
        return [answer for one in asked for answer in self._answers([one], one[1])]


@dataclass(frozen=True)
class _Asked:
    """Where a question came from."""

    connection: Connection
    call: int
    place: int
    model: str


def limit_waiting(connection: Connection, option: int, seconds: float) -> None:
    """Let each write to (SO_SNDTIMEO) or read from (SO_RCVTIMEO) a socket's connection end after so many seconds (0:
    never) with BlockingIOError."""
    with socket.socket(fileno=os.dup(connection.fileno())) as line:
        line.setsockopt(socket.SOL_SOCKET, option, struct.pack("ll", *divmod(int(seconds * 1e6), 10**6)))


def serve_engines(link: Link, address: str, make: Callable[..., Mapping[str, BatchedEngine]], *args: Any) -> None:
    """The main function of a service (../run/services.py). make: called with `args`, loads the engines, by name."""
    EngineServer(make(*args), address).serve(link)


class EngineServer:
    """engines: by name. address: of the socket. counts: since it serves: seconds, of them busy with at least one
    question; steps of engines; questions of a policy (requests) and a preference model (scored), their tokens."""

    def __init__(self, engines: Mapping[str, BatchedEngine], address: str) -> None:
        self.engines = dict(engines)
        self.address = address
        self.counts: Counter[str] = Counter(
            wall_s=0.0, busy_s=0.0, steps=0, requests=0, scored=0, prompt_tokens=0, generated_tokens=0
        )
        self._inbox: SimpleQueue[tuple[Connection, Ask | Abort | None]] = SimpleQueue()
        self._keys = itertools.count()
        self._asked: dict[int, _Asked] = {}

    def serve(self, link: Link) -> None:
        """Answer until the process is ended."""
        # Every process of a run has the same key, so that nobody else's can ask.
        key = bytes(multiprocessing.current_process().authkey)
        Path(self.address).unlink(missing_ok=True)  # of a server that was killed
        with Listener(self.address, "AF_UNIX", BACKLOG, key) as listener:
            threading.Thread(target=self._accept, args=(listener,), name="accept", daemon=True).start()
            link.ready()
            began = next_beat = time.monotonic()
            while True:
                self._take_in()
                quiet_s = sum(engine.quiet_s for engine in self.engines.values() if engine.busy)
                if quiet_s:
                    link.alive(dict(self.counts), quiet_s)
                self._step()
                now = time.monotonic()
                if now >= next_beat:
                    next_beat = now + BEAT_S
                    self.counts["wall_s"] = now - began
                    link.alive(dict(self.counts))

    # threads

    def _accept(self, listener: Listener) -> None:
        while True:
            try:
                connection = listener.accept()
            except (AuthenticationError, EOFError, ConnectionError) as error:
                logger.warning("a connection came to nothing: %s", error or type(error).__name__)
                continue
            limit_waiting(connection, socket.SO_SNDTIMEO, SEND_S)
            threading.Thread(target=self._read, args=(connection,), name="read", daemon=True).start()

    def _read(self, connection: Connection) -> None:
        try:
            while True:
                self._inbox.put((connection, connection.recv()))
        except (EOFError, OSError):
            pass  # the worker has ended, or turned to another server
        finally:
            self._inbox.put((connection, None))

    # the main thread

    def _take_in(self) -> None:
        """Put what workers have sent to the engines; wait for it, for a moment, where there is nothing else to do."""
        wait = not any(engine.busy for engine in self.engines.values())
        while True:
            try:
                connection, message = self._inbox.get(timeout=BEAT_S) if wait else self._inbox.get_nowait()
            except Empty:
                return
            wait = False
            match message:
                case Ask():
                    self._ask(connection, message)
                case Abort():
                    self._abort(key for key, asked in self._of(connection) if asked.call == message.call)
                case None:
                    self._abort(key for key, _ in self._of(connection))
                    connection.close()

    def _ask(self, connection: Connection, ask: Ask) -> None:
        deadline = None if ask.seconds is None else time.monotonic() + ask.seconds
        refused = {}
        for place, question in ask.questions.items():
            key = next(self._keys)
            try:
                self.engines[ask.model].add(key, question, deadline)
            except (ValueError, KeyError) as error:
                refused[place] = Refusal(f"{type(error).__name__}: {error}")
                continue
            self._asked[key] = _Asked(connection, ask.call, place, ask.model)
            self._count(question)
        if refused:
            self._send(connection, Answered(ask.call, refused))

    def _count(self, question: TokenRequest | TokenPrompt) -> None:
        is_request = isinstance(question, TokenRequest)
        shared, own = (question.shared, question.own) if is_request else question
        self.counts["requests" if is_request else "scored"] += 1
        self.counts["prompt_tokens"] += len(shared) + len(own)

    def _of(self, connection: Connection) -> list[tuple[int, _Asked]]:
        return [(key, asked) for key, asked in self._asked.items() if asked.connection is connection]

    def _abort(self, keys: Iterable[int]) -> None:
        by_model: dict[str, list[int]] = {}
        for key in keys:
            by_model.setdefault(self._asked.pop(key).model, []).append(key)
        for model, own in by_model.items():
            self.engines[model].abort(own)

    def _step(self) -> None:
        """Let every engine that has work do some, and send the answers."""
        for engine in self.engines.values():
            if not engine.busy:
                continue
            began = time.monotonic()
            done = engine.step()
            self.counts["busy_s"] += time.monotonic() - began
            self.counts["steps"] += 1
            self._deliver(done)

    def _deliver(self, done: Iterable[tuple[int, Any]]) -> None:
        calls: dict[tuple[Connection, int], dict[int, Any]] = {}
        for key, answer in done:
            if isinstance(answer, (list, tuple)):  # not a score, none in time, or a refusal
                self.counts["generated_tokens"] += sum(len(one.tokens) for one in answer)
            asked = self._asked.pop(key, None)
            if asked is not None:
                calls.setdefault((asked.connection, asked.call), {})[asked.place] = answer
        for (connection, call), answers in calls.items():
            self._send(connection, Answered(call, answers))

    def _send(self, connection: Connection, message: Answered) -> None:
        try:
            connection.send(message)
        except OSError as error:
            self._abort(key for key, _ in self._of(connection))
            if isinstance(error, BlockingIOError):
                logger.warning("a worker did not read its answers for %.0f s; its connection is cut", SEND_S)
                with socket.socket(fileno=os.dup(connection.fileno())) as line:
                    line.shutdown(socket.SHUT_RDWR)
            # The thread that reads will close it.
