"""Prompts: the text that asks a model for the next step of a program (template.py), as its weights want to be asked
(prompt_format.py).

A prompt ends where the next step's call begins; the model goes on with ` paint_alone(x2)` and the step's end. The
*short* format is for fine-tuned models: a hint, if there is one, and the task. The *few-shot* format puts a system text
and solved examples before it. Models that think first answer with a whole program (`PromptFormat.thinking`). What is
made of an answer: reading.py.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from ..prefix import Prefix
from ..program import Program, variable_name
from ..tasks import Task
from .prompt_format import PromptFormat
from .template import PromptTask, sketch, system_text, task_text


@dataclass(frozen=True)
class Prompt:
    """shared: what all prompts of a task begin with, tokenized on its own, so that engines keep its attention cache.
    rest: the program so far."""

    shared: str
    rest: str


@dataclass(frozen=True, eq=False)
class Example:
    """A solved task for few-shot prompts. rule: what it does, in words."""

    task: Task
    program: Program
    rule: str


def prefix_segments(
    prompt_format: PromptFormat, prefix: Prefix, targets: Sequence[np.ndarray]
) -> list[tuple[str, bool]]:
    """The text of a prefix in pieces, each with whether a model writes it (else it is given)."""
    pieces: list[tuple[str, bool]] = []
    for index, statement in enumerate(prefix.statements, 1):
        name = variable_name(index)
        text, given = statement.render(name), f"{name} ="
        if not text.startswith(given):  # of free Python that did not come from a prompt
            given = ""
        pieces.append((prompt_format.step_begin + given, False))
        pieces.append((text.removeprefix(given) + prompt_format.step_end, True))
        if prompt_format.sketch:
            pieces.append((sketch(prefix.values[index], targets) + "\n", False))
    return pieces


def solution_segments(prompt_format: PromptFormat, task: PromptTask, program: Program) -> list[tuple[str, bool]] | None:
    """A training example: a task's text and the steps of its program, each piece with whether it is learned.

    The first piece is the prompt's shared part. None where a step of the program has no result.
    """
    prefix = Prefix.run(program, [*task.inputs, *task.tests])
    if prefix is None:
        return None
    return [(task_text(task), False), *prefix_segments(prompt_format, prefix, task.targets)]


@dataclass
class PromptBuilder:
    """Makes the prompts of one task.

    count_tokens: of a text, by the model's tokenizer. context_length: tokens that prompt and answer may have
    together. max_new_tokens: of an answer. examples: solved tasks; each rollout shows others. What does not fit is
    left out, examples first, then the hint; `dropped` counts what was, in words. chat: (system, user, begun answer) →
    text.
    """

    prompt_format: PromptFormat
    task: PromptTask
    count_tokens: Callable[[str], int]
    context_length: int
    max_new_tokens: int
    examples: Sequence[Example] = ()
    chat: Callable[[str, str, str], str] | None = None
    dropped: Counter[str] = field(default_factory=Counter)

    PREFIX_RESERVE = 256
    """Tokens kept free for the program when examples are chosen, so that prompts of a task begin alike."""

    def __post_init__(self) -> None:
        self.examples = [e for e in self.examples if e.task.task_id != self.task.task_id]
        self._shared: dict[tuple[int, bool], str | None] = {}

    def build(self, prefix: Prefix, rollout: int = 0, for_score: bool = False, with_hint: bool = True) -> Prompt | None:
        """The prompt that asks for the next step of a prefix, or (for_score) shows the prefix alone; None if it does
        not fit, or if a step of the prefix is free Python, such as the rules that program search fits, and the
        format has none: the model has never seen any. rollout: how often this tree was asked before. with_hint:
        whether the task's hint is shown."""
        if prefix.is_free and not self.prompt_format.free_python:
            self.dropped["states of other steps"] += 1
            return None
        turn = rollout % len(self.examples) if self._num_examples else 0
        kind = (turn, with_hint and bool(self.task.hint))
        if kind not in self._shared:
            self._shared[kind] = self._make_shared(*kind)
        shared = self._shared[kind]
        pieces = "".join(text for text, _ in prefix_segments(self.prompt_format, prefix, self.task.targets))
        rest = pieces if for_score or self.prompt_format.thinking else self._begin_step(pieces, prefix)
        prompt = None if shared is None else self._finish(shared, rest)
        if prompt is None or self._num_tokens(prompt) + self.max_new_tokens > self.context_length:
            self.dropped["states too long"] += 1
            return None
        return prompt

    def _num_tokens(self, prompt: Prompt) -> int:
        """Of a whole prompt, what a chat template puts around it among them."""
        return self.count_tokens(prompt.shared) + self.count_tokens(prompt.rest)

    @property
    def _num_examples(self) -> int:
        wanted = self.prompt_format.num_examples if self.prompt_format.style == "few-shot" else 0
        return min(wanted, len(self.examples))

    def _begin_step(self, pieces: str, prefix: Prefix) -> str:
        return f"{pieces}{self.prompt_format.step_begin}{prefix.next_target}"

    def _make_shared(self, turn: int, with_hint: bool) -> str | None:
        """The beginning of all prompts of a rollout, with as many examples as fit; None if it does not fit itself."""
        room = self.context_length - self.max_new_tokens - self.PREFIX_RESERVE
        system = system_text(self.prompt_format.free_python) if self.prompt_format.style == "few-shot" else ""
        chosen = [self.examples[(turn + k) % len(self.examples)] for k in range(self._num_examples)]
        bodies = [self._example_text(example) for example in chosen]
        plain = task_text(replace(self.task, hint=""))
        own = task_text(self.task) if with_hint else plain
        if with_hint and self.count_tokens(system + own) > room:
            own = plain
            self.dropped["hints too long"] += 1
        while bodies and self.count_tokens(system + "".join(bodies) + own) > room:
            bodies.pop()
            self.dropped["examples too long"] += 1
        text = system + "".join(bodies) + own
        if self.prompt_format.thinking:
            text += _ASK_PROGRAM
        # The reserve is for examples to leave; a bare task may use it.
        return text if self.count_tokens(text) + self.max_new_tokens <= self.context_length else None

    def _example_text(self, example: Example) -> str:
        task = PromptTask.of(example.task, example.rule)
        pieces = solution_segments(self.prompt_format, task, example.program)
        if pieces is None:
            raise ValueError(f"example {example.task.task_id}: a step has no result")
        return "".join(text for text, _ in pieces) + "\n"

    def _finish(self, shared: str, rest: str) -> Prompt:
        if not self.prompt_format.chat:
            return Prompt(shared, rest)
        if self.chat is None:
            raise ValueError("this prompt format needs a chat template")
        if self.prompt_format.thinking:
            return Prompt(self.chat("", shared + rest, ""), "")
        begun = self.chat("", shared, rest)
        cut = begun.rindex(rest.rstrip())  # templates may trim what is said
        return Prompt(begun[:cut], begun[cut:])


_ASK_PROGRAM = "Answer with the whole program, one call a line, in a block fenced by ```. It begins with these lines:\n"
