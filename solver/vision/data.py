"""Training data of the vision model: which pairs may be used, and a packed file of them.

The pairs come from ARC-AGI-1 *training* tasks and from RE-ARC (generators for the same tasks, arXiv
2404.07353). A training task that shares a pair with an evaluation task is left out (`task_sets.older_tasks`). Needs no
torch.
"""

from __future__ import annotations

import io
import lzma
import zipfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..re_arc import read_grid, read_re_arc
from ..task_sets import older_tasks
from ..tasks import MAX_SIDE, Pair
from .views import Grid

MAX_TASKS = 1 << 16
"""Of packed pairs, which number their tasks in 16 bits."""

GridPair = tuple[Grid, Grid]


def grids_of(pair: Pair) -> GridPair:
    """A pair's input and output, uint8 [H, W]."""
    return pair.input.astype(np.uint8), pair.output.astype(np.uint8)


@dataclass(frozen=True, eq=False)
class PackedPairs:
    """Many pairs of many tasks in flat arrays.

    sizes: uint8 [N, 4], input height and width, output height and width. tasks: uint16 [N], index into
    `task_ids`. cells: uint8 [sum of areas], pair after pair, input before output, row by row.
    """

    sizes: np.ndarray
    tasks: np.ndarray
    cells: np.ndarray
    task_ids: tuple[str, ...]

    def __len__(self) -> int:
        return len(self.tasks)

    @staticmethod
    def pack(pairs: Iterable[tuple[int, GridPair]], task_ids: Sequence[str]) -> PackedPairs:
        """pairs: (task index, pair)."""
        sizes, tasks, cells = [], [], []
        for index, (grid_in, grid_out) in pairs:
            if max(*grid_in.shape, *grid_out.shape) > MAX_SIDE or min(*grid_in.shape, *grid_out.shape) < 1:
                raise ValueError(f"pair of {task_ids[index]}: a side is outside 1..{MAX_SIDE}")
            sizes.append((*grid_in.shape, *grid_out.shape))
            tasks.append(index)
            cells += [grid_in.tobytes(), grid_out.tobytes()]
        flat = np.frombuffer(b"".join(cells), dtype=np.uint8)
        if flat.size and flat.max() > 9:
            raise ValueError("a cell is outside 0..9")
        return PackedPairs(
            np.array(sizes, dtype=np.uint8).reshape(-1, 4),
            np.array(tasks, dtype=np.uint16),
            flat,
            tuple(task_ids),
        )

    def padded(self) -> np.ndarray:
        """uint8 [N, 2, 30, 30]: input and output of each pair in the upper left corner, zeros elsewhere."""
        out = np.zeros((len(self), 2, MAX_SIDE, MAX_SIDE), dtype=np.uint8)
        start = 0
        for i, (hi, wi, ho, wo) in enumerate(self.sizes.tolist()):
            middle = start + hi * wi
            end = middle + ho * wo
            out[i, 0, :hi, :wi] = self.cells[start:middle].reshape(hi, wi)
            out[i, 1, :ho, :wo] = self.cells[middle:end].reshape(ho, wo)
            start = end
        return out

    def save(self, path: Path) -> None:
        """One .npz, xz-compressed as a whole where the name ends in .xz."""
        buffer = io.BytesIO()
        ids = np.array(self.task_ids)
        np.savez(buffer, sizes=self.sizes, tasks=self.tasks, cells=self.cells, task_ids=ids)
        data = buffer.getvalue()
        path.write_bytes(lzma.compress(data, preset=7) if path.suffix == ".xz" else data)

    @staticmethod
    def load(path: Path) -> PackedPairs:
        """Raises InputError if the file holds no pairs."""
        data = path.read_bytes()
        try:
            with np.load(io.BytesIO(lzma.decompress(data) if path.suffix == ".xz" else data)) as arrays:
                ids = tuple(str(name) for name in arrays["task_ids"])
                return PackedPairs(arrays["sizes"], arrays["tasks"], arrays["cells"], ids)
        except (lzma.LZMAError, zipfile.BadZipFile, ValueError, KeyError, EOFError, TypeError) as error:
            raise InputError(f"{path}: no packed pairs ({error})") from error


@dataclass(frozen=True, eq=False)
class TrainingData:
    """train: demonstration and RE-ARC pairs. validation: test pairs of the same tasks, same task indices. made: pairs
    of made-up tasks, with task indices of their own, if there are any."""

    train: PackedPairs
    validation: PackedPairs
    made: PackedPairs | None = None

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.train.save(folder / "train.npz.xz")
        self.validation.save(folder / "validation.npz.xz")
        (folder / "made.npz.xz").unlink(missing_ok=True)  # of data that were here before
        if self.made is not None:
            self.made.save(folder / "made.npz.xz")

    @staticmethod
    def load(folder: Path) -> TrainingData:
        made = folder / "made.npz.xz"
        return TrainingData(
            PackedPairs.load(folder / "train.npz.xz"),
            PackedPairs.load(folder / "validation.npz.xz"),
            PackedPairs.load(made) if made.is_file() else None,
        )


def gather_training_data(re_arc: Path, *, first: int = 0, count: int | None = None) -> TrainingData:
    """All demonstration pairs, and of RE-ARC (`read_re_arc`) the pairs first..first+count of each allowed task. Raises
    InputError if that cannot be read, ValueError if it holds what is no grid."""
    tasks = older_tasks()
    ids = [t.task_id for t in tasks]
    index = {task_id: i for i, task_id in enumerate(ids)}
    demos = [(index[t.task_id], grids_of(pair)) for t in tasks for pair in t.train]
    tests = [(index[t.task_id], grids_of(pair)) for t in tasks for pair in t.test]
    generated = (
        (index[task_id], (read_grid(given).astype(np.uint8), read_grid(output).astype(np.uint8)))
        for task_id, pairs in read_re_arc(re_arc, count, first=first)
        if task_id in index
        for given, output in pairs
    )
    return TrainingData(
        PackedPairs.pack((item for part in (demos, generated) for item in part), ids),
        PackedPairs.pack(tests, ids),
    )
