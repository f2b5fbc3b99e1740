"""What a policy is worth: it writes whole programs for held-out tasks, step by step as in a search, and they are run.

A task counts as solved if the program's last value equals the outputs of all its pairs, the test pair among them.
"""

from __future__ import annotations

import zlib
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from itertools import islice, zip_longest
from typing import Any

import torch
from torch import nn

from ..executor import apply
from ..lm.engine import Answer, Engine, Request, Sampling, merge_answers
from ..lm.prompt import Prompt, PromptBuilder
from ..lm.prompt_format import PromptFormat
from ..lm.reading import read_step
from ..lm.tokenizer import encode_prompt
from ..prefix import Prefix
from ..program import ProgramError, Ref, Statement, variable_name
from .models import base_of
from .preparation import Example

MAX_STEP_TOKENS = 48
CHOICE = 20
"""Tasks that are looked at for each that is measured, at most: enough of every length, without running thousands."""


@dataclass
class Tally:
    """tried, parsed, run: steps written, those that are steps of the language, and those of them that had a result.
    solved, tasks: by number of statements of the task's own solution."""

    tried: int = 0
    parsed: int = 0
    run: int = 0
    tasks: Counter[int] = field(default_factory=Counter)
    solved: Counter[int] = field(default_factory=Counter)

    def add(self, other: Tally) -> None:
        """Count other tasks, too."""
        self.tried, self.parsed, self.run = self.tried + other.tried, self.parsed + other.parsed, self.run + other.run
        self.tasks.update(other.tasks)
        self.solved.update(other.solved)

    def facts(self) -> dict[str, Any]:
        """For the log: shares."""
        total = sum(self.tasks.values())
        return {
            "solved": round(sum(self.solved.values()) / max(1, total), 4),
            "solved_by_length": {str(n): f"{self.solved[n]}/{self.tasks[n]}" for n in sorted(self.tasks)},
            "steps_parsed": round(self.parsed / max(1, self.tried), 4),
            "steps_run": round(self.run / max(1, self.tried), 4),
        }


@dataclass(frozen=True, eq=False)
class _State:
    """`count` programs in the making that are alike so far."""

    example: Example
    prompts: PromptBuilder
    prefix: Prefix
    count: int

    @classmethod
    def of(
        cls, example: Example, prompt_format: PromptFormat, engine: Engine, steps: int = 0, count: int = 1
    ) -> _State:
        """The first `steps` statements of a task's own solution."""
        prompts = PromptBuilder(
            prompt_format, example.task, engine.count_tokens, engine.context_length, MAX_STEP_TOKENS
        )
        values, statements = example.prefix.values, example.prefix.statements
        return cls(example, prompts, Prefix(values[: steps + 1], statements[:steps]), count)

    @property
    def is_solved(self) -> bool:
        return self.prefix.values[-1].key == self.example.prefix.values[-1].key

    def after(self, answer: Answer, prompt_format: PromptFormat, tally: Tally) -> _State | None:
        """With the step of an answer; None if it is none, or has no result."""
        tally.tried += answer.count
        try:
            statement = read_step(prompt_format, self.prefix, answer.text)
        except ProgramError:
            return None
        if not isinstance(statement, Statement):
            return None  # free Python is not measured here: it would have to run in the sandbox
        tally.parsed += answer.count
        values = self.prefix.values
        args = [values[a.index] if isinstance(a, Ref) else a for a in statement.args]
        value = apply(statement.function, args, len(values[0].items))
        if value is None:
            return None
        tally.run += answer.count
        prefix = Prefix((*values, value), (*self.prefix.statements, statement))
        return replace(self, prefix=prefix, count=answer.count)


def held_out_tasks(examples: Iterable[Example], num_tasks: int) -> list[Example]:
    """Up to `num_tasks` tasks, of all lengths of solutions as evenly as they come."""
    by_length: dict[int, list[Example]] = {}
    for example in islice(examples, CHOICE * num_tasks):
        by_length.setdefault(len(example.prefix.statements), []).append(example)
    rounds = zip_longest(*(by_length[n] for n in sorted(by_length)))
    return list(islice((example for one in rounds for example in one if example is not None), num_tasks))


