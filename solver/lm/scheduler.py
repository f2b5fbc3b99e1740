"""Many tree searches in flight over one engine and one scorer, without lockstep.

A search is a generator that yields what its tree asks (`Question`, see `Tree.stepping`) and is sent the `Reply`. The
thread that iterates over `Scheduler.run` does all that is a search's own: selection, prompts, reading of answers,
execution. The models have a thread to themselves. Whenever they are idle they take the questions of all searches that
wait, however few, and answer them in one `Engine.generate` and one `Scorer.score`, while the other searches execute. So
no search waits for one that executes, has ended or has failed, and while the models work (they release the interpreter
lock) the processor works too. What a search finds depends on its own seed and not on the others.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field
from queue import Empty, SimpleQueue
from typing import Any

import numpy as np

from ..policy import MixturePolicy, Policy, Step
from ..search.tree import Question, Reply, Tree
from .engine import Answer
from .policy import Ask, LanguageModelPolicy, PreferenceModel, State, generate_many, score_prompts
from .prompt import Prompt


class OutOfTimeError(Exception):
    """Thrown into a search whose deadline has passed, where it waits: it may return what it has."""


@dataclass(frozen=True, eq=False)
class Search:
    """steps: yields questions, is sent replies, and returns the search's result. deadline: by time.monotonic()."""

    name: str
    steps: Generator[Question, Reply, Any]
    deadline: float | None = None


@dataclass(frozen=True)
class Outcome:
    """How a search ended. error: what it raised, or what the models raised when they were asked for it; None if
    nothing. late: whether it was ended by its deadline; its result is then what it returned at that, or None."""

    name: str
    result: Any = None
    error: BaseException | None = None
    late: bool = False


@dataclass
class Counts:
    """calls: of the models, each answering `questions` / `calls` questions on average. busy_s: seconds that the models
    worked; search_s: that searches did. wall_s: of the whole run."""

    calls: int = 0
    questions: int = 0
    busy_s: float = 0.0
    search_s: float = 0.0
    wall_s: float = 0.0


def grow(tree: Tree, finished: Callable[[], bool] = lambda: False) -> Generator[Question, Reply, Tree]:
    """The search that grows a tree until it is exhausted, `finished()` or out of time. Its result is the tree."""
    with suppress(OutOfTimeError):
        while not tree.exhausted and not finished():
            yield from tree.stepping()
    return tree


class Scheduler:
    """Runs searches. max_in_flight: at once; the next is taken up when one ends. counts: of the last run."""

    def __init__(self, max_in_flight: int = 64) -> None:
        if max_in_flight < 1:
            raise ValueError("at least one search must be in flight")
        self.max_in_flight = max_in_flight
        self.counts = Counts()

    def run(self, searches: Iterable[Search]) -> Iterator[Outcome]:
        """Outcomes of the searches, each as soon as it is known. The searches are taken from the iterable one by one as
        there is room. A search that raises costs itself alone; one without time is ended even while the models are at
        work on its question. Closing the iterator closes all searches."""
        self.counts = Counts()
        began = time.monotonic()
        models = _ModelThread(self.counts)
        source = iter(searches)
        flights: list[_Flight] = []
        ready: deque[_Flight] = deque()
        models.start()
        try:
            while True:
                while len(flights) < self.max_in_flight and (search := next(source, None)) is not None:
                    flights.append(_Flight(search))
                    ready.append(flights[-1])
                if not flights:
                    return
                _collect(models, flights, ready)
                flight = next((f for f in flights if f.is_late), None) or (ready.popleft() if ready else None)
                if flight is None:
                    continue
                outcome = self._advance(flight)
                if outcome is not None:
                    models.forget(flight)
                    flights.remove(flight)
                    if flight in ready:
                        ready.remove(flight)
                    yield outcome
                elif flight.needs_models:
                    models.ask(flight)
                else:
                    ready.append(flight)
        finally:
            models.stop()
            for flight in flights:
                flight.search.steps.close()
            self.counts.wall_s = time.monotonic() - began

    def _advance(self, flight: _Flight) -> Outcome | None:
        """Let a search go on to its next question; its outcome if it ends."""
        began = time.monotonic()
        search, late = flight.search, flight.is_late
        try:
            if late:
                search.steps.throw(OutOfTimeError())
                raise RuntimeError("a search went on after its deadline")
            flight.go_on()
        except StopIteration as end:
            return Outcome(search.name, end.value, late=late)
        except OutOfTimeError:
            return Outcome(search.name, late=True)
        except Exception as error:
            search.steps.close()
            return Outcome(search.name, error=error, late=late)
        finally:
            self.counts.search_s += time.monotonic() - began
        return None


def _collect(models: _ModelThread, flights: Sequence[_Flight], ready: deque[_Flight]) -> None:
    """Move searches whose answers have come to `ready`; wait for one, or for a deadline, if there is nothing to do."""
    wait = not ready
    while True:
        try:
            if wait:
                left = [f.search.deadline - time.monotonic() for f in flights if f.search.deadline is not None]
                flight = models.answered.get(timeout=max(0.0, min(left)) if left else None)
            else:
                flight = models.answered.get_nowait()
        except Empty:
            return
        wait = False
        if flight in flights:  # else its time was over before
            ready.append(flight)


