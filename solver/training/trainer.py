"""The training loop, the same on a CPU and on several GPUs, for policies and PPMs.

Supports: any number of processes, one a device, with gradients summed by one all-reduce a step; resuming exactly
(on another number of devices: from the same point of the data, with larger or smaller steps); a wall-clock limit; a
running average of the weights. Assumes: the documents fit in memory. All randomness follows from the seed and from how
far the run has come, so a checkpoint needs no generator state.
"""

from __future__ import annotations

import json
import math
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from dataclasses import asdict
from logging import getLogger
from pathlib import Path
from typing import Any

import torch
import torch.distributed as dist
from torch import Tensor, nn

from ..learning.checkpoint import load_checkpoint, round_as_saved, save_checkpoint
from ..learning.optimizer import Optimizer
from ..learning.processes import asked_to_stop
from ..learning.seeds import stream_seed
from ..learning.steps import agree, clip_gradients, update_average
from ..weights import LOG
from .attention import BlockMasks, dense_mask
from .documents import Documents
from .models import has_dropout, head_of, trunk_of
from .objectives import Loss, Objective
from .packing import Batch, Packer
from .settings import TrainingSettings, rate_share

logger = getLogger(__name__)

Evaluate = Callable[[nn.Module], dict[str, Any]]
"""Measures a model (with averaged weights, in evaluation mode); what it returns goes into the log."""


