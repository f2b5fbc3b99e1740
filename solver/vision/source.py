"""The vision model as a source of answers for the vote, behind the same contract as program search."""

from __future__ import annotations

import gc
import math
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import replace
from logging import getLogger
from pathlib import Path

import numpy as np
import torch

from ..answers import Answer, DeviceLostError, Findings, GridKey, Judgement, Proposals, grid_key
from ..budget import Budget
from ..errors import InputError, first_line
from ..learning.seeds import stream_seed
from ..run.process import time_limit
from ..tasks import MAX_SIDE, Pair, Task
from .tuning import Tuned, Tuner, TuningConfig
from .votes import add_votes, in_order
from .weights import load_weights

logger = getLogger(__name__)

GIB = 2**30
MAX_ANSWERS = 16
"""For a test input."""
OWN_JUDGED = 2
"""Its own grids for a test input that a run judges beside those of others, for comparison. (Sixteen take half of the
time, and the vote comes out the same: docs/vision.md.)"""
MAX_JUDGED = 64
"""Grids for a test input that a run judges: what others propose after many passes must not take a task's whole time."""
TUNING_SHARE = 0.9
"""Part of a budget in seconds that tuning may use; the predictions need little (0.3 s where tuning takes 15 s)."""
MAX_OUT_OF_MEMORY = 3
"""Tasks in a row that run out of device memory, after which the process is replaced."""
RUN_MARGIN = 1.1
"""What a run takes at most, compared with what was estimated or with the longest before."""


Shares = list[dict[GridKey, float]]
"""For each test input: grids, by key, with the sum over all tuning runs of their shares of the views,
times the weight of the run."""

SMALLEST_WEIGHT = 0.01
"""Of a run that the clock cut short."""

TELLING_SHARE = 0.1
"""Part of its steps from which on a run that was cut short tells how long a whole one takes; of fewer, an accident may
have been most of the time."""


def weight_of_run(tuned: Tuned, wanted_steps: int) -> float:
    """How much a tuning run counts: 1, or less if the clock ended it early. Of 26 tasks whose tuning had less than 90 %
    of its steps 3 were right, of 28 with all of them 10 (docs/vision-log.md)."""
    return max(SMALLEST_WEIGHT, (tuned.num_steps / wanted_steps) ** 2) if wanted_steps else 1.0


def whole_run_s(tuned: Tuned, wanted_steps: int, took_s: float) -> float:
    """Seconds that a run would have taken which was cut short after so many, at least."""
    steps = max(tuned.num_steps, TELLING_SHARE * wanted_steps)
    return took_s + tuned.tune_s * max(0.0, wanted_steps / steps - 1.0)


def add_run(shares: Shares, tuned: Tuned, weight: float) -> None:
    """Count one tuning run in."""
    for of_input, votes in zip(shares, tuned.votes, strict=True):
        add_votes(of_input, votes, weight)


def shares_of(findings: Findings | None, num_tests: int) -> Shares:
    """The votes that findings came from, as far as their answers tell."""
    shares: Shares = [{} for _ in range(num_tests)]
    for answer in findings.answers if findings else ():
        for of_input, grid in zip(shares, answer.outputs, strict=True):
            if grid is not None:
                of_input[grid_key(grid)] = answer.weight
    return shares


def answers_from(shares: Shares, whole_weight: float, num_views: int) -> list[Answer]:
    """For each test input the grids most voted for, each as an answer to that input alone. whole_weight: of all runs;
    num_views: of all runs."""
    answers = []
    for number, of_input in enumerate(shares):
        for grid, weight in in_order(of_input, MAX_ANSWERS):
            outputs: list[np.ndarray | None] = [None] * len(shares)
            outputs[number] = grid.astype(np.int8)
            origin = f"{weight / whole_weight:.1%} of {num_views} views"
            answers.append(Answer(tuple(outputs), weight, VisionSource.name, origin, exact=False))
    return sorted(answers, key=lambda answer: -answer.weight)


def with_news(judged: Sequence[Sequence[Judgement]], others: Proposals) -> list[int]:
    """Numbers of the test inputs for which others propose a grid that was not judged yet."""
    known = [{grid_key(said.grid) for said in of_input} for of_input in judged]
    return [number for number, given in enumerate(others) if not known[number].issuperset(map(grid_key, given))]


