"""Made-up tasks (solver/synthesis) as further training tasks: their programs, run on as many inputs as training needs.

A made-up task has a handful of inputs, but its program runs on any: more scenes of the same family, all of one draw, so
that they share their colours and shapes; or RE-ARC inputs of the task that its inputs came from. A program made on
RE-ARC outputs goes on from where that task ends: its task leads from RE-ARC inputs to what the program makes of their
outputs, two rules in one. The handful itself is left out: inputs of ARC tasks are among it, and a task's own solution
would make of them the very test pairs that validation measures. Needs no torch.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import islice
from logging import getLogger
from pathlib import Path

import numpy as np

from ..errors import InputError
from ..executor import execute, input_value
from ..program import Program
from ..re_arc import read_grid, read_re_arc
from ..synthesis.scenes import draw_scenes
from ..synthesis.shards import read_shard, shard_paths
from .data import MAX_TASKS, GridPair, PackedPairs

logger = getLogger(__name__)

NUM_PAIRS = 40
"""Most pairs of a made-up task, unless told otherwise."""

MIN_SHARE = 0.75
"""A program that gives a smaller part of the pairs wanted makes no task."""

MIN_OUTPUTS = 0.2
"""Fewer different outputs, as a part of the pairs wanted, are too few to learn a program from."""

NUM_DRAWS = 4
"""Draws of a family of scenes that are tried: a program may do nothing with the colours of one of them."""

NUM_RE_ARC = 200
"""RE-ARC pairs of a task that are read, at least."""

MAX_PROGRAMS_A_SET = 2
"""Tasks made of one set of inputs: with more they would differ in their programs alone."""

RePairs = Mapping[str, Sequence[tuple[str, str]]]
"""RE-ARC pairs of inputs and outputs by task id, as text."""


def gather_made_tasks(
    folder: Path, re_arc: Path, max_tasks: int, seed: int = 0, num_pairs: int = NUM_PAIRS
) -> PackedPairs:
    """Up to max_tasks made-up tasks of the folder's shards, num_pairs pairs each or a few less; the same for the same
    files and seed. Raises InputError if shards or RE-ARC cannot be read, or give no task, or if that would be more than
    can be packed."""
    if not 0 <= max_tasks <= MAX_TASKS:
        raise InputError(f"{max_tasks} made-up tasks: must be within 0..{MAX_TASKS}")
    known = dict(read_re_arc(re_arc, max(NUM_RE_ARC, 2 * num_pairs)))
    tasks = dict(islice(_made_tasks(folder, known, seed, num_pairs), max_tasks))
    if not tasks:
        raise InputError(f"{folder}: no made-up task has {_least(num_pairs)} pairs")
    packed = PackedPairs.pack(((n, pair) for n, pairs in enumerate(tasks.values()) for pair in pairs), list(tasks))
    logger.info("%d made-up tasks, %d pairs", len(tasks), len(packed))
    return packed


def _least(num_pairs: int) -> int:
    return round(MIN_SHARE * num_pairs)


def _made_tasks(folder: Path, re_arc: RePairs, seed: int, num_pairs: int) -> Iterator[tuple[str, list[GridPair]]]:
    """Name and pairs of each task that can be made of the folder's shards."""
    for shard, path in enumerate(shard_paths(folder)):
        for number, one in enumerate(read_shard(path)):
            rng = np.random.default_rng([seed, shard, number])
            for place in rng.permutation(len(one.programs))[:MAX_PROGRAMS_A_SET]:
                if pairs := pairs_of(one.programs[place], one.source, re_arc, rng, num_pairs):
                    yield f"made/{shard}/{number}/{place}", pairs


def pairs_of(
    program: Program, source: str, re_arc: RePairs, rng: np.random.Generator, num_pairs: int = NUM_PAIRS
) -> list[GridPair]:
    """Up to num_pairs pairs of a program on inputs of that source (`InputSet.source`); none if there are too few, or
    too few different outputs."""
    for starts in _starts(source, re_arc, num_pairs, rng):
        pairs: list[GridPair] = []
        for grid, start in {bytes(grid.shape) + grid.tobytes(): (grid, start) for grid, start in starts}.values():
            value = execute(program, input_value([start]))
            if value is not None and not any(np.array_equal(value.items[0], known) for known in (grid, start)):
                pairs.append((grid.astype(np.uint8), value.items[0].astype(np.uint8)))
            if len(pairs) == num_pairs:
                break
        outputs = {bytes(output.shape) + output.tobytes() for _, output in pairs}
        if len(pairs) >= _least(num_pairs) and len(outputs) >= MIN_OUTPUTS * num_pairs:
            return pairs
    return []


def _starts(source: str, re_arc: RePairs, num_pairs: int, rng: np.random.Generator) -> Iterator[list[GridPair]]:
    """Sets to try, one after the other, of twice as many inputs as pairs are wanted, each with the grid that the
    program is run on: the input itself, or the output that a known task has for it. int8 [H, W] both."""
    kind, _, name = source.partition("/")
    if kind == "scene":
        for _ in range(NUM_DRAWS):
            yield [(grid, grid) for grid in draw_scenes(name, 2 * num_pairs, rng)]
    elif name in re_arc:
        chosen = [re_arc[name][index] for index in rng.permutation(len(re_arc[name]))[: 2 * num_pairs]]
        goes_on = kind == "output"
        yield [(read_grid(given), read_grid(output if goes_on else given)) for given, output in chosen]
