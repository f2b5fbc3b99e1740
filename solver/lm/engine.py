"""The contract of language-model engines, and an engine fed from a queue.

An engine is one loaded model on one device. It takes many prompts at once and knows nothing of tasks, steps or trees:
`generate` (a policy's model) gives answers with log-probabilities, `score` (a preference model) gives numbers. Log-
probabilities are the model's own: natural logarithms, before temperature, top-p, top-k and repetition penalty.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, fields, replace
from math import comb, isfinite
from typing import Any, Protocol

from ..errors import InputError
from .prompt import Prompt


@dataclass(frozen=True)
class Sampling:
    """How answers are drawn. num_samples: a prompt. max_new_tokens: of an answer. temperature: 0 takes the most
    likely token each time. top_p, top_k (0: off), repetition_penalty (1: off): as in vLLM and transformers. stop: text
    that ends an answer, part of it ('': only the model's own end does). seed: of the prompt's random numbers;
    None: the engine's own."""

    num_samples: int = 16
    max_new_tokens: int = 48
    temperature: float = 1.0
    top_p: float = 1.0
    top_k: int = 0
    repetition_penalty: float = 1.0
    stop: str = ""
    seed: int | None = 0

    @classmethod
    def from_json(cls, content: Any) -> Sampling:
        """The defaults that weights name ("sampling" in solver.json). Raises InputError naming every fault."""
        if not isinstance(content, dict):
            raise InputError("sampling: must be an object")
        kinds = {f.name: type(f.default) for f in fields(cls) if f.name not in ("stop", "seed")}
        faults = [f"unknown {name}" for name in sorted(content.keys() - kinds)]
        for name, value in content.items():
            if name in kinds and type(value) not in (kinds[name], *((int,) if kinds[name] is float else ())):
                faults.append(f"{name} must be {kinds[name].__name__}")
        if not faults:
            faults = cls(**content).faults()
        if faults:
            raise InputError("sampling: " + "; ".join(faults))
        return cls(**content)

    def faults(self) -> list[str]:
        """What is out of range."""
        ranges = {
            "num_samples must be at least 1": self.num_samples >= 1,
            "max_new_tokens must be at least 1": self.max_new_tokens >= 1,
            "temperature must be at least 0": isfinite(self.temperature) and self.temperature >= 0,
            "top_p must be more than 0 and at most 1": 0 < self.top_p <= 1,
            "top_k must be at least 0": self.top_k >= 0,
            "repetition_penalty must be more than 0": isfinite(self.repetition_penalty) and self.repetition_penalty > 0,
        }
        return [fault for fault, fine in ranges.items() if not fine]


@dataclass(frozen=True)
class Request:
    prompt: Prompt
    sampling: Sampling


@dataclass(frozen=True)
class Answer:
    """text: what the model wrote, up to and with the stop text. log_probability: sum over its tokens, ≤ 0. num_tokens:
    generated. count: how many of the samples came out so. ended: by the stop text or the model's own end, not by
    max_new_tokens."""

    text: str
    log_probability: float
    num_tokens: int
    count: int = 1
    ended: bool = True


@dataclass(frozen=True)
class StopRule:
    """Where an answer ends. token_ids: any of these ends it. text: so does this text, where it is not one token."""

    token_ids: frozenset[int]
    text: str


@dataclass(frozen=True)
class TokenRequest:
    """A request in tokens. shared, own: of the two parts of its prompt. stop: what sampling.stop is in tokens."""

    shared: tuple[int, ...]
    own: tuple[int, ...]
    sampling: Sampling
    stop: StopRule


@dataclass(frozen=True)
class TokenAnswer:
    """An answer in tokens, the ending one included; the rest as in Answer. log_probabilities: of each token, where the
    engine keeps them."""

    tokens: tuple[int, ...]
    log_probability: float
    count: int = 1
    ended: bool = True
    log_probabilities: tuple[float, ...] = ()


class Engine(Protocol):
    """A causal language model. context_length: tokens of prompt and answer together, at most."""

    context_length: int

    def ready(self) -> bool:
        """Whether it can be asked now. One that is not, such as a server's that still loads, may be later."""
        ...

    def generate(self, requests: Sequence[Request], deadline: float | None = None) -> list[list[Answer]]:
        """For each request its different answers, most likely first; their counts sum to num_samples.

        deadline: by time.monotonic(); an engine that is still at work then may leave answers unfinished or out.
        """
        ...

    def count_tokens(self, text: str) -> int: ...

    def chat(self, system: str, user: str, begun: str) -> str:
        """The tokenizer's chat template around a question and the beginning of its answer."""
        ...


class Scorer(Protocol):
    """A sequence classifier with one output."""

    context_length: int

    def ready(self) -> bool:
        """As `Engine.ready`."""
        ...

    def score(self, prompts: Sequence[Prompt], deadline: float | None = None) -> list[float | None]:
        """The raw output (before tanh) at the end of each prompt; None where there was none by the deadline, which an
        engine whose calls are short need not look at."""
        ...

    def count_tokens(self, text: str) -> int: ...

    def chat(self, system: str, user: str, begun: str) -> str: ...


SCHEDULES = ("constant", "linear", "beta")


@dataclass(frozen=True)
class TemperatureSchedule:
    """Temperature by progress: of rollouts, and of a state's children.

    constant: `low`. linear: from low to high as rollouts go from 0 to num_rollouts. beta: low + (high − low) ·
    F(rollout / num_rollouts), F the cumulative distribution function of Beta(alpha, beta), whole numbers. per_child is
    added for every child that the state has already, so that asking again gives something else; never above max(high,
    low) + 0.5.
    """

    kind: str = "constant"
    low: float = 1.0
    high: float = 1.0
    num_rollouts: int = 100
    alpha: int = 2
    beta: int = 2
    per_child: float = 0.0

    def __post_init__(self) -> None:
        if self.kind not in SCHEDULES:
            raise ValueError(f"schedule {self.kind!r} is none of {', '.join(SCHEDULES)}")

    def at(self, rollout: int, num_children: int = 0) -> float:
        progress = min(1.0, rollout / self.num_rollouts)
        share = {"constant": 0.0, "linear": progress, "beta": _beta_cdf(progress, self.alpha, self.beta)}[self.kind]
        temperature = self.low + (self.high - self.low) * share
        return min(temperature + self.per_child * num_children, max(self.low, self.high) + 0.5)


def _beta_cdf(x: float, alpha: int, beta: int) -> float:
    """Regularised incomplete beta function for whole numbers: the upper tail of a binomial (DLMF 8.17.5)."""
    n = alpha + beta - 1
    return sum(comb(n, j) * x**j * (1 - x) ** (n - j) for j in range(alpha, n + 1))


class QueueEngine:
    """An engine and scorer without a model: it answers from queues, in order, and keeps what it was asked.

    answers: for each request to come, its answers as (text, log-probability). scores: of prompts to come. A token is
    a character. Raises IndexError when a queue is empty.
    """

    def __init__(
        self,
        answers: Iterable[Sequence[tuple[str, float]]] = (),
        scores: Iterable[float] = (),
        context_length: int = 100_000,
    ) -> None:
        self.answers, self.scores, self.context_length = deque(answers), deque(scores), context_length
        self.requests: list[Request] = []
        self.scored: list[Prompt] = []
        self.batches: list[int] = []

    def ready(self) -> bool:
        return True

    def generate(self, requests: Sequence[Request], deadline: float | None = None) -> list[list[Answer]]:
        self.requests += requests
        self.batches.append(len(requests))
        return [[Answer(text, lp, len(text)) for text, lp in self.answers.popleft()] for _ in requests]

    def score(self, prompts: Sequence[Prompt], deadline: float | None = None) -> list[float | None]:
        self.scored += prompts
        self.batches.append(len(prompts))
        return [self.scores.popleft() for _ in prompts]

    def count_tokens(self, text: str) -> int:
        return len(text)

    def chat(self, system: str, user: str, begun: str) -> str:
        return f"<system>{system}<user>{user}<answer>{begun}"


def merge_answers(answers: Iterable[Answer]) -> list[Answer]:
    """Answers of equal text as one, with their counts added, most likely first. The likeliest tokenization's
    log-probability stands for a text."""
    merged: dict[str, Answer] = {}
    for answer in answers:
        known = merged.get(answer.text)
        if known is None:
            merged[answer.text] = answer
        else:
            best = max(known, answer, key=lambda a: a.log_probability)
            merged[answer.text] = replace(best, count=known.count + answer.count)
    return sorted(merged.values(), key=lambda a: -a.log_probability)