class Trainer:
    """One process's part of a run: model, optimizer, data, and how far it has come.

    rank, world: number of this process and of all. facts: kept in checkpoints beside the run's own, JSON values.
    """

    def __init__(
        self,
        model: nn.Module,
        objective: Objective,
        documents: Documents,
        settings: TrainingSettings,
        device: torch.device,
        *,
        context: int,
        rank: int = 0,
        world: int = 1,
        facts: dict[str, Any] | None = None,
    ) -> None:
        if documents.group != objective.group:
            raise ValueError(f"documents in groups of {documents.group}, but {objective.group} needed")
        self.model, self.objective, self.settings, self.device = model.to(device), objective, settings, device
        self.rank, self.world, self.facts = rank, world, facts or {}
        train = settings.train
        self.packer = Packer(documents, train.batch_tokens, context, train.seed)
        self.parameters = {name: p for name, p in model.named_parameters() if p.requires_grad}
        self.averaged = {name: p.detach().clone() for name, p in self.parameters.items()} if train.average else {}
        name = "adamw" if settings.adapter.rank else train.optimizer
        self.optimizer = Optimizer(model, name, weight_decay=train.weight_decay, matrices="layers")
        self.step, self.num_batches, self.num_tokens, self.first_step = 0, 0, 0, 0
        self._trunk = trunk_of(model)
        if train.checkpoint_activations:
            self._trunk.gradient_checkpointing_enable({"use_reentrant": False})
        self._masks = BlockMasks(train.batch_tokens, device) if device.type == "cuda" else None
        self._trunk.config._attn_implementation = "flex_attention" if self._masks else "sdpa"
        self._forward = torch.compile(self._trunk, dynamic=False) if train.compile else self._trunk

    # --- state

    def live_state(self) -> dict[str, Tensor]:
        """Every tensor a checkpoint holds, by 'kind/name'."""
        weights = {f"weights/{name}": p.detach() for name, p in self.parameters.items()}
        averaged = {f"ema/{name}": tensor for name, tensor in self.averaged.items()}
        return weights | averaged | self.optimizer.state()

    def save(self, folder: Path) -> None:
        """Called by every process; process 0 writes, the others round their tensors as it does."""
        if self.rank:
            round_as_saved(self.live_state())
            return
        progress = {name: getattr(self, name) for name in ("step", "num_batches", "num_tokens", "first_step")}
        save_checkpoint(folder, self.live_state(), {**self.facts, **progress, "settings": asdict(self.settings)})

    def resume(self, folder: Path) -> None:
        """Go on from a checkpoint. Raises InputError."""
        facts = load_checkpoint(folder, self.live_state())
        for name in ("step", "num_batches", "num_tokens", "first_step"):
            setattr(self, name, facts[name])

    @staticmethod
    def load_averaged(model: nn.Module, settings: TrainingSettings, checkpoint: Path) -> dict[str, Any]:
        """Put the averaged weights of a checkpoint (the weights themselves where there is no average) into a model;
        returns the checkpoint's facts. Raises InputError."""
        kind = "ema" if settings.train.average else "weights"
        trained = {f"{kind}/{name}": p for name, p in model.named_parameters() if p.requires_grad}
        return load_checkpoint(checkpoint, trained, kinds=(kind,))

    @contextmanager
    def averaged_weights(self) -> Iterator[nn.Module]:
        """The model with the averaged weights in place and in evaluation mode, as long as the context lasts."""
        own = {name: p.detach().clone() for name, p in self.parameters.items()}
        with torch.no_grad():
            for name, tensor in self.averaged.items():
                self.parameters[name].copy_(tensor)
        self.model.eval()
        try:
            yield self.model
        finally:
            self.model.train()
            with torch.no_grad():
                for name, tensor in own.items():
                    self.parameters[name].copy_(tensor)

    # --- steps

    def forward(self, batch: Batch) -> Loss:
        """Sum of the losses of one batch."""
        device = self.device
        tokens, positions, documents = (
            self._send(torch.from_numpy(a)) for a in (batch.tokens, batch.positions, batch.documents)
        )
        arrays = [self._send(a) for a in self.objective.arrays(batch)]
        mask = self._masks.make(documents) if self._masks else dense_mask(documents)
        bf16 = self.settings.train.bf16
        with torch.autocast(device.type, torch.bfloat16) if bf16 else nullcontext():
            embedded = self._trunk.get_input_embeddings()(tokens)[None]
            if bf16:
                embedded = embedded.bfloat16()
            hidden = self._forward(
                inputs_embeds=embedded, position_ids=positions[None], attention_mask=mask, use_cache=False
            ).last_hidden_state[0]
            return self.objective.loss(hidden, head_of(self.model), *arrays)

    def _sums(self, loss: Loss, batch: Batch) -> Tensor:
        """Loss and right predictions, summed over what counts; its weight; the weight in the loss."""
        total, counted = self.objective.weights(batch)
        weights = self._send(torch.tensor([counted, total]))  # without waiting for the device
        return torch.cat([torch.stack([loss.shown, loss.right]), weights])

    def _send(self, tensor: Tensor) -> Tensor:
        if self.device.type == "cuda":
            return tensor.pin_memory().to(self.device, non_blocking=True)
        return tensor.to(self.device)

    def train_step(self) -> tuple[Tensor, Tensor]:
        """One step on the next batches; returns (loss, share right) a unit of what counts, of all processes together,
        and the gradient's norm before clipping, on the device."""
        train, parameters = self.settings.train, list(self.parameters.values())
        torch.manual_seed(stream_seed(train.seed, "dropout", self.step, self.rank))
        sums = torch.zeros(4, device=self.device)
        for k in range(train.accumulate):
            batch = self.packer.batch(self.num_batches + k * self.world + self.rank)
            loss = self.forward(batch)
            (loss.total / train.batch_tokens).backward()
            sums += self._sums(loss, batch)
        if self.world > 1:
            sums = sum_gradients(parameters, sums)
        with torch.no_grad():
            torch._foreach_mul_([p.grad for p in parameters], train.batch_tokens / sums[3].clamp(min=1e-9))
        norm = clip_gradients(parameters, train.clip)
        share = rate_share(train, self.step, self.first_step)
        self.optimizer.step(share * train.rate, share * train.matrix_rate)
        for p in parameters:
            p.grad = None
        if self.averaged:
            update_average(list(self.averaged.values()), parameters, train.average, self.step - self.first_step)
        self.step += 1
        self.num_batches += train.accumulate * self.world
        self.num_tokens += train.accumulate * self.world * train.batch_tokens
        return sums[:2] / sums[2].clamp(min=1e-9), norm

    def packer_of(self, documents: Documents) -> Packer:
        """Batches of other documents, like those trained on. Raises ValueError if none fits."""
        return Packer(documents, self.settings.train.batch_tokens, self.packer.max_document, 0)

    def measure(self, documents: Documents, max_batches: int) -> tuple[float, float]:
        """Mean loss and share right on the first batches of other documents; each document at most once. The forward
        pass is that of training, so that nothing is compiled anew, unless the model drops anything there."""
        was_training, is_alike = self.model.training, not has_dropout(self.model)
        self.model.train(is_alike)
        packer = self.packer_of(documents)
        sums, number = torch.zeros(4, device=self.device), 0
        while number < max_batches:
            batch = packer.batch(number)
            if packer.epoch > 0:
                break
            with torch.set_grad_enabled(is_alike):
                loss = self.forward(batch)
            sums += self._sums(loss, batch)
            number += 1
        self.model.train(was_training)
        loss_sum, right, weight, _ = sums.tolist()
        return loss_sum / weight, right / weight

    def run(self, folder: Path, *, deadline: float = math.inf, evaluate: Evaluate | None = None) -> None:
        """Train until max_steps, a file folder/stop, or so long before `deadline` (of time.monotonic) that there is
        time to save and evaluate, which comes then. Appends to folder/log.jsonl; checkpoints go to folder/checkpoint.
        Raises FloatingPointError where loss or gradient is no longer finite; the last checkpoint stays: none is written
        before a report has looked at the steps since the one before."""
        train = self.settings.train
        folder.mkdir(parents=True, exist_ok=True)
        log = _Log(folder / LOG, self)
        self.model.train()
        log.write(started=True, processes=self.world, left_out=self.packer.num_left_out, settings=asdict(self.settings))
        first = self.step
        save_s = evaluate_s = 0.0
        saved = evaluated = -1
        while not self._is_over(folder, deadline - max(train.reserve_s, save_s + evaluate_s)):
            metrics, norm = self.train_step()
            log.collect(metrics, norm)
            # The first report comes early: it shows how long compiling took and that the loss is finite.
            saves = self.step % train.save_steps == 0
            if saves or self.step % train.log_steps == 0 or self.step == first + 2:
                log.report(rate_share(train, self.step, self.first_step))
            if saves:
                save_s, saved = self._save(folder, log), self.step
            if train.evaluate_steps and self.step % train.evaluate_steps == 0:
                evaluate_s, evaluated = self._evaluate(evaluate, log), self.step
        log.report(rate_share(train, self.step, self.first_step))
        if self.step == first and self.rank == 0 and time.monotonic() >= deadline - train.reserve_s:
            kept = f"{train.reserve_s:g} s are kept for the last checkpoint (train.reserve_s)"
            logger.warning("no step was made: the time was too short, of which %s", kept)
        if saved != self.step:
            self._save(folder, log)
        if evaluated != self.step:
            self._evaluate(evaluate, log)

    def _is_over(self, folder: Path, deadline: float) -> bool:
        train = self.settings.train
        if train.max_steps and self.step >= train.max_steps:
            return True
        if self.world > 1 and self.step % 10:
            return False
        over = time.monotonic() >= deadline or asked_to_stop(folder)
        return agree(over, self.device, self.world)

    def _save(self, folder: Path, log: _Log) -> float:
        """Returns the seconds that it took."""
        began = time.monotonic()
        self.save(folder / "checkpoint")
        log.restart_clock()
        return time.monotonic() - began

    def _evaluate(self, evaluate: Evaluate | None, log: _Log) -> float:
        """Returns the seconds that it took."""
        began = time.monotonic()
        if evaluate is not None and self.rank == 0:
            with self.averaged_weights() as model, torch.no_grad():
                found = evaluate(model)
            log.write(**found, evaluate_s=round(time.monotonic() - began, 1))
        if self.world > 1:
            dist.barrier()
        log.restart_clock()
        return time.monotonic() - began


