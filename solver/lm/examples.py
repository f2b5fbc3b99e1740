"""Solved tasks for few-shot prompts: ARC-AGI-1 training tasks with programs written by hand for this project.

examples.json lists them; tools/choose_examples.py makes it from tools/solutions/.
"""

from __future__ import annotations

from functools import cache
from importlib.resources import files

import orjson

from ..program import parse
from ..task_sets import load_set
from .prompt import Example


@cache
def load_examples() -> tuple[Example, ...]:
    """The examples, in an order in which neighbours differ. Raises InputError where the tasks are not installed."""
    tasks = {task.task_id: task for task in load_set("arc-agi-1/training")}
    entries = orjson.loads(files("solver.lm").joinpath("examples.json").read_bytes())
    return tuple(Example(tasks[e["task"]], parse(e["program"]), e["rule"]) for e in entries)