def distinct_grids(grids: Sequence[np.ndarray]) -> list[np.ndarray]:
    """uint8 [H, W], each once, in order."""
    known: dict[GridKey, np.ndarray] = {}
    for grid in grids:
        known.setdefault(grid_key(grid), grid.astype(np.uint8))
    return list(known.values())


def limit_memory(memory_gib: float) -> None:
    """Let this process's tensors hold no more than that of its GPU; more is out of memory. What the driver and the
    libraries need (about half a GiB) comes on top."""
    total_bytes = torch.cuda.get_device_properties(0).total_memory
    torch.cuda.set_per_process_memory_fraction(min(1.0, memory_gib * GIB / total_bytes))


class _GivenUpError(Exception):
    """A task that nothing more can be found of; says why."""


def _forget_attempt() -> None:
    """Free what an attempt that failed holds of the device's memory, before the next one needs it. Not for a handler of
    its error, whose traceback holds it, too."""
    gc.collect()  # a model that compiles, and an optimizer, are in circles of references
    with suppress(RuntimeError):
        torch.cuda.empty_cache()


def _longer(phases: Mapping[str, float], **more: float) -> dict[str, float]:
    """Seconds by phase, with more of some."""
    return dict(phases) | {name: phases.get(name, 0.0) + seconds for name, seconds in more.items()}


