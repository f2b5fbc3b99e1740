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
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass, replace
from logging import getLogger
from typing import Any, TypeVar

import numpy as np
import torch
from torch import Tensor

from ..answers import GridKey
from ..errors import InputError
from ..learning.optimizer import Optimizer, Rate
from ..learning.seeds import stream_seed
from ..learning.steps import autocast, clip_gradients
from ..settings import VisionSettings
from ..task_sets import older_tasks
from ..tasks import MAX_SIDE, Task
from ..weights import MANIFEST
from .canvas import IGNORE, Placement, choose_canvas, draw_inputs, random_placement, read_canvas
from .data import PackedPairs, grids_of
from .graphed import GraphedStep
from .model import LoopedModel, ModelConfig, fresh_tokens
from .samples import DevicePairs, MixedSampler, Sampler
from .views import Grid, View, bound_output_size, task_views
from .votes import Votes, count_grids, shares_of_views

logger = getLogger(__name__)

T = TypeVar("T")

SCORE_PLACEMENTS = 2
"""Of a grid in every view, where it is scored."""

LEFT_TO_WEIGHTS = ("canvas", "large_canvas", "min_scale", "dropout")
"""Settings that are None for what the weights were trained with."""

DRAWN_AT_ONCE = 256
"""Samples, while tuning."""

MIN_BATCH = 1
"""Where device memory runs out, batches are halved, but not below this."""


@dataclass(frozen=True)
class TuningConfig:
    """canvas: side in cells. large_canvas: of the one for tasks with a grid that fits that one at scale 1 only; 0 for
    none. min_scale: least scale at which grids are drawn, where it fits. dropout: of what the layers add, while
    tuning. Each of these four may be None, for what the weights were trained with (`for_weights`). num_samples: pairs
    seen while tuning, `batch` a step; the rates (token_rate of the task tokens, matrix_rate of the cores' matrices,
    rate of all else) warm up over warmup_steps and fall linearly to zero, reached early if the deadline is. Tokens
    begin at the mean of the trained ones, and token_spread times their standard deviation away from it. With 0
    samples nothing is tuned, and every view has that mean. replay_share: of the samples, how many are demonstration
    pairs of the tasks that the model was trained on, so that it keeps what it learned of them. graph: record steps as
    a CUDA graph, on a GPU. num_symmetries, num_colorings: as task_views has them. num_placements: predictions of each
    test input in each view. predict_batch: of them at a time. num_loops: loops of the model, tuning and predicting
    (None: all). moments: parts of the tuning after which test inputs are predicted, ascending to 1.0; all of these
    predictions vote. What is a setting of a run has its default there."""

    canvas: int | None = VisionSettings.canvas
    large_canvas: int | None = VisionSettings.large_canvas
    min_scale: int | None = VisionSettings.min_scale
    optimizer: str = VisionSettings.optimizer
    rate: float = VisionSettings.rate
    matrix_rate: float = VisionSettings.matrix_rate
    token_rate: float = 3e-4
    token_spread: float = 1.0
    batch: int = VisionSettings.batch
    num_samples: int = VisionSettings.num_samples
    warmup_steps: int = 10
    dropout: float | None = VisionSettings.dropout
    replay_share: float = 0.0
    num_symmetries: int = VisionSettings.num_symmetries
    num_colorings: int = VisionSettings.num_colorings
    num_placements: int = VisionSettings.num_placements
    predict_batch: int = 256
    clip: float = 1.0
    num_loops: int | None = VisionSettings.num_loops
    moments: tuple[float, ...] = (1.0,)
    compile: bool = True
    autocast: bool = True
    graph: bool = True

    def for_weights(self, manifest: Mapping[str, Any]) -> TuningConfig:
        """With the canvases, scales and dropout that these weights were trained with, where none are named. Their large
        canvas is none where the canvas that is named is as large. Raises InputError if what the manifest says of them
        is of another type."""
        training = manifest.get("training", {})
        if not isinstance(training, dict):
            raise InputError(f"vision: {MANIFEST}: training {training!r} is no object")
        trained = {
            "canvas": manifest["canvas"],
            "large_canvas": training.get("large_canvas", 0),
            "min_scale": training.get("min_scale", 1),
            "dropout": training.get("dropout", 0.0),
        }
        for name, value in trained.items():
            if type(value) is not int and not (type(value) is float and name == "dropout"):
                raise InputError(f"vision: {MANIFEST}: {name} {value!r} is of another type")
        if self.canvas is not None and self.canvas >= trained["large_canvas"]:
            trained["large_canvas"] = 0
        return replace(self, **{name: value for name, value in trained.items() if getattr(self, name) is None})

    @property
    def canvases(self) -> tuple[int, ...]:
        """All that tasks are drawn on."""
        return (self.canvas, self.large_canvas) if self.large_canvas else (self.canvas,)

    def canvas_of(self, task: Task) -> int:
        """The one that the task is drawn on. Only its training pairs and test inputs are read."""
        pairs = [grids_of(pair) for pair in task.train]
        likely = (bound_output_size(pairs, test.input).likely for test in task.test)
        return self.canvas_for(max([task.longest_side, *(max(size) for size in likely if size is not None)]))

    def canvas_for(self, side: int) -> int:
        """The one that tasks are drawn on whose longest side that is."""
        return choose_canvas(side, self.canvas, self.large_canvas)

    @property
    def num_steps(self) -> int:
        return math.ceil(self.num_samples / self.batch)

    @property
    def num_views(self) -> int:
        """Views of a task, not counting placements."""
        return self.num_symmetries + (self.num_symmetries - 1) * self.num_colorings


