"""What finished weights of a policy are worth: it writes programs for held-out tasks, which are run, and the steps that
their solutions need are ranked.

On a CPU tasks are divided among processes of one thread each. Every task begins with an engine that remembers no other,
and the random numbers of a prompt follow from its text, so that any number of processes gives the same result.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from functools import cached_property
from itertools import groupby
from pathlib import Path
from typing import Any

import numpy as np
import torch

from .. import warm
from ..errors import InputError
from ..lm.loading import load_engine
from ..lm.text import load_tokenizer
from ..lm.weights import POLICY, read_weights
from ..synthesis.shards import read_shard, shard_paths
from .evaluation import ModelEngine, Tally, held_out_tasks, needed_step_ranks, write_solutions
from .models import load_model
from .preparation import Example, examples

RANK_SAMPLES = 64
"""Draws of a step that the rank of the needed one is counted among."""

RANKS = 0
"""As a number of programs to write: none are, the needed steps are ranked."""

Ranks = list[tuple[int, int, int]]
"""See `needed_step_ranks`."""


@dataclass(frozen=True)
class MeasureOrder:
    """What is measured. weights: folder of a policy. made: shards of made-up tasks, of which num_tasks are taken.
    samples: programs a task, each number on its own. num_ranks: of these tasks, how many the needed steps are ranked
    of. engine, device: see `load_engine`. workers: processes."""

    weights: Path
    made: Path
    num_tasks: int
    samples: tuple[int, ...]
    num_ranks: int = 0
    engine: str = "transformers"
    device: str = "cpu"
    workers: int = 1

    @property
    def has_processes(self) -> bool:
        """Whether processes of its own measure: a GPU is asked by this one, and vLLM brings its own."""
        return self.engine == "transformers" and self.device == "cpu"


@dataclass(frozen=True)
class Job:
    """What is done at once. num_samples: programs a task, or RANKS. tasks: by number."""

    num_samples: int
    tasks: tuple[int, ...]


@dataclass
class Measured:
    """What some tasks gave, or all. seconds: from the begin of measuring until all had."""

    tally: Tally = field(default_factory=Tally)
    ranks: Ranks = field(default_factory=list)
    seconds: float = 0.0

    def add(self, other: Measured) -> None:
        self.tally.add(other.tally)
        self.ranks += other.ranks

    def median_ranks(self) -> dict[str, float]:
        """By number of statements of the solution, and of all."""
        by_length: dict[int, list[int]] = {}
        for length, _, rank in self.ranks:
            by_length.setdefault(length, []).append(rank)
        medians = {str(length): float(np.median(by_length[length])) for length in sorted(by_length)}
        return {**medians, "all": float(np.median([rank for _, _, rank in self.ranks]))}


class Measurer:
    """Measures in this process. Raises InputError where tasks or weights do not load."""

    def __init__(self, order: MeasureOrder) -> None:
        self.order = order
        self.weights = read_weights(order.weights, POLICY, verify=False)
        sets = (one for path in shard_paths(order.made) for one in read_shard(path))
        self.tasks: list[Example] = held_out_tasks(examples(sets, 1, self.weights.context_length, [0]), order.num_tasks)
        if not self.tasks:
            raise InputError(f"{order.made}: no task that fits the context of {order.weights}")

    @cached_property
    def engine(self) -> Any:
        dtype = "bfloat16" if self.order.device == "cuda" else "float32"
        return load_engine(self.order.engine, self.weights, device=self.order.device, dtype=dtype)

    @cached_property
    def model(self) -> ModelEngine:
        """What tells how likely a step is."""
        folder, device = self.weights.folder, self.order.device
        model = load_model(POLICY, folder, bf16=device == "cuda").to(device).eval()
        return ModelEngine(model, load_tokenizer(folder))

    def run(self, job: Job) -> Measured:
        chosen = [self.tasks[number] for number in job.tasks]
        is_seeded = self.order.engine == "transformers"  # seeds cost vLLM time, and its answers depend on their batch
        if is_seeded:
            self.engine.runner.forget()
        prompt_format = self.weights.prompt_format
        if job.num_samples != RANKS:
            return Measured(
                write_solutions(self.engine, prompt_format, chosen, num_samples=job.num_samples, is_seeded=is_seeded)
            )
        own = self.model.log_probability
        return Measured(
            ranks=needed_step_ranks(
                self.engine, own, prompt_format, chosen, num_samples=RANK_SAMPLES, is_seeded=is_seeded
            )
        )


def measure(order: MeasureOrder) -> tuple[int, Iterator[tuple[int, Measured]]]:
    """The number of tasks, and what all of them gave: for each number of samples in order, then for RANKS if that is
    asked for, each as it gets ready. Raises InputError."""
    if order.workers > 1 and not order.has_processes:
        raise InputError(f"engine {order.engine} on {order.device} is asked by one process: leave out --workers")
    read_weights(order.weights, POLICY)  # here, once: workers do not compare hashes
    measurer = Measurer(order)
    lengths = [len(example.prefix.statements) for example in measurer.tasks]
    return len(lengths), _results(measurer, _jobs(order, lengths))


def _jobs(order: MeasureOrder, lengths: Sequence[int]) -> list[Job]:
    """A job a task, the longest solutions first, so that no process is left with one at the end; all tasks at once for
    vLLM, which is the quicker the more it is asked. lengths: statements of each task's solution."""
    passes = {num_samples: range(len(lengths)) for num_samples in order.samples}
    if order.num_ranks > 0:
        passes[RANKS] = range(min(order.num_ranks, len(lengths)))
    if order.engine == "vllm":
        return [Job(num_samples, tuple(tasks)) for num_samples, tasks in passes.items()]
    return [
        Job(num_samples, (task,))
        for num_samples, tasks in passes.items()
        for task in sorted(tasks, key=lambda task: -lengths[task])
    ]


def _results(measurer: Measurer, jobs: Sequence[Job]) -> Iterator[tuple[int, Measured]]:
    began = time.monotonic()
    with _runner(measurer) as run:
        for num_samples, parts in groupby(zip(jobs, run(jobs), strict=True), key=lambda part: part[0].num_samples):
            found = Measured()
            for _, measured in parts:
                found.add(measured)
            found.seconds = time.monotonic() - began
            yield num_samples, found


@contextmanager
def _runner(measurer: Measurer) -> Iterator[Callable[[Sequence[Job]], Iterator[Measured]]]:
    """What runs jobs, here or in processes, and gives their results in order."""
    order = measurer.order
    if not order.has_processes:
        yield lambda jobs: map(measurer.run, jobs)
        return
    warm.prepare(order.workers)
    with warm.worker_pool(order.workers, _start, (order,)) as pool:
        yield lambda jobs: pool.map(_run_job, jobs)


_orders: list[MeasureOrder] = []
_measurers: list[Measurer] = []


def _start(order: MeasureOrder) -> None:
    """What a worker process begins with. What may fail waits for its first job, whose fault it is then."""
    torch.set_num_threads(1)
    _orders[:] = [order]


def _run_job(job: Job) -> Measured:
    if not _measurers:
        _measurers.append(Measurer(_orders[0]))  # it reads the tasks itself: library functions don't survive pickling
    return _measurers[0].run(job)
