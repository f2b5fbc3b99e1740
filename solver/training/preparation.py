"""Tasks with programs as tokenised documents: solutions for a policy, pairs of states for a preference model.

Documents are exactly what a search shows a model (lm/prompt.py), so nothing of the template is repeated here.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from ..executor import Value, apply
from ..grid.registry import FUNCTIONS, Function
from ..grid.types import Table
from ..lm.prompt import prefix_segments, solution_segments
from ..lm.prompt_format import PromptFormat
from ..lm.template import OUTPUT, PromptTask, task_text
from ..lm.tokenizer import encode_segments, vocabulary
from ..prefix import Prefix
from ..program import Argument, Program, Ref, Statement
from ..synthesis.augment import augment
from ..synthesis.found import FOUND
from ..synthesis.generate import ProgramSet
from ..synthesis.inputs import grid_tokens
from ..synthesis.mutations import change_statement
from ..synthesis.selection import looks_like_a_task
from ..synthesis.shards import read_shard
from .documents import AUXILIARY, GIVEN, STEP, PartWriter

ALTERNATIVE_TRIES = 12

Segments = Sequence[tuple[str, bool]]


class Encoder:
    """Segments to tokens by a Hugging Face tokenizer; with the vocabulary of this project, in which a grid's cells
    and row ends are a token each, grids are looked up instead of parsed (about ten times as fast)."""

    def __init__(self, tokenizer: Any) -> None:
        self.tokenizer = tokenizer
        words = tokenizer.get_vocab()
        self.num_vocabulary = max(words.values()) + 1
        self._is_own = words == {word: i for i, word in enumerate(vocabulary())}
        if self._is_own:
            self._cells = np.full(128, -1, np.int64)
            for character in "0123456789\n":
                self._cells[ord(character)] = words[character]
            self._known: dict[str, list[int]] = {}

    def encode(self, segments: Segments) -> tuple[np.ndarray, np.ndarray]:
        """Tokens, int64 [n], and their kinds (documents.py), int64 [n]: STEP for what is learned, as `encode_segments`
        has it; with this project's own vocabulary AUXILIARY for the cells and row ends of training outputs after the
        first."""
        if not self._is_own:
            tokens, flags = encode_segments(self.tokenizer, segments)
            return np.array(tokens), np.where(flags, STEP, GIVEN)
        (shared, is_learned), *others = segments
        given, given_kinds = self._encode_task(shared)
        tokens, flags = encode_segments(self.tokenizer, [("", is_learned), *others])
        beginning = len(self.tokenizer.encode("", add_special_tokens=True))
        return (
            np.concatenate([np.array(tokens[:beginning], np.int64), given, np.array(tokens[beginning:], np.int64)]),
            np.concatenate([np.full(beginning, GIVEN), given_kinds, np.where(flags[beginning:], STEP, GIVEN)]),
        )

    def _encode_task(self, text: str) -> tuple[np.ndarray, np.ndarray]:
        """Tokens and kinds of a task's text."""
        parts, kinds, num_outputs, follows_output = [], [], 0, False
        for piece in re.split(r"((?:^[0-9]+\n)+)", text, flags=re.MULTILINE):
            if piece[:1].isdigit():
                parts.append(self._cells[np.frombuffer(piece.encode("ascii"), np.uint8)])
            elif piece:
                if piece not in self._known:
                    self._known[piece] = self.tokenizer.encode(piece, add_special_tokens=False)
                parts.append(np.array(self._known[piece], np.int64))
            else:
                continue
            is_output = piece[:1].isdigit() and follows_output
            num_outputs += is_output
            kinds.append(np.full(len(parts[-1]), AUXILIARY if is_output and num_outputs > 1 else GIVEN))
            follows_output = piece.endswith(OUTPUT)
        return np.concatenate(parts), np.concatenate(kinds)


@dataclass(frozen=True)
class Example:
    """A task made of a set of inputs and a program, and the program's values on it."""

    task: PromptTask
    prefix: Prefix


def examples(sets: Iterator[ProgramSet], copies: int, max_tokens: int, seed: Sequence[int]) -> Iterator[Example]:
    """Every task `copies` times: the first as it is, the others augmented. What is made up, or augmented, must look
    like a task; a public task is one."""
    for number, one in enumerate(sets):
        for index, program in enumerate(one.programs):
            for copy in range(copies):
                inputs, changed = one.inputs, program
                if copy:
                    inputs, changed = augment(inputs, program, np.random.default_rng([*seed, number, index, copy]))
                prefix = Prefix.run(changed, inputs)
                if prefix is None:
                    continue
                all_outputs = prefix.values[-1].items
                if one.source.startswith(FOUND) and not copy:
                    fits = sum(map(grid_tokens, (*inputs, *all_outputs))) <= max_tokens
                else:
                    fits = looks_like_a_task(all_outputs, inputs, max_tokens)
                if not fits:
                    continue
                yield Example(PromptTask(tuple(inputs[:-1]), all_outputs[:-1], (inputs[-1],)), prefix)


