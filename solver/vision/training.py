"""Offline training of the vision model, the same code on one CPU and on several GPUs.

Supports: any number of processes, one a device, with gradients averaged by one all-reduce a step; resuming
exactly, also on another number of devices (then from the same point, with another batch); a wall-clock limit.
Assumes: all pairs fit in device memory as padded uint8 grids (1.8 kB a pair). All randomness is drawn from
the seed and the number of samples seen, so a checkpoint needs no generator state. The rate warms up, then
stays constant; weights are averaged over time, and the average is what is validated. A decay to zero is
optional: over a number of samples (a setting), or over the last part of a slice's time (`Training.run`), with
a checkpoint from before it, since decayed weights are better to use and worse to go on from.
"""

from __future__ import annotations

import copy
import hashlib
import json
import math
import time
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field, fields, replace
from logging import getLogger
from pathlib import Path

import torch
import torch.distributed as dist
from torch import Tensor

from ..errors import InputError
from ..learning.checkpoint import load_checkpoint, read_facts, round_as_saved, save_checkpoint
from ..learning.optimizer import Optimizer
from ..learning.processes import asked_to_stop
from ..learning.seeds import stream_seed
from ..learning.steps import agree, agree_on, autocast, average_gradients, clip_gradients, update_average
from ..tasks import MAX_SIDE
from ..weights import LOG
from .canvas import read_canvas
from .data import TrainingData
from .model import LoopedModel, ModelConfig, fresh_tokens, grown
from .samples import DevicePairs, Pools, draw_pairs, numbers_by_canvas
from .variants import Variants

logger = getLogger(__name__)

VALIDATION_SCALE = 2

CHECK_STEPS = 20
"""Steps between two looks at the clock, which all processes must agree on."""


@dataclass(frozen=True)
class TrainConfig:
    """Settings of one training run.

    canvas: side in cells. large_canvas: of the one for pairs that fit that one at scale 1 only; 0 for none, so that all
    are drawn on `canvas`. large_weight: how many times as often as others those are drawn. min_scale: least scale that
    pairs are drawn at, if it fits. batch: samples a process and step. rate, matrix_rate: peak learning rates
    (matrix_rate is Muon's). average: decay of the averaged weights a step. decay_start, decay_samples: from where, and
    over how many samples, the rates fall linearly to zero (0 samples: never). dropout: of what the core's layers add.
    made_share: part of the samples that come from made-up tasks, which have task tokens of their own behind those of
    model.num_tasks; num_variants: of each task that is not made up (variants.py), with tokens behind those;
    variant_share: part of such tasks' samples that become a variant. Tokens behind the first model.num_tasks are not
    exported. Intervals: log_steps, validate_samples, save_samples.
    max_samples: stop there (0: no limit).
    """

    model: ModelConfig = field(default_factory=ModelConfig)
    canvas: int = 48
    large_canvas: int = 0
    large_weight: float = 1.0
    min_scale: int = 1
    batch: int = 128
    optimizer: str = "muon"
    rate: float = 6e-4
    matrix_rate: float = 2e-3
    warmup_steps: int = 300
    decay_start: int = 0
    decay_samples: int = 0
    weight_decay: float = 0.0
    clip: float = 1.0
    made_share: float = 0.0
    num_variants: int = 0
    variant_share: float = 0.5
    dropout: float = 0.0
    average: float = 0.9995
    seed: int = 0
    compile: bool = True
    autocast: bool = True
    log_steps: int = 50
    validate_samples: int = 200_000
    save_samples: int = 500_000
    max_samples: int = 0

    def __post_init__(self) -> None:
        faults = self.model.canvas_faults(self.canvas, self.large_canvas)
        if not 1 <= self.min_scale <= MAX_SIDE:
            faults.append(f"min_scale {self.min_scale} must be within 1..{MAX_SIDE}")
        if not 0 < self.large_weight < math.inf:
            faults.append(f"large_weight {self.large_weight} must be a positive number")
        if self.optimizer not in ("adamw", "muon"):
            faults.append(f"optimizer {self.optimizer!r} must be 'adamw' or 'muon'")
        if not 0 <= self.average < 1:
            faults.append(f"average {self.average} must be within 0..1")
        if not 0 <= self.made_share < 1:
            faults.append(f"made_share {self.made_share} must be within 0..1")
        if not 0 <= self.dropout < 1:
            faults.append(f"dropout {self.dropout} must be within 0..1")
        if not 0 <= self.variant_share <= 1:
            faults.append(f"variant_share {self.variant_share} must be within 0..1")
        if self.num_variants < 0:
            faults.append(f"num_variants {self.num_variants} must not be negative")
        for name in (
            "rate", "matrix_rate", "warmup_steps", "decay_start", "decay_samples", "weight_decay", "max_samples"
        ):  # fmt: skip
            if not 0 <= getattr(self, name) < math.inf:
                faults.append(f"{name} {getattr(self, name)} must be a number from 0 on")
        if not self.clip > 0:
            faults.append(f"clip {self.clip} must be above 0")
        for name in ("batch", "log_steps", "validate_samples", "save_samples"):
            if getattr(self, name) < 1:
                faults.append(f"{name} must be at least 1")
        if faults:
            raise ValueError("; ".join(faults))

    def schedule(self, step: int, samples: int) -> float:
        """Share of the peak rates, 0..1. step: steps since the optimizer was new; samples: of the whole run."""
        share = min(1.0, (step + 1) / self.warmup_steps) if self.warmup_steps else 1.0
        if self.decay_samples:
            share *= min(1.0, max(0.0, (self.decay_start + self.decay_samples - samples) / self.decay_samples))
        return share


