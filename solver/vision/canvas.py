"""Grids drawn on a square canvas and read back, in batches, on any device.

A grid is scaled by a whole number and put at an offset; input and output of a pair share both. Cells outside
the grid are BACKGROUND in the input. The target has a BORDER line below and to the right of the output, which
tells its size, and IGNORE everywhere else. Reading crops at the border and discards what is malformed.
"""

from __future__ import annotations

from dataclasses import dataclass

import torch
from torch import Tensor

from ..tasks import MAX_SIDE

BACKGROUND = 10
BORDER = 11
NUM_SYMBOLS = 12
IGNORE = -100

CLEAR_SCALE = 2
"""From this scale on a cell covers as much as a patch of the model does. Of the validation pairs that fit a canvas
of 48 at that scale a model trained there has 68 % right at scale 1, 86 % at scale 2 (docs/vision.md)."""


@dataclass(frozen=True, eq=False)
class Placement:
    """scale, row, column: int64 [B]. A grid's cell (y, x) covers scale × scale canvas cells from
    (row + scale·y, column + scale·x)."""

    scale: Tensor
    row: Tensor
    column: Tensor


def max_scale(sides: Tensor, canvas: int) -> Tensor:
    """Largest scale at which a grid of that longest side fits beside its border, at least 1. int64 [B]."""
    return ((canvas - 2) // sides).clamp(min=1)


def random_placement(
    heights: Tensor,
    widths: Tensor,
    canvas: int,
    generator: torch.Generator,
    scale: int | None = None,
    min_scale: int = 1,
) -> Placement:
    """Uniform scale from min_scale on (or the given one), as far as it fits, then uniform offset at which the grid and
    its border fit.

    heights, widths: int64 [B], 1..30: the larger of input and output. canvas ≥ 31. min_scale ≥ 1.
    """
    largest = max_scale(torch.maximum(heights, widths), canvas)
    smallest = largest.clamp(max=min_scale)
    u = torch.rand(3, len(heights), generator=generator, device=heights.device)
    drawn = torch.minimum((u[0] * (largest - smallest + 1)).long() + smallest, largest)
    scales = drawn if scale is None else largest.clamp(max=scale)
    rooms = canvas - scales * torch.stack([heights, widths])
    offsets = torch.minimum((u[1:] * rooms).long(), rooms - 1)
    return Placement(scales, offsets[0], offsets[1])


def choose_canvas(side: int, canvas: int, large_canvas: int) -> int:
    """Where grids are drawn whose longest side that is: on the large canvas, if there is one (0: none), where they
    fit the other one only below CLEAR_SCALE."""
    return large_canvas if large_canvas and (canvas - 2) // side < CLEAR_SCALE else canvas


def _source_cells(placement: Placement, canvas: int) -> tuple[Tensor, Tensor]:
    """Which grid row, and which column, each canvas row and column shows; int64 [B, canvas], may be
    outside."""
    line = torch.arange(canvas, device=placement.scale.device)
    rows = torch.div(line - placement.row[:, None], placement.scale[:, None], rounding_mode="floor")
    columns = torch.div(line - placement.column[:, None], placement.scale[:, None], rounding_mode="floor")
    return rows, columns


def _look_up(grids: Tensor, rows: Tensor, columns: Tensor) -> Tensor:
    """grids: [B, 30, 30]. → int64 [B, C, C], cells outside 0..29 clamped."""
    rows, columns = rows.clamp(0, MAX_SIDE - 1), columns.clamp(0, MAX_SIDE - 1)
    index = rows[:, :, None] * MAX_SIDE + columns[:, None, :]
    return grids.flatten(1).gather(1, index.flatten(1)).view(index.shape).long()


def draw_inputs(grids: Tensor, heights: Tensor, widths: Tensor, placement: Placement, canvas: int) -> Tensor:
    """grids: uint8 [B, 30, 30], upper left corner used. heights, widths: int64 [B]. → int64 [B, C, C],
    0..10."""
    rows, columns = _source_cells(placement, canvas)
    inside_rows = (rows >= 0) & (rows < heights[:, None])
    inside_columns = (columns >= 0) & (columns < widths[:, None])
    inside = inside_rows[:, :, None] & inside_columns[:, None, :]
    return torch.where(inside, _look_up(grids, rows, columns), BACKGROUND)


def draw_targets(grids: Tensor, heights: Tensor, widths: Tensor, placement: Placement, canvas: int) -> Tensor:
    """As draw_inputs, with the border, and IGNORE elsewhere. → int64 [B, C, C], 0..9, 11 or -100."""
    rows, columns = _source_cells(placement, canvas)
    line = torch.arange(canvas, device=grids.device)
    bottom = placement.row + placement.scale * heights
    right = placement.column + placement.scale * widths
    inside_rows = (rows >= 0) & (rows < heights[:, None])
    inside_columns = (columns >= 0) & (columns < widths[:, None])
    is_bottom, is_right = line == bottom[:, None], line == right[:, None]
    inside = inside_rows[:, :, None] & inside_columns[:, None, :]
    border = (is_bottom[:, :, None] & (inside_columns | is_right)[:, None, :]) | (
        is_right[:, None, :] & inside_rows[:, :, None]
    )
    cells = torch.where(inside, _look_up(grids, rows, columns), IGNORE)
    return torch.where(border, BORDER, cells)


@dataclass(frozen=True, eq=False)
class ReadGrids:
    """grids: uint8 [B, 30, 30], zeros outside. heights, widths: int64 [B]. valid: bool [B]; where it is False
    the canvas was malformed and the rest means nothing."""

    grids: Tensor
    heights: Tensor
    widths: Tensor
    valid: Tensor


def read_canvas(symbols: Tensor, placement: Placement) -> ReadGrids:
    """Reads the grid that starts at each placement's offset.

    symbols: int64 [B, C, C], 0..11. The first BORDER cell along the first row and down the first column give
    the size, which must be a multiple of the scale and at most 30 cells. A cell is the commonest symbol of
    its block, and must be a colour.
    """
    batch, canvas, _ = symbols.shape
    device = symbols.device
    scale = placement.scale
    line = torch.arange(canvas, device=device)
    rows = (line + placement.row[:, None]).clamp(max=canvas - 1)
    columns = (line + placement.column[:, None]).clamp(max=canvas - 1)
    shifted = symbols.gather(1, rows[:, :, None].expand(-1, -1, canvas))
    shifted = shifted.gather(2, columns[:, None, :].expand(-1, canvas, -1))

    def extent(first_line: Tensor) -> Tensor:
        is_border = first_line == BORDER
        first = is_border.int().argmax(1)
        return torch.where(is_border.any(1), first, 0)

    height_cells, width_cells = extent(shifted[:, :, 0]), extent(shifted[:, 0, :])
    heights, widths = height_cells // scale, width_cells // scale
    valid = (height_cells % scale == 0) & (width_cells % scale == 0)
    valid &= (heights >= 1) & (heights <= MAX_SIDE) & (widths >= 1) & (widths <= MAX_SIDE)

    inside = (line < height_cells[:, None])[:, :, None] & (line < width_cells[:, None])[:, None, :]
    inside &= valid[:, None, None]
    cell = (line // scale[:, None]).clamp(max=MAX_SIDE - 1)
    block = cell[:, :, None] * MAX_SIDE + cell[:, None, :]
    slot = (block * NUM_SYMBOLS + shifted).flatten(1)
    votes = torch.zeros(batch, MAX_SIDE * MAX_SIDE * NUM_SYMBOLS, device=device)
    votes.scatter_add_(1, slot, inside.flatten(1).float())
    best = votes.view(batch, MAX_SIDE, MAX_SIDE, NUM_SYMBOLS).argmax(3)
    side = torch.arange(MAX_SIDE, device=device)
    used = (side < heights[:, None])[:, :, None] & (side < widths[:, None])[:, None, :]
    valid &= ~(used & (best >= BACKGROUND)).flatten(1).any(1)
    return ReadGrids(torch.where(used, best, 0).to(torch.uint8), heights, widths, valid)


def patchify(cells: Tensor, patch: int) -> Tensor:
    """[B, C, C] → [B, (C/patch)², patch²], patches row by row, cells of a patch row by row."""
    batch, canvas, _ = cells.shape
    n = canvas // patch
    return cells.view(batch, n, patch, n, patch).transpose(2, 3).reshape(batch, n * n, patch * patch)


def unpatchify(patches: Tensor, patch: int) -> Tensor:
    """The inverse of patchify."""
    batch, count, _ = patches.shape
    n = round(count**0.5)
    return patches.view(batch, n, n, patch, patch).transpose(2, 3).reshape(batch, n * patch, n * patch)
