"""Test-time training of one task, and the vote of its predictions over many views.

The task's demonstration pairs, in every view (symmetries and colour permutations), become as many little
tasks, each with a fresh task token; all weights are tuned on them for a while. Then each test input is
predicted in every view at several random placements, each prediction is brought back, and equal grids are
counted. The weights return to the shipped ones before the next task: nothing learned from one task reaches
another.
"""

from __future__ import annotations

import math
import time
from collections import Counter
from dataclasses import dataclass
from logging import getLogger

import numpy as np
import torch

from ..tasks import Task
from .canvas import draw_inputs, random_placement, read_canvas
from .data import PackedPairs
from .model import LoopedModel
from .optimizer import Optimizer
from .training import DevicePairs, Sampler, autocast, clip_gradients, stream_seed
from .views import View, bound_output_size, task_views

logger = getLogger(__name__)

Grid = np.ndarray
Votes = list[tuple[Grid, float]]


@dataclass(frozen=True)
class TuningConfig:
    """canvas: side in cells; the shipped weights' own if None. num_samples: pairs seen while tuning, `batch`
    a step; the rate warms up over warmup_steps and falls linearly to zero, reached early if the deadline is.
    num_colorings: colour permutations for each symmetry but the identity. placements: predictions of each
    test input in each view. num_loops: loops used in prediction (None: all)."""

    canvas: int | None = None
    optimizer: str = "muon"
    rate: float = 3e-4
    matrix_rate: float = 1e-3
    batch: int = 64
    num_samples: int = 17_000
    warmup_steps: int = 10
    num_colorings: int = 9
    placements: int = 10
    predict_batch: int = 256
    clip: float = 1.0
    num_loops: int | None = None
    compile: bool = True
    autocast: bool = True

    @property
    def num_steps(self) -> int:
        return math.ceil(self.num_samples / self.batch)


@dataclass(frozen=True, eq=False)
class Tuned:
    """votes: per test input, grids (uint8 [H, W]) with the share of all views that gave them, best first;
    shares sum to at most 1, the rest was malformed. loss: mean over the last steps. tune_s, predict_s:
    seconds."""

    votes: list[Votes]
    loss: float
    num_steps: int
    num_views: int
    tune_s: float
    predict_s: float


def count_votes(predictions: list[Grid], num_views: int) -> Votes:
    """Equal grids counted; share of num_views, most first, ties by content so that the order is fixed."""
    counts = Counter((grid.shape, grid.astype(np.uint8).tobytes()) for grid in predictions)
    ranked = sorted(counts.items(), key=lambda item: (-item[1], item[0]))
    return [
        (np.frombuffer(cells, dtype=np.uint8).reshape(shape).copy(), count / num_views)
        for (shape, cells), count in ranked
    ]


