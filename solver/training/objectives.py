"""What is minimised. An objective turns the hidden states of a packed batch into a sum of losses; the trainer divides
by the total weight of the step, so that neither packing, nor accumulation, nor the number of devices changes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from .packing import Batch

Head = Callable[[Tensor], Tensor]

PLACES = 1024
"""Numbers of places are rounded up to a multiple of this, so that shapes repeat."""


@dataclass(frozen=True)
class Loss:
    """Sums over a batch. total: weight · loss, with gradient. shown, right: of what counts, weight · loss and weight ·
    (is the prediction right), for the log."""

    total: Tensor
    shown: Tensor
    right: Tensor


class Completion:
    """Cross-entropy of the tokens to be predicted, each weighted like its document. auxiliary: weight of the tokens
    predicted as an exercise, relative to those that count; the log shows only the latter."""

    group = 1

    def __init__(self, auxiliary: float = 0.0) -> None:
        self.auxiliary = auxiliary

    def weights(self, batch: Batch) -> tuple[float, float]:
        """Sums of the weights in the loss, and of what counts."""
        steps = float(batch.weights[batch.is_step].sum(dtype="float64"))
        return steps + self.auxiliary * float(batch.weights[~batch.is_step].sum(dtype="float64")), steps

    def arrays(self, batch: Batch) -> tuple[Tensor, ...]:
        """What `loss` needs of a batch, on the CPU: places, labels, weights in the loss and in the log, padded with
        weight 0."""
        chosen = np.flatnonzero(batch.is_step) if not self.auxiliary else np.arange(len(batch.targets))
        counted = batch.weights[chosen] * batch.is_step[chosen]
        weights = np.where(batch.is_step[chosen], counted, np.float32(self.auxiliary) * batch.weights[chosen])
        extra = -len(chosen) % PLACES
        arrays = (batch.targets[chosen], batch.labels[chosen], weights, counted)
        return tuple(F.pad(torch.from_numpy(a), (0, extra)) for a in arrays)

    def loss(
        self, hidden: Tensor, head: Head, targets: Tensor, labels: Tensor, weights: Tensor, counted: Tensor
    ) -> Loss:
        """hidden: [T, width]."""
        logits = head(hidden.index_select(0, targets)).float()
        losses = F.cross_entropy(logits, labels, reduction="none")
        right = (counted * (logits.detach().argmax(-1) == labels)).sum()
        return Loss((weights * losses).sum(), (counted * losses.detach()).sum(), right)


class Preference:
    """Bradley–Terry: −log σ(score of the better − score of its rival), scores read at the last token of each document
    (Bradley and Terry 1952; as in InstructGPT, arXiv 2203.02155, eq. 1). Documents come in pairs, the better first; a
    pair weighs as much as its first document."""

    group = 2

    def weights(self, batch: Batch) -> tuple[float, float]:
        """Sums of the weights in the loss, and of what counts: the same here."""
        total = float(batch.document_weights[::2].sum(dtype="float64"))
        return total, total

    def arrays(self, batch: Batch) -> tuple[Tensor, ...]:
        """Places of the better ones' ends, of their rivals' ends, and weights, padded with weight 0."""
        ends, weights = torch.from_numpy(batch.ends), torch.from_numpy(batch.document_weights[::2].copy())
        extra = -len(weights) % 32
        return F.pad(ends[::2], (0, extra)), F.pad(ends[1::2], (0, extra)), F.pad(weights, (0, extra))

    def loss(self, hidden: Tensor, head: Head, better: Tensor, rival: Tensor, weights: Tensor) -> Loss:
        """hidden: [T, width]. The head computes in float32: bf16 would round scores to steps of 1/128 of themselves,
        which is more than close rivals differ by."""
        ends = hidden.index_select(0, torch.cat([better, rival])).float()
        with torch.autocast(hidden.device.type, enabled=False):
            scores = head(ends).squeeze(-1)
        margin = scores[: len(better)] - scores[len(better) :]
        total = (-weights * F.logsigmoid(margin)).sum()
        return Loss(total, total.detach(), (weights * (margin.detach() > 0)).sum())


Objective = Completion | Preference