def write_solutions(
    engine: Engine,
    prompt_format: PromptFormat,
    tasks: Sequence[Example],
    *,
    num_samples: int = 1,
    max_statements: int = 10,
    is_seeded: bool = False,
) -> Tally:
    """Let a model write programs, of all tasks at once. num_samples: programs a task, the most likely steps if it is 1,
    else drawn at temperature 1; a task counts as solved if any program solves it. is_seeded: see `_ask`."""
    tally = Tally()
    solved: set[int] = set()
    states = [_State.of(example, prompt_format, engine, count=num_samples) for example in tasks]
    for _ in range(max_statements):
        asked = _ask(engine, prompt_format, states, is_drawn=num_samples > 1, is_seeded=is_seeded)
        found = [state.after(answer, prompt_format, tally) for state, answers in asked for answer in answers]
        solved |= {id(state.example) for state in found if state is not None and state.is_solved}
        states = [state for state in found if state is not None and not state.is_solved]
    for example in tasks:
        length = len(example.prefix.statements)
        tally.tasks[length] += 1
        tally.solved[length] += id(example) in solved
    return tally


def _ask(
    engine: Engine, prompt_format: PromptFormat, states: Sequence[_State], *, is_drawn: bool, is_seeded: bool
) -> Iterator[tuple[_State, list[Answer]]]:
    """Every state whose prompt fits the context, with the answers to it. is_seeded: whether a prompt's random numbers
    follow from its text, so that it matters neither when nor beside which others it is asked; else they are the
    engine's."""
    asked = [(state, prompt) for state in states if (prompt := state.prompts.build(state.prefix)) is not None]
    requests = [
        Request(
            prompt,
            Sampling(
                state.count,
                MAX_STEP_TOKENS,
                float(is_drawn),
                stop=prompt_format.step_end,
                seed=_seed_of(prompt) if is_seeded else None,
            ),
        )
        for state, prompt in asked
    ]
    return zip((state for state, _ in asked), engine.generate(requests), strict=True)


def _seed_of(prompt: Prompt) -> int:
    """31 bits."""
    return zlib.crc32((prompt.shared + prompt.rest).encode()) >> 1


def needed_step_ranks(
    engine: Engine,
    log_probability: Callable[[Prompt, str], float],
    prompt_format: PromptFormat,
    examples: Iterable[Example],
    *,
    num_samples: int = 64,
    is_seeded: bool = False,
) -> list[tuple[int, int, int]]:
    """How early a policy proposes the step that a solution takes next: for every state on the way of every example,
    (statements of the solution, number of the step from 1, rank of the step from 1).

    log_probability: of a text after a prompt, natural logarithm, by the engine's model. The rank counts the different
    steps among `num_samples` draws that are likelier than the needed one under the model, so it is exact as far as
    these are among the draws, and at least never too high. States whose prompt does not fit the context are left out.
    is_seeded: see `_ask`.
    """
    states = [
        _State.of(example, prompt_format, engine, steps, num_samples)
        for example in examples
        for steps in range(len(example.prefix.statements))
    ]
    ranks = []
    for state, answers in _ask(engine, prompt_format, states, is_drawn=True, is_seeded=is_seeded):
        steps, statements = len(state.prefix.statements), state.example.prefix.statements
        name = variable_name(steps + 1)
        needed = statements[steps].render(name).removeprefix(f"{name} =") + prompt_format.step_end
        own = log_probability(state.prompts.build(state.prefix), needed)
        likelier = sum(answer.log_probability > own for answer in answers if answer.text != needed)
        ranks.append((len(statements), steps + 1, 1 + likelier))
    return ranks


