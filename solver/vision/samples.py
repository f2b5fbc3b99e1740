"""Which pairs are drawn, in which order, and where on the canvas they lie; for training and for tuning.

All randomness follows from named seeds and the number of samples seen, so that nothing of it need be saved.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..learning.seeds import stream_seed
from ..tasks import MAX_SIDE
from .canvas import Placement, choose_canvas, draw_inputs, draw_targets, random_placement
from .data import PackedPairs


class DevicePairs:
    """Pairs in device memory. grids: uint8 [N, 2, 30, 30]; sizes: int64 [N, 4]; tasks: int64 [N]."""

    def __init__(self, packed: PackedPairs, device: torch.device, first_task: int = 0) -> None:
        """first_task: token of the task with index 0."""
        self.grids = torch.from_numpy(packed.padded()).to(device)
        self.sizes = torch.from_numpy(packed.sizes).to(device).long()
        self.tasks = torch.from_numpy(packed.tasks.astype("int64") + first_task).to(device)

    def __len__(self) -> int:
        return len(self.tasks)

    def append(self, other: DevicePairs) -> None:
        """Adds the other's pairs behind these."""
        self.grids = torch.cat([self.grids, other.grids])
        self.sizes = torch.cat([self.sizes, other.sizes])
        self.tasks = torch.cat([self.tasks, other.tasks])

    def draw(
        self, index: Tensor, canvas: int, generator: torch.Generator, scale: int | None = None, min_scale: int = 1
    ) -> tuple[Tensor, Tensor, Placement]:
        """As draw_pairs, of the pairs with these numbers."""
        return draw_pairs(self.grids[index], self.sizes[index], canvas, generator, scale, min_scale)


def draw_pairs(
    grids: Tensor,
    sizes: Tensor,
    canvas: int,
    generator: torch.Generator,
    scale: int | None = None,
    min_scale: int = 1,
) -> tuple[Tensor, Tensor, Placement]:
    """Input canvases, target canvases (int64 [B, C, C]) and their placement (random_placement), freshly placed. grids:
    uint8 [B, 2, 30, 30]; sizes: int64 [B, 4]."""
    in_h, in_w, out_h, out_w = sizes.unbind(1)
    heights, widths = torch.maximum(in_h, out_h), torch.maximum(in_w, out_w)
    place = random_placement(heights, widths, canvas, generator, scale, min_scale)
    return (
        draw_inputs(grids[:, 0], in_h, in_w, place, canvas),
        draw_targets(grids[:, 1], out_h, out_w, place, canvas),
        place,
    )


class Sampler:
    """Each pair once an epoch, in an order that depends on seed and epoch alone."""

    def __init__(self, num_pairs: int, seed: int) -> None:
        self.num_pairs = num_pairs
        self.seed = seed
        self._orders: dict[int, Tensor] = {}

    def _order(self, epoch: int) -> Tensor:
        if epoch not in self._orders:
            generator = torch.Generator().manual_seed(stream_seed(self.seed, "order", epoch))
            self._orders = {e: o for e, o in self._orders.items() if e >= epoch - 1}
            self._orders[epoch] = torch.randperm(self.num_pairs, generator=generator)
        return self._orders[epoch]

    def indices(self, first: int, count: int) -> Tensor:
        """Pairs of the samples number first..first+count of the whole run; int64 [count], on the CPU."""
        parts = []
        while count:
            epoch, start = divmod(first, self.num_pairs)
            part = self._order(epoch)[start : start + count]
            parts.append(part)
            first, count = first + len(part), count - len(part)
        return torch.cat(parts)


class MixedSampler:
    """Samples of two sets of pairs, the second one's behind the first one's, spread evenly so that a fixed share is of
    the second; in each the order is a Sampler's. It depends on nothing but the number of the sample."""

    def __init__(self, num_pairs: int, num_other: int, other_share: float, seed: int) -> None:
        self.num_pairs = num_pairs
        self.other_share = other_share
        self.main, self.other = Sampler(num_pairs, seed), Sampler(num_other, stream_seed(seed, "made"))

    def indices(self, first: int, count: int) -> Tensor:
        """As Sampler.indices."""
        numbers = torch.arange(first, first + count + 1, dtype=torch.float64)
        num_other = (numbers * self.other_share).long()  # samples of the second set before each number
        is_other = num_other.diff().bool()
        before, inside = int(num_other[0]), int(is_other.sum())
        mixed = torch.empty(count, dtype=torch.int64)
        if inside:
            mixed[is_other] = self.num_pairs + self.other.indices(before, inside)
        if inside < count:
            mixed[~is_other] = self.main.indices(first - before, count - inside)
        return mixed


@dataclass(frozen=True, eq=False)
class Pool:
    """Pairs that are drawn on the same canvas, of that side. numbers: theirs, int64 [K], on the CPU; sampler: of places
    in numbers."""

    canvas: int
    numbers: Tensor
    sampler: Sampler | MixedSampler

    def indices(self, first: int, count: int) -> Tensor:
        """As Sampler.indices, of the samples of this pool."""
        return self.numbers[self.sampler.indices(first, count)]


def numbers_by_canvas(sizes: Tensor, canvas: int, large_canvas: int) -> dict[int, Tensor]:
    """The numbers of the pairs that are drawn on each canvas (`choose_canvas`), int64 [K] on the device of the sizes;
    of canvases on which any are. sizes: int64 [N, 4]. large_canvas: 0 for none."""
    sides = range(1, MAX_SIDE + 1)
    canvases = torch.tensor([choose_canvas(side, canvas, large_canvas) for side in sides], device=sizes.device)
    canvas_of = canvases[sizes.max(1).values - 1]
    return {side: (canvas_of == side).nonzero().flatten() for side in canvas_of.unique().tolist()}


class Pools:
    """All pairs, by the canvas that they are drawn on. A batch is of one pool; the pools take turns so that each is
    gone through as often as the other, or the large one so many times as often."""

    def __init__(
        self,
        sizes: Tensor,
        num_main: int,
        canvas: int,
        large_canvas: int,
        other_share: float,
        seed: int,
        large_weight: float = 1.0,
    ) -> None:
        """sizes: int64 [N, 4], on the CPU; pairs from num_main on are others, of which there is to be that share
        (MixedSampler) in every pool that has any. Others on a canvas that none of the main pairs is drawn on are left
        out. large_canvas: 0 for none. large_weight: how many times as often as another a pair on it is drawn."""
        self.pools: list[Pool] = []
        self.large_share = 0.0  # of the samples
        for side, numbers in numbers_by_canvas(sizes, canvas, large_canvas).items():
            own = int((numbers < num_main).sum())
            if not own:
                continue
            is_large = side == large_canvas
            own_seed = stream_seed(seed, "large") if is_large else seed
            others = len(numbers) - own
            sampler = MixedSampler(own, others, other_share, own_seed) if others else Sampler(own, own_seed)
            self.pools.append(Pool(side, numbers, sampler))
            if is_large:
                self.large_share = own * large_weight / (own * large_weight + num_main - own)

    def next(self, samples: int, per_step: int) -> tuple[Pool, int]:
        """The pool of the step that begins when so many samples were seen, and how many of them were of this pool (as
        nearly as can be told if steps had another size before). per_step: samples of a step, of all processes."""
        step = samples // per_step
        before, after = int(step * self.large_share), int((step + 1) * self.large_share)
        if after > before:
            return self.pools[-1], before * per_step
        return self.pools[0], samples - before * per_step
