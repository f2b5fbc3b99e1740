"""The text template: what tasks, and what steps gave, look like to a language model.

One template serves every tokenizer: a character a cell, a line a row, a statement a line.

    input
    00300
    00000
    output
    30000
    00000
    test
    00040
    00000
    program
    x1 = find_objects(I, CONN8, ONE_COLOR)
    # Objects 1
    x2 = move_objects(x1, LEFT)
    # Objects 1
    x3 =

Lines with `#` are sketches of what the step before gave on the training pairs, so every prefix is valid Python.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..executor import Value
from ..grid.registry import FAMILIES, FUNCTIONS
from ..grid.types import CHOICES, Color, Coloring, Connectivity, Grid, Grids, Int, Mask, Objects
from ..tasks import Task

VERSION = 1
"""Of the template. Weights say which one they were trained with."""

HINT, INPUT, OUTPUT, TEST, PROGRAM = "hint ", "input\n", "output\n", "test\n", "program\n"
SKETCH_WORDS = {
    **{"size": " size ", "right": " right ", "objects": " objects ", "solved": " solved "},
    **{"same": " same", "subset": " subset", "superset": " superset", "other": " other"},
}
TYPE_WORDS = {kind: f"# {kind.__name__}" for kind in (Grid, Mask, Objects, Grids, Color, Int)}
TEMPLATE_WORDS = (HINT, INPUT, OUTPUT, TEST, PROGRAM, *TYPE_WORDS.values(), *SKETCH_WORDS.values())
"""Texts of the template that tokenizer.py gives a token each."""


@dataclass(frozen=True, eq=False)
class PromptTask:
    """A task as a search sees it (in its view). inputs, targets: of the training pairs, int8 [H, W] each. tests: test
    inputs. hint: a description in words, '' for none. task_id: so that no example is the task itself."""

    inputs: tuple[np.ndarray, ...]
    targets: tuple[np.ndarray, ...]
    tests: tuple[np.ndarray, ...]
    hint: str = ""
    task_id: str = ""

    @classmethod
    def of(cls, task: Task, hint: str = "") -> PromptTask:
        return cls(
            tuple(p.input for p in task.train),
            tuple(p.output for p in task.train if p.output is not None),
            tuple(p.input for p in task.test),
            hint,
            task.task_id,
        )

    @classmethod
    def seen(cls, start: Value, targets: Sequence[np.ndarray], hint: str = "", task_id: str = "") -> PromptTask:
        """A task in a view. start: the input there, training pairs first. targets: the training outputs there."""
        num_train = len(targets)
        return cls(tuple(start.items[:num_train]), tuple(targets), tuple(start.items[num_train:]), hint, task_id)


def grid_text(grid: np.ndarray) -> str:
    """A character a cell, a line a row."""
    return "".join("".join(map(str, row)) + "\n" for row in grid.tolist())


def task_text(task: PromptTask) -> str:
    """The training pairs, then the test inputs, then the line that begins a program."""
    parts = [HINT + " ".join(task.hint.split()) + "\n"] if task.hint else []
    for grid, target in zip(task.inputs, task.targets, strict=True):
        parts += [INPUT, grid_text(grid), OUTPUT, grid_text(target)]
    for grid in task.tests:
        parts += [TEST, grid_text(grid)]
    return "".join([*parts, PROGRAM])


def sketch(value: Value, targets: Sequence[np.ndarray]) -> str:
    """What a result looks like on the training pairs, as a comment line without its end.

    Grid: pairs of the right size, share of the outputs' cells that are right in percent (rounded down; 100 only if
    all are), objects in the first pair (8-connected, any colour), how its colours relate to the outputs', pairs
    solved. Mask: percent of cells set, a number a pair. Others: the count or the number itself, a pair.
    """
    items = value.items[: len(targets)]
    word = TYPE_WORDS[value.type]
    if value.type is Grid:
        return word + _grid_sketch(items, targets)
    if value.type is Mask:
        numbers = [int(100 * mask.mean()) for mask in items]
    elif value.type is Objects:
        numbers = [int(objects.count) for objects in items]
    elif value.type is Grids:
        numbers = [len(grids.shapes) for grids in items]
    else:
        numbers = [int(number) for number in items]
    return word + "".join(f" {number}" for number in numbers)


def _grid_sketch(grids: Sequence[np.ndarray], targets: Sequence[np.ndarray]) -> str:
    pairs = [(g, t) for g, t in zip(grids, targets, strict=True) if g.shape == t.shape]
    right = sum(int((g == t).sum()) for g, t in pairs)
    solved = sum(np.array_equal(g, t) for g, t in pairs)
    percent = 100 * right // sum(t.size for t in targets)
    count = FUNCTIONS["find_objects"].kernel(grids[0], int(Connectivity.CONN8), int(Coloring.ANY_COLOR)).count
    total, words = len(targets), SKETCH_WORDS
    return (
        f"{words['size']}{len(pairs)}/{total}{words['right']}{percent}{words['objects']}{int(count)}"
        f"{words[_palette_relation(grids, targets)]}{words['solved']}{solved}/{total}"
    )


def _palette_relation(grids: Sequence[np.ndarray], targets: Sequence[np.ndarray]) -> str:
    has, wanted = (set(np.concatenate([g.ravel() for g in many]).tolist()) for many in (grids, targets))
    if has == wanted:
        return "same"
    if has < wanted:
        return "subset"
    return "superset" if has > wanted else "other"


_FREE_RULES = [
    "Where no function fits, lines of Python with NumPy (np) may compute a variable instead; the first assigns it.",
]


def system_text(free_python: bool = False) -> str:
    """What a model that is not fine-tuned is told: the rules of the language, and every function and constant."""
    lines = [
        "Each task shows pairs of grids, a digit a cell, a line a row. One rule turns every input into its output.",
        "The program computes the output from the input I, one call of a library function a line, each result in a",
        "new variable: x1, x2, ... Arguments are earlier variables, named constants, or integers. Colour 0 is the",
        "background. Comments after # describe what a line gave on the training pairs.",
        *_FREE_RULES * free_python,
        "",
        "Constants: " + "; ".join(f"{c.__name__}: {', '.join(m.name for m in c)}" for c in CHOICES),
    ]
    for family in FAMILIES:
        signatures = [f.signature for f in FUNCTIONS.values() if f.family == family]
        lines += ["", f"Functions, {family}:", *signatures]
    return "\n".join(lines) + "\n\n"
