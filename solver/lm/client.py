"""A worker's side of the engine servers (server.py): `RemoteEngine` and `RemoteScorer` behind the contracts of engines.

A worker keeps one connection. It prefers the server of its own number, so that workers spread evenly, and takes
another while that one is not there. Text becomes tokens here, and tokens text, so that a server need not. Questions in
flight at a server that is lost are put once more to it or another as soon as one is ready, if their deadline allows.
"""

from __future__ import annotations

import itertools
import math
import multiprocessing
import socket
import time
from collections.abc import Mapping, Sequence
from contextlib import suppress
from multiprocessing import AuthenticationError
from multiprocessing.connection import Connection, answer_challenge, deliver_challenge
from pathlib import Path
from typing import Any

from ..errors import ArcSolveError
from .engine import Answer, Request, TokenRequest
from .prompt import Prompt
from .server import Abort, Answered, Ask, Refusal, TokenPrompt, limit_waiting
from .text import TokenText
from .weights import POLICY, PPM

RETRY_S = 0.5
"""Between two tries to reach a server, or to get back to one's own."""

RESEND_WAIT_S = 30.0
"""How long a worker whose questions were lost waits for a server."""

MAX_SENDS = 2
"""How often a question is put: one that ends two servers is not put to a third."""

CONNECT_S = 1.0
"""How long a server may take to take up a connection; one that hangs does not."""

POLL_S = 0.02


class EngineError(ArcSolveError):
    """An engine cannot answer a question."""


class Servers:
    """The connection to one of several servers. addresses: theirs. slot: the worker's number."""

    def __init__(self, addresses: Sequence[str], slot: int) -> None:
        self._addresses = tuple(addresses)
        self._order = preferred_order(len(addresses), slot)
        self._calls = itertools.count()
        self._connection: Connection | None = None
        self._index: int | None = None
        self._next_try = -math.inf

    def ready(self) -> bool:
        """Whether there is a server to ask. Looks for one, now and then, if there was none."""
        self._listen()
        now = time.monotonic()
        at_home = self._connection is not None and self._index == self._order[0]
        if not at_home and self._addresses and now >= self._next_try:
            self._next_try = now + RETRY_S
            self._connect()
        return self._connection is not None

    def wait(self, seconds: float) -> bool:
        """Wait until a server is ready. Gives up after `seconds`, or when none will come any more."""
        until = time.monotonic() + seconds
        while not self.ready():
            if time.monotonic() >= until or not self._hope():
                return False
            time.sleep(POLL_S)
        return True

    def _hope(self) -> bool:
        """The runner takes the folder away when it has given all servers up."""
        return bool(self._addresses) and Path(self._addresses[0]).parent.exists()

    def _connect(self) -> None:
        """Connect to the first server, in the worker's order, that is there; stay with the present one if that is
        none before it."""
        key = bytes(multiprocessing.current_process().authkey)
        for index in self._order:
            if index == self._index:
                return
            try:
                connection = connect(self._addresses[index], key)
            except (OSError, EOFError, AuthenticationError):
                continue  # it is not there yet, or has just gone
            self._drop()
            self._connection, self._index = connection, index
            return

    def _drop(self) -> None:
        if self._connection is not None:
            self._connection.close()
        self._connection = self._index = None

    def _lose(self) -> None:
        """The server has gone: look for another at once."""
        self._drop()
        self._next_try = -math.inf

    def _listen(self) -> None:
        """Read what is left over from calls that were given up; notice that the server has gone."""
        with suppress(EOFError, OSError):
            while self._connection is not None and self._connection.poll():
                self._connection.recv()
            return
        self._lose()

    def ask(self, model: str, questions: Sequence[Any], deadline: float | None = None) -> list[Any]:
        """The answers of the engine `model`; None for those that have not come by the deadline, or for want of a
        server. Raises EngineError if the engine refuses a question."""
        found: list[Any] = [None] * len(questions)
        missing = dict(enumerate(questions))
        num_sends = 0
        while missing and num_sends < MAX_SENDS and self._wait_to_send(num_sends, deadline):
            num_sends += 1
            try:
                self._ask_once(model, missing, found, deadline)
                return found
            except (EOFError, OSError):
                self._lose()
        return found

    def _wait_to_send(self, num_sends: int, deadline: float | None) -> bool:
        if not num_sends:
            return self.ready()
        seconds = RESEND_WAIT_S if deadline is None else min(RESEND_WAIT_S, deadline - time.monotonic())
        return self.wait(seconds)

    def _ask_once(self, model: str, missing: dict[int, Any], found: list[Any], deadline: float | None) -> None:
        """Put the missing questions and take in answers until there are all or the deadline has passed. Raises EOFError
        or OSError if the server is lost."""
        connection, call = self._connection, next(self._calls)
        seconds = None if deadline is None else max(0.0, deadline - time.monotonic())
        connection.send(Ask(call, model, dict(missing), seconds))
        while missing:
            if not connection.poll(None if deadline is None else max(0.0, deadline - time.monotonic())):
                connection.send(Abort(call))
                return
            message: Answered = connection.recv()
            if message.call == call:
                self._take(message.answers, missing, found)

    def _take(self, answers: Mapping[int, Any], missing: dict[int, Any], found: list[Any]) -> None:
        for place, answer in answers.items():
            if isinstance(answer, Refusal):
                raise EngineError(f"an engine refused a question ({answer.reason})")
            found[place] = answer
            del missing[place]