class Tuner:
    """A model on one device, tuned to one task after another. Compiled once; not for use by several
    threads."""

    def __init__(self, model: LoopedModel, canvas: int, config: TuningConfig = TuningConfig()) -> None:
        """model: on its device, and the tuner's from now on. canvas: what the weights were trained on."""
        self.config = config
        self.canvas = config.canvas or canvas
        self.model = model
        self.device = next(model.parameters()).device
        self.shipped = {key: tensor.clone() for key, tensor in model.state_dict().items()}
        if config.compile:
            model.compile_core()
        self.tuned_core = model.run_core
        self.optimizer = Optimizer(model, config.optimizer, betas=(0.9, 0.999))

    @torch.no_grad()
    def reset(self, num_tokens: int, seed: int) -> None:
        """Shipped weights, fresh task tokens drawn like the trained ones, no momentum."""
        if num_tokens > len(self.model.tasks):
            raise ValueError(f"{num_tokens} views, but the model has room for {len(self.model.tasks)} task tokens")
        self.model.load_state_dict(self.shipped)
        self.optimizer.reset()
        trained = self.shipped["tasks"]
        generator = torch.Generator().manual_seed(stream_seed(seed, "tokens"))
        noise = torch.randn(num_tokens, trained.shape[1], generator=generator).to(self.device)
        self.model.tasks[:num_tokens] = trained.mean(0) + noise * trained.std(0)

    def tune(
        self, pairs: list[tuple[Grid, Grid]], views: list[View], seed: int, deadline: float, max_steps: int
    ) -> tuple[float, int]:
        """Tunes all weights to the pairs in every view; returns the last steps' mean loss and the number of
        steps."""
        config = self.config
        viewed = ((v, (view.apply(a), view.apply(b))) for v, view in enumerate(views) for a, b in pairs)
        names = [str(v) for v in range(len(views))]
        data = DevicePairs(PackedPairs.pack(viewed, names), self.device)
        sampler = Sampler(len(data), stream_seed(seed, "pairs"))
        generator = torch.Generator(self.device).manual_seed(stream_seed(seed, "tuning"))
        parameters = list(self.model.parameters())
        self.model.run_core = self.tuned_core
        losses, started = [], time.monotonic()
        for step in range(min(config.num_steps, max_steps)):
            if time.monotonic() >= deadline:
                break
            index = sampler.indices(step * config.batch, config.batch).to(self.device)
            canvases, targets, _ = data.draw(index, self.canvas, generator)
            with autocast(self.device, config.autocast):
                loss = self.model.loss(canvases, data.tasks[index], targets)
            loss.backward()
            clip_gradients(parameters, config.clip)
            passed = (time.monotonic() - started) / (deadline - started) if deadline < math.inf else 0.0
            progress = min(1.0, max(step / config.num_steps, passed))
            share = min(1.0, (step + 1) / max(1, config.warmup_steps)) * (1 - progress)
            self.optimizer.step(share * config.rate, share * config.matrix_rate)
            for p in parameters:
                p.grad = None
            losses.append(loss.detach())
        last = float(torch.stack(losses[-20:]).mean()) if losses else math.nan
        return last, len(losses)

    @torch.no_grad()
    def predict(self, pairs: list[tuple[Grid, Grid]], test_input: Grid, views: list[View], seed: int) -> list[Grid]:
        """The well-formed predictions of one test input in all views and placements, each brought back."""
        config, device = self.config, self.device
        choices = bound_output_size(pairs, test_input).choices
        which, ins, bounds = [], [], []
        for v, view in enumerate(views):
            seen = view.apply(test_input)
            for i in range(config.placements):
                bound = view.apply_size(choices[i % len(choices)])
                which.append(v)
                ins.append(seen.shape)
                bounds.append((max(bound[0], seen.shape[0]), max(bound[1], seen.shape[1])))
        padded = np.zeros((len(views), 30, 30), dtype=np.uint8)
        for v, view in enumerate(views):
            seen = view.apply(test_input)
            padded[v, : seen.shape[0], : seen.shape[1]] = seen
        grids = torch.from_numpy(padded).to(device)
        tokens, in_sizes, out_bounds = (torch.tensor(x, device=device) for x in (which, ins, bounds))
        generator = torch.Generator(device).manual_seed(stream_seed(seed, "predict"))
        self.model.run_core = self.model.core.forward
        found = []
        for index in torch.arange(len(which), device=device).split(config.predict_batch):
            height, width = in_sizes[index].unbind(1)
            place = random_placement(*out_bounds[index].unbind(1), self.canvas, generator)
            canvases = draw_inputs(grids[tokens[index]], height, width, place, self.canvas)
            with autocast(device, config.autocast):
                symbols = self.model.predict(canvases, tokens[index], config.num_loops)
            read = read_canvas(symbols, place)
            rows = zip(
                tokens[index].tolist(), read.grids.cpu().numpy(), read.heights.tolist(), read.widths.tolist(),
                read.valid.tolist(),
            )  # fmt: skip
            found += [views[v].undo(grid[:h, :w]) for v, grid, h, w, valid in rows if valid]
        return found

    def tune_and_predict(
        self, task: Task, seed: int = 0, deadline: float = math.inf, max_steps: int = 1_000_000
    ) -> Tuned:
        """task: only its training pairs and test inputs are read. deadline: of time.monotonic(), for the
        tuning; predicting comes on top."""
        started = time.monotonic()
        pairs = [(p.input.astype(np.uint8), p.output.astype(np.uint8)) for p in task.train]
        views = task_views(self.config.num_colorings, np.random.default_rng(stream_seed(seed, "views")))
        num_views = len(views) * self.config.placements
        self.reset(len(views), seed)
        loss, num_steps = self.tune(pairs, views, seed, deadline, max_steps)
        tuned = time.monotonic()
        votes = []
        for number, test in enumerate(task.test):
            found = self.predict(pairs, test.input.astype(np.uint8), views, stream_seed(seed, number))
            votes.append(count_votes(found, num_views))
        ended = time.monotonic()
        return Tuned(votes, loss, num_steps, num_views, tuned - started, ended - tuned)


def tune_and_predict(
    task: Task, model: LoopedModel, canvas: int, config: TuningConfig = TuningConfig(), *, seed: int = 0
) -> list[Votes]:
    """One task alone: per test input, grids with their share of views, best first. Keeps the model's
    weights."""
    tuner = Tuner(model, canvas, config)
    votes = tuner.tune_and_predict(task, seed).votes
    model.load_state_dict(tuner.shipped)
    return votes