class ModelEngine:
    """A model in memory, in training perhaps, as far as an `Engine` is needed here. batch: answers written at once.
    seed: of all that it draws."""

    def __init__(self, model: nn.Module, tokenizer: Any, batch: int = 64, seed: int = 0) -> None:
        self.model, self.tokenizer, self.batch, self.seed = model, tokenizer, batch, seed
        self.context_length = int(base_of(model).config.max_position_embeddings)

    def count_tokens(self, text: str) -> int:
        return len(self.tokenizer.encode(text))

    def generate(self, requests: Sequence[Request], deadline: float | None = None) -> list[list[Answer]]:
        """See `Engine.generate`; all requests have the sampling of the first but for their number of samples."""
        if not requests:
            return []
        prompts = [encode_prompt(self.tokenizer, request.prompt.shared, request.prompt.rest) for request in requests]
        wanted = [number for number, request in enumerate(requests) for _ in range(request.sampling.num_samples)]
        wanted.sort(key=lambda number: len(prompts[number]))  # shorter ones are padded to the longest of a batch
        found: list[list[Answer]] = [[] for _ in requests]
        sampling = requests[0].sampling
        for begin in range(0, len(wanted), self.batch):
            chosen = wanted[begin : begin + self.batch]
            texts = [prompts[number] for number in chosen]
            answers = generate(self.model, self.tokenizer, texts, sampling.stop, sampling.temperature > 0, self.seed)
            self.seed += 1
            for number, (text, log_probability) in zip(chosen, answers, strict=True):
                found[number].append(Answer(text, log_probability, self.count_tokens(text)))
        return [merge_answers(answers) for answers in found]

    def log_probability(self, prompt: Prompt, text: str) -> float:
        """Natural logarithm of the probability that the model goes on with `text` after a prompt."""
        return text_log_probability(
            self.model, self.tokenizer, encode_prompt(self.tokenizer, prompt.shared, prompt.rest), text
        )


def text_log_probability(model: nn.Module, tokenizer: Any, prompt: Sequence[int], text: str) -> float:
    """Natural logarithm of the probability that the model goes on with `text` after a prompt."""
    base = base_of(model)
    added = tokenizer.encode(text, add_special_tokens=False)
    tokens = torch.tensor([[*prompt, *added]], device=next(base.parameters()).device)
    with _attention(base), torch.no_grad():
        logits = base(tokens).logits[0, len(prompt) - 1 : -1].float()
    return float(logits.log_softmax(-1).gather(1, tokens[0, len(prompt) :, None]).sum())


@contextmanager
def _attention(base: Any) -> Iterator[None]:
    """Plain attention as long as the context lasts: training's is made for packed documents."""
    before, base.config._attn_implementation = base.config._attn_implementation, "sdpa"
    try:
        yield
    finally:
        base.config._attn_implementation = before


def generate(
    model: nn.Module, tokenizer: Any, prompts: Sequence[Sequence[int]], stop: str, is_drawn: bool, seed: int
) -> list[tuple[str, float]]:
    """What the model writes after each prompt, up to and with the stop text, and the logarithm of its probability
    under the model at temperature 1."""
    base = base_of(model)
    device = next(base.parameters()).device
    longest = max(map(len, prompts))
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    tokens = torch.tensor([[pad] * (longest - len(p)) + list(p) for p in prompts], device=device)
    mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=device)
    drawing: dict[str, Any] = {"do_sample": True, "temperature": 1.0, "top_k": 0} if is_drawn else {"do_sample": False}
    with _attention(base), torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), torch.no_grad():
        torch.manual_seed(seed)
        written = base.generate(
            tokens,
            attention_mask=mask,
            max_new_tokens=MAX_STEP_TOKENS,
            pad_token_id=pad,
            stop_strings=[stop],
            tokenizer=tokenizer,
            return_dict_in_generate=True,
            output_logits=True,
            **drawing,
        )
    new = written.sequences[:, longest:]
    chosen = torch.stack(written.logits, 1).float().log_softmax(-1).gather(2, new[:, :, None])[:, :, 0]
    answers = []
    for row, log_probabilities in zip(new.tolist(), chosen.tolist(), strict=True):
        num_tokens = _num_until(tokenizer, row, stop)
        text = tokenizer.decode(row[:num_tokens], skip_special_tokens=True)
        answers.append((text.partition(stop)[0] + stop, sum(log_probabilities[:num_tokens])))
    return answers


def _num_until(tokenizer: Any, tokens: Sequence[int], stop: str) -> int:
    """How many tokens it takes until the stop text is written; all if it is not."""
    for count in range(1, len(tokens) + 1):
        if stop in tokenizer.decode(tokens[max(0, count - len(stop)) : count], skip_special_tokens=True):
            return count
    return len(tokens)
