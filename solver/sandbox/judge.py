"""Whether a program is right, on which pairs, decided here from its outputs."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ..tasks import Task
from .pool import Pool, ProgramResult


@dataclass(frozen=True)
class Verdict:
    """fits: all training pairs are right. right: per training pair whether it is, None where it was not run (only if
    the program failed the pairs of the first round). tests: outputs for the test inputs, None where there is none.
    result: what the last run came to."""

    fits: bool
    right: tuple[bool | None, ...]
    tests: tuple[np.ndarray | None, ...]
    result: ProgramResult

    @property
    def credit(self) -> float | None:
        """Share of all training pairs that are right; None if some were not run."""
        return None if None in self.right else sum(self.right) / len(self.right)


def judge(pool: Pool, text: str, task: Task, rng: np.random.Generator) -> Verdict:
    """Run a program on a task's inputs. The pairs' outputs stay in this process.

    With the setting probe_pairs the program first runs on that many random training pairs, and on the rest and the
    test inputs only if all of these are right; `fits` is the same either way. rng chooses the pairs.
    """
    num_train, probe = len(task.train), pool.settings.probe_pairs
    order = np.arange(num_train)
    if probe is not None and probe < num_train:
        order = rng.permutation(num_train)
    else:
        probe = num_train
    first, rest = order[:probe], order[probe:]
    tests = [pair.input for pair in task.test]
    inputs = [task.train[i].input for i in first]
    right: list[bool | None] = [None] * num_train
    if len(rest) == 0:
        result = pool.run(text, inputs + tests)
        outputs = result.outputs
    else:
        result = pool.run(text, inputs)
        outputs = result.outputs
        if all(_is_right(task, i, output) for i, output in zip(first, outputs, strict=True)):
            result = pool.run(text, [task.train[i].input for i in rest] + tests)
            outputs += result.outputs
    for i, output in zip(order, outputs, strict=False):
        right[i] = _is_right(task, i, output)
    found = outputs[num_train:] or (None,) * len(tests)
    return Verdict(all(right), tuple(right), found, result)


def _is_right(task: Task, number: int, output: np.ndarray | None) -> bool:
    return output is not None and np.array_equal(output, task.train[number].output)
