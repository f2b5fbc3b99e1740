"""The vision model as a source of answers for the vote, behind the same contract as program search."""

from __future__ import annotations

import math
import time
from collections.abc import Callable
from logging import getLogger
from pathlib import Path

import numpy as np
import torch

from ..answers import Answer, Findings
from ..budget import Budget
from ..tasks import Pair, Task
from .tuning import Tuned, Tuner, TuningConfig
from .weights import load_weights

logger = getLogger(__name__)

MAX_ANSWERS = 4
# Part of a budget in seconds that tuning may use; the predictions need little (0.25 s where tuning takes 9 s).
TUNING_SHARE = 0.9


def answers_from(tuned: Tuned, num_views: int) -> list[Answer]:
    """For each test input its most voted grids, each as an answer to that input alone, weighed by its share."""
    answers = []
    for number, votes in enumerate(tuned.votes):
        for grid, share in votes[:MAX_ANSWERS]:
            outputs = [None] * len(tuned.votes)
            outputs[number] = grid.astype(np.int8)
            origin = f"{share:.1%} of {num_views} views"
            answers.append(Answer(tuple(outputs), share, VisionSource.name, origin, exact=False))
    return sorted(answers, key=lambda answer: -answer.weight)


class VisionSource:
    """Tunes to each task and votes over views. One instance a device; the weights are read at construction.

    Raises InputError if the weights folder is missing or damaged. A task that runs out of device memory, or whose
    tuning diverges, yields no answers and a note, and leaves the next task as it would have been.
    """

    name = "vision"

    def __init__(self, weights: Path, device: str = "cuda", config: TuningConfig | None = None) -> None:
        model, manifest = load_weights(weights, device)
        self.config = config or TuningConfig()
        self.tuner = Tuner(model, manifest["canvas"], self.config)

    def estimate_s(self, num_steps: int = 3) -> float:
        """Seconds a task of one test input will take here, from a few steps on a made-up task. The first call
        also compiles, which it does not count."""
        grid = np.arange(100, dtype=np.int8).reshape(10, 10) % 10
        task = Task("estimate", (Pair(grid, grid[::-1]),), (Pair(grid),))
        self.tuner.tune_and_predict(task, max_steps=1)
        tuned = self.tuner.tune_and_predict(task, max_steps=num_steps)
        return tuned.tune_s / num_steps * self.config.num_steps + tuned.predict_s

    def solve(self, task: Task, budget: Budget, seed: int, report: Callable[[Findings], None]) -> Findings:
        """A budget of nodes sets no limit: the number of tuning steps is fixed by the settings."""
        deadline = math.inf
        if budget.seconds is not None:
            deadline = time.monotonic() + TUNING_SHARE * budget.seconds - budget.elapsed_s
        try:
            tuned = self.tuner.tune_and_predict(task, seed, deadline)
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
            logger.warning("%s: not enough device memory to tune", task.task_id)
            return Findings(note="vision: out of device memory")
        phases = {"tune": tuned.tune_s, "predict": tuned.predict_s}
        if tuned.num_steps and not math.isfinite(tuned.loss):
            return Findings(phases=phases, note="vision: tuning diverged")
        note = f"vision: {tuned.num_steps} steps, loss {tuned.loss:.2g}"
        findings = Findings(answers_from(tuned, tuned.num_views), phases=phases, note=note)
        report(findings)
        return findings
