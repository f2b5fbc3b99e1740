"""Tensors in few bits, for files: matrices in eight, with one float32 scale a row beside them (`…/scale`), or those
of a model's cores in four: two numbers of a level in a byte, and one float16 scale for every 64 weights. All else is in
bf16.
"""

from __future__ import annotations

import torch
from torch import Tensor

SCALE = "/scale"
"""Of a matrix's name: the name of its rows' scales, or of its groups'."""

LARGEST = 127
"""Of a matrix's whole numbers."""

GROUP = 64
"""Weights of a matrix, row after row, that share a scale in four bits."""

FITS = 8
STARTS = (0.8, 0.9, 1.0, 1.1, 1.25)
"""Times that groups' scales and the levels of their weights are fitted to one another in turn, and from which parts of
a group's root mean square: the best of those ends is taken."""

_POSITIVE = (0.1284, 0.3881, 0.6568, 0.9424, 1.2562, 1.6181, 2.0690, 2.7326)
LEVELS = torch.tensor([-level for level in reversed(_POSITIVE)] + list(_POSITIVE))
"""float32 [16]: the levels with the least mean square error for normal deviates (Max 1960), as trained weights are."""


def nearest_levels(numbers: Tensor) -> Tensor:
    """Which level is nearest to each number, int64 of the same shape."""
    return torch.bucketize(numbers, (LEVELS[1:] + LEVELS[:-1]) / 2)


def packed(tensors: dict[str, Tensor], bits: int = 8) -> dict[str, Tensor]:
    """Matrices (two dimensions, floating point) as int8, rounded to the nearest multiple of their row's scale, and
    those scales, float32 [rows]; other tensors as bf16. All on the CPU. bits: 8, or 4, which stores matrices of cores,
    where they are whole groups of 64, as `in_four_bits` says."""
    stored = {}
    for key, tensor in tensors.items():
        tensor = tensor.detach().cpu()  # noqa: PLW2901
        if tensor.ndim != 2:
            stored[key] = tensor.bfloat16().contiguous()
        elif bits == 4 and key.startswith("cores.") and tensor.numel() % GROUP == 0 and tensor.shape[1] % 2 == 0:
            stored[key], stored[key + SCALE] = in_four_bits(tensor.float())
        else:
            scale = (tensor.float().abs().amax(1) / LARGEST).clamp(min=torch.finfo(torch.float32).tiny)
            stored[key] = (tensor.float() / scale[:, None]).round().to(torch.int8).contiguous()
            stored[key + SCALE] = scale
    return stored


def in_four_bits(matrix: Tensor) -> tuple[Tensor, Tensor]:
    """A matrix in four bits: uint8 [rows, columns / 2], of each byte the lower half the number of the first level; and
    the groups' scales, float16 [rows · columns / 64], with near the least square error. matrix: float32."""
    groups = matrix.reshape(-1, GROUP)
    spread = groups.square().mean(1, keepdim=True).sqrt()
    scales, least = torch.zeros_like(spread), torch.full_like(spread, torch.inf)
    for start in STARTS:
        fitted = fitted_scales(groups, start * spread)
        error = (groups - fitted * LEVELS[nearest_levels(groups / fitted)]).square().sum(1, keepdim=True)
        scales, least = torch.where(error < least, fitted, scales), torch.minimum(error, least)
    numbers = nearest_levels(groups / scales).to(torch.uint8).view(len(matrix), -1, 2)
    return numbers[..., 0] | numbers[..., 1] << 4, scales[:, 0].half().contiguous()


def fitted_scales(groups: Tensor, scales: Tensor) -> Tensor:
    """Scales, and the levels of the weights under them, fitted to one another in turn; as float16 has them. groups:
    [N, 64]; scales: [N, 1], where to begin."""
    smallest = torch.finfo(torch.float16).smallest_normal  # so that a group of zeros has a scale
    for _ in range(FITS):
        nearest = LEVELS[nearest_levels(groups / scales.clamp(min=smallest))]
        scales = (groups * nearest).sum(1, keepdim=True) / nearest.square().sum(1, keepdim=True)
    return scales.clamp(min=smallest).half().float()


def unpacked(stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """What `packed` made, in float32. Raises KeyError where a matrix's scales are missing, RuntimeError where there are
    too many or too few."""
    tensors = {}
    for key, tensor in stored.items():
        if tensor.dtype == torch.int8:
            tensors[key] = tensor.float() * stored[key + SCALE][:, None]
        elif tensor.dtype == torch.uint8:
            numbers = torch.stack([tensor & 15, tensor >> 4], dim=-1)
            groups = LEVELS[numbers.long()].view(-1, GROUP) * stored[key + SCALE].float().view(-1, 1)
            tensors[key] = groups.view(len(tensor), -1)
        elif not key.endswith(SCALE):
            tensors[key] = tensor.float()
    return tensors
