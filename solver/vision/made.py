"""Made-up tasks (solver/synthesis) as further training tasks: their programs, run on as many inputs as training needs.

A made-up task has a handful of inputs, but its program runs on any: more scenes of the same family, all of one draw, so
that they share their colours and shapes; or RE-ARC inputs of the task that its inputs came from. The handful itself is
left out: inputs of ARC tasks are among it, and a task's own solution would make of them the very test pairs that
validation measures. Needs no torch.
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
from .data import GridPair, PackedPairs

logger = getLogger(__name__)

NUM_PAIRS = 40
"""Most pairs of a made-up task."""

MIN_PAIRS = 30
MIN_OUTPUTS = 8
"""Fewer different outputs are too few to learn a program from."""

NUM_DRAWS = 4
"""Draws of a family of scenes that are tried: a program may do nothing with the colours of one of them."""

NUM_RE_ARC = 200
"""RE-ARC inputs of a task that are read."""

MAX_PROGRAMS_A_SET = 2
"""Tasks made of one set of inputs: with more they would differ in their programs alone."""


def gather_made_tasks(folder: Path, re_arc: Path, max_tasks: int, seed: int = 0) -> PackedPairs:
    """Up to max_tasks made-up tasks of the folder's shards, MIN_PAIRS to NUM_PAIRS pairs each; the same for the same
    files and seed. Raises InputError if shards or RE-ARC cannot be read, or give no task."""
    texts = {task_id: [given for given, _ in pairs] for task_id, pairs in read_re_arc(re_arc, NUM_RE_ARC)}
    tasks = dict(islice(_made_tasks(folder, texts, seed), max_tasks))
    if not tasks:
        raise InputError(f"{folder}: no made-up task has {MIN_PAIRS} pairs")
    packed = PackedPairs.pack(((n, pair) for n, pairs in enumerate(tasks.values()) for pair in pairs), list(tasks))
    logger.info("%d made-up tasks, %d pairs", len(tasks), len(packed))
    return packed


def _made_tasks(folder: Path, re_arc: Mapping[str, Sequence[str]], seed: int) -> Iterator[tuple[str, list[GridPair]]]:
    """Name and pairs of each task that can be made of the folder's shards."""
    for shard, path in enumerate(shard_paths(folder)):
        for number, one in enumerate(read_shard(path)):
            rng = np.random.default_rng([seed, shard, number])
            for place in rng.permutation(len(one.programs))[:MAX_PROGRAMS_A_SET]:
                if pairs := pairs_of(one.programs[place], one.source, re_arc, rng):
                    yield f"made/{shard}/{number}/{place}", pairs


def pairs_of(
    program: Program, source: str, re_arc: Mapping[str, Sequence[str]], rng: np.random.Generator
) -> list[GridPair]:
    """MIN_PAIRS to NUM_PAIRS pairs of a program on inputs of that source ('scene/FAMILY', 'arc/ID', 're-arc/ID'), or
    none. re_arc: inputs of tasks by id, as text."""
    for inputs in _inputs(source, re_arc, rng):
        pairs: list[GridPair] = []
        for grid in {bytes(grid.shape) + grid.tobytes(): grid for grid in inputs}.values():
            value = execute(program, input_value([grid]))
            if value is not None and not np.array_equal(value.items[0], grid):
                pairs.append((grid.astype(np.uint8), value.items[0].astype(np.uint8)))
            if len(pairs) == NUM_PAIRS:
                break
        outputs = {bytes(output.shape) + output.tobytes() for _, output in pairs}
        if len(pairs) >= MIN_PAIRS and len(outputs) >= MIN_OUTPUTS:
            return pairs
    return []


def _inputs(source: str, re_arc: Mapping[str, Sequence[str]], rng: np.random.Generator) -> Iterator[list[np.ndarray]]:
    """Sets of inputs to try, one after the other."""
    kind, _, name = source.partition("/")
    if kind == "scene":
        for _ in range(NUM_DRAWS):
            yield draw_scenes(name, 2 * NUM_PAIRS, rng)
    elif name in re_arc:
        yield [read_grid(re_arc[name][index]) for index in rng.permutation(len(re_arc[name]))[: 2 * NUM_PAIRS]]