@dataclass(frozen=True, eq=False)
class Tuned:
    """votes: per test input, grids (uint8 [H, W]) with the share of all views that gave them, best first; shares sum
    to at most 1, the rest was malformed. loss: mean over the last steps. tune_s, predict_s: seconds. canvas:
    what the task was drawn on. peak_bytes: most device memory that was held for tensors, None on a CPU. by_moment: the
    votes at each of the config's moments alone."""

    votes: list[Votes]
    loss: float
    num_steps: int
    num_views: int
    tune_s: float
    predict_s: float
    canvas: int
    peak_bytes: int | None = None
    by_moment: tuple[list[Votes], ...] = ()


def within_memory(work: Callable[[int], T], batch: int) -> tuple[T, int]:
    """work(batch), with the batch halved while device memory runs out; and the batch that fitted. Raises
    torch.cuda.OutOfMemoryError if MIN_BATCH does not fit."""
    while True:
        try:
            return work(batch), batch
        except torch.cuda.OutOfMemoryError:
            if batch <= MIN_BATCH or (torch.cuda.is_available() and torch.cuda.is_current_stream_capturing()):
                raise
        # Not in the handler: the error's traceback holds the tensors that were too many.
        torch.cuda.empty_cache()
        logger.warning("device memory is too small for a batch of %d; halving it", batch)
        batch = max(MIN_BATCH, batch // 2)


def _check(config: TuningConfig, model: ModelConfig) -> None:
    """Raises InputError naming every setting that is missing or that the model cannot serve."""
    left_open = [name for name in LEFT_TO_WEIGHTS if getattr(config, name) is None]
    faults = [f"{name} is not named, nor taken from the weights" for name in left_open]
    moments = config.moments
    if not moments or sorted(set(moments)) != list(moments) or moments[0] <= 0 or moments[-1] != 1.0:
        faults.append(f"moments {moments} must ascend from above 0 to 1.0")
    for name, least in (("batch", 1), ("predict_batch", 1), ("num_samples", 0), ("warmup_steps", 0)):
        if getattr(config, name) < least:
            faults.append(f"{name} {getattr(config, name)} must be at least {least}")
    if not left_open:
        faults += model.canvas_faults(config.canvas, config.large_canvas)
        if not 0.0 <= config.dropout < 1.0:
            faults.append(f"dropout {config.dropout} must be within 0..1")
        if not 1 <= config.min_scale <= MAX_SIDE:
            faults.append(f"min_scale {config.min_scale} must be within 1..{MAX_SIDE}")
    if config.num_loops is not None and not 1 <= config.num_loops <= model.num_loops:
        faults.append(f"num_loops {config.num_loops} must be within 1..{model.num_loops}, which the model has")
    if config.num_views > model.num_tasks:
        faults.append(f"{config.num_views} views need as many task tokens, but the model has {model.num_tasks}")
    if not 0.0 <= config.replay_share < 1.0:
        faults.append(f"replay_share {config.replay_share} must be within 0..1")
    elif config.replay_share and model.num_tasks < len(older_tasks()):
        faults.append(
            f"replay needs a token of each of {len(older_tasks())} tasks, but the model has {model.num_tasks}"
        )
    if faults:
        raise InputError(f"vision: {'; '.join(faults)}")


class Tuner:
    """A model on one device, tuned to one task after another. Compiled once; not for use by several
    threads.

    Where device memory runs out, the gradient of a batch is summed over smaller ones (the same up to rounding), and
    fewer predictions are made at a time; later tasks start with what fitted: tune_batch, predict_batch.
    """

    def __init__(self, model: LoopedModel, config: TuningConfig) -> None:
        """model: on its device, and the tuner's from now on. config: with nothing left to the weights, see
        `TuningConfig.for_weights`. Raises InputError if something is, or if the model cannot do what the config asks
        for."""
        _check(config, model.config)
        self.config = config
        self.tune_batch, self.predict_batch = config.batch, config.predict_batch
        self.model = model
        self.device = next(model.parameters()).device
        self.shipped = {key: tensor.clone() for key, tensor in model.state_dict().items()}
        if config.compile:
            model.compile_cores()
        self.tuned_cores = model.run_cores
        for layer in model.layers():
            layer.dropout = config.dropout
        self.parameters = list(model.parameters())
        self.to_record = config.canvases if config.graph and self.device.type == "cuda" else ()
        self.graphed: dict[int, GraphedStep] = {}  # by canvas
        self.optimizer = Optimizer(
            model, config.optimizer, betas=(0.9, 0.999), tokens="tasks", capturable=bool(self.to_record)
        )

    @torch.no_grad()
    def reset(self, num_tokens: int, seed: int) -> None:
        """Shipped weights, fresh task tokens around the mean of the trained ones, no momentum."""
        self.model.load_state_dict(self.shipped)
        self.optimizer.reset()
        spread = self.config.token_spread if self.config.num_samples else 0.0
        self.model.tasks[:num_tokens] = fresh_tokens(
            self.shipped["tasks"], num_tokens, stream_seed(seed, "tokens"), spread
        )

    def tune(
        self,
        pairs: list[tuple[Grid, Grid]],
        views: list[View],
        canvas: int,
        seed: int,
        deadline: float,
        max_steps: int,
        look: Callable[[float], object] | None = None,
    ) -> tuple[float, int]:
        """Tunes all weights to the pairs in every view; returns the last steps' mean loss and the number of
        steps. look: called with each of the config's moments but the last, when it has come."""
        config = self.config
        num_steps = min(config.num_steps, max_steps)
        if not num_steps:
            return math.nan, 0
        data = self._viewed(pairs, views)
        sampler = Sampler(len(data), stream_seed(seed, "pairs"))
        if config.replay_share:
            replayed = self._replayed(len(views))
            sampler = MixedSampler(len(data), len(replayed), config.replay_share, stream_seed(seed, "pairs"))
            data.append(replayed)
        # All at once: a transfer in each step would make the host wait for the device.
        indices = sampler.indices(0, num_steps * config.batch).to(self.device)
        generator = torch.Generator(self.device).manual_seed(stream_seed(seed, "tuning"))
        self._begin_tuning()
        if config.dropout:
            torch.manual_seed(stream_seed(seed, "dropout"))
        rates = config.rate, config.matrix_rate, config.token_rate
        run_step = self.graphed.get(canvas, self.step)
        ahead = [moment for moment in config.moments[:-1] if look is not None]
        losses, started = [], time.monotonic()
        for step, inputs in enumerate(self._batches(data, indices, canvas, generator)):
            if time.monotonic() >= deadline:
                break
            passed = (time.monotonic() - started) / (deadline - started) if deadline < math.inf else 0.0
            progress = min(1.0, max(step / config.num_steps, passed))
            while ahead and ahead[0] <= progress:
                look(ahead.pop(0))
                self._begin_tuning()
            share = min(1.0, (step + 1) / max(1, config.warmup_steps)) * (1 - progress)
            losses.append(run_step(inputs, [share * rate for rate in rates]))
        last = float(torch.stack(losses[-20:]).mean()) if losses else math.nan
        return last, len(losses)

    def _begin_tuning(self) -> None:
        self.model.train()
        self.model.run_cores = self.tuned_cores

    def _batches(
        self, data: DevicePairs, indices: Tensor, canvas: int, generator: torch.Generator
    ) -> Iterator[tuple[Tensor, Tensor, Tensor]]:
        """The pairs with these numbers, freshly placed, in batches as `step` takes them. Many are drawn at once: that
        takes a hundred small kernels, however many they are."""
        batch = self.config.batch
        for some in indices.split(batch * max(1, DRAWN_AT_ONCE // batch)):
            canvases, targets, _ = data.draw(some, canvas, generator, min_scale=self.config.min_scale)
            yield from zip(canvases.split(batch), data.tasks[some].split(batch), targets.split(batch))

    def step(self, inputs: Sequence[Tensor], rates: Sequence[Rate]) -> Tensor:
        """One step on a batch (canvases, tokens, targets, as `backward` takes them), at the rates of weights, matrices
        and tokens; returns the loss, without waiting for the device."""
        loss = self.backward(*inputs)
        clip_gradients(self.parameters, self.config.clip)
        self.optimizer.step(*rates)
        return loss

    def record(self) -> str:
        """Record a step on each canvas as a CUDA graph, the first time that this is called and if there is a GPU. Where
        that fails, steps on that canvas go on without; says where and why. Leaves weights and momentum that `reset`
        must make good."""
        canvases, self.to_record = self.to_record, ()
        if canvases:
            self._begin_tuning()
        failed = {}
        for canvas in canvases:
            try:
                self.graphed[canvas] = self._recorded(canvas)
            except TimeoutError:  # the source's: it goes on with another tuner
                self._recover()
                raise
            except RuntimeError as error:
                self._recover()
                logger.exception("steps on a canvas of %d cannot be recorded as a CUDA graph; going on without", canvas)
                failed[canvas] = type(error).__name__
        return ", ".join(f"{why} on a canvas of {canvas}" for canvas, why in failed.items())

    def _recorded(self, canvas: int) -> GraphedStep:
        """A step on that canvas as a CUDA graph. Raises RuntimeError where it cannot be recorded."""
        tokens = torch.zeros(self.config.batch, dtype=torch.int64, device=self.device)
        canvases = torch.zeros((len(tokens), canvas, canvas), dtype=torch.int64, device=self.device)
        return GraphedStep(self.step, (canvases, tokens, canvases.clone()), 3)

    def _recover(self) -> None:
        """A recording that broke off leaves its stream current, and may leave the allocator unable to free memory."""
        with suppress(RuntimeError, AssertionError):
            torch.cuda.set_stream(torch.cuda.default_stream(self.device))
            torch.cuda.empty_cache()

    def backward(self, canvases: Tensor, tokens: Tensor, targets: Tensor) -> Tensor:
        """Gradients of the batch's loss, in as many parts as device memory asks for; returns the loss, without
        waiting for the device. canvases, targets: int64 [B, C, C]; tokens: int64 [B]."""

        def in_parts(size: int) -> Tensor:
            for p in self.model.parameters():
                p.grad = None
            num_cells = (targets != IGNORE).sum()
            loss = torch.zeros((), device=self.device)
            for part in zip(*(tensor.split(size) for tensor in (canvases, tokens, targets))):
                share = (part[2] != IGNORE).sum() / num_cells
                with autocast(self.device, self.config.autocast):
                    of_part = share * self.model.loss(*part, self.config.num_loops)
                of_part.backward()
                loss += of_part.detach()
            return loss

        loss, self.tune_batch = within_memory(in_parts, self.tune_batch)
        return loss

    def views(self, seed: int) -> list[View]:
        """The views of every task for this seed; the k-th one's token is the k-th."""
        rng = np.random.default_rng(stream_seed(seed, "views"))
        return task_views(self.config.num_colorings, rng, self.config.num_symmetries)

    @torch.no_grad()
    def score(
        self, test_input: Grid, outputs: Sequence[Grid], views: list[View], canvas: int, seed: int
    ) -> list[float]:
        """How unlikely the model as it is now finds each grid as the output of an input: mean negative log-likelihood
        of a cell in nats, over views and SCORE_PLACEMENTS placements. Grids of one size are placed alike."""
        if not outputs:
            return []
        drawn = [self._drawn_to_score((test_input, output), views, canvas, seed) for output in outputs]
        canvases, tokens, targets = (torch.cat(parts) for parts in zip(*drawn))
        self.model.eval()
        self.model.run_cores = self.model.plain_cores()

        def in_parts(size: int) -> Tensor:
            parts = []
            for part in zip(canvases.split(size), tokens.split(size), targets.split(size)):
                with autocast(self.device, self.config.autocast):
                    parts.append(self.model.losses(*part, self.config.num_loops))
            return torch.cat(parts)

        losses, self.predict_batch = within_memory(in_parts, self.predict_batch)
        return losses.view(len(outputs), -1).mean(1).tolist()

    def _drawn_to_score(
        self, pair: tuple[Grid, Grid], views: list[View], canvas: int, seed: int
    ) -> tuple[Tensor, Tensor, Tensor]:
        """A pair in every view and placement, as `LoopedModel.losses` takes it: canvases, tokens, targets."""
        data = self._viewed([pair], views)
        generator = torch.Generator(self.device).manual_seed(stream_seed(seed, "score"))
        index = torch.arange(len(data), device=self.device).repeat(SCORE_PLACEMENTS)
        canvases, targets, _ = data.draw(index, canvas, generator, min_scale=self.config.min_scale)
        return canvases, data.tasks[index], targets

    def _replayed(self, num_views: int) -> DevicePairs:
        """Demonstration pairs of the trained tasks whose tokens no view has taken."""
        tasks = older_tasks()
        pairs = (
            (number, grids_of(pair)) for number, task in enumerate(tasks) if number >= num_views for pair in task.train
        )
        return DevicePairs(PackedPairs.pack(pairs, [task.task_id for task in tasks]), self.device)

    def _viewed(self, pairs: list[tuple[Grid, Grid]], views: list[View]) -> DevicePairs:
        """Every pair in every view; a pair's task is the number of its view."""
        viewed = ((v, (view.apply(a), view.apply(b))) for v, view in enumerate(views) for a, b in pairs)
        return DevicePairs(PackedPairs.pack(viewed, [str(v) for v in range(len(views))]), self.device)

    def _fitting(self, sizes: Sequence[tuple[int, int]], canvas: int) -> Sequence[tuple[int, int]]:
        """Those of the sizes that fit the canvas at the least scale, since a model that is trained and tuned from that
        scale on knows no smaller one; all if none does."""
        return [size for size in sizes if (canvas - 2) // max(size) >= self.config.min_scale] or sizes

    @torch.no_grad()
    def predict(
        self, pairs: list[tuple[Grid, Grid]], test_input: Grid, views: list[View], canvas: int, seed: int
    ) -> list[Grid]:
        """The well-formed predictions of one test input in all views and placements, each brought back."""
        config, device = self.config, self.device
        choices = self._fitting(bound_output_size(pairs, test_input).choices, canvas)
        which, ins, bounds = [], [], []
        for v, view in enumerate(views):
            seen = view.apply(test_input)
            for i in range(config.num_placements):
                bound = view.apply_size(choices[i % len(choices)])
                which.append(v)
                ins.append(seen.shape)
                bounds.append((max(bound[0], seen.shape[0]), max(bound[1], seen.shape[1])))
        padded = np.zeros((len(views), MAX_SIDE, MAX_SIDE), dtype=np.uint8)
        for v, view in enumerate(views):
            seen = view.apply(test_input)
            padded[v, : seen.shape[0], : seen.shape[1]] = seen
        grids = torch.from_numpy(padded).to(device)
        tokens, in_sizes, out_bounds = (torch.tensor(x, device=device) for x in (which, ins, bounds))
        generator = torch.Generator(device).manual_seed(stream_seed(seed, "predict"))
        places = random_placement(*out_bounds.unbind(1), canvas, generator, min_scale=config.min_scale)
        self.model.eval()
        self.model.run_cores = self.model.plain_cores()

        def in_parts(size: int) -> list[Grid]:
            found = []
            for index in torch.arange(len(which), device=device).split(size):
                place = Placement(places.scale[index], places.row[index], places.column[index])
                canvases = draw_inputs(grids[tokens[index]], *in_sizes[index].unbind(1), place, canvas)
                with autocast(device, config.autocast):
                    symbols = self.model.predict(canvases, tokens[index], config.num_loops)
                read = read_canvas(symbols, place)
                rows = zip(
                    tokens[index].tolist(), read.grids.cpu().numpy(), read.heights.tolist(), read.widths.tolist(),
                    read.valid.tolist(),
                )  # fmt: skip
                found += [views[v].undo(grid[:h, :w]) for v, grid, h, w, valid in rows if valid]
            return found

        found, self.predict_batch = within_memory(in_parts, self.predict_batch)
        return found

    def tune_and_predict(
        self, task: Task, seed: int = 0, deadline: float = math.inf, max_steps: int = 1_000_000
    ) -> Tuned:
        """task: only its training pairs and test inputs are read. deadline: of time.monotonic(), for the
        tuning; predicting comes on top."""
        started = time.monotonic()
        on_gpu = self.device.type == "cuda"
        self.record()
        if on_gpu:
            torch.cuda.reset_peak_memory_stats(self.device)
        pairs = [grids_of(pair) for pair in task.train]
        views, canvas = self.views(seed), self.config.canvas_of(task)
        counts: list[list[Counter[GridKey]]] = []  # by moment, test input
        predict_s = 0.0

        def look(moment: float) -> None:
            nonlocal predict_s
            began = time.monotonic()
            own = (seed,) if moment == 1.0 else (seed, str(moment))
            inputs = enumerate(test.input.astype(np.uint8) for test in task.test)
            found = (self.predict(pairs, grid, views, canvas, stream_seed(*own, k)) for k, grid in inputs)
            counts.append([count_grids(predictions) for predictions in found])
            predict_s += time.monotonic() - began

        self.reset(len(views), seed)
        loss, num_steps = self.tune(pairs, views, canvas, seed, deadline, max_steps, look)
        look(1.0)
        tune_s = time.monotonic() - started - predict_s
        each = len(views) * self.config.num_placements
        num_views = each * len(counts)
        by_moment = tuple([shares_of_views(of_input, each) for of_input in of_moment] for of_moment in counts)
        votes = by_moment[0]
        if len(by_moment) > 1:
            votes = [shares_of_views(sum(of_input, Counter()), num_views) for of_input in zip(*counts)]
        peak_bytes = torch.cuda.max_memory_reserved(self.device) if on_gpu else None
        return Tuned(votes, loss, num_steps, num_views, tune_s, predict_s, canvas, peak_bytes, by_moment)
