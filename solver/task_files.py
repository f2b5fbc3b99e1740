"""Task files: read, and checked, here once; past this module a grid is a grid.

Reading is lenient where many tasks travel together: `load_path` gives the good tasks and one `TaskFault` for each bad
one, and raises InputError only where the file as a whole is of no use.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from .errors import InputError, shown
from .tasks import MAX_SIDE, NUM_COLORS, Pair, Task, TaskStub


@dataclass(frozen=True)
class TaskFault:
    """Why one task cannot be used. place: where in the task ('train[1].input row 2'), or ''."""

    file: str
    task_id: str
    place: str
    message: str

    def __str__(self) -> str:
        parts = (self.file, f"task {shown(self.task_id)}", self.place, self.message)
        return ": ".join(part for part in parts if part)


@dataclass(frozen=True)
class LoadedTasks:
    """tasks: the good ones, in the file's order. faults: one a bad task. stubs: the bad tasks by id."""

    tasks: tuple[Task, ...]
    faults: tuple[TaskFault, ...] = ()
    stubs: dict[str, TaskStub] = field(default_factory=dict)


class _Object(dict):
    """A JSON object that remembers names given twice; a plain dict silently keeps the last."""

    repeated: frozenset[str] = frozenset()


def _object(pairs: list[tuple[str, Any]]) -> _Object:
    found = _Object(pairs)
    if len(found) != len(pairs):
        names = [name for name, _ in pairs]
        found.repeated = frozenset(name for name in found if names.count(name) > 1)
    return found


class BadTaskError(Exception):
    """A fault inside one task: (place, message)."""

    def __init__(self, place: str, message: str) -> None:
        super().__init__(place, message)
        self.place, self.message = place, message


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
    """int8 [H, W] of a list of rows, or BadTaskError with the row (and column) at fault, from 0."""
    if not isinstance(raw, list):
        raise BadTaskError(place, f"a grid must be a list of rows, not {_kind(raw)}")
    if not raw:
        raise BadTaskError(place, "empty grid: no rows")
    for row_index, row in enumerate(raw):
        where = f"{place} row {row_index}"
        if not isinstance(row, list):
            raise BadTaskError(where, f"a row must be a list of cells, not {_kind(row)}")
        if not row:
            raise BadTaskError(where, "empty row")
        if len(row) != len(raw[0]):
            raise BadTaskError(where, f"{len(row)} cells where row 0 has {len(raw[0])}")
        if len(row) > MAX_SIDE or len(raw) > MAX_SIDE:
            raise BadTaskError(place, f"{len(raw)}×{len(row)} grid where at most {MAX_SIDE}×{MAX_SIDE} is allowed")
        for column, cell in enumerate(row):
            if type(cell) is not int or not 0 <= cell < NUM_COLORS:
                text = shown(json.dumps(cell), 30) if not isinstance(cell, (list, dict)) else _kind(cell)
                raise BadTaskError(f"{where} column {column}", f"cell is {text}, not an integer 0..9")
    return np.array(raw, dtype=np.int8)


def _pairs(raw: Any, part: str, need_outputs: bool) -> tuple[Pair, ...]:
    if part not in raw:
        raise BadTaskError("", f"no '{part}'")
    entries = raw[part]
    if not isinstance(entries, list):
        raise BadTaskError(part, f"must be a list of pairs, not {_kind(entries)}")
    if not entries:
        raise BadTaskError(part, "no pairs")
    pairs = []
    for index, entry in enumerate(entries):
        place = f"{part}[{index}]"
        if not isinstance(entry, dict):
            raise BadTaskError(
                place, f"must be an object with 'input'{' and output' * need_outputs}, not {_kind(entry)}"
            )
        _refuse_repeated(entry, place)
        if "input" not in entry:
            raise BadTaskError(place, "no 'input'")
        hidden = entry.get("output") is None
        if hidden and need_outputs:
            raise BadTaskError(place, "no 'output'")
        output = None if hidden else _grid(entry["output"], f"{place}.output")
        pairs.append(Pair(_grid(entry["input"], f"{place}.input"), output))
    return tuple(pairs)


def _refuse_repeated(raw: dict[str, Any], place: str) -> None:
    for name in sorted(getattr(raw, "repeated", ())):
        if name in ("train", "test", "input", "output"):
            raise BadTaskError(place, f"'{name}' is given twice")


def task_of(task_id: str, raw: Any) -> Task:
    """The task of the JSON value of a task file. Raises BadTaskError."""
    if not isinstance(raw, dict):
        raise BadTaskError("", f"a task must be an object with 'train' and 'test', not {_kind(raw)}")
    _refuse_repeated(raw, "")
    return Task(task_id, _pairs(raw, "train", need_outputs=True), _pairs(raw, "test", need_outputs=False))


def _stub(task_id: str, raw: Any, error: str) -> TaskStub:
    """What can be saved of a bad task: how many answers it needs, and the test inputs that are whole."""
    entries = raw.get("test") if isinstance(raw, dict) else None
    inputs: list[np.ndarray | None] = []
    for entry in entries if isinstance(entries, list) else ():
        try:
            inputs.append(_grid(entry.get("input") if isinstance(entry, dict) else None, ""))
        except BadTaskError:
            inputs.append(None)
    return TaskStub(task_id, tuple(inputs) or (None,), error)


def _collect(entries: Iterable[tuple[str, str, Any]], repeated: Iterable[str] = ()) -> LoadedTasks:
    """entries: (file, id, JSON value), or the fault itself in place of the value. Raises InputError for an id under
    which no answer could be written: of a JSON escape, or of a file's name that is no UTF-8."""
    tasks, faults, stubs = {}, [], {}
    repeated = set(repeated)
    for file, task_id, raw in entries:
        if any("\ud800" <= char <= "\udfff" for char in task_id):
            raise InputError(f"{file}: task {shown(task_id)}: this id is not text that can be written again")
        try:
            if task_id in repeated or task_id in tasks or task_id in stubs:
                tasks.pop(task_id, None)
                raise BadTaskError("", "this id is given twice")
            if isinstance(raw, BadTaskError):
                raise raw
            tasks[task_id] = task_of(task_id, raw)
        except BadTaskError as bad:
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
            entries.append((str(file), file.stem, BadTaskError("", message)))
            continue
        if isinstance(raw, dict) and raw and not _is_one_task(raw) and all(isinstance(v, dict) for v in raw.values()):
            many = any("train" in value or "test" in value for value in raw.values())
            raw = BadTaskError("", "holds tasks by id; give this file itself, not its folder") if many else raw
        entries.append((str(file), file.stem, raw))
    return _collect(entries)


def read_ids(path: Path) -> list[str]:
    """Task ids of a file: one a line ('#' starts a remark), or the ids of a challenges file."""
    if not path.is_file():
        raise InputError(f"{path}: {'not a file' if path.exists() else 'no such file'}")
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
