"""Engine and scorer over transformers, made for a CPU: many short answers to prompts that begin alike.

What prompts have in common is computed once (prefix_runner.py). Samples of a prompt that agree so far are one row,
which splits where they part.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor
from transformers import AutoModelForCausalLM, AutoModelForSequenceClassification

from .engine import Answer, Request, Sampling, StopRule, TokenAnswer, TokenRequest
from .prefix_runner import PrefixRunner, is_past
from .prompt import Prompt
from .text import TokenText

Tokens = tuple[int, ...]


def _split(prompt_ids: tuple[Tokens, Tokens]) -> tuple[Tokens, Tokens]:
    """Shared and own tokens, with at least one in the own part."""
    shared, own = prompt_ids
    return (shared, own) if own else (shared[:-1], shared[-1:])


def _by_shared(prompts: Sequence[tuple[Tokens, Tokens]]) -> dict[Tokens, list[int]]:
    """Numbers of prompts by their shared tokens."""
    groups: dict[Tokens, list[int]] = {}
    for number, (shared, _) in enumerate(prompts):
        groups.setdefault(shared, []).append(number)
    return groups


@dataclass
class _Row:
    """Samples of a request that agree so far."""

    request: int
    count: int
    tokens: Tokens = ()
    log_probabilities: tuple[float, ...] = ()


class TransformersEngine:
    """A causal language model behind `Engine`. device: of torch. dtype: 'float32' or 'bfloat16'.

    Raises InputError if the model or its tokenizer does not load.
    """

    def __init__(self, folder: Path, context_length: int, device: str = "cpu", dtype: str = "float32") -> None:
        self.runner = PrefixRunner(folder, device, dtype, AutoModelForCausalLM)
        self.text = TokenText(folder)
        self.context_length = context_length
        self.count_tokens, self.chat = self.text.count_tokens, self.text.chat

    def ready(self) -> bool:
        return True

    def generate(self, requests: Sequence[Request], deadline: float | None = None) -> list[list[Answer]]:
        """See `Engine.generate`; the deadline is looked at before every token."""
        asked = [self.text.token_request(request) for request in requests]
        found = self.generate_tokens(asked, deadline)
        return [self.text.answers(request, own) for request, own in zip(asked, found, strict=True)]

    def generate_tokens(
        self, requests: Sequence[TokenRequest], deadline: float | None = None
    ) -> list[list[TokenAnswer]]:
        """As `generate`, in tokens: different token sequences, in no order."""
        prompts = [_split((request.shared, request.own)) for request in requests]
        answers: list[list[TokenAnswer]] = [[] for _ in requests]
        for shared, numbers in _by_shared(prompts).items():
            chunk: list[int] = []
            for number in numbers:
                samples = sum(requests[k].sampling.num_samples for k in (*chunk, number))
                if chunk and samples > self.runner.max_rows:
                    self._generate_alike(shared, chunk, prompts, requests, answers, deadline)
                    chunk = []
                chunk.append(number)
            self._generate_alike(shared, chunk, prompts, requests, answers, deadline)
        return answers

    def _generate_alike(
        self, shared: Tokens, numbers: Sequence[int], prompts: Sequence[Any], requests: Sequence[TokenRequest],
        answers: list[list[TokenAnswer]], deadline: float | None,
    ) -> None:  # fmt: skip
        """Answer the requests `numbers`, whose prompts have the same shared tokens."""
        if is_past(deadline):
            return
        own = {k: prompts[k][1] for k in numbers}
        samplings = {k: requests[k].sampling for k in numbers}
        rules = {k: requests[k].stop for k in numbers}
        generators = {k: _generator(samplings[k].seed) for k in numbers}
        room = max(len(own[k]) + samplings[k].max_new_tokens for k in numbers)
        rows = [_Row(k, samplings[k].num_samples) for k in numbers]
        hidden = self.runner.prefill(shared, [own[k] for k in numbers], room, deadline)
        if hidden is None:
            return
        while rows:
            logits = self._logits(hidden)
            raw = torch.log_softmax(logits, -1)
            grown: list[_Row] = []
            parents: list[int] = []
            for place, row in enumerate(rows):
                sampling = samplings[row.request]
                context = (*shared, *own[row.request], *row.tokens)
                for token, count in _draw(logits[place], sampling, row.count, context, generators[row.request]):
                    tokens = (*row.tokens, token)
                    found = (*row.log_probabilities, float(raw[place, token]))
                    ended = self._ends(tokens, rules[row.request])
                    if ended or len(tokens) >= sampling.max_new_tokens:
                        answers[row.request].append(TokenAnswer(tokens, sum(found), count, ended, found))
                    else:
                        grown.append(_Row(row.request, count, tokens, found))
                        parents.append(place)
            if is_past(deadline):
                for row in grown:
                    found = row.log_probabilities
                    answers[row.request].append(TokenAnswer(row.tokens, sum(found), row.count, False, found))
                return
            if grown:
                self.runner.keep(parents)
                ids = torch.tensor([[row.tokens[-1]] for row in grown])
                ends = torch.tensor([[len(own[row.request]) + len(row.tokens) - 1] for row in grown])
                hidden = self.runner.hidden(ids, ends)[:, 0]
            rows = grown

    @torch.inference_mode()
    def _logits(self, hidden: Tensor) -> Tensor:
        return self.runner.model.get_output_embeddings()(hidden).float().cpu()

    def _ends(self, tokens: Tokens, rule: StopRule) -> bool:
        return tokens[-1] in rule.token_ids or bool(rule.text and rule.text in self.text.decode(tokens))

    def log_probabilities(self, prompt: Prompt, tokens: Sequence[int]) -> Tensor:
        """Log-probabilities float32 [len(tokens), vocabulary] of every next token where `tokens` follow the prompt."""
        shared, own = _split(self.text.prompt_ids(prompt))
        hidden = self.runner.prefill(shared, [own], len(own) + len(tokens))
        found = [self._logits(hidden)[0]]
        for place, token in enumerate(tokens[:-1]):
            hidden = self.runner.hidden(torch.tensor([[token]]), torch.tensor([[len(own) + place]]))[:, 0]
            found.append(self._logits(hidden)[0])
        return torch.log_softmax(torch.stack(found), -1)


class TransformersScorer:
    """A sequence classifier with one output behind `Scorer`. Arguments and errors as of TransformersEngine."""

    def __init__(self, folder: Path, context_length: int, device: str = "cpu", dtype: str = "float32") -> None:
        self.runner = PrefixRunner(folder, device, dtype, AutoModelForSequenceClassification)
        self.head = self.runner.model.score.float()  # in bf16 close scores would round to one; vLLM's is float32, too
        self.text = TokenText(folder)
        self.context_length = context_length
        self.count_tokens, self.chat = self.text.count_tokens, self.text.chat

    def ready(self) -> bool:
        return True

    def score(self, prompts: Sequence[Prompt], deadline: float | None = None) -> list[float | None]:
        """See `Scorer.score`; the deadline is looked at between chunks of CHUNK_TOKENS."""
        return self.score_tokens([self.text.prompt_ids(prompt) for prompt in prompts], deadline)

    @torch.inference_mode()
    def score_tokens(
        self, prompts: Sequence[tuple[Tokens, Tokens]], deadline: float | None = None
    ) -> list[float | None]:
        """As `score`, of the token ids of each prompt's two parts."""
        split = [_split(prompt) for prompt in prompts]
        scores: list[float | None] = [None] * len(prompts)
        for shared, numbers in _by_shared(split).items():
            for chunk in self.runner.chunks(shared, {k: split[k][1] for k in numbers}):
                hidden = self.runner.prefill(shared, [split[k][1] for k in chunk], 1, deadline)
                if hidden is None:
                    return scores
                for number, found in zip(chunk, self.head(hidden.float())[:, 0].tolist(), strict=True):
                    scores[number] = found
        return scores


