"""Inputs of made-up tasks: own scenes, inputs of ARC-AGI-1 training tasks, and RE-ARC inputs or outputs of the same
tasks.

`Material` is everything that comes from outside, gathered once into one small file, so that the work itself needs
neither the data sets nor a network. It holds tasks that may be trained on and are not held out, and nothing else; the
caller says which these are.
"""

from __future__ import annotations

import lzma
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

import numpy as np
import orjson

from ..configuration import setting
from ..errors import InputError, SettingsError
from ..program import Program, ProgramError, parse
from ..re_arc import grid_text, read_grid, read_re_arc
from ..tasks import Task
from .scenes import FAMILIES, draw_scenes

MAX_DRAWS = 2_000
"""Draws of inputs before settings count as impossible; the default ones need little more than one."""


def grid_tokens(grid: np.ndarray) -> int:
    """Length of a grid as text for a model: a token a cell and one a row."""
    return grid.size + grid.shape[0]


@dataclass(frozen=True)
class Material:
    """What is not made up. Keys are task ids; grids are kept as text and read when drawn.

    arc: inputs of the task's own pairs. re_arc: RE-ARC inputs of the task. solutions: the texts of programs that
    solve the task. outputs: RE-ARC outputs of the task; none unless asked for.
    """

    arc: Mapping[str, Sequence[str]]
    re_arc: Mapping[str, Sequence[str]]
    solutions: Mapping[str, Sequence[str]]
    outputs: Mapping[str, Sequence[str]]

    @cached_property
    def programs(self) -> dict[str, list[Program]]:
        return {task_id: [parse(text) for text in texts] for task_id, texts in self.solutions.items()}

    @cached_property
    def all_programs(self) -> list[Program]:
        return [program for programs in self.programs.values() for program in programs]

    def save(self, path: Path) -> None:
        data = {"arc": self.arc, "re_arc": self.re_arc, "solutions": self.solutions, "outputs": self.outputs}
        path.write_bytes(lzma.compress(orjson.dumps(data), preset=6))

    @classmethod
    def load(cls, path: Path) -> Material:
        """Raises InputError if the file is missing, damaged, or holds a program that is none."""
        try:
            data = orjson.loads(lzma.decompress(path.read_bytes()))
            parts = {name: data[name] for name in ("arc", "re_arc", "solutions")}
            material = cls(**parts, outputs=data.get("outputs", {}))
            material.programs  # noqa: B018 (parses them: a bad one shows here)
        except (OSError, lzma.LZMAError, orjson.JSONDecodeError, KeyError, TypeError, ProgramError) as error:
            raise InputError(f"{path}: no material for made-up tasks ({error})") from error
        return material


def gather(
    tasks: Mapping[str, Task],
    solutions: Mapping[str, Sequence[Program]],
    re_arc: Path | None,
    num_re_arc: int,
    num_outputs: int = 0,
) -> Material:
    """Material of these tasks. re_arc: the file or folder that `read_re_arc` reads; of it the first `num_re_arc`
    inputs and `num_outputs` outputs of each task. Raises InputError if it cannot be read."""
    generated, outputs = {}, {}
    if re_arc is not None:
        for task_id, pairs in read_re_arc(re_arc, max(num_re_arc, num_outputs)):
            if task_id in tasks:
                generated[task_id] = [given for given, _ in pairs[:num_re_arc]]
                outputs[task_id] = [output for _, output in pairs[:num_outputs]]
    return Material(
        {task_id: [grid_text(grid) for grid in task.inputs] for task_id, task in sorted(tasks.items())},
        dict(sorted(generated.items())),
        {i: [program.render() for program in solutions[i]] for i in sorted(solutions) if i in tasks and solutions[i]},
        dict(sorted(outputs.items())) if num_outputs else {},
    )