@dataclass(frozen=True)
class Preparation:
    """How documents are made. copies: of every task, see `examples`. max_tokens: of a document. num_pairs: preference
    pairs a made-up task."""

    prompt_format: PromptFormat
    copies: int
    max_tokens: int
    num_pairs: int
    seed: int


def policy_part(path: Path, encoder: Encoder, how: Preparation) -> PartWriter:
    """Documents of one shard: tasks with their solutions, of which the steps are to be predicted."""
    writer = PartWriter(encoder.num_vocabulary)
    for example in examples(read_shard(path), how.copies, how.max_tokens, [how.seed, _number(path)]):
        program = Program(example.prefix.statements)
        segments = solution_segments(how.prompt_format, example.task, program)
        if segments is not None:
            _add(writer, encoder, segments, how.max_tokens)
    return writer


def ppm_part(path: Path, encoder: Encoder, how: Preparation) -> PartWriter:
    """Documents of one shard, in pairs: a state on the way to the solution, and one with another last step."""
    writer = PartWriter(encoder.num_vocabulary)
    rng = np.random.default_rng([how.seed, _number(path), 1])
    for example in examples(read_shard(path), how.copies, how.max_tokens, [how.seed, _number(path)]):
        length = len(example.prefix.statements)
        for steps in rng.permutation(length)[: how.num_pairs] + 1:
            rival = sibling(example.prefix, int(steps), rng)
            if rival is None:
                continue
            right = Prefix(example.prefix.values[: steps + 1], example.prefix.statements[:steps])
            pair = [encoder.encode(state_segments(how.prompt_format, example.task, p)) for p in (right, rival)]
            if max(len(tokens) for tokens, _ in pair) <= how.max_tokens:
                for tokens, _ in pair:
                    writer.add(tokens, np.full(len(tokens), GIVEN), 1.0)
    return writer


def state_segments(prompt_format: PromptFormat, task: PromptTask, prefix: Prefix) -> Segments:
    """What a preference model is shown of a state: the task, and the steps so far."""
    return [(task_text(task), False), *prefix_segments(prompt_format, prefix, task.targets)]


def sibling(prefix: Prefix, steps: int, rng: np.random.Generator) -> Prefix | None:
    """The first `steps` statements with another one in place of the last: a change of it, or any statement on the
    values so far. None if none is found whose value is not on the way to the solution."""
    values, statements = prefix.values[:steps], prefix.statements[: steps - 1]
    on_the_way = {value.key for value in prefix.values}
    for _ in range(ALTERNATIVE_TRIES):
        if rng.random() < 0.4:
            statement = change_statement(prefix.statements[steps - 1], rng)
        else:
            statement = _any_statement(values, rng)
        if statement is None:
            continue
        args = [values[a.index] if isinstance(a, Ref) else a for a in statement.args]
        value = apply(statement.function, args, len(values[0].items))
        if value is not None and value.key not in on_the_way:
            return Prefix((*values, value), (*statements, statement))
    return None


def _any_statement(values: Sequence[Value], rng: np.random.Generator) -> Statement | None:
    """A random function with random arguments, the newest value among them where its type fits; None if the values
    so far don't suffice."""
    functions = _guessable()
    function = functions[rng.integers(len(functions))]
    newest = len(values) - 1
    args: list[Argument] = []
    for parameter in function.parameters:
        fitting = [i for i, value in enumerate(values) if value.type is parameter.type]
        if fitting and (not parameter.values or rng.random() < 0.3):
            use_newest = newest in fitting and rng.random() < 0.7
            args.append(Ref(newest if use_newest else int(rng.choice(fitting))))
        elif parameter.values:
            args.append(int(rng.choice(parameter.values)))
        else:
            return None
    return Statement(function, tuple(args))


@cache
def _guessable() -> list[Function]:
    """Functions without fitted tables."""
    return [f for f in FUNCTIONS.values() if not any(p.type is Table for p in f.parameters)]


def _add(writer: PartWriter, encoder: Encoder, segments: Segments, max_tokens: int) -> None:
    tokens, flags = encoder.encode(segments)
    if len(tokens) <= max_tokens:
        writer.add(tokens, flags, 1.0)


def _number(path: Path) -> int:
    """The number in a shard's name."""
    found = re.search(r"(\d+)", path.name)
    return int(found.group(1)) if found else 0
