"""Grids for tests, written as text."""

from __future__ import annotations

import numpy as np


def draw(picture: str) -> np.ndarray:
    """int8 [H, W] from rows of digits joined by '/': draw("12/30") is [[1, 2], [3, 0]]."""
    return np.array([[int(cell) for cell in row] for row in picture.split("/")], dtype=np.int8)


def mask(picture: str) -> np.ndarray:
    """bool [H, W] from rows of 0 and 1 joined by '/'."""
    return draw(picture).astype(np.bool_)
