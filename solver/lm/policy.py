"""Language models behind the contracts of the tree: `LanguageModelPolicy` proposes, `PreferenceModel` values.

Both stand for *one tree* (one task in one view) over an engine that many trees share. Alone, a tree calls `propose` and
`score`. A scheduler with many trees in flight batches them: it takes each tree's `ask(...)`, which costs no model time
and can be done while the engine works, puts the asks of all trees that wait into one `propose_many` (one
`Engine.generate`) or `score_many` (one `Scorer.score`), and hands every tree its own steps or values. An engine call
never waits for a tree that is not ready; which asks go together changes no answer, since every request has a seed of
its own, drawn from its tree's generator when it is asked.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import tanh

import numpy as np

from ..executor import Value
from ..policy import Arg, FreeStep, Step
from ..program import FreeStatement, ProgramError, Ref, Statement, variable_name
from .engine import Answer, Engine, Request, Sampling, Scorer, TemperatureSchedule
from .prompt import Prefix, Prompt, PromptBuilder, read_step

State = Sequence[Value]


@dataclass(frozen=True, eq=False)
class Ask:
    """A tree's question. requests: one a state, None where its prompt does not fit the context."""

    policy: LanguageModelPolicy
    states: tuple[State, ...]
    prefixes: tuple[Prefix, ...]
    requests: tuple[Request | None, ...]
    num_steps: int


class LanguageModelPolicy:
    """Steps that a language model writes for the prefixes of one task.

    prompts: of the task. sampling: its temperature holds where `schedule` is None. schedule: temperature by rollout
    (calls of `ask`) and by how many steps a state was given before. first_factor: how many times more samples the
    first rollout draws. seeded: whether every request has a seed of its own (else the engine's random numbers are
    used, which vLLM draws faster). time_left: seconds that the tree still has; `propose` asks nothing that would
    take longer, judging by its longest call. counts: answers by what became of them: 'steps', 'repeated',
    'unfinished', 'no step'.
    """

    def __init__(
        self,
        engine: Engine,
        prompts: PromptBuilder,
        sampling: Sampling,
        schedule: TemperatureSchedule | None = None,
        first_factor: float = 1.0,
        seeded: bool = True,
        time_left: Callable[[], float] | None = None,
    ) -> None:
        self.engine, self.prompts, self.schedule, self.seeded = engine, prompts, schedule, seeded
        stop = "" if prompts.prompt_format.thinking else prompts.prompt_format.step_end
        self.sampling = replace(sampling, stop=stop)
        self.first_factor = first_factor
        self.time_left = time_left
        self.longest_s = 0.0
        self.num_rollouts = 0
        self.counts: Counter[str] = Counter()
        self._num_given: Counter[frozenset[bytes]] = Counter()

    def propose(self, states: Sequence[State], num_steps: int, rng: np.random.Generator) -> list[list[Step | FreeStep]]:
        """See `Policy.propose`. A state whose prompt does not fit gets no steps, and none does without time."""
        began = time.monotonic()
        deadline = None
        if self.time_left is not None:
            left_s = self.time_left()
            if left_s < self.longest_s:
                return [[] for _ in states]
            deadline = began + left_s
        (found,) = propose_many([self.ask(states, num_steps, rng)], deadline)
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        return found

    def ask(self, states: Sequence[State], num_steps: int, rng: np.random.Generator) -> Ask:
        """The requests that `propose` would send."""
        rollout = self.num_rollouts
        self.num_rollouts += 1
        prefixes = tuple(Prefix.of(state) for state in states)
        requests = tuple(self._request(s, p, rollout, rng) for s, p in zip(states, prefixes, strict=True))
        return Ask(self, tuple(states), prefixes, requests, num_steps)

    def _request(self, state: State, prefix: Prefix, rollout: int, rng: np.random.Generator) -> Request | None:
        seed = int(rng.integers(2**31)) if self.seeded else None
        prompt = self.prompts.build(prefix, rollout)
        if prompt is None:
            return None
        sampling = self.sampling
        temperature = sampling.temperature
        if self.schedule is not None:
            temperature = self.schedule.at(rollout, self._num_given[_key(state)])
        num_samples = sampling.num_samples
        if rollout == 0:
            num_samples = max(1, round(num_samples * self.first_factor))
        return Request(prompt, replace(sampling, num_samples=num_samples, temperature=temperature, seed=seed))

    def steps(self, ask: Ask, answers: Sequence[Sequence[Answer]]) -> list[list[Step | FreeStep]]:
        """What the engine's answers to `ask` propose, a list a state. answers: of its requests that are not None."""
        given = iter(answers)
        found = []
        for state, prefix, request in zip(ask.states, ask.prefixes, ask.requests, strict=True):
            steps = [] if request is None else self._read(state, prefix, next(given))[: ask.num_steps]
            self._num_given[_key(state)] += len(steps)
            found.append(steps)
        return found

    def _read(self, state: State, prefix: Prefix, answers: Sequence[Answer]) -> list[Step | FreeStep]:
        places = {value.key: place for place, value in enumerate(state)}
        masses: dict[Step | FreeStep, float] = {}
        for answer in answers:
            if not answer.ended:
                self.counts["unfinished"] += answer.count
                continue
            try:
                step = _step(read_step(self.prompts.prompt_format, prefix, answer.text), prefix, places, len(state))
            except ProgramError:
                self.counts["no step"] += answer.count
                continue
            self.counts["steps"] += answer.count
            self.counts["repeated"] += answer.count - 1
            masses[step] = float(np.logaddexp(masses.get(step, -np.inf), answer.log_probability))
        steps = [replace(step, log_probability=min(0.0, mass)) for step, mass in masses.items()]
        return sorted(steps, key=lambda step: -step.log_probability)


