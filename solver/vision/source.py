"""The vision model as a source of answers for the vote, behind the same contract as program search."""

from __future__ import annotations

import math
import time
from collections import Counter
from collections.abc import Callable
from dataclasses import replace
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


def answers_from(runs: list[Tuned]) -> list[Answer]:
    """For each test input the grids most voted for over all tuning runs, each as an answer to that input alone,
    weighed by its share of the views."""
    num_views = sum(run.num_views for run in runs)
    answers = []
    for number in range(len(runs[0].votes)):
        totals: Counter[tuple[tuple[int, ...], bytes]] = Counter()
        for run in runs:
            for grid, share in run.votes[number]:
                totals[grid.shape, grid.tobytes()] += share * run.num_views / num_views
        best = sorted(totals.items(), key=lambda item: (-item[1], item[0]))[:MAX_ANSWERS]
        for (shape, cells), share in best:
            outputs = [None] * len(runs[0].votes)
            outputs[number] = np.frombuffer(cells, np.uint8).reshape(shape).astype(np.int8)
            origin = f"{share:.1%} of {num_views} views"
            answers.append(Answer(tuple(outputs), share, VisionSource.name, origin, exact=False))
    return sorted(answers, key=lambda answer: -answer.weight)


class VisionSource:
    """Tunes to each task and votes over views. One instance a device; the weights are read at construction.

    max_runs: so many tuning runs from different seeds vote on a task, if its time allows; in a budget of nodes one.
    Raises InputError if the weights folder is missing or damaged. A task that runs out of device memory, or whose
    tuning diverges, yields no answers and a note, and leaves the next task as it would have been.
    """

    name = "vision"

    def __init__(
        self, weights: Path, device: str = "cuda", config: TuningConfig | None = None, max_runs: int = 1
    ) -> None:
        model, manifest = load_weights(weights, device)
        self.config = config or TuningConfig()
        self.tuner = Tuner(model, manifest["canvas"], self.config)
        self.max_runs = max_runs

    def warm_up(self) -> None:
        """Compile, so that the first task need not, and say how long a task will take."""
        logger.info("vision: about %.1f s for a tuning run here", self.estimate_s())

    def estimate_s(self, num_steps: int = 3) -> float:
        """Seconds a tuning run of a task with one test input will take here, from a few steps on a made-up task. The
        first call also compiles, which it does not count."""
        grid = np.arange(100, dtype=np.int8).reshape(10, 10) % 10
        task = Task("estimate", (Pair(grid, grid[::-1]),), (Pair(grid),))
        self.tuner.tune_and_predict(task, max_steps=1)
        tuned = self.tuner.tune_and_predict(task, max_steps=num_steps)
        return tuned.tune_s / num_steps * self.config.num_steps + tuned.predict_s

    def solve(self, task: Task, budget: Budget, seed: int, report: Callable[[Findings], None]) -> Findings:
        """Reports after each tuning run. A budget of nodes sets no limit: the settings fix the number of steps."""
        runs: list[Tuned] = []
        findings = Findings()
        longest_s = 0.0
        while len(runs) < (self.max_runs if budget.seconds else 1):
            left_s = math.inf if budget.seconds is None else budget.seconds - budget.elapsed_s
            if runs and left_s < 1.1 * longest_s:
                break
            began = time.monotonic()
            try:
                tuned = self.tuner.tune_and_predict(task, seed + len(runs), began + TUNING_SHARE * left_s)
            except torch.cuda.OutOfMemoryError:
                torch.cuda.empty_cache()
                logger.warning("%s: not enough device memory to tune", task.task_id)
                return replace(findings, note="vision: out of device memory")
            longest_s = max(longest_s, time.monotonic() - began)
            if tuned.num_steps and not math.isfinite(tuned.loss):
                return replace(findings, note="vision: tuning diverged")
            runs.append(tuned)
            phases = {"tune": sum(r.tune_s for r in runs), "predict": sum(r.predict_s for r in runs)}
            steps = ", ".join(str(r.num_steps) for r in runs)
            findings = Findings(answers_from(runs), phases=phases, note=f"vision: {steps} steps, loss {tuned.loss:.2g}")
            report(findings)
        return findings
