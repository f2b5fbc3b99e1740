"""Optimizers: AdamW for everything, or Muon for the matrices of a model's layers and AdamW for the rest.

Muon (Jordan 2024) replaces a matrix's momentum by the nearest matrix with all singular values near one. The
step is scaled as in arXiv 2502.16982, so that its entries are about as large as AdamW's. A matrix that holds
several maps (queries, keys and values; value and gate) is split into them first.
"""

from __future__ import annotations

from collections import defaultdict

import torch
from torch import Tensor, nn

Rate = float | Tensor
"""A learning rate; a tensor of no dimensions on the device where steps are recorded in a CUDA graph."""

NEWTON_SCHULZ = (3.4445, -4.7750, 2.0315)


def orthogonalize(matrices: Tensor, num_iterations: int = 5) -> Tensor:
    """[K, n, m] with n ≤ m → bf16, singular values within about 0.7..1.2."""
    a, b, c = NEWTON_SCHULZ
    x = matrices.bfloat16()
    x = x / (x.norm(dim=(1, 2), keepdim=True) + 1e-7)
    for _ in range(num_iterations):
        gram = x @ x.mT
        polynomial = torch.baddbmm(gram, gram, gram, beta=b, alpha=c)
        x = torch.baddbmm(x, polynomial, x, beta=a)
    return x


class Optimizer:
    """Steps all parameters of a model; its state is a flat dictionary of tensors.

    name: 'adamw' or 'muon'. matrices: parameters whose name starts so, or holds it between dots, and that have two
    dimensions go to Muon. tokens: name of a parameter with a rate of its own. Rates are given at each step, since
    they follow a schedule: `matrix_rate` for Muon's matrices, `token_rate` for the tokens, `rate` for all else.
    Frozen parameters are left alone, as are those without a gradient (the cores that a run of fewer loops does not
    reach). Muon's state is a momentum per matrix, AdamW's two moments per parameter. Gradients are read from
    `.grad`. capturable: a step can be recorded in a CUDA graph, if its rates are tensors on the device.
    """

    def __init__(
        self,
        model: nn.Module,
        name: str,
        *,
        betas: tuple[float, float] = (0.9, 0.95),
        momentum: float = 0.95,
        weight_decay: float = 0.0,
        matrices: str = "cores",
        tokens: str = "",
        capturable: bool = False,
    ) -> None:
        if name not in ("adamw", "muon"):
            raise ValueError(f"optimizer {name!r} is neither 'adamw' nor 'muon'")
        named = {key: p for key, p in model.named_parameters() if p.requires_grad}
        self.matrices = {
            key: p for key, p in named.items() if name == "muon" and f".{matrices}." in f".{key}" and p.ndim == 2
        }
        self.others = {key: p for key, p in named.items() if key not in self.matrices}
        self.weight_decay = weight_decay
        self.momentum = momentum
        self.buffers = {key: torch.zeros_like(p) for key, p in self.matrices.items()}
        parameters = list(self.others.values())
        groups = [[p for key, p in self.others.items() if (key == tokens) is own] for own in (False, True)]
        self.adamw = torch.optim.AdamW(
            [{"params": group} for group in groups if group],
            betas=betas,
            weight_decay=weight_decay,
            fused=parameters[0].is_cuda,
            capturable=capturable,
        )
        for p in parameters:
            self.adamw.state[p] = {
                "step": torch.zeros((), device=p.device if p.is_cuda else "cpu"),
                "exp_avg": torch.zeros_like(p),
                "exp_avg_sq": torch.zeros_like(p),
            }

    def reset(self) -> None:
        """Forgets all momentum, as if newly made."""
        for tensor in self.state().values():
            tensor.zero_()

    def state(self) -> dict[str, Tensor]:
        """The live tensors of the state, by 'kind/parameter'. Kinds: momentum, first, second, step."""
        kinds = {"exp_avg": "first", "exp_avg_sq": "second", "step": "step"}
        state = {f"momentum/{key}": buffer for key, buffer in self.buffers.items()}
        for key, p in self.others.items():
            state |= {f"{kind}/{key}": self.adamw.state[p][name] for name, kind in kinds.items()}
        return state

    @torch.no_grad()
    def step(self, rate: Rate, matrix_rate: Rate, token_rate: Rate | None = None) -> None:
        """token_rate: None where no parameter has a rate of its own."""
        rates = (rate,) if token_rate is None else (rate, token_rate)
        for group, value in zip(self.adamw.param_groups, rates, strict=True):
            group["lr"] = value
        self.adamw.step()
        if any(p.grad is not None for p in self.matrices.values()):
            self._step_matrices(matrix_rate)

    def _step_matrices(self, rate: Rate) -> None:
        used = {key: p for key, p in self.matrices.items() if p.grad is not None}
        parameters, buffers = list(used.values()), [self.buffers[key] for key in used]
        gradients = [p.grad for p in parameters]
        torch._foreach_lerp_(buffers, gradients, 1 - self.momentum)
        updates = torch._foreach_lerp(gradients, buffers, self.momentum)
        if self.weight_decay:
            torch._foreach_mul_(parameters, 1 - rate * self.weight_decay)
        by_shape = defaultdict(list)
        for (key, p), update in zip(used.items(), updates):
            parts = 3 if key.endswith("qkv.weight") else 2 if key.endswith("enter.weight") else 1
            for target, piece in zip(p.chunk(parts), update.chunk(parts)):
                is_tall = piece.shape[0] > piece.shape[1]
                by_shape[tuple(sorted(piece.shape))].append((target, piece, is_tall))
        for shape, items in by_shape.items():
            directions = orthogonalize(torch.stack([piece.mT if is_tall else piece for _, piece, is_tall in items]))
            changes = directions.to(items[0][0].dtype) * (-rate * 0.2 * max(shape) ** 0.5)
            # Laid out as their targets are, so that one kernel adds them all.
            laid_out = [
                change.mT.contiguous() if is_tall else change for change, (_, _, is_tall) in zip(changes, items)
            ]
            torch._foreach_add_([target for target, _, _ in items], laid_out)
