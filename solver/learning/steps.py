"""What steps of training have in common, whatever is trained: arithmetic, gradients, averages, and what all processes
of a run must agree on.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch
import torch.distributed as dist
from torch import Tensor, nn


def has_bf16(device: torch.device) -> bool:
    """Whether a device computes in bf16 itself; GPUs before Ampere only emulate it, slower than float32."""
    return device.type != "cuda" or torch.cuda.is_bf16_supported(including_emulation=False)


def autocast(device: torch.device, enabled: bool) -> AbstractContextManager:
    """bf16 arithmetic, if the device has it; weights stay float32."""
    return torch.autocast(device.type, torch.bfloat16, enabled=enabled and has_bf16(device))


def average_gradients(parameters: list[nn.Parameter], world: int) -> None:
    """Replaces gradients by their mean over all processes, in one all-reduce."""
    gradients = [p.grad for p in parameters]
    flat = torch.cat([g.flatten() for g in gradients])
    dist.all_reduce(flat)
    flat /= world
    pieces = [piece.view_as(g) for piece, g in zip(flat.split([g.numel() for g in gradients]), gradients)]
    torch._foreach_copy_(gradients, pieces)


def clip_gradients(parameters: list[nn.Parameter], limit: float) -> Tensor:
    """Scales gradients down to a total norm of `limit`; returns the norm before, without waiting for the
    device."""
    return nn.utils.clip_grad_norm_(parameters, limit, foreach=True)


@torch.no_grad()
def update_average(averaged: list[Tensor], parameters: list[nn.Parameter], decay: float, age: int) -> None:
    """Moves the averaged weights towards the weights; while the average is young, faster. age: steps it has seen."""
    decay = min(decay, (1 + age) / (10 + age))
    torch._foreach_lerp_(averaged, parameters, 1 - decay)


def agree_on(value: float, device: torch.device, world: int) -> float:
    """What process 0 says; the same in all `world` processes."""
    if world == 1:
        return value
    tensor = torch.tensor(value, dtype=torch.float64, device=device)
    dist.broadcast(tensor, 0)
    return tensor.item()


def agree(flag: bool, device: torch.device, world: int) -> bool:
    """What process 0 says; the same in all `world` processes."""
    return bool(agree_on(float(flag), device, world))
