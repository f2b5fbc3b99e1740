"""What is minimised. An objective turns the hidden states of a packed batch into a sum of losses; the trainer divides
by the total weight of the step, so that neither packing, nor accumulation, nor the number of devices changes it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor

from .packing import Batch

Head = Callable[[Tensor], Tensor]

PLACES = 1024
"""Numbers of places are rounded up to a multiple of this, so that shapes repeat."""


@dataclass(frozen=True)
class Loss:
    """total: sum of weight · loss, with gradient. right: sum of weight · (is the prediction right), a tensor."""

    total: Tensor
    right: Tensor


class Completion:
    """Cross-entropy of the tokens to be predicted, each weighted like its document."""

    group = 1

    def weight(self, batch: Batch) -> float:
        return float(batch.weights.sum(dtype="float64"))

    def arrays(self, batch: Batch) -> tuple[Tensor, ...]:
        """What `loss` needs of a batch, on the CPU: places, labels, weights, padded with weight 0."""
        extra = -len(batch.targets) % PLACES
        return (
            F.pad(torch.from_numpy(batch.targets), (0, extra)),
            F.pad(torch.from_numpy(batch.labels), (0, extra)),
            F.pad(torch.from_numpy(batch.weights), (0, extra)),
        )

    def loss(self, hidden: Tensor, head: Head, targets: Tensor, labels: Tensor, weights: Tensor) -> Loss:
        """hidden: [T, width]."""
        logits = head(hidden.index_select(0, targets)).float()
        losses = F.cross_entropy(logits, labels, reduction="none")
        return Loss((weights * losses).sum(), (weights * (logits.detach().argmax(-1) == labels)).sum())


class Preference:
    """Bradley–Terry: −log σ(score of the better − score of its rival), scores read at the last token of each document
    (Bradley and Terry 1952; as in InstructGPT, arXiv 2203.02155, eq. 1). Documents come in pairs, the better first; a
    pair weighs as much as its first document."""

    group = 2

    def weight(self, batch: Batch) -> float:
        return float(batch.document_weights[::2].sum(dtype="float64"))

    def arrays(self, batch: Batch) -> tuple[Tensor, ...]:
        """Places of the better ones' ends, of their rivals' ends, and weights, padded with weight 0."""
        ends, weights = torch.from_numpy(batch.ends), torch.from_numpy(batch.document_weights[::2].copy())
        extra = -len(weights) % 32
        return F.pad(ends[::2], (0, extra)), F.pad(ends[1::2], (0, extra)), F.pad(weights, (0, extra))

    def loss(self, hidden: Tensor, head: Head, better: Tensor, rival: Tensor, weights: Tensor) -> Loss:
        """hidden: [T, width]."""
        scores = head(hidden.index_select(0, torch.cat([better, rival]))).float().squeeze(-1)
        margin = scores[: len(better)] - scores[len(better) :]
        return Loss((-weights * F.logsigmoid(margin)).sum(), (weights * (margin.detach() > 0)).sum())


Objective = Completion | Preference