@dataclass(eq=False)
class _Flight:
    """A search under way and its question: what is asked of the models (asks, prompts) and what came back."""

    search: Search
    question: Question | None = None
    asked_at: float = 0.0
    proposal: _Proposal | None = None
    prompts: list[Prompt | None] = field(default_factory=list)
    scores: Sequence[float | None] = ()
    answers: list[list[list[Answer]]] = field(default_factory=list)
    error: BaseException | None = None

    @property
    def is_late(self) -> bool:
        return self.search.deadline is not None and time.monotonic() >= self.search.deadline

    @property
    def asks(self) -> list[Ask]:
        return [] if self.proposal is None else self.proposal.asks

    @property
    def model(self) -> PreferenceModel | None:
        """The preference model that is asked, if one is."""
        preference = None if self.question is None else self.question.tree.preference
        return preference if isinstance(preference, PreferenceModel) and self.prompts else None

    @property
    def needs_models(self) -> bool:
        return bool(self.asks) or self.model is not None

    def go_on(self) -> None:
        """Send the reply to the last question, and take the next one. Raises StopIteration at the search's end."""
        steps = self.search.steps
        if self.question is None:
            self._take(next(steps))
        elif self.error is not None:
            error, self.error = self.error, None
            self._take(steps.throw(error))
        else:
            self._take(steps.send(self._reply()))

    def _reply(self) -> Reply:
        question = self.question
        assert question is not None
        seconds = question.tree.seconds
        waited = "policy" if question.leaves else "ppm"
        seconds[waited] = seconds.get(waited, 0.0) + time.perf_counter() - self.asked_at
        proposals = [] if self.proposal is None else self.proposal.read(iter(self.answers))
        return Reply(self.scores, proposals)

    def _take(self, question: Question) -> None:
        """Prepare what the models are asked; what needs no model is answered here."""
        tree = question.tree
        self.question, self.asked_at = question, time.perf_counter()
        self.proposal, self.answers, self.prompts, self.scores = None, [], [], ()
        if isinstance(tree.preference, PreferenceModel):
            self.prompts = tree.preference.ask(question.opened)
        elif tree.preference is not None and question.opened:
            self.scores = tree.preference.score(question.opened)
        if question.leaves:
            self.proposal = _propose(tree.policy, question.leaves, tree.rules.num_steps, tree.rng)


@dataclass(frozen=True, eq=False)
class _Proposal:
    """A policy's proposals that wait for an engine. read: makes them of the engine's answers to the asks, in order."""

    asks: list[Ask]
    read: Callable[[Iterator[list[list[Answer]]]], list[list[Step]]]


def _propose(policy: Policy, states: Sequence[State], num_steps: int, rng: np.random.Generator) -> _Proposal:
    """`Policy.propose` up to the engine's part; random numbers are drawn as there."""
    if isinstance(policy, LanguageModelPolicy):
        ask = policy.ask(states, num_steps, rng)
        return _Proposal([ask], lambda answers: policy.steps(ask, next(answers)))
    if isinstance(policy, MixturePolicy):
        parts = [_propose(part, states, num_steps, rng) for part, _ in policy.parts]
        asks = [ask for part in parts for ask in part.asks]
        return _Proposal(asks, lambda answers: policy.mixed([part.read(answers) for part in parts], num_steps))
    steps = policy.propose(states, num_steps, rng)
    return _Proposal([], lambda answers: steps)


class _ModelThread(threading.Thread):
    """Answers questions, all that wait in one call of each model. answered: flights with answers or an error."""

    def __init__(self, counts: Counts) -> None:
        super().__init__(name="models", daemon=True)
        self.counts = counts
        self.answered: SimpleQueue[_Flight] = SimpleQueue()
        self._changed = threading.Condition()
        self._waiting: list[_Flight] = []
        self._stopped = False

    def ask(self, flight: _Flight) -> None:
        with self._changed:
            self._waiting.append(flight)
            self._changed.notify()

    def forget(self, flight: _Flight) -> None:
        """Take back a question that the models have not begun with."""
        with self._changed, suppress(ValueError):
            self._waiting.remove(flight)

    def stop(self) -> None:
        """End the thread, after the call that is under way."""
        with self._changed:
            self._stopped = True
            self._changed.notify()
        self.join()

    def run(self) -> None:
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._waiting or self._stopped)
                if self._stopped:
                    return
                batch, self._waiting = self._waiting, []
            began = time.monotonic()
            self._generate([flight for flight in batch if flight.asks])
            self._score([flight for flight in batch if flight.model is not None])
            self.counts.busy_s += time.monotonic() - began
            self.counts.calls += 1
            self.counts.questions += len(batch)
            for flight in batch:
                self.answered.put(flight)

    def _generate(self, batch: Sequence[_Flight]) -> None:
        if not batch:
            return
        deadlines = [flight.search.deadline for flight in batch]
        known = [deadline for deadline in deadlines if deadline is not None]
        latest = max(known) if len(known) == len(deadlines) else None
        try:
            found = iter(generate_many([ask for flight in batch for ask in flight.asks], latest))
            for flight in batch:
                flight.answers = [next(found) for _ in flight.asks]
        except BaseException as error:  # it must not end the thread: the searches that asked have to hear of it
            for flight in batch:
                flight.error = error

    def _score(self, batch: Sequence[_Flight]) -> None:
        if not batch:
            return
        try:
            asks = [(flight.model, flight.prompts) for flight in batch if flight.model is not None]
            for flight, scores in zip(batch, score_prompts(asks), strict=True):
                flight.scores = scores
        except BaseException as error:  # as in _generate
            for flight in batch:
                flight.error = error
