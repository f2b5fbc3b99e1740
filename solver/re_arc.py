"""RE-ARC: pairs that Hodel's generators (arXiv 2404.07353) made for the ARC-AGI-1 training tasks, and grids as text."""

from __future__ import annotations

import lzma
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import orjson

from .errors import InputError
from .tasks import MAX_SIDE


def grid_text(grid: np.ndarray) -> str:
    """Rows of digits joined by '/': '003/030' is 2×3."""
    return "/".join("".join(map(str, row)) for row in grid.tolist())


def read_grid(text: str) -> np.ndarray:
    """int8 [H, W], 1 ≤ H, W ≤ 30, of what `grid_text` wrote. Raises ValueError for anything else."""
    rows = text.split("/")
    width = len(rows[0])
    cells = "".join(rows)
    digits = cells.isdigit() and cells.isascii()
    if not digits or any(len(row) != width for row in rows) or max(len(rows), width) > MAX_SIDE:
        raise ValueError(f"no grid: {text[:40]!r}")
    return (np.frombuffer(cells.encode(), np.uint8) - ord("0")).astype(np.int8).reshape(len(rows), width)


def read_re_arc(path: Path, num_pairs: int | None, *, first: int = 0) -> Iterator[tuple[str, list[tuple[str, str]]]]:
    """Yields (task id, pairs of input and output) of RE-ARC: of each task the first num_pairs (None: all) after `first`
    others. path: xz-compressed JSON lines {"task", "pairs": [[input, output], ...]} with grids as text, or RE-ARC's
    own folder (tasks/ID.json, each a list of {"input", "output"}). Raises InputError, also for a text that is no
    grid."""
    chosen = slice(first, None if num_pairs is None else first + num_pairs)
    try:
        if path.is_dir():
            folder = path / "tasks" if (path / "tasks").is_dir() else path
            for file in sorted(folder.glob("*.json")):
                pairs = orjson.loads(file.read_bytes())[chosen]
                texts = [[grid_text(np.array(pair[name])) for name in ("input", "output")] for pair in pairs]
                yield file.stem, _checked(texts)
        else:
            with lzma.open(path) as lines:
                for line in lines:
                    entry = orjson.loads(line)
                    yield entry["task"], _checked(entry["pairs"][chosen])
    except (OSError, EOFError, lzma.LZMAError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: not RE-ARC pairs ({error})") from error


def _checked(pairs: list[list[str]]) -> list[tuple[str, str]]:
    """The pairs of texts. Raises ValueError for one that is no grid."""
    for pair in pairs:
        for text in pair:
            read_grid(text)
    return [(given, output) for given, output in pairs]
