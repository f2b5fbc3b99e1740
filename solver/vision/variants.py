"""Variants of training tasks: a task turned, mirrored and recoloured is another task, with a task token of its own.

At test time the model is tuned to such views of one task (`views.py`), each with a fresh token; variants let it meet
them in training too, and multiply the tasks that it learns. Each task has a fixed number of them, drawn once; a sample
of the task becomes one of them by changing its pair on the device.
"""

from __future__ import annotations

import numpy as np
import torch
from torch import Tensor

from ..tasks import MAX_SIDE
from .views import IDENTITY_COLORS, SYMMETRIES, View, random_colors

RECOLORED_SHARE = 0.75
"""Of the variants, how many have their colours permuted (black stays)."""


def draw_variants(num_tasks: int, num_variants: int, seed: int) -> list[list[View]]:
    """For each task its variants, none of them the task itself; the same for the same arguments."""
    rng = np.random.default_rng(seed)

    def one() -> View:
        while True:
            turns, mirror = SYMMETRIES[int(rng.integers(len(SYMMETRIES)))]
            colors = IDENTITY_COLORS
            if rng.random() < RECOLORED_SHARE:
                colors = random_colors(rng)
            if (turns, mirror, colors) != (0, False, IDENTITY_COLORS):
                return View(turns, mirror, colors)

    return [[one() for _ in range(num_variants)] for _ in range(num_tasks)]


class ViewTable:
    """Views on a device: turns, mirror: int64 and bool [K]; colors: uint8 [K, 10]."""

    def __init__(self, views: list[View], device: torch.device) -> None:
        self.turns = torch.tensor([view.turns for view in views], device=device)
        self.mirror = torch.tensor([view.mirror for view in views], device=device)
        self.colors = torch.tensor([view.colors for view in views], dtype=torch.uint8, device=device)


def change_grids(grids: Tensor, heights: Tensor, widths: Tensor, views: ViewTable, index: Tensor) -> Tensor:
    """Each grid as its view shows it. grids: uint8 [B, 30, 30], upper left corner used. heights, widths: int64 [B],
    before the change. index: int64 [B], rows of the table. → uint8 [B, 30, 30]; cells outside the changed grid mean
    nothing."""
    turns, mirror = views.turns[index, None, None], views.mirror[index, None, None]
    high, wide = heights[:, None, None], widths[:, None, None]
    line = torch.arange(MAX_SIDE, device=grids.device)
    row, column = line[None, :, None], line[None, None, :]
    is_swapped = turns % 2 == 1
    column = torch.where(mirror, torch.where(is_swapped, high, wide) - 1 - column, column)
    # After k quarter turns counter-clockwise a cell shows what numpy.rot90 takes there.
    down, right = torch.where(is_swapped, column, row), torch.where(is_swapped, row, column)
    down = torch.where(turns >= 2, high - 1 - down, down)
    right = torch.where((turns == 1) | (turns == 2), wide - 1 - right, right)
    place = down.clamp(0, MAX_SIDE - 1) * MAX_SIDE + right.clamp(0, MAX_SIDE - 1)
    shown = grids.flatten(1).gather(1, place.flatten(1))
    return views.colors[index].gather(1, shown.long()).view(grids.shape)


class Variants:
    """The variants of all tasks on a device. first_token: that of the first task's first variant; the others follow,
    task by task."""

    def __init__(
        self, num_tasks: int, num_variants: int, share: float, seed: int, first_token: int, device: torch.device
    ) -> None:
        """share: of the samples of these tasks, how many become a variant."""
        self.num_tasks, self.num_variants, self.share, self.first_token = num_tasks, num_variants, share, first_token
        views = draw_variants(num_tasks, num_variants, seed)
        self.table = ViewTable([view for of_task in views for view in of_task], device)

    def change(
        self, grids: Tensor, sizes: Tensor, tasks: Tensor, generator: torch.Generator
    ) -> tuple[Tensor, Tensor, Tensor]:
        """Pairs with a share of them changed into a variant of their task; pairs of tasks from num_tasks on stay.

        grids: uint8 [B, 2, 30, 30]; sizes: int64 [B, 4]; tasks: int64 [B]. → the same three.
        """
        drawn = torch.rand(2, len(tasks), generator=generator, device=tasks.device)
        is_changed = (drawn[0] < self.share) & (tasks < self.num_tasks)
        which = (drawn[1] * self.num_variants).long().clamp(max=self.num_variants - 1)
        row = torch.where(is_changed, tasks * self.num_variants + which, 0)
        changed = torch.stack(
            [
                change_grids(grids[:, k], sizes[:, 2 * k], sizes[:, 2 * k + 1], self.table, row)
                for k in range(grids.shape[1])
            ],
            dim=1,
        )
        is_swapped = is_changed & (self.table.turns[row] % 2 == 1)
        return (
            torch.where(is_changed[:, None, None, None], changed, grids),
            torch.where(is_swapped[:, None], sizes[:, [1, 0, 3, 2]], sizes),
            torch.where(is_changed, self.first_token + row, tasks),
        )
