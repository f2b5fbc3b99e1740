"""Rollouts: whole programs that a policy writes for a task before the search, and what they say of its grammar.

A language model is some ten thousand times slower than the enumerator, so it is asked little and early: a number of
programs are drawn from it step by step (ancestral sampling), every step executed at once. The words that they use make
the grammar of *this task*, under which the enumerator then goes through programs in order of their cost (a recognition
model, as in DeepCoder, Balog et al. 2017, and DreamCoder, Ellis et al. 2021). The values that they reach are where
enumeration begins, beside the input.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np

from ..executor import Executor, Value
from ..grid.types import Grid
from ..policy import FreeStep, Step
from .grammar import Grammar

State = tuple[Value, ...]


class Sampler(Protocol):
    """A policy that steps can be drawn from."""

    def draw(
        self, states: Sequence[Sequence[Value]], counts: Sequence[int], rng: np.random.Generator,
        deadline: float | None = None,
    ) -> list[list[tuple[Step | FreeStep, int]]]:  # fmt: skip
        """For each state `counts` of its steps, drawn independently: the different ones, and how often each came. What
        the model writes that is no step is missing, as is what is not done by the deadline (of time.monotonic)."""
        ...


@dataclass
class Rollouts:
    """functions, constants: as in `Grammar`, how often a program uses each, later steps counted less. values: what the
    steps gave, in the order in which they were first reached. num_drawn, num_run: steps drawn, and those of them that
    had a new result."""

    functions: Counter[str] = field(default_factory=Counter)
    constants: dict[str, Counter[str]] = field(default_factory=dict)
    values: list[Value] = field(default_factory=list)
    num_drawn: int = 0
    num_run: int = 0

    def count(self, step: Step | FreeStep, uses: float) -> None:
        """Count a step in; the grammar has no words for free Python."""
        if isinstance(step, FreeStep):
            return
        self.functions[step.function.name] += uses
        for parameter, (kind, arg) in zip(step.function.parameters, step.args, strict=True):
            if kind == "constant" and not isinstance(arg, tuple):
                name = f"{step.function.name}.{parameter.name}"
                self.constants.setdefault(name, Counter())[str(arg)] += uses

    def guide(self, grammar: Grammar, weight: float) -> Grammar:
        """The grammar with these counts, `weight` for each use in every program, added to its own."""
        return grammar.plus(self.functions, self.constants, weight)


def roll_out(
    policy: Sampler,
    start: Value,
    targets: Sequence[np.ndarray],
    rng: np.random.Generator,
    execute: Executor,
    *,
    num_programs: int,
    max_statements: int,
    discount: float,
    is_over: Callable[[], bool],
    deadline: float | None = None,
    given: Value | None = None,
) -> Rollouts:
    """Draw `num_programs` programs of at most `max_statements` from a policy.

    start: the input over all inputs, the training ones first. targets: training outputs; a program that gives them all
    is finished, one whose step has no new result is given up. discount: what a step counts compared with the one
    before it. is_over: asked before each round of steps, in which every program gets one. deadline: of drawing, by
    time.monotonic. given: the task's real input, where `start` is that as a view shows it.
    """
    found = Rollouts()
    reached: dict[bytes, None] = {start.key: None}
    states: dict[frozenset[bytes], tuple[State, int]] = {frozenset({start.key}): ((start,), num_programs)}
    for depth in range(max_statements):
        if not states or is_over():
            break
        following: dict[frozenset[bytes], tuple[State, int]] = {}
        waiting = list(states.values())
        drawn = policy.draw([state for state, _ in waiting], [count for _, count in waiting], rng, deadline)
        for (state, _), steps in zip(waiting, drawn, strict=True):
            for (step, count), value in zip(steps, execute(state, [step for step, _ in steps]), strict=True):
                found.num_drawn += count
                if value is None or any(value.key == known.key for known in state):
                    continue
                found.num_run += count
                found.count(step, discount**depth * count / num_programs)
                value.cost = state[-1].cost - step.log_probability
                if value.key not in reached:
                    reached[value.key] = None
                    if execute.confirm(value, start if given is None else given):
                        found.values.append(value)
                if not _is_solution(value, targets):
                    key = frozenset({*(known.key for known in state), value.key})
                    before = following.get(key, ((*state, value), 0))
                    following[key] = (before[0], before[1] + count)
        states = following
    return found


def _is_solution(value: Value, targets: Sequence[np.ndarray]) -> bool:
    return value.type is Grid and all(np.array_equal(g, t) for g, t in zip(value.items, targets))
