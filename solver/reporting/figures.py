"""Pictures of runs and measurements, with matplotlib, which is imported where one is drawn."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from ..errors import InputError

if TYPE_CHECKING:
    from matplotlib.figure import Figure


def new_figure(width: float, height: float) -> Figure:
    """An empty figure that needs no display. width, height: inches."""
    from matplotlib.figure import Figure

    return Figure(figsize=(width, height), layout="tight")


def save_figure(figure: Figure, path: Path, dpi: int = 90) -> None:
    """Write a figure, as the kind of picture that the name ends with. Raises InputError, one line, where it can't be
    written or the name is of no such kind."""
    try:
        figure.savefig(path, dpi=dpi)
    except OSError as error:
        raise InputError(f"{path}: cannot be written: {error.strerror or error}") from error
    except ValueError as error:
        raise InputError(f"{path}: {error}") from error
