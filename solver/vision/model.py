"""The looped hybrid model: small cores of attention and convolution, applied in turn, several times with the same
weights.

State = patch embeddings and one task token in front. One loop is `state = core(state + step_embedding)`; a
core is a few pre-norm layers of attention with 2-D rotary positions and a gated unit whose gate passes a 3×3
depthwise convolution. With one core all loops share its weights; with as many as loops, none do. Only the last state is
read out. There is no attention mask, so that fused attention kernels apply. After LoopViT (arXiv 2602.02156); canvas,
patches and the task token after VARC (arXiv 2511.14761).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import cycle

import torch
import torch.nn.functional as F  # noqa: N812
from torch import Tensor, nn

from .canvas import IGNORE, NUM_SYMBOLS, patchify, unpatchify

MIN_CANVAS = 32
"""Cells: room for the largest grid with its border, in whole patches."""

RunCore = Callable[[Tensor, Tensor, Tensor], Tensor]
"""A core's call: as Core.forward, maybe compiled."""


@dataclass(frozen=True)
class ModelConfig:
    """num_layers: of a core. num_cores: loop t applies core number t mod num_cores. max_canvas: side of the largest
    canvas the position tables serve; any even smaller one may be used. rope_base: theta of the rotary positions, half
    of each head for rows and half for columns. depthwise: how the 3×3 depthwise convolution is computed, with the same
    result: 'shift' (nine shifted products, which a compiler fuses) or 'conv' (the library's convolution)."""

    width: int = 512
    num_heads: int = 8
    num_layers: int = 2
    num_cores: int = 1
    num_loops: int = 6
    hidden: int = 344
    patch: int = 2
    max_canvas: int = 64
    rope_base: float = 10_000.0
    num_tasks: int = 400
    depthwise: str = "conv"

    def __post_init__(self) -> None:
        at_least_1 = ("width", "num_heads", "num_layers", "num_loops", "hidden", "patch", "max_canvas", "num_tasks")
        faults = [f"{name} {getattr(self, name)} must be at least 1" for name in at_least_1 if getattr(self, name) < 1]
        if not faults and (self.width % self.num_heads or (self.width // self.num_heads) % 4):
            faults.append(f"width {self.width} must be num_heads {self.num_heads} × a multiple of 4")
        if not faults and self.max_canvas % self.patch:
            faults.append(f"max_canvas {self.max_canvas} must be a multiple of patch {self.patch}")
        if not 1 <= self.num_cores <= self.num_loops:
            faults.append(f"num_cores {self.num_cores} must be within 1..num_loops, which is {self.num_loops}")
        if self.depthwise not in ("shift", "conv"):
            faults.append(f"depthwise {self.depthwise!r} must be 'shift' or 'conv'")
        if faults:
            raise ValueError("; ".join(faults))

    def canvas_faults(self, canvas: int, large_canvas: int = 0) -> list[str]:
        """What is wrong with canvases of these sides, in words; nothing if the model can serve them. large_canvas: 0
        for none."""
        sides = {"canvas": canvas} | ({"large_canvas": large_canvas} if large_canvas else {})
        faults = [
            f"{name} {side} must be within {MIN_CANVAS}..{self.max_canvas}, in whole patches of {self.patch}"
            for name, side in sides.items()
            if not MIN_CANVAS <= side <= self.max_canvas or side % self.patch
        ]
        if large_canvas and large_canvas <= canvas:
            faults.append(f"large_canvas {large_canvas} must be larger than canvas {canvas}")
        return faults


def rotary_table(side: int, head_width: int, base: float) -> Tensor:
    """float32 [2, 1 + side², 2, head_width/4]: cosines and sines by token, axis (row, column) and frequency.

    The task token (token 0) is not rotated.
    """
    quarter = head_width // 4
    frequency = base ** (-torch.arange(quarter, dtype=torch.float32) / quarter)
    line = torch.arange(side, dtype=torch.float32)
    place = torch.stack(torch.meshgrid(line, line, indexing="ij"), dim=-1).view(side * side, 2, 1)
    angle = torch.cat([torch.zeros(1, 2, quarter), place * frequency])
    return torch.stack([angle.cos(), angle.sin()])


def rotate(x: Tensor, table: Tensor) -> Tensor:
    """x: [B, heads, tokens, head_width]; table: as rotary_table gives it."""
    shape = x.shape
    halves = x.view(*shape[:-1], 2, 2, shape[-1] // 4)
    cos, sin = table.to(x.dtype).unbind(0)
    # Swapping halves is quicker on a GPU than stacking two results, in both directions.
    return (halves * cos[..., None, :] + halves.flip(-2) * torch.stack([-sin, sin], dim=-2)).view(shape)


class RMSNorm(nn.Module):
    """Root mean square norm over the last axis, with a learned gain."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.weight = nn.Parameter(torch.ones(width))

    def forward(self, x: Tensor) -> Tensor:
        scaled = x.float() * torch.rsqrt(x.float().square().mean(-1, keepdim=True) + 1e-6)
        return (scaled * self.weight).to(x.dtype)


class Attention(nn.Module):
    """Multi-head self-attention over all tokens; queries and keys are normed, then rotated."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.num_heads = config.num_heads
        self.qkv = nn.Linear(config.width, 3 * config.width, bias=False)
        self.out = nn.Linear(config.width, config.width, bias=False)
        self.query_norm = RMSNorm(config.width // config.num_heads)
        self.key_norm = RMSNorm(config.width // config.num_heads)

    def forward(self, x: Tensor, rotary: Tensor) -> Tensor:
        batch, tokens, width = x.shape
        qkv = self.qkv(x).view(batch, tokens, 3, self.num_heads, width // self.num_heads)
        query, key, value = qkv.permute(2, 0, 3, 1, 4).unbind(0)
        query, key = rotate(self.query_norm(query), rotary), rotate(self.key_norm(key), rotary)
        mixed = F.scaled_dot_product_attention(query, key, value)
        return self.out(mixed.transpose(1, 2).reshape(batch, tokens, width))


class GatedConvolution(nn.Module):
    """Gated unit: the gate half passes a 3×3 depthwise convolution over the patches, the task token does
    not."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.depthwise = config.depthwise
        self.enter = nn.Linear(config.width, 2 * config.hidden, bias=False)
        self.kernel = nn.Parameter(torch.zeros(3, 3, config.hidden))
        self.leave = nn.Linear(config.hidden, config.width, bias=False)

    def convolve(self, image: Tensor) -> Tensor:
        """image: [B, side, side, hidden], zeros assumed around it."""
        side = image.shape[1]
        kernel = self.kernel.to(image.dtype)
        if self.depthwise == "conv":
            weight = kernel.permute(2, 0, 1)[:, None]
            mixed = F.conv2d(image.permute(0, 3, 1, 2), weight, padding=1, groups=image.shape[3])
            return mixed.permute(0, 2, 3, 1)
        image = F.pad(image, (0, 0, 1, 1, 1, 1))
        return sum(image[:, i : i + side, j : j + side] * kernel[i, j] for i in range(3) for j in range(3))

    def forward(self, x: Tensor) -> Tensor:
        batch, tokens, _ = x.shape
        side = round((tokens - 1) ** 0.5)
        value, gate = self.enter(x).chunk(2, dim=-1)
        mixed = self.convolve(gate[:, 1:].reshape(batch, side, side, -1))
        gate = torch.cat([gate[:, :1], mixed.reshape(batch, tokens - 1, -1)], dim=1)
        return self.leave(F.gelu(gate) * value)


class Layer(nn.Module):
    """Pre-norm attention, then the pre-norm gated unit, each added to its input. dropout: share of what is added that
    is left out while training."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.dropout = 0.0
        self.attention_norm = RMSNorm(config.width)
        self.attention = Attention(config)
        self.unit_norm = RMSNorm(config.width)
        self.unit = GatedConvolution(config)

    def forward(self, x: Tensor, rotary: Tensor) -> Tensor:
        x = x + self._drop(self.attention(self.attention_norm(x), rotary))
        return x + self._drop(self.unit(self.unit_norm(x)))

    def _drop(self, added: Tensor) -> Tensor:
        return F.dropout(added, self.dropout, self.training) if self.dropout else added


class Core(nn.Module):
    """The layers that a loop applies."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.layers = nn.ModuleList(Layer(config) for _ in range(config.num_layers))

    def forward(self, state: Tensor, step: Tensor, rotary: Tensor) -> Tensor:
        """state: [B, 1 + patches, width]; step: [width], the loop's embedding; rotary: as rotary_table."""
        state = state + step
        for layer in self.layers:
            state = layer(state, rotary)
        return state


def fresh_tokens(trained: Tensor, num_tokens: int, seed: int, spread: float = 1.0) -> Tensor:
    """New task tokens, distributed like the trained ones: their mean, and `spread` times their standard deviation,
    which a single one does not have. trained: [K, width], on any device. → [num_tokens, width] there; the same on every
    device for the same seed."""
    noise = torch.randn(num_tokens, trained.shape[1], generator=torch.Generator().manual_seed(seed))
    deviation = trained.std(0) if len(trained) > 1 else torch.zeros_like(trained[0])
    return trained.mean(0) + noise.to(trained.device) * (spread * deviation)


class LoopedModel(nn.Module):
    """Input canvas and task → scores of each canvas cell's symbol."""

    def __init__(self, config: ModelConfig) -> None:
        super().__init__()
        self.config = config
        side = config.max_canvas // config.patch
        per_patch = config.patch**2 * NUM_SYMBOLS
        self.embed = nn.Linear(per_patch, config.width, bias=False)
        self.rows = nn.Parameter(torch.empty(side, config.width))
        self.columns = nn.Parameter(torch.empty(side, config.width))
        self.tasks = nn.Parameter(torch.empty(config.num_tasks, config.width))
        self.steps = nn.Parameter(torch.empty(config.num_loops, config.width))
        self.cores = nn.ModuleList(Core(config) for _ in range(config.num_cores))
        self.norm = RMSNorm(config.width)
        self.head = nn.Linear(config.width, per_patch)
        self.run_cores = self.plain_cores()
        self._rotary: dict[tuple[int, torch.device], Tensor] = {}
        self.reset_parameters(torch.Generator().manual_seed(0))

    @torch.no_grad()
    def reset_parameters(self, generator: torch.Generator) -> None:
        """Fresh random weights; the generator must be on the CPU, so that they don't depend on the device."""

        def fill(parameter: Tensor, std: float) -> None:
            parameter.copy_(torch.randn(parameter.shape, generator=generator) * std)

        width = self.config.width
        fill(self.embed.weight, 0.5)
        for table in (self.rows, self.columns, self.tasks, self.steps):
            fill(table, 0.02)
        for layer in self.layers():
            fill(layer.attention.qkv.weight, width**-0.5)
            fill(layer.unit.enter.weight, width**-0.5)
            fill(layer.attention.out.weight, 0.1 * width**-0.5)
            fill(layer.unit.leave.weight, 0.1 * self.config.hidden**-0.5)
            layer.unit.kernel.zero_()
            layer.unit.kernel[1, 1] = 1.0
        fill(self.head.weight, 0.5 * width**-0.5)
        self.head.bias.zero_()

    def layers(self) -> list[Layer]:
        """Of all cores, in order."""
        return [layer for core in self.cores for layer in core.layers]

    def plain_cores(self) -> list[RunCore]:
        """The cores' calls, not compiled."""
        return [core.forward for core in self.cores]

    def compile_cores(self) -> None:
        """Compiles a call of a core; loops stay outside, so that compiling is quick. Cores share the compiled code."""
        self.run_cores = [torch.compile(run, dynamic=False) for run in self.plain_cores()]

    def rotary(self, side: int, device: torch.device) -> Tensor:
        key = (side, device)
        if key not in self._rotary:
            head_width = self.config.width // self.config.num_heads
            self._rotary[key] = rotary_table(side, head_width, self.config.rope_base).to(device)
        return self._rotary[key]

    def forward(self, canvases: Tensor, tasks: Tensor, num_loops: int | None = None) -> Tensor:
        """canvases: int64 [B, C, C], 0..11, C even and ≤ max_canvas. tasks: int64 [B], rows of the task
        table. num_loops: fewer loops than trained (None: all). → scores [B, patches, patch²·12], patchify's
        order."""
        patches = patchify(canvases, self.config.patch)
        symbols = torch.arange(NUM_SYMBOLS, device=canvases.device)
        one_hot = (patches[..., None] == symbols).flatten(2).to(self.embed.weight.dtype)
        side = canvases.shape[1] // self.config.patch
        image = self.embed(one_hot)
        places = self.rows[:side, None] + self.columns[None, :side]
        image = image + places.flatten(0, 1).to(image.dtype)
        state = torch.cat([F.embedding(tasks, self.tasks)[:, None].to(image.dtype), image], dim=1)
        rotary = self.rotary(side, canvases.device)
        for run_core, step in zip(cycle(self.run_cores), self.steps[:num_loops]):
            state = run_core(state, step.to(state.dtype), rotary)
        return self.head(self.norm(state[:, 1:]))

    def loss(self, canvases: Tensor, tasks: Tensor, targets: Tensor, num_loops: int | None = None) -> Tensor:
        """Mean cross-entropy over target cells that are not IGNORE. targets: int64 [B, C, C]."""
        scores = self(canvases, tasks, num_loops).float().view(-1, NUM_SYMBOLS)
        labels = patchify(targets, self.config.patch).flatten()
        return F.cross_entropy(scores, labels, ignore_index=IGNORE)

    def losses(self, canvases: Tensor, tasks: Tensor, targets: Tensor, num_loops: int | None = None) -> Tensor:
        """As loss, for each sample alone: [B]. Every target must have a cell that is not IGNORE."""
        scores = self(canvases, tasks, num_loops).float().view(-1, NUM_SYMBOLS)
        labels = patchify(targets, self.config.patch)
        cells = F.cross_entropy(scores, labels.flatten(), ignore_index=IGNORE, reduction="none").view(len(tasks), -1)
        return cells.sum(1) / (labels.flatten(1) != IGNORE).sum(1)

    @torch.no_grad()
    def predict(self, canvases: Tensor, tasks: Tensor, num_loops: int | None = None) -> Tensor:
        """int64 [B, C, C]: the likeliest symbol of each canvas cell."""
        scores = self(canvases, tasks, num_loops)
        return unpatchify(scores.unflatten(-1, (-1, NUM_SYMBOLS)).argmax(-1), self.config.patch)


@torch.no_grad()
def grown(weights: LoopedModel, config: ModelConfig) -> dict[str, Tensor]:
    """The state, on the CPU, of a model of this config that computes what the weights do. It may have more cores,
    each a copy of the one that its loops had; and more layers a core, which come behind the others and add nothing yet.

    Raises ValueError if anything else differs, or if loops of one new core had different cores."""
    old = weights.config
    known = replace(config, num_layers=old.num_layers, num_cores=old.num_cores)
    if known != old or config.num_layers < old.num_layers or config.num_cores % old.num_cores:
        raise ValueError(f"weights of {old}, but the run's model is {config}")
    model = LoopedModel(config)
    for layer in (layer for core in model.cores for layer in core.layers[old.num_layers :]):
        layer.attention.out.weight.zero_()
        layer.unit.leave.weight.zero_()
    state = model.state_dict()
    for key, tensor in weights.state_dict().items():
        top, _, rest = key.partition(".")
        if top == "cores":
            number, _, name = rest.partition(".")
            targets = [f"cores.{k}.{name}" for k in range(int(number), config.num_cores, old.num_cores)]
        else:
            targets = [key]
        state |= dict.fromkeys(targets, tensor.cpu())
    return state