def config_from(settings: dict) -> TrainConfig:
    """A TrainConfig from what asdict made of one. Raises ValueError that names every unknown setting."""
    model = dict(settings.get("model", {}))
    unknown = [f"model.{k}" for k in model.keys() - {f.name for f in fields(ModelConfig)}]
    unknown += list(settings.keys() - {f.name for f in fields(TrainConfig)})
    if unknown:
        raise ValueError(f"unknown settings: {', '.join(sorted(unknown))}")
    return TrainConfig(**{**settings, "model": ModelConfig(**model)})


def ids_hash(task_ids: Sequence[str]) -> str:
    """SHA-256 of task ids, in order."""
    return hashlib.sha256(" ".join(task_ids).encode()).hexdigest()


@dataclass(frozen=True)
class Validation:
    """loss: mean over canvas cells. exact: share of pairs read back equal in size and every cell. readable:
    share with a well-formed border."""

    loss: float
    exact: float
    readable: float


@torch.no_grad()
def validate(model: LoopedModel, pairs: DevicePairs, config: TrainConfig) -> Validation:
    """One view a pair, on its canvas, at scale 2 where it fits, at offsets that are the same for the same config."""
    device = pairs.grids.device
    generator = torch.Generator(device).manual_seed(stream_seed("validation"))
    total_loss, exact, readable = 0.0, 0, 0
    numbers = numbers_by_canvas(pairs.sizes, config.canvas, config.large_canvas)
    batches = [(canvas, some) for canvas, of_canvas in numbers.items() for some in of_canvas.split(config.batch)]
    for canvas, index in batches:
        canvases, targets, place = pairs.draw(index, canvas, generator, VALIDATION_SCALE)
        with autocast(device, config.autocast):
            total_loss += model.loss(canvases, pairs.tasks[index], targets).item() * len(index)
            predicted = model.predict(canvases, pairs.tasks[index])
        read = read_canvas(predicted, place)
        same_size = (read.heights == pairs.sizes[index, 2]) & (read.widths == pairs.sizes[index, 3])
        same_cells = (read.grids == pairs.grids[index, 1]).flatten(1).all(1)
        exact += int((read.valid & same_size & same_cells).sum())
        readable += int(read.valid.sum())
    return Validation(total_loss / len(pairs), exact / len(pairs), readable / len(pairs))


