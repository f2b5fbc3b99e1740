"""What is printed for people: lines as they are; grids as coloured half blocks (two rows of cells a line of text), or
as digits without colour."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
from rich.console import Console, Group, RenderableType
from rich.style import Style
from rich.table import Table
from rich.text import Text

from .picture import PALETTE


class PlainConsole(Console):
    """Prints lines as they are, neither highlighted nor wrapped. Where nobody reads any more it raises BrokenPipeError;
    rich would end the program, a run among them, and close stdout although it may be stderr that is broken."""

    def __init__(self, soft_wrap: bool = True, **options: Any) -> None:
        super().__init__(highlight=False, soft_wrap=soft_wrap, **options)

    def on_broken_pipe(self) -> None:
        raise BrokenPipeError


def has_color(console: Console) -> bool:
    """Whether ten colours can be told apart: with 16 colours some of the palette fall together."""
    return console.is_terminal and not console.no_color and console.color_system in ("256", "truecolor")


def draw_grid(grid: np.ndarray | None, color: bool = True) -> Text:
    """grid: int8 [H, W], values 0..9; None is drawn as a dash."""
    if grid is None:
        return Text("—", style="dim")
    if not color:
        return Text("\n".join("".join(map(str, row)) for row in grid.tolist()))
    text = Text()
    for top in range(0, len(grid), 2):
        if top:
            text.append("\n")
        lower = grid[top + 1] if top + 1 < len(grid) else [None] * grid.shape[1]
        for high, low in zip(grid[top], lower, strict=True):
            text.append("▀", Style(color=PALETTE[high], bgcolor=None if low is None else PALETTE[low]))
    return text


def difference(output: np.ndarray | None, truth: np.ndarray | None) -> tuple[str, str]:
    """What to say of an output, and in which style."""
    if truth is None:
        return ("no output", "red") if output is None else ("truth hidden", "dim")
    if output is None:
        return "no output", "red"
    if output.shape != truth.shape:
        (h, w), (th, tw) = output.shape, truth.shape
        return f"wrong size: {h}×{w}, truth {th}×{tw}", "red"
    wrong = int((output != truth).sum())
    return ("right", "green") if not wrong else (f"{wrong} of {truth.size} cells wrong", "red")


def draw_outputs(
    entries: Sequence[tuple[str, np.ndarray, np.ndarray | None, np.ndarray | None, str]], color: bool = True
) -> RenderableType:
    """entries: (label, input, output or None, truth or None, message). One row each: input, output, truth."""
    rows: list[RenderableType] = []
    for label, input_grid, output, truth, message in entries:
        verdict, style = difference(output, truth)
        title = Text.assemble((label, "bold"), "  ", (verdict, style))
        if message:
            title.append(f"  {message}", style="yellow")
        table = Table.grid(padding=(0, 3))
        heads = ["input", "output", "truth"]
        table.add_row(*(Text(head, style="dim") for head in heads))
        table.add_row(*(draw_grid(grid, color) for grid in (input_grid, output, truth)))
        rows += [title, table, Text()]
    return Group(*rows)
