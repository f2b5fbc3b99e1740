"""Files of made-up tasks: a folder of shards, each drawn from a seed of its own, so that it does not matter who
draws which, in what order, or how often the work was stopped.

A shard is xz-compressed JSON lines, one set of inputs each:

    {"source": "scene/boxes", "inputs": ["003/030", ...], "programs": ["x1 = ...\\nx2 = ...", ...]}

Inputs are rows of digits joined by '/', the last one is the test input. Programs are their statements, a line each;
outputs are not stored, because running a program takes less time than reading them. `settings.json` beside the shards
holds what they were drawn with.
"""

from __future__ import annotations

import hashlib
import lzma
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from ..configuration import as_dict
from ..errors import InputError
from ..grid.registry import source_digest
from ..program import Program, parse, variable_name
from ..re_arc import grid_text, read_grid
from ..submission import write_atomic
from .generate import ProgramSet, SynthesisSettings, draw_program_set
from .growth import StepWeights
from .inputs import Material

MAX_SHARD_BYTES = 16 << 20
SETTINGS_FILE = "settings.json"


def shard_path(folder: Path, number: int) -> Path:
    return folder / f"shard-{number:05d}.jsonl.xz"


def shard_paths(folder: Path) -> list[Path]:
    """The finished shards, in order. Raises InputError if there are none."""
    paths = sorted(folder.glob("shard-*.jsonl.xz"))
    if not paths:
        raise InputError(f"{folder}: no shards of made-up tasks")
    return paths


def statements_text(program: Program) -> str:
    """The statements, a line each, without the frame of a program file."""
    return "\n".join(s.render(variable_name(i)) for i, s in enumerate(program.statements, 1))


def read_statements(text: str) -> Program:
    """The program of what `statements_text` wrote. Raises ProgramError."""
    lines = text.split("\n")
    body = "".join(f"    {line}\n" for line in lines)
    return parse(f"def solve(I):\n{body}    return {variable_name(len(lines))}\n")


def write_shard(path: Path, sets: Iterable[ProgramSet]) -> None:
    """Raises ValueError if the file would exceed MAX_SHARD_BYTES."""
    lines = [
        orjson.dumps(
            {
                "source": one.source,
                "inputs": [grid_text(grid) for grid in one.inputs],
                "programs": [statements_text(program) for program in one.programs],
            }
        )
        for one in sets
    ]
    data = lzma.compress(b"".join(line + b"\n" for line in lines), preset=3)
    if len(data) > MAX_SHARD_BYTES:
        raise ValueError(f"{path.name} would have {len(data):,} bytes; set files.sets_per_shard lower")
    draft = path.with_name(f"{path.name}.{os.getpid()}.tmp")  # of this process alone: others may draw the same shard
    try:
        draft.write_bytes(data)
        draft.replace(path)
    except BaseException:
        draft.unlink(missing_ok=True)
        raise


def read_shard(path: Path) -> Iterator[ProgramSet]:
    """Raises InputError if the file is damaged or holds programs of another library."""
    try:
        for line in lzma.decompress(path.read_bytes()).splitlines():
            if not line:
                continue  # shards without a set were one empty line once
            entry = orjson.loads(line)
            inputs = tuple(map(read_grid, entry["inputs"]))
            yield ProgramSet(entry["source"], inputs, tuple(map(read_statements, entry["programs"])))
    except (OSError, lzma.LZMAError, orjson.JSONDecodeError, KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: no shard of made-up tasks ({error})") from error


def draw_shard(
    material: Material, weights: StepWeights, settings: SynthesisSettings, seed: int, number: int
) -> Iterator[ProgramSet]:
    """The sets of one shard; the same for the same material, settings, seed, number and library."""
    for k in range(settings.files.sets_per_shard):
        rng = np.random.default_rng([seed, number, k])
        one = draw_program_set(material, weights, settings, rng)
        if one.programs:
            yield one


def open_folder(folder: Path, facts: dict[str, Any]) -> None:
    """Make the folder, or go on with one that was begun with the same facts. Raises InputError if they differ."""
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / SETTINGS_FILE
    if path.exists():
        try:
            known = orjson.loads(path.read_bytes())
        except orjson.JSONDecodeError as error:
            raise InputError(f"{path}: damaged ({error})") from error
        differing = sorted(k for k in known.keys() | facts.keys() if known.get(k) != facts.get(k))
        if differing:
            raise InputError(f"{folder}: begun with another {', '.join(differing)}; choose a new folder")
        return
    write_atomic(path, orjson.dumps(facts, option=orjson.OPT_INDENT_2) + b"\n")


def facts_of(material_path: Path, settings: SynthesisSettings, seed: int) -> dict[str, Any]:
    """What decides the content of the shards, for `settings.json`."""
    return {
        "seed": seed,
        "settings": as_dict(settings),
        "material": hashlib.sha256(material_path.read_bytes()).hexdigest(),
        "library": source_digest(),
    }