class Training:
    """One process's part of a run: model, averaged weights, optimizer, data, and how far it has come."""

    def __init__(
        self, config: TrainConfig, data: TrainingData, device: torch.device, *, rank: int = 0, world: int = 1
    ) -> None:
        if len(data.train.task_ids) > config.model.num_tasks:
            raise ValueError(f"{len(data.train.task_ids)} tasks, but num_tasks is {config.model.num_tasks}")
        if config.made_share and data.made is None:
            raise ValueError(f"made_share is {config.made_share}, but the data hold no made-up tasks")
        self.config, self.device, self.rank, self.world = config, device, rank, world
        self.pairs = DevicePairs(data.train, device)
        self.made_ids = data.made.task_ids if config.made_share else ()
        num_main = len(self.pairs)
        if config.made_share:
            self.pairs.append(DevicePairs(data.made, device, config.model.num_tasks))
        sizes, share = self.pairs.sizes.cpu(), config.made_share
        self.pools = Pools(sizes, num_main, config.canvas, config.large_canvas, share, config.seed, config.large_weight)
        self.validation = DevicePairs(data.validation, device)
        self.task_ids = data.train.task_ids
        first_variant = config.model.num_tasks + len(self.made_ids)
        self.variants = None
        if config.num_variants:
            self.variants = Variants(
                config.model.num_tasks,
                config.num_variants,
                config.variant_share,
                stream_seed(config.seed, "variants"),
                first_variant,
                device,
            )
        num_tokens = first_variant + config.model.num_tasks * config.num_variants
        model_config = replace(config.model, num_tasks=num_tokens)
        self.model = LoopedModel(model_config)
        self.model.reset_parameters(torch.Generator().manual_seed(stream_seed(config.seed, "weights")))
        self.model.to(device)
        self.averaged = LoopedModel(model_config).to(device).requires_grad_(False)
        self.averaged.load_state_dict(self.model.state_dict())
        for layer in self.model.layers():
            layer.dropout = config.dropout
        if config.compile:
            self.model.compile_cores()
        self.optimizer = Optimizer(self.model, config.optimizer, weight_decay=config.weight_decay)
        self.generator = torch.Generator(device)
        self.step, self.samples = 0, 0
        self.warm_from = 0  # step from which the rate warms up
        self.clock_share = 1.0  # share of the rate that a decay by the clock leaves

    def live_state(self) -> dict[str, Tensor]:
        """Every tensor a checkpoint holds, by 'kind/name'."""
        weights = {f"weights/{k}": v.detach() for k, v in self.model.named_parameters()}
        averaged = {f"ema/{k}": v for k, v in self.averaged.named_parameters()}
        return weights | averaged | self.optimizer.state()

    def rate_share(self) -> float:
        """Share of the peak rates that the next step takes, 0..1."""
        return self.clock_share * self.config.schedule(self.step - self.warm_from, self.samples)

    def save(self, folder: Path) -> None:
        """Called by every process; process 0 writes."""
        if self.rank:
            round_as_saved(self.live_state())
            return
        facts = {
            "step": self.step,
            "samples": self.samples,
            "warm_from": self.warm_from,
            "clock_share": self.clock_share,
            "config": asdict(self.config),
        }
        hashes = {"task_ids_sha256": ids_hash(self.task_ids), "made_ids_sha256": ids_hash(self.made_ids)}
        save_checkpoint(folder, self.live_state(), facts | hashes)

    def resume(self, folder: Path) -> None:
        """Goes on from a checkpoint; from one that a decay by the clock had reached, at the full rate, warming up
        anew. To one without made-up tasks or without variants they may be added; raises InputError if it has others,
        or is of other tasks, another model or optimizer."""
        stored = read_facts(folder)
        if stored["task_ids_sha256"] != ids_hash(self.task_ids):
            raise InputError(f"{folder}: trained on other tasks, or in another order, so that their tokens differ")
        no_made = ids_hash(())
        made, num_variants = stored.get("made_ids_sha256", no_made), stored["config"].get("num_variants", 0)
        if made not in (no_made, ids_hash(self.made_ids)):
            raise InputError(f"{folder}: trained on other made-up tasks; go on from its exported weights")
        if num_variants not in (0, self.config.num_variants) or (num_variants and made != ids_hash(self.made_ids)):
            raise InputError(f"{folder}: has {num_variants} variants a task; go on from its exported weights")
        num_tokens = self.config.model.num_tasks + (len(self.made_ids) if made != no_made else 0)
        num_tokens += self.config.model.num_tasks * num_variants
        state = self.live_state()
        tables = {key: tensor for key, tensor in state.items() if key.endswith("/tasks") and tensor.ndim}
        state |= {key: tensor[:num_tokens] for key, tensor in tables.items()}
        facts = load_checkpoint(folder, state)
        self._begin_tokens(num_tokens)
        self.step, self.samples, self.warm_from = facts["step"], facts["samples"], facts.get("warm_from", 0)
        if facts.get("clock_share", 1.0) < 1.0:
            self.warm_from = self.step

    @torch.no_grad()
    def start_from(self, weights: LoopedModel, *, step: int, samples: int) -> None:
        """Goes on from shipped weights, where their run's checkpoint is lost: a fresh optimizer, so the rate
        warms up again, and the average starts anew. A larger model computes what they do at first (`grown`). step,
        samples: how far those weights had come. Raises ValueError if the model has other settings."""
        state = grown(weights, self.config.model)
        for model in (self.model, self.averaged):
            others = model.tasks[len(state["tasks"]) :].cpu()
            model.load_state_dict(state | {"tasks": torch.cat([state["tasks"], others])})
        self._begin_tokens(self.config.model.num_tasks)
        self.step, self.samples, self.warm_from = step, samples, step

    @torch.no_grad()
    def _begin_tokens(self, num_known: int) -> None:
        """Tokens behind the first num_known, where those are trained already: fresh ones for made-up tasks, a task's
        own one for each of its variants."""
        num_tasks, num_made = self.config.model.num_tasks, len(self.made_ids)
        for model in (self.model, self.averaged):
            if num_known <= num_tasks < num_tasks + num_made:
                seed = stream_seed(self.config.seed, "made tokens")
                model.tasks[num_tasks : num_tasks + num_made] = fresh_tokens(
                    self.model.tasks[:num_tasks], num_made, seed
                )
            if self.variants and num_known <= self.variants.first_token:
                own = self.model.tasks[:num_tasks].repeat_interleave(self.config.num_variants, dim=0)
                model.tasks[self.variants.first_token :] = own

    def train_step(self) -> tuple[Tensor, Tensor]:
        """One step on the next batch; returns loss and gradient norm as tensors on the device."""
        config, parameters = self.config, list(self.model.parameters())
        first = self.samples + self.rank * config.batch
        pool, seen = self.pools.next(self.samples, config.batch * self.world)
        index = pool.indices(seen + self.rank * config.batch, config.batch)
        if self.device.type == "cuda":
            index = index.pin_memory()
        index = index.to(self.device, non_blocking=True)
        self.generator.manual_seed(stream_seed(config.seed, "placement", first))
        if config.dropout:
            torch.manual_seed(stream_seed(config.seed, "dropout", first))
        grids, sizes, tasks = self.pairs.grids[index], self.pairs.sizes[index], self.pairs.tasks[index]
        if self.variants:
            grids, sizes, tasks = self.variants.change(grids, sizes, tasks, self.generator)
        canvases, targets, _ = draw_pairs(grids, sizes, pool.canvas, self.generator, min_scale=config.min_scale)
        with autocast(self.device, config.autocast):
            loss = self.model.loss(canvases, tasks, targets)
        loss.backward()
        if self.world > 1:
            average_gradients(parameters, self.world)
        norm = clip_gradients(parameters, config.clip)
        share = self.rate_share()
        self.optimizer.step(share * config.rate, share * config.matrix_rate)
        for p in parameters:
            p.grad = None
        update_average(list(self.averaged.parameters()), parameters, config.average, self.step - self.warm_from)
        self.step += 1
        self.samples += config.batch * self.world
        return loss.detach(), norm

    def run(self, folder: Path, *, deadline: float = math.inf, decay_from: float = math.inf) -> None:
        """Trains until `deadline`, max_samples, or until a file folder/stop appears; then saves into
        folder/checkpoint and validates, the averaged weights (val_…) and the weights themselves (raw_…).
        Appends to folder/log.jsonl.

        deadline, decay_from: times of time.monotonic. Between them the rate falls linearly to zero, by the clock,
        whatever the speed; the run as it was before goes into folder/checkpoint-before-decay. A deadline must
        be given if decay_from is. Raises FloatingPointError where loss or gradient is no longer finite; the last
        checkpoint stays: none is written before the steps since the one before were looked at.
        """
        if decay_from < math.inf and not decay_from < deadline < math.inf:
            raise ValueError("a decay by the clock needs a deadline after it")
        config = self.config
        folder.mkdir(parents=True, exist_ok=True)
        log = RunLog(self, folder / LOG)
        log.write(started=True, processes=self.world, pairs=len(self.pairs), config=asdict(config))
        next_validation = (self.samples // config.validate_samples + 1) * config.validate_samples
        next_save = (self.samples // config.save_samples + 1) * config.save_samples
        first_step = self.step
        while not self._has_all_samples():
            log.add(*self.train_step())
            # The first log comes early: it shows how long compiling took and that the loss is finite.
            if self.step % config.log_steps == 0 or self.step == first_step + 5:
                log.write_progress()
            if self._has_all_samples():
                break
            if self.step % CHECK_STEPS == 0 and self._look_at_clock(folder, log, deadline, decay_from):
                break
            if self.samples >= next_validation:
                next_validation += config.validate_samples
                log.write_validation()
            if self.samples >= next_save:
                next_save += config.save_samples
                self._save(folder / "checkpoint", log)
        self._save(folder / "checkpoint", log)
        log.write_validation(raw=True)
        if self.world > 1:
            dist.barrier()

    def _has_all_samples(self) -> bool:
        return 0 < self.config.max_samples <= self.samples

    def _save(self, folder: Path, log: RunLog) -> None:
        log.write_progress()
        self.save(folder)

    def _look_at_clock(self, folder: Path, log: RunLog, deadline: float, decay_from: float) -> bool:
        """Whether the run is to end; if not, the share of the rate that a decay by the clock leaves is brought up to
        date. As `run`."""
        now = time.monotonic()
        if agree(now >= deadline or asked_to_stop(folder), self.device, self.world):
            return True
        left = (deadline - now) / (deadline - decay_from) if now > decay_from else 1.0
        share = agree_on(left, self.device, self.world)
        if self.clock_share == 1.0 and share < 1.0:
            self._save(folder / "checkpoint-before-decay", log)
            log.write_validation()
        self.clock_share = share
        return False


class RunLog:
    """What process 0 writes of a run into log.jsonl, and what steps have come to since it last did."""

    def __init__(self, training: Training, path: Path) -> None:
        self.training, self.path = training, path
        self.started = self.mark = time.monotonic()
        self.mark_samples = training.samples
        self.losses: list[Tensor] = []
        self.norms: list[Tensor] = []

    def write(self, **facts: object) -> None:
        """One line, with how far the run has come."""
        if self.training.rank == 0:
            facts = {"step": self.training.step, "samples": self.training.samples, **facts}
            with self.path.open("a") as file:
                file.write(json.dumps(facts) + "\n")
            logger.info(" ".join(f"{k}={v}" for k, v in facts.items()))

    def add(self, loss: Tensor, norm: Tensor) -> None:
        """Of a step, as `Training.train_step` gives them; does not wait for the device."""
        self.losses.append(loss)
        self.norms.append(norm)

    def write_progress(self) -> None:
        """The steps since the last progress, if there are any, and their speed. Raises FloatingPointError if their loss
        or their gradient, which has spoiled the weights by then, is not finite."""
        if not self.losses:
            return
        loss, norm = torch.stack([torch.stack(self.losses).mean(), torch.stack(self.norms).mean()]).tolist()
        now, samples = time.monotonic(), self.training.samples
        self.write(
            loss=round(loss, 5),
            grad_norm=round(norm, 4),
            rate_share=round(self.training.rate_share(), 4),
            samples_per_s=round((samples - self.mark_samples) / (now - self.mark), 1),
            elapsed_s=round(now - self.started, 1),
        )
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise FloatingPointError(f"loss is {loss}, gradient norm {norm} at step {self.training.step}")
        self.losses, self.norms = [], []
        self.mark, self.mark_samples = time.monotonic(), samples

    def write_validation(self, *, raw: bool = False) -> None:
        """Validates the averaged weights, and the weights themselves if `raw`; its time does not count as steps'."""
        training = self.training
        if training.rank == 0:
            before = time.monotonic()
            models = {"val": training.averaged}
            if raw:  # a copy, since the compiled model would be compiled again for these shapes
                models["raw"] = copy.deepcopy(training.averaged)
                models["raw"].load_state_dict(training.model.state_dict())
            results = {
                name: asdict(validate(model, training.validation, training.config)) for name, model in models.items()
            }
            self.write(**{f"{name}_{k}": round(v, 5) for name, facts in results.items() for k, v in facts.items()})
            self.mark += time.monotonic() - before