def _key(state: State) -> frozenset[bytes]:
    return frozenset(value.key for value in state)


def _step(
    statement: Statement | FreeStatement, prefix: Prefix, places: dict[bytes, int], num_values: int
) -> Step | FreeStep:
    """The step of a statement, of log-probability 0. ProgramError for free Python that names a variable that the state
    does not hold."""
    if isinstance(statement, Statement):
        return Step(statement.function, _arguments(statement, prefix, places), 0.0)
    keys = [prefix.values[arg.index].key for arg in statement.args]
    if not places.keys() >= set(keys):
        raise ProgramError("free Python names a variable that the state does not hold")
    placed = statement.with_args(tuple(Ref(places[key]) for key in keys))
    return FreeStep(placed.render(variable_name(num_values)), 0.0)


def _arguments(statement: Statement, prefix: Prefix, places: dict[bytes, int]) -> tuple[Arg, ...]:
    """A statement's arguments as a step has them: values of the state by place, others as they are."""
    args: list[Arg] = []
    for arg in statement.args:
        if isinstance(arg, Ref):
            value = prefix.values[arg.index]
            args.append(("value", places[value.key]) if value.key in places else ("computed", value))
        else:
            args.append(("constant", arg))
    return tuple(args)


def propose_many(asks: Sequence[Ask], deadline: float | None = None) -> list[list[list[Step | FreeStep]]]:
    """Answer the asks of many trees, whose policies share an engine, in one engine call; per ask as `propose`.
    deadline: see `Engine.generate`."""
    return [ask.policy.steps(ask, own) for ask, own in zip(asks, generate_many(asks, deadline), strict=True)]


def generate_many(asks: Sequence[Ask], deadline: float | None = None) -> list[list[list[Answer]]]:
    """The engine's answers to each ask, for `LanguageModelPolicy.steps` to read; else as `propose_many`."""
    requests = [request for ask in asks for request in ask.requests if request is not None]
    answers = iter(asks[0].policy.engine.generate(requests, deadline) if requests else [])
    return [[next(answers) for request in ask.requests if request is not None] for ask in asks]


class PreferenceModel:
    """Values that a process preference model gives to the prefixes of one task: tanh of its output, −1..1.

    time_left: as of LanguageModelPolicy. num_scored: states that have a value from it.
    """

    def __init__(self, scorer: Scorer, prompts: PromptBuilder, time_left: Callable[[], float] | None = None) -> None:
        self.scorer, self.prompts, self.time_left = scorer, prompts, time_left
        self.longest_s = 0.0
        self.num_scored = 0

    def score(self, states: Sequence[State]) -> list[float | None]:
        """The value of each state; None where its prompt does not fit the context, or where there is no time."""
        if self.time_left is not None and self.time_left() < self.longest_s:
            return [None] * len(states)
        began = time.monotonic()
        (found,) = score_many([(self, states)])
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        return found

    def ask(self, states: Sequence[State]) -> list[Prompt | None]:
        """The prompts that `score` would send."""
        return [self.prompts.build(Prefix.of(state), for_score=True) for state in states]


def score_many(asks: Sequence[tuple[PreferenceModel, Sequence[State]]]) -> list[list[float | None]]:
    """Score the states of many trees, whose models share a scorer, in one call; per tree as `PreferenceModel.score`."""
    return score_prompts([(model, model.ask(states)) for model, states in asks])


def score_prompts(asks: Sequence[tuple[PreferenceModel, Sequence[Prompt | None]]]) -> list[list[float | None]]:
    """`score_many` for prompts that `PreferenceModel.ask` has made."""
    flat = [prompt for _, own in asks for prompt in own if prompt is not None]
    scores = iter(asks[0][0].scorer.score(flat) if flat else [])
    found = [[None if prompt is None else tanh(next(scores)) for prompt in own] for _, own in asks]
    for (model, _), own in zip(asks, found, strict=True):
        model.num_scored += sum(score is not None for score in own)
    return found