def sum_gradients(parameters: list[nn.Parameter], extra: Tensor) -> Tensor:
    """Replaces gradients by their sum over all processes; returns the sum of `extra`; in one all-reduce."""
    gradients = [p.grad for p in parameters]
    flat = torch.cat([*(g.flatten() for g in gradients), extra])
    dist.all_reduce(flat)
    *pieces, summed = flat.split([*(g.numel() for g in gradients), extra.numel()])
    torch._foreach_copy_(gradients, [piece.view_as(g) for piece, g in zip(pieces, gradients, strict=True)])
    return summed


class _Log:
    """JSON lines of a run, and its clock. Only process 0 writes."""

    def __init__(self, path: Path, trainer: Trainer) -> None:
        self.path, self.trainer = path, trainer
        self.began = time.monotonic()
        self._metrics: list[Tensor] = []
        self._norms: list[Tensor] = []
        self.restart_clock()

    def restart_clock(self) -> None:
        self._mark, self._mark_tokens = time.monotonic(), self.trainer.num_tokens

    def write(self, **facts: Any) -> None:
        if self.trainer.rank == 0:
            facts = {"step": self.trainer.step, "tokens": self.trainer.num_tokens, **facts}
            with self.path.open("a") as file:
                file.write(json.dumps(facts) + "\n")
            logger.info(" ".join(f"{k}={v}" for k, v in facts.items() if k != "settings"))

    def collect(self, metrics: Tensor, norm: Tensor) -> None:
        self._metrics.append(metrics)
        self._norms.append(norm)

    def report(self, share: float) -> None:
        """What was collected since the last report, if anything was."""
        if not self._metrics:
            return
        loss, right = torch.stack(self._metrics).mean(0).tolist()
        norm = torch.stack(self._norms).mean().item()
        now = time.monotonic()
        rate = (self.trainer.num_tokens - self._mark_tokens) / max(now - self._mark, 1e-9)
        self.write(
            loss=round(loss, 6), right=round(right, 5), grad_norm=round(norm, 4), rate_share=round(share, 4),
            tokens_per_s=round(rate), elapsed_s=round(now - self.began, 1),
        )  # fmt: skip
        self._metrics, self._norms = [], []
        self.restart_clock()
        # A gradient that is not finite has spoiled the weights already; the loss shows it one step later.
        if not (math.isfinite(loss) and math.isfinite(norm)):
            raise FloatingPointError(f"loss is {loss}, gradient norm {norm} at step {self.trainer.step}")