def _generator(seed: int | None) -> torch.Generator:
    generator = torch.Generator()
    if seed is None:
        generator.seed()
    else:
        generator.manual_seed(seed)
    return generator


def _draw(
    logits: Tensor, sampling: Sampling, count: int, context: Tokens, generator: torch.Generator
) -> list[tuple[int, int]]:
    """`count` draws of a next token from logits [vocabulary]: (token, how often), by token."""
    if sampling.repetition_penalty != 1.0:  # Keskar et al., 2019, eq. 2, over prompt and answer
        seen = torch.tensor(sorted(set(context)))
        values = logits[seen]
        penalty = sampling.repetition_penalty
        logits = logits.index_copy(0, seen, torch.where(values > 0, values / penalty, values * penalty))
    if sampling.temperature == 0:
        return [(int(logits.argmax()), count)]
    logits = logits / sampling.temperature
    if 0 < sampling.top_k < len(logits):
        logits = logits.masked_fill(logits < logits.topk(sampling.top_k).values[-1], -torch.inf)
    probabilities = torch.softmax(logits, -1)
    if sampling.top_p < 1:
        ordered, order = probabilities.sort(descending=True, stable=True)
        ordered[ordered.cumsum(0) - ordered >= sampling.top_p] = 0.0
        probabilities = torch.zeros_like(probabilities).index_copy(0, order, ordered)
    drawn = torch.multinomial(probabilities, count, replacement=True, generator=generator)
    tokens, counts = drawn.unique(return_counts=True)
    return list(zip(tokens.tolist(), counts.tolist(), strict=True))
