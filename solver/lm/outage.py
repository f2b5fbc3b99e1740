"""What a task's search goes on with where its language model fails: the grammar and executed rewards alone.

A model, its server or the sandbox that runs its free Python may fail at any call: an engine refuses a question, memory
runs out, a step breaks what executes it. Each of them stands behind a guard here, with the contract of what it guards.
The first error is logged and noted in the task's `Outage`; from that call on, itself included, the guard gives what is
left without. So a tree keeps what it has found, and no leaf that was selected is lost.
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from ..executor import Executor, LibraryExecutor, Value
from ..policy import FreeStep, GrammarPolicy, MixturePolicy, Preference, Step
from ..sandbox.executor import is_written
from ..search.grammar import Grammar
from ..search.rollouts import Sampler

logger = logging.getLogger(__name__)


@dataclass(eq=False)
class Outage:
    """What ended the use of a model for one task. what: is out, in words. reason: the first error's type and text; ''
    while there was none."""

    what: str
    reason: str = ""

    def __bool__(self) -> bool:
        return bool(self.reason)

    def begin(self, error: Exception) -> None:
        """Note an error that is being handled."""
        if not self.reason:
            logger.exception("%s failed; going on without", self.what)
            self.reason = f"{type(error).__name__}: {error}"

    @property
    def note(self) -> str:
        """For people; '' while there was no error."""
        return f"{self.what} failed ({self.reason}), went on without" if self.reason else ""


@dataclass(frozen=True, eq=False)
class GuardedPolicy:
    """A mixture with a language model, until there is an outage; then the grammar alone. own: the language model, for
    rollouts, which then draw nothing."""

    own: Sampler
    mixture: MixturePolicy
    grammar: GrammarPolicy
    outage: Outage

    def under(self, grammar: Grammar) -> GuardedPolicy:
        """The same with another grammar."""
        other = GrammarPolicy(grammar, self.grammar.palette)
        parts = [(other if type(part) is GrammarPolicy else part, weight) for part, weight in self.mixture.parts]
        return replace(self, mixture=MixturePolicy(parts), grammar=other)

    def propose(
        self, states: Sequence[Sequence[Value]], num_steps: int, rng: np.random.Generator
    ) -> list[list[Step | FreeStep]]:
        """See `Policy.propose`."""
        if not self.outage:
            try:
                return self.mixture.propose(states, num_steps, rng)
            except Exception as error:
                self.outage.begin(error)
        return self.grammar.propose(states, num_steps, rng)

    def draw(
        self, states: Sequence[Sequence[Value]], counts: Sequence[int], rng: np.random.Generator,
        deadline: float | None = None,
    ) -> list[list[tuple[Step | FreeStep, int]]]:  # fmt: skip
        """See `rollouts.Sampler`."""
        if not self.outage:
            try:
                return self.own.draw(states, counts, rng, deadline)
            except Exception as error:
                self.outage.begin(error)
        return [[] for _ in states]


@dataclass(frozen=True, eq=False)
class GuardedPreference:
    """A preference model until there is an outage; then no state has a score."""

    preference: Preference
    outage: Outage

    def score(self, states: Sequence[Sequence[Value]]) -> list[float | None]:
        """See `Preference.score`."""
        if not self.outage:
            try:
                return self.preference.score(states)
            except Exception as error:
                self.outage.begin(error)
        return [None] * len(states)


@dataclass(eq=False)
class GuardedExecutor:
    """An executor of free Python until there is an outage. Then free steps fail, and library steps run as ever.

    time_left: seconds that the search still has; free steps, each of which may take many, fail where there are none.
    None: whatever it takes. is_broken: whether it was this executor that failed. Then programs that a model wrote some
    of are not confirmed; those whose free steps are all the search's own are taken as in a search without a model.
    """

    execute: Executor
    outage: Outage
    time_left: Callable[[], float] | None = None
    is_broken: bool = False

    def __call__(self, values: Sequence[Value], steps: Sequence[Step | FreeStep]) -> list[Value | None]:
        """See `Executor`."""
        if not self.outage:
            try:
                return self._run(values, steps)
            except Exception as error:
                self._fail(error)
        library = [step for step in steps if isinstance(step, Step)]
        found = iter(LibraryExecutor()(values, library))
        return [next(found) if isinstance(step, Step) else None for step in steps]

    def _run(self, values: Sequence[Value], steps: Sequence[Step | FreeStep]) -> list[Value | None]:
        if self.time_left is None:
            return self.execute(values, steps)
        return [
            None if isinstance(step, FreeStep) and self.time_left() <= 0 else self.execute(values, [step])[0]
            for step in steps
        ]

    def confirm(self, value: Value, start: Value) -> bool:
        """See `Executor`."""
        if not value.program().is_free:
            return True
        if not self.is_broken:
            try:
                return self.execute.confirm(value, start)
            except Exception as error:
                self._fail(error)
        return not is_written(value)

    def _fail(self, error: Exception) -> None:
        """Note an error of the executor that is being handled."""
        self.is_broken = True
        self.outage.begin(error)