@dataclass(frozen=True)
class InputSettings:
    """Where inputs come from (the first four: how often, relative to one another), and how many a task has; one test
    input comes on top of the training pairs."""

    scenes: float = setting(0.5, "made-up scenes", low=0, high=1e6)
    arc: float = setting(0.1, "inputs of ARC-AGI-1 training tasks", low=0, high=1e6)
    re_arc: float = setting(0.4, "RE-ARC inputs of the same tasks", low=0, high=1e6)
    outputs: float = setting(
        0.0, "RE-ARC outputs of the same tasks: a program on them goes on from where a task ends", low=0, high=1e6
    )
    min_pairs: int = setting(2, "training pairs a task, at least", low=1, high=9)
    max_pairs: int = setting(4, "training pairs a task, at most", low=1, high=9)
    max_tokens: int = setting(
        900, "of all inputs of a task together, a token a cell and one a row", low=20, high=20_000
    )


@dataclass(frozen=True)
class InputSet:
    """inputs: int8 [H, W] each, the last one the test input. source: 'scene/FAMILY', 'arc/ID', 're-arc/ID' or
    'output/ID' (RE-ARC outputs)."""

    source: str
    inputs: tuple[np.ndarray, ...]

    @property
    def task_id(self) -> str | None:
        """The public task whose inputs these are, or whose RE-ARC inputs."""
        kind, _, name = self.source.partition("/")
        return name if kind in ("arc", "re-arc") else None


def draw_input_set(material: Material, settings: InputSettings, rng: np.random.Generator) -> InputSet:
    """Different inputs of one source that fit the limit together; drawn anew until they do. Raises SettingsError where
    there is no source, or MAX_DRAWS draws had none that fits."""
    if settings.min_pairs > settings.max_pairs:
        raise SettingsError(f"inputs.min_pairs {settings.min_pairs} is more than inputs.max_pairs {settings.max_pairs}")
    kinds = {
        "scene": (settings.scenes, sorted(FAMILIES)),
        "arc": (settings.arc, list(material.arc)),
        "re-arc": (settings.re_arc, list(material.re_arc)),
        "output": (settings.outputs, list(material.outputs)),
    }
    shares = np.array([share if names else 0.0 for share, names in kinds.values()])
    if not shares.any():
        raise SettingsError("inputs.scenes, arc, re_arc and outputs leave no source that the material has")
    for _ in range(MAX_DRAWS):
        kind = list(kinds)[rng.choice(len(kinds), p=shares / shares.sum())]
        names = kinds[kind][1]
        name = names[rng.integers(len(names))]
        wanted = 1 + int(rng.integers(settings.min_pairs, settings.max_pairs + 1))
        inputs = _different(_candidates(kind, name, wanted, material, rng), wanted, settings.max_tokens)
        if len(inputs) > settings.min_pairs:
            return InputSet(f"{kind}/{name}", tuple(inputs))
    raise SettingsError(
        f"inputs.max_tokens {settings.max_tokens}: of {MAX_DRAWS} draws none had inputs.min_pairs {settings.min_pairs}"
    )


def _candidates(
    kind: str, name: str, wanted: int, material: Material, rng: np.random.Generator
) -> Iterator[np.ndarray]:
    if kind == "scene":
        yield from draw_scenes(name, 2 * wanted, rng)
        return
    texts = {"arc": material.arc, "re-arc": material.re_arc, "output": material.outputs}[kind][name]
    for index in rng.permutation(len(texts))[: 4 * wanted]:
        yield read_grid(texts[index])


def _different(candidates: Iterator[np.ndarray], wanted: int, max_tokens: int) -> list[np.ndarray]:
    """Up to `wanted` grids, none empty or equal to another, none above its even share of twice the limit."""
    chosen: dict[bytes, np.ndarray] = {}
    room = max_tokens
    for grid in candidates:
        tokens = grid_tokens(grid)
        if len(chosen) < wanted and tokens <= room and tokens <= 2 * max_tokens // wanted and grid.any():
            before = len(chosen)
            chosen.setdefault(bytes(grid.shape) + grid.tobytes(), grid)
            room -= tokens * (len(chosen) - before)
    return list(chosen.values())
