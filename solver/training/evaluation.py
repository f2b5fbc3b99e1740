"""What a policy is worth: it writes whole programs for held-out tasks, step by step as in a search, and they are run.

A task counts as solved if the program's last value equals the outputs of all its pairs, the test pair among them.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from ..executor import Value, apply
from ..lm.prompt import Prefix, PromptBuilder, PromptFormat, PromptTask, read_step
from ..lm.tokenizer import encode_prompt
from ..program import ProgramError, Ref, Statement
from .models import base_of

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

    tried: int
    parsed: int
    run: int
    tasks: Counter[int]
    solved: Counter[int]

    def facts(self) -> dict[str, Any]:
        """For the log: shares."""
        total = sum(self.tasks.values())
        return {
            "solved": round(sum(self.solved.values()) / max(1, total), 4),
            "solved_by_length": {n: f"{self.solved[n]}/{self.tasks[n]}" for n in sorted(self.tasks)},
            "steps_parsed": round(self.parsed / max(1, self.tried), 4),
            "steps_run": round(self.run / max(1, self.tried), 4),
        }


class _Attempt:
    """One program in the making."""

    def __init__(self, held_out: HeldOutTask, builder: PromptBuilder) -> None:
        self.held_out, self.builder = held_out, builder
        start = Prefix.run_empty(held_out.task) if hasattr(Prefix, "run_empty") else None
        self.prefix = start or _empty_prefix(held_out.task)
        self.is_over = self.is_solved = False

    def take(self, statement: Statement) -> bool:
        """Go on with a step; whether it had a result."""
        values = self.prefix.values
        args = [values[a.index] if isinstance(a, Ref) else a for a in statement.args]
        value = apply(statement.function, args) if any(isinstance(a, Value) for a in args) else None
        if value is None:
            return False
        self.prefix = Prefix((*values, value), (*self.prefix.statements, statement))
        if len(value.items) == len(self.held_out.outputs) and all(
            isinstance(a, np.ndarray) and np.array_equal(a, b)
            for a, b in zip(value.items, self.held_out.outputs, strict=True)
        ):
            self.is_solved = self.is_over = True
        return True
