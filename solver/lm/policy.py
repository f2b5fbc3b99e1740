"""Language models behind the contracts of the tree: `LanguageModelPolicy` proposes, `PreferenceModel` values.

Both stand for one tree (one task in one view) over an engine that many trees may share, directly or through a server
(server.py). Every request has a seed of its own, drawn from its tree's generator, so that which requests an engine
answers together changes no answer. While an engine is not ready nothing is asked: there are no steps and no scores.
"""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from math import isnan, tanh

import numpy as np

from ..executor import Value
from ..policy import Arg, FreeStep, Step
from ..prefix import Prefix
from ..program import FreeStatement, ProgramError, Ref, Statement, variable_name
from .engine import Answer, Engine, Request, Sampling, Scorer, TemperatureSchedule
from .prompt import Prompt, PromptBuilder
from .reading import read_step

State = Sequence[Value]


@dataclass(frozen=True)
class HintSchedule:
    """Whether a rollout shows the task's hint: in the first `certain` ones, after that with a probability that falls
    linearly to 0 over `fade` more, and then never."""

    certain: int
    fade: int

    def probability(self, rollout: int) -> float:
        if rollout < self.certain:
            return 1.0
        return max(0.0, 1 - (rollout - self.certain + 1) / (self.fade + 1))


@dataclass(frozen=True)
class FixedPrompt:
    """One prompt of a tree of trees: which example it begins with, and whether it shows the task's hint."""

    turn: int
    with_hint: bool


class LanguageModelPolicy:
    """Steps that a language model writes for the prefixes of one task.

    prompts: of the task. sampling: its temperature holds where `schedule` is None. schedule: temperature by rollout
    (calls of `propose` that ask) and by how many steps a state was given before. first_factor: how many times more
    samples the first rollout draws. seeded: whether every request has a seed of its own (else the engine's random
    numbers are used, which vLLM draws faster). time_left: seconds that the tree still has; `propose` asks nothing that
    would take longer, judging by its longest call. counts: answers by what became of them: 'steps', 'repeated',
    'unfinished', 'no step'. hints: which rollouts show the hint; None for all. fixed: the prompt of every rollout,
    instead of one that changes from one to the next.
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
        hints: HintSchedule | None = None,
        fixed: FixedPrompt | None = None,
    ) -> None:
        self.hints, self.fixed = hints, fixed
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
        """See `Policy.propose`. A state whose prompt does not fit gets no steps; none does while the engine is not
        ready, or without time."""
        if not self.engine.ready():
            return [[] for _ in states]
        began = time.monotonic()
        deadline = None
        if self.time_left is not None:
            left_s = self.time_left()
            if left_s < self.longest_s:
                return [[] for _ in states]
            deadline = began + left_s
        prefixes = [Prefix.of(state) for state in states]
        fixed = self.fixed or FixedPrompt(self.num_rollouts, self._shows_hint(rng))
        built = [self.prompts.build(prefix, fixed.turn, with_hint=fixed.with_hint) for prefix in prefixes]
        requests = [self._request(s, p, self.num_rollouts, rng) for s, p in zip(states, built, strict=True)]
        self.num_rollouts += 1
        found = []
        for state, given in zip(states, self._ask(states, prefixes, requests, deadline), strict=True):
            steps = [step for step, _ in given[:num_steps]]
            self._num_given[_key(state)] += len(steps)
            found.append(steps)
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        return found

    def draw(
        self, states: Sequence[State], counts: Sequence[int], rng: np.random.Generator, deadline: float | None = None
    ) -> list[list[tuple[Step | FreeStep, int]]]:
        """See `rollouts.Sampler`: at the weights' temperature, of the prompts of the first rollout. Nothing is drawn
        while the engine is not ready."""
        if not self.engine.ready():
            return [[] for _ in states]
        if deadline is None and self.time_left is not None:
            deadline = time.monotonic() + self.time_left()
        prefixes = [Prefix.of(state) for state in states]
        requests = [
            None if (prompt := self.prompts.build(prefix)) is None
            else Request(prompt, replace(self.sampling, num_samples=count, seed=self._seed(rng)))
            for prefix, count in zip(prefixes, counts, strict=True)
        ]  # fmt: skip
        return self._ask(states, prefixes, requests, deadline)

    def _seed(self, rng: np.random.Generator) -> int | None:
        return int(rng.integers(2**31)) if self.seeded else None

    def _shows_hint(self, rng: np.random.Generator) -> bool:
        """Drawn once a rollout, so that its prompts begin alike."""
        if self.hints is None or not self.prompts.task.hint:
            return True
        return bool(rng.random() < self.hints.probability(self.num_rollouts))

    def _request(self, state: State, prompt: Prompt | None, rollout: int, rng: np.random.Generator) -> Request | None:
        seed = self._seed(rng)
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

    def _ask(
        self,
        states: Sequence[State],
        prefixes: Sequence[Prefix],
        requests: Sequence[Request | None],
        deadline: float | None,
    ) -> list[list[tuple[Step | FreeStep, int]]]:
        """The different steps that the engine gives for each state and how often, most likely first."""
        asked = [request for request in requests if request is not None]
        answers = iter(self.engine.generate(asked, deadline) if asked else [])
        return [
            [] if request is None else self._read(state, prefix, next(answers))
            for state, prefix, request in zip(states, prefixes, requests, strict=True)
        ]

    def _read(self, state: State, prefix: Prefix, answers: Sequence[Answer]) -> list[tuple[Step | FreeStep, int]]:
        places = {value.key: place for place, value in enumerate(state)}
        masses: dict[Step | FreeStep, float] = {}
        times: Counter[Step | FreeStep] = Counter()
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
            times[step] += answer.count
        steps = [(replace(step, log_probability=min(0.0, mass)), times[step]) for step, mass in masses.items()]
        return sorted(steps, key=lambda given: -given[0].log_probability)


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


class PreferenceModel:
    """Values that a process preference model gives to the prefixes of one task: tanh of its output, −1..1.

    time_left: as of LanguageModelPolicy. num_scored: states that have a value from it.
    """

    def __init__(self, scorer: Scorer, prompts: PromptBuilder, time_left: Callable[[], float] | None = None) -> None:
        self.scorer, self.prompts, self.time_left = scorer, prompts, time_left
        self.longest_s = 0.0
        self.num_scored = 0

    def score(self, states: Sequence[State]) -> list[float | None]:
        """The value of each state; None where its prompt does not fit the context, while the scorer is not ready, where
        there is no time, or where the model gives no number (a half-precision model may overflow)."""
        if not self.scorer.ready():
            return [None] * len(states)
        began = time.monotonic()
        deadline = None
        if self.time_left is not None:
            left_s = self.time_left()
            if left_s < self.longest_s:
                return [None] * len(states)
            deadline = began + left_s
        prompts = [self.prompts.build(Prefix.of(state), for_score=True) for state in states]
        asked = [prompt for prompt in prompts if prompt is not None]
        scores = iter(self.scorer.score(asked, deadline) if asked else [])
        raw = [None if prompt is None else next(scores) for prompt in prompts]
        found = [None if score is None or isnan(score) else tanh(score) for score in raw]
        self.num_scored += sum(score is not None for score in found)
        self.longest_s = max(self.longest_s, time.monotonic() - began)
        return found