class VisionSource:
    """Tunes to each task, votes over views, and judges what others propose. One instance a device; the weights
    are read at construction.

    max_runs: so many tuning runs from different seeds are made of a task each time that it is taken up, if its time
    allows; in a budget of nodes one. All of them vote, those of earlier passes, too.
    verify: whether to compare the hashes of the weights' files.
    Raises InputError if the weights folder is missing or damaged, or the model cannot do what config asks for. A task
    that runs out of device memory even in the smallest batches is given up with a note. A run that diverges has no vote
    and is no reason not to make the next one. Either leaves the next task as it would have been.
    """

    name = "vision"
    judges = True

    def __init__(
        self,
        weights: Path,
        device: str = "cuda",
        config: TuningConfig | None = None,
        max_runs: int = 1,
        *,
        verify: bool = True,
    ) -> None:
        model, manifest = load_weights(weights, device, verify=verify)
        self.config = (config or TuningConfig()).for_weights(manifest)
        self.tuner = Tuner(model, self.config)
        self.max_runs = max_runs
        self.about = ""
        self.run_s: dict[int, float] = {}  # by canvas, of the last whole run there, or as estimated from others
        self.num_out_of_memory = 0

    @classmethod
    def ready(
        cls, weights: Path, device: str, config: TuningConfig, max_runs: int, compile_s: float = math.inf
    ) -> VisionSource:
        """A source that has compiled and knows its speed. Where the model cannot be compiled (no C compiler, say) or
        not in time, it goes on without, slower, and says so in `about`. Steps are recorded even so, since small batches
        wait for Python more than for the device. weights: with the hashes that `sources.vision_lane` compared before
        the run. compile_s: how long compiling may take, loading and first steps included. Raises InputError as the
        constructor does."""
        plain = replace(config, compile=False)
        if not config.compile:
            return cls._warm(weights, device, config, max_runs)
        try:
            with time_limit(compile_s):
                return cls._warm(weights, device, config, max_runs)
        except InputError:  # of the weights or the settings: none the better for trying again
            raise
        except Exception as error:
            logger.exception("the vision model cannot be compiled here; going on without")
            why = f", not compiled ({type(error).__name__})"
        _forget_attempt()
        source = None
        try:
            source = cls._warm(weights, device, plain, max_runs)
        except Exception:
            logger.exception("nor can its steps be recorded as they are; going on without that, too")
        if source is None:
            _forget_attempt()
            source = cls._warm(weights, device, replace(plain, graph=False), max_runs)
        source.about += why
        return source

    @classmethod
    def _warm(cls, weights: Path, device: str, config: TuningConfig, max_runs: int) -> VisionSource:
        source = cls(weights, device, config, max_runs, verify=False)
        source.warm_up()
        return source

    def least_s(self, side: int) -> float:
        """Seconds below which no task of that longest side should begin, since a run that is cut short is worth little.
        (One whose output is likely to be larger than all grids known of it may need more.)"""
        return RUN_MARGIN * self.run_s.get(self.config.canvas_for(side), 0.0) / TUNING_SHARE

    def warm_up(self) -> None:
        """Compile and record, so that the first task need not, and estimate how long a task will take."""
        why_not_recorded = self.tuner.record()
        self.run_s = {canvas: self.estimate_s(canvas) for canvas in self.config.canvases}
        seconds = " or ".join(f"{run_s:.1f}" for run_s in self.run_s.values())
        self.about = f"vision on {self.tuner.device.type}: about {seconds} s for a tuning run"
        if self.tuner.device.type == "cuda":
            self.about += f", {torch.cuda.max_memory_reserved(self.tuner.device) / GIB:.1f} GiB of device memory"
        if why_not_recorded:
            self.about += f", not recorded ({why_not_recorded})"

    def estimate_s(self, canvas: int) -> float:
        """Seconds a tuning run of a task with one test input will take here, from few and from more steps on a made-up
        task that is drawn on that canvas. The first call also compiles, which is not counted."""
        side = 10 if canvas == self.config.canvas else MAX_SIDE
        grid = (np.arange(side * side).reshape(side, side) % 10).astype(np.int8)
        task = Task("estimate", (Pair(grid, grid[::-1]),), (Pair(grid),))
        few, more, repeats = (5, 25, 3) if self.tuner.device.type == "cuda" else (1, 3, 1)
        self.tuner.tune_and_predict(task, max_steps=1)
        short = self.tuner.tune_and_predict(task, max_steps=few)
        # The quickest of several: other processes start meanwhile, and a moment's wait counts a hundred times.
        long = min(
            (self.tuner.tune_and_predict(task, max_steps=more) for _ in range(repeats)), key=lambda tuned: tuned.tune_s
        )
        if long.num_steps == short.num_steps:
            return long.tune_s + long.predict_s
        step_s = max(0.0, long.tune_s - short.tune_s) / (long.num_steps - short.num_steps)
        return long.tune_s + step_s * (self.config.num_steps - long.num_steps) + long.predict_s

    def solve(
        self,
        task: Task,
        budget: Budget,
        seed: int,
        report: Callable[[Findings], None],
        before: Findings | None = None,
        others: Proposals = (),
    ) -> Findings:
        """Reports after each tuning run. A budget of nodes sets no limit: the settings fix the number of steps. Answers
        weigh their share of the views, summed over the runs, of which one that was cut short counts less. What others
        propose is judged by the first whole run that is told of it."""
        findings = before or Findings(num_runs=0)
        shares = shares_of(before, len(task.test))
        longest_s, num_here = 0.0, 0
        while num_here < (self.max_runs if budget.seconds else 1):
            left_s = math.inf if budget.seconds is None else budget.seconds - budget.elapsed_s
            if num_here and left_s < RUN_MARGIN * longest_s:
                break
            began, run_seed = time.monotonic(), seed + findings.num_runs
            try:
                tuned = self._tune(task, run_seed, began + TUNING_SHARE * left_s)
            except _GivenUpError as error:
                return replace(findings, note=f"vision: run {findings.num_runs + 1}, {error}")
            took_s = time.monotonic() - began
            longest_s, num_here = max(longest_s, took_s), num_here + 1
            self._learn_speed(tuned, took_s)
            if tuned.num_steps and not math.isfinite(tuned.loss):
                num_runs = findings.num_runs + 1  # so that its seed is not tried again
                findings = replace(findings, num_runs=num_runs, note=f"vision: run {num_runs}, tuning diverged")
                continue
            findings = self._counted_in(findings, shares, tuned)
            report(findings)  # what is answered does not wait for what is judged
            findings = self._judged(findings, task, tuned, others, run_seed, began + left_s)
        return findings

    def _learn_speed(self, tuned: Tuned, took_s: float) -> None:
        """Remember what a run took, without judging, which few runs do; of one that was cut short, that more is needed
        than was thought, so that the next task is not cut short as well."""
        wanted_steps = self.config.num_steps
        if tuned.num_steps == wanted_steps:
            self.run_s[tuned.canvas] = took_s
        elif tuned.num_steps:
            least_s = whole_run_s(tuned, wanted_steps, took_s)
            self.run_s[tuned.canvas] = max(self.run_s.get(tuned.canvas, 0.0), least_s)

    def _tune(self, task: Task, seed: int, deadline: float) -> Tuned:
        """One tuning run. Raises _GivenUpError where there is nothing to be had of this task, and DeviceLostError."""
        try:
            tuned = self.tuner.tune_and_predict(task, seed, deadline)
        except torch.cuda.OutOfMemoryError as error:
            torch.cuda.empty_cache()
            logger.warning("%s: not enough device memory to tune", task.task_id)
            self.num_out_of_memory += 1
            if self.num_out_of_memory >= MAX_OUT_OF_MEMORY:
                raise DeviceLostError(f"vision: {MAX_OUT_OF_MEMORY} times in a row out of memory") from error
            raise _GivenUpError("out of device memory") from error
        except RuntimeError as error:
            self._check_device(error)
            raise
        self.num_out_of_memory = 0
        return tuned

    def _counted_in(self, findings: Findings, shares: Shares, tuned: Tuned) -> Findings:
        """The findings with one more run's votes, which are added to the shares."""
        num_runs = findings.num_runs + 1
        weight = weight_of_run(tuned, self.config.num_steps)
        whole_weight = findings.whole_weight + weight
        add_run(shares, tuned, weight)
        return replace(
            findings,
            answers=answers_from(shares, whole_weight, num_runs * tuned.num_views),
            phases=_longer(findings.phases, tune=tuned.tune_s, predict=tuned.predict_s),
            note=self._note(num_runs, tuned),
            whole_weight=whole_weight,
            num_runs=num_runs,
        )

    def _judged(
        self, findings: Findings, task: Task, tuned: Tuned, others: Proposals, seed: int, deadline: float
    ) -> Findings:
        """The findings with what a run that was not cut short thinks of grids, the model being as that left it: for the
        test inputs for which others propose something new.

        Runs differ in how sure they are, and the vote compares what is judged. So whatever is known of a test input is
        of one run: where there is anything new, all that was judged before is judged again. deadline: of
        time.monotonic, after which no further test input is begun: a task that overruns costs the process.
        """
        judged = list(findings.judged or ((),) * len(task.test))
        new = with_news(judged, others)
        if not tuned.num_steps == self.config.num_steps > 0 or not new:
            return findings
        began = time.monotonic()
        views = self.tuner.views(seed)
        try:
            for number in new:
                if time.monotonic() >= deadline:
                    break
                own = [grid for grid, _ in tuned.votes[number][:OWN_JUDGED]]
                before = [said.grid for said in judged[number]]
                grids = distinct_grids([*own, *others[number], *before])[:MAX_JUDGED]
                test_input, score_seed = task.test[number].input.astype(np.uint8), stream_seed(seed, number)
                nats = self.tuner.score(test_input, grids, views, tuned.canvas, score_seed)
                judged[number] = tuple(Judgement(grid.astype(np.int8), n) for grid, n in zip(grids, nats, strict=True))
        except torch.cuda.OutOfMemoryError:
            torch.cuda.empty_cache()
            logger.warning("%s: not enough device memory to judge grids", task.task_id)
        except RuntimeError as error:
            self._check_device(error)
            raise
        judge_s = time.monotonic() - began
        return replace(findings, judged=tuple(judged), phases=_longer(findings.phases, judge=judge_s))

    def _check_device(self, error: RuntimeError) -> None:
        """Raise DeviceLostError if the GPU answers nothing any more, as after an illegal access or an error of its
        memory; each further task would fail within milliseconds."""
        if self.tuner.device.type != "cuda":
            return
        try:
            torch.cuda.synchronize(self.tuner.device)
        except RuntimeError:
            raise DeviceLostError(f"vision: the GPU is lost ({first_line(error)})") from error

    def _note(self, num_runs: int, tuned: Tuned) -> str:
        parts = [f"run {num_runs}", f"{tuned.num_steps} steps"]
        if tuned.num_steps:
            parts.append(f"loss {tuned.loss:.2g}")
        if tuned.peak_bytes is not None:
            parts.append(f"peak {tuned.peak_bytes / GIB:.1f} GiB")
        for name, batch, wanted in (
            ("tuned", self.tuner.tune_batch, self.config.batch),
            ("predicted", self.tuner.predict_batch, self.config.predict_batch),
        ):
            if batch < wanted:
                parts.append(f"{name} in parts of {batch}")
        return f"vision: {', '.join(parts)}"