def connect(address: str, key: bytes) -> Connection:
    """As multiprocessing's Client, but it does not wait for a server that hangs: it raises OSError (nothing is there,
    or TimeoutError), EOFError or AuthenticationError."""
    with socket.socket(socket.AF_UNIX) as line:
        line.settimeout(CONNECT_S)
        line.connect(address)
        line.setblocking(True)
        connection = Connection(line.detach())
    try:
        limit_waiting(connection, socket.SO_RCVTIMEO, CONNECT_S)
        answer_challenge(connection, key)
        deliver_challenge(connection, key)
        limit_waiting(connection, socket.SO_RCVTIMEO, 0.0)
    except BlockingIOError as error:
        connection.close()
        raise TimeoutError(f"{address} does not answer") from error
    except BaseException:
        connection.close()
        raise
    return connection


def preferred_order(num_servers: int, slot: int) -> tuple[int, ...]:
    """The servers in the order in which worker `slot` tries them: its own, then the others, from one on that differs
    among the workers of the same server."""
    if not num_servers:
        return ()
    own = slot % num_servers
    others = [index for index in range(num_servers) if index != own]
    shift = slot // num_servers % max(1, len(others))
    return (own, *others[shift:], *others[:shift])


class RemoteEngine:
    """A server's policy behind `Engine`."""

    def __init__(self, servers: Servers, text: TokenText, context_length: int) -> None:
        self.servers, self.text, self.context_length = servers, text, context_length
        self.count_tokens, self.chat, self.ready = text.count_tokens, text.chat, servers.ready

    def generate(self, requests: Sequence[Request], deadline: float | None = None) -> list[list[Answer]]:
        """See `Engine.generate`. A request that was not answered in time, or lost with its server, has no answers.
        Raises EngineError if the engine refuses one."""
        asked: list[TokenRequest] = [self.text.token_request(request) for request in requests]
        found = self.servers.ask(POLICY, asked, deadline)
        return [self.text.answers(request, own or ()) for request, own in zip(asked, found, strict=True)]


class RemoteScorer:
    """A server's preference model behind `Scorer`."""

    def __init__(self, servers: Servers, text: TokenText, context_length: int) -> None:
        self.servers, self.text, self.context_length = servers, text, context_length
        self.count_tokens, self.chat, self.ready = text.count_tokens, text.chat, servers.ready

    def score(self, prompts: Sequence[Prompt], deadline: float | None = None) -> list[float | None]:
        """See `Scorer.score`. Raises EngineError if the engine refuses a prompt."""
        asked: list[TokenPrompt] = [self.text.prompt_ids(prompt) for prompt in prompts]
        return self.servers.ask(PPM, asked, deadline)
