"""What a policy is worth: it writes whole programs for held-out tasks, step by step as in a search, and they are run.

A task counts as solved if the program's last value equals the outputs of all its pairs, the test pair among them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from typing import Any

import torch
from torch import nn

from ..executor import apply
from ..lm.prompt import Prefix, PromptBuilder, PromptFormat, PromptTask, read_step
from ..lm.tokenizer import encode_prompt
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

    def facts(self) -> dict[str, Any]:
        """For the log: shares."""
        total = sum(self.tasks.values())
        return {
            "solved": round(sum(self.solved.values()) / max(1, total), 4),
            "solved_by_length": {str(n): f"{self.solved[n]}/{self.tasks[n]}" for n in sorted(self.tasks)},
            "steps_parsed": round(self.parsed / max(1, self.tried), 4),
            "steps_run": round(self.run / max(1, self.tried), 4),
        }


class _Prompts:
    """The prompts of one task, in tokens; what they begin with is tokenised once."""

    def __init__(self, task: PromptTask, tokenizer: Any, prompt_format: PromptFormat, context: int) -> None:
        self._tokenizer = tokenizer
        self._begun: list[int] = []
        self._builder = PromptBuilder(
            prompt_format, task, lambda text: len(tokenizer.encode(text)), context, MAX_STEP_TOKENS
        )

    def tokens(self, prefix: Prefix) -> list[int] | None:
        """None if the prompt does not fit the context."""
        prompt = self._builder.build(prefix)
        if prompt is None:
            return None
        self._begun = self._begun or encode_prompt(self._tokenizer, prompt.shared, "")
        return self._begun + self._tokenizer.encode(prompt.rest, add_special_tokens=False)


class _Attempt:
    """One program in the making."""

    def __init__(self, example: Example, prompts: _Prompts) -> None:
        self.example, self.prompts = example, prompts
        self.prefix = Prefix(example.prefix.values[:1], ())
        self.is_over = self.is_solved = False

    def take(self, answer: str, prompt_format: PromptFormat, tally: Tally) -> None:
        """Go on with the step of an answer; over if it is none, has no result, or solves the task."""
        tally.tried += 1
        self.is_over = True
        try:
            statement = read_step(prompt_format, self.prefix, answer)
        except ProgramError:
            return
        if not isinstance(statement, Statement):
            return  # free Python is not measured here: it would have to run in the sandbox
        tally.parsed += 1
        values = self.prefix.values
        args = [values[a.index] if isinstance(a, Ref) else a for a in statement.args]
        value = apply(statement.function, args, len(values[0].items))
        if value is None:
            return
        tally.run += 1
        self.prefix = Prefix((*values, value), (*self.prefix.statements, statement))
        self.is_solved = value.key == self.example.prefix.values[-1].key
        self.is_over = self.is_solved


def held_out_tasks(examples: Iterable[Example], num_tasks: int) -> list[Example]:
    """Up to `num_tasks` tasks, of all lengths of solutions as evenly as they come."""
    by_length: dict[int, list[Example]] = {}
    for example in islice(examples, CHOICE * num_tasks):
        by_length.setdefault(len(example.prefix.statements), []).append(example)
    rounds = zip_longest(*(by_length[n] for n in sorted(by_length)))
    return list(islice((example for one in rounds for example in one if example is not None), num_tasks))


def write_solutions(
    model: nn.Module,
    tokenizer: Any,
    prompt_format: PromptFormat,
    tasks: Sequence[Example],
    *,
    num_samples: int = 1,
    max_statements: int = 10,
    batch: int = 64,
    seed: int = 0,
) -> Tally:
    """Let a model write programs. num_samples: programs a task, the most likely steps if it is 1, else drawn at
    temperature 1; a task counts as solved if any program solves it. batch: programs written at once."""
    context = base_of(model).config.max_position_embeddings
    tally = Tally()
    attempts = []
    for example in tasks:
        prompts = _Prompts(example.task, tokenizer, prompt_format, context)
        attempts += [_Attempt(example, prompts) for _ in range(num_samples)]
    for _ in range(max_statements):
        asked = []
        for attempt in attempts:
            if not attempt.is_over:
                tokens = attempt.prompts.tokens(attempt.prefix)
                attempt.is_over = tokens is None
                if tokens is not None:
                    asked.append((attempt, tokens))
        asked.sort(key=lambda one: len(one[1]))  # shorter ones are padded to the longest of a batch
        for begin in range(0, len(asked), batch):
            chosen = asked[begin : begin + batch]
            texts = [tokens for _, tokens in chosen]
            answers = generate(model, tokenizer, texts, prompt_format.step_end, num_samples > 1, seed)
            for (attempt, _), (answer, _) in zip(chosen, answers, strict=True):
                attempt.take(answer, prompt_format, tally)
            seed += 1
    solved = {id(attempt.example) for attempt in attempts if attempt.is_solved}
    for example in tasks:
        length = len(example.prefix.statements)
        tally.tasks[length] += 1
        tally.solved[length] += id(example) in solved
    return tally


def needed_step_ranks(
    model: nn.Module,
    tokenizer: Any,
    prompt_format: PromptFormat,
    examples: Iterable[Example],
    *,
    num_samples: int = 64,
    seed: int = 0,
) -> list[tuple[int, int, int]]:
    """How early a policy proposes the step that a solution takes next: for every state on the way of every example,
    (statements of the solution, number of the step from 1, rank of the step from 1).

    The rank counts the different steps among `num_samples` draws that are likelier than the needed one under the
    model, so it is exact as far as these are among the draws, and at least never too high. States whose prompt does
    not fit the context are left out.
    """
    context = base_of(model).config.max_position_embeddings
    ranks = []
    for example in examples:
        prompts = _Prompts(example.task, tokenizer, prompt_format, context)
        length = len(example.prefix.statements)
        for steps in range(length):
            prefix = Prefix(example.prefix.values[: steps + 1], example.prefix.statements[:steps])
            tokens = prompts.tokens(prefix)
            if tokens is None:
                continue
            answers = generate(model, tokenizer, [tokens] * num_samples, prompt_format.step_end, True, seed)
            name = variable_name(steps + 1)
            needed = example.prefix.statements[steps].render(name).removeprefix(f"{name} =") + prompt_format.step_end
            own = text_log_probability(model, tokenizer, tokens, needed)
            likelier = {text for text, log_probability in answers if text != needed and log_probability > own}
            ranks.append((length, steps + 1, 1 + len(likelier)))
            seed += 1
    return ranks


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
