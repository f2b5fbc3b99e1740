"""What a policy is worth: it writes whole programs for held-out tasks, step by step as in a search, and they are run.

A task counts as solved if the program's last value equals the outputs of all its pairs, the test pair among them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from itertools import islice, zip_longest
from typing import Any

import numpy as np
import torch
from torch import nn

from ..executor import Value, apply
from ..grid.types import Grid
from ..lm.prompt import Prefix, PromptBuilder, PromptFormat, PromptTask, read_step
from ..lm.tokenizer import encode_prompt
from ..program import Program, ProgramError, Ref
from .models import base_of
from .preparation import Example

MAX_STEP_TOKENS = 48


@dataclass(frozen=True, eq=False)
class HeldOutTask:
    """A task with its solution's length. outputs: of all pairs, the test pair last."""

    task: PromptTask
    outputs: tuple[np.ndarray, ...]
    num_statements: int


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


class _Attempt:
    """One program in the making."""

    def __init__(self, held_out: HeldOutTask, builder: PromptBuilder) -> None:
        task = held_out.task
        start = Prefix.run(Program(()), [*task.inputs, *task.tests])
        assert start is not None  # an empty program always runs
        self.held_out, self.builder, self.prefix = held_out, builder, start
        self.is_over = self.is_solved = False

    def take(self, answer: str, prompt_format: PromptFormat, tally: Tally) -> None:
        """Go on with the step of an answer; over if it is none, has no result, or solves the task."""
        tally.tried += 1
        self.is_over = True
        try:
            statement = read_step(prompt_format, self.prefix, answer)
        except ProgramError:
            return
        tally.parsed += 1
        values = self.prefix.values
        args = [values[a.index] if isinstance(a, Ref) else a for a in statement.args]
        value = apply(statement.function, args) if any(isinstance(a, Value) for a in args) else None
        if value is None:
            return
        tally.run += 1
        self.prefix = Prefix((*values, value), (*self.prefix.statements, statement))
        self.is_solved = value.type is Grid and all(map(np.array_equal, value.items, self.held_out.outputs))
        self.is_over = self.is_solved


def held_out_tasks(examples: Iterable[Example], num_tasks: int) -> list[HeldOutTask]:
    """Up to `num_tasks` tasks, of all lengths of solutions as evenly as they come."""
    by_length: dict[int, list[HeldOutTask]] = {}
    for example in examples:
        length = len(example.prefix.statements)
        by_length.setdefault(length, []).append(HeldOutTask(example.task, example.prefix.values[-1].items, length))
    rounds = zip_longest(*(by_length[n] for n in sorted(by_length)))
    return list(islice((task for one in rounds for task in one if task is not None), num_tasks))


def write_solutions(
    model: nn.Module,
    tokenizer: Any,
    prompt_format: PromptFormat,
    tasks: Sequence[HeldOutTask],
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
    for held_out in tasks:
        builder = PromptBuilder(
            prompt_format, held_out.task, lambda text: len(tokenizer.encode(text)), context, MAX_STEP_TOKENS
        )
        attempts += [_Attempt(held_out, builder) for _ in range(num_samples)]
    for _ in range(max_statements):
        waiting = [attempt for attempt in attempts if not attempt.is_over]
        for begin in range(0, len(waiting), batch):
            _write_step(model, tokenizer, prompt_format, waiting[begin : begin + batch], num_samples > 1, seed, tally)
            seed += 1
    solved = {id(attempt.held_out) for attempt in attempts if attempt.is_solved}
    for held_out in tasks:
        tally.tasks[held_out.num_statements] += 1
        tally.solved[held_out.num_statements] += id(held_out) in solved
    return tally


def _write_step(
    model: nn.Module,
    tokenizer: Any,
    prompt_format: PromptFormat,
    attempts: Sequence[_Attempt],
    is_drawn: bool,
    seed: int,
    tally: Tally,
) -> None:
    """One more step for each of these attempts; one whose prompt does not fit is over."""
    asked, prompts = [], []
    for attempt in attempts:
        prompt = attempt.builder.build(attempt.prefix)
        if prompt is None:
            attempt.is_over = True
        else:
            asked.append(attempt)
            prompts.append(encode_prompt(tokenizer, prompt.shared, prompt.rest))
    if asked:
        answers = generate(model, tokenizer, prompts, prompt_format.step_end, is_drawn, seed)
        for attempt, answer in zip(asked, answers, strict=True):
            attempt.take(answer, prompt_format, tally)


def generate(
    model: nn.Module, tokenizer: Any, prompts: Sequence[Sequence[int]], stop: str, is_drawn: bool, seed: int
) -> list[str]:
    """What the model writes after each prompt, up to and with the stop text."""
    base = base_of(model)
    device = next(base.parameters()).device
    longest = max(map(len, prompts))
    pad = tokenizer.pad_token_id if tokenizer.pad_token_id is not None else 0
    tokens = torch.tensor([[pad] * (longest - len(p)) + list(p) for p in prompts], device=device)
    mask = torch.tensor([[0] * (longest - len(p)) + [1] * len(p) for p in prompts], device=device)
    drawing: dict[str, Any] = {"do_sample": True, "temperature": 1.0, "top_k": 0} if is_drawn else {"do_sample": False}
    attention, base.config._attn_implementation = base.config._attn_implementation, "sdpa"
    try:
        with torch.random.fork_rng(devices=[device] if device.type == "cuda" else []), torch.no_grad():
            torch.manual_seed(seed)
            written = base.generate(
                tokens,
                attention_mask=mask,
                max_new_tokens=MAX_STEP_TOKENS,
                pad_token_id=pad,
                stop_strings=[stop],
                tokenizer=tokenizer,
                **drawing,
            )
    finally:
        base.config._attn_implementation = attention
    texts = tokenizer.batch_decode(written[:, longest:], skip_special_tokens=True)
    return [text.partition(stop)[0] + stop for text in texts]
