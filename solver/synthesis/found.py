"""Programs that searches found for public tasks, checked on what the search did not see, as tasks to train on."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path

import numpy as np

from ..grid.registry import GridError
from ..program import Program, ProgramError, parse
from ..re_arc import read_grid, read_re_arc
from ..run.results import load_results
from ..tasks import Task
from .generate import ProgramSet
from .inputs import grid_tokens

NUM_CHECKED, NUM_RIGHT = 10, 5
"""Of a task's first RE-ARC pairs, how many are looked at, and how many a program must get right."""

NUM_DRAWN_FROM = 100
"""RE-ARC pairs of a task, after those, that `found_sets` draws from."""

FOUND = "found/"
"""Source of a set whose outputs are those of a public task or of RE-ARC: 'found/ID'."""


def is_right(program: Program, grid: np.ndarray, output: np.ndarray | None) -> bool:
    try:
        return np.array_equal(program.run(grid), output)
    except GridError:
        return False


def right_programs(task: Task, texts: Iterable[str]) -> list[Program]:
    """The programs among `texts` that give the outputs of all training and test pairs."""
    found = []
    for text in texts:
        try:
            program = parse(text)
        except ProgramError:
            continue
        if all(is_right(program, pair.input, pair.output) for pair in (*task.train, *task.test)):
            found.append(program)
    return found


def texts_of_results(paths: Iterable[Path], tasks: Mapping[str, Task]) -> dict[str, set[str]]:
    """Texts of the programs behind the attempts in files of results, by task; of these tasks alone. Raises
    InputError."""
    texts: dict[str, set[str]] = {}
    for path in paths:
        for result in load_results(path).values():
            if result.task_id in tasks:
                origins = {a.origin for pair in result.attempts for a in pair if a.origin}
                texts.setdefault(result.task_id, set()).update(origins)
    return texts


def checked_programs(
    texts: Mapping[str, Iterable[str]], tasks: Mapping[str, Task], re_arc: Path | None
) -> dict[str, list[Program]]:
    """Of each task the programs that give the outputs of all its pairs, the test pairs among them, and, where there are
    RE-ARC pairs of it, NUM_RIGHT of the first NUM_CHECKED of these; shortest first, tasks without any left out. Raises
    InputError if RE-ARC cannot be read."""
    right = {task_id: right_programs(tasks[task_id], sorted(own)) for task_id, own in sorted(texts.items())}
    if re_arc is not None and any(right.values()):
        for task_id, pairs in read_re_arc(re_arc, NUM_CHECKED):
            if right.get(task_id):
                grids = [(read_grid(given), read_grid(output)) for given, output in pairs]
                wanted = min(NUM_RIGHT, len(grids))
                right[task_id] = [p for p in right[task_id] if sum(is_right(p, *pair) for pair in grids) >= wanted]
    return {task_id: sorted(programs, key=len) for task_id, programs in right.items() if programs}


def has_table(program: Program) -> bool:
    """Whether an argument is a fitted table, which no policy writes."""
    return any(isinstance(arg, tuple) for statement in program.statements for arg in statement.args)


def found_sets(
    programs: Mapping[str, Sequence[Program]],
    tasks: Mapping[str, Task],
    re_arc: Path | None,
    *,
    num_draws: int,
    max_tokens: int,
    seed: int,
) -> Iterator[ProgramSet]:
    """Each program on the task's own inputs, once a test input, and on `num_draws` draws of three to five RE-ARC inputs
    that it gives the right outputs for, of at most `max_tokens` with their outputs. Programs with tables are left out.
    The same for the same seed. Raises InputError if RE-ARC cannot be read."""
    writable = {i: [p for p in own if not has_table(p)] for i, own in programs.items()}
    for task_id, own in sorted(writable.items()):
        task = tasks[task_id]
        for test in task.test if own else ():
            yield ProgramSet(FOUND + task_id, (*(pair.input for pair in task.train), test.input), tuple(own))
    if re_arc is None:
        return
    for task_id, pairs in read_re_arc(re_arc, NUM_CHECKED + NUM_DRAWN_FROM):
        rng = np.random.default_rng([seed, int(task_id.encode().hex(), 16)])
        grids = [(read_grid(given), read_grid(output)) for given, output in pairs[NUM_CHECKED:]]
        for program in writable.get(task_id, ()):
            right = [pair for pair in grids if is_right(program, *pair)]
            for _ in range(num_draws):
                inputs = _draw_inputs(right, int(rng.integers(3, 6)), max_tokens, rng)
                if len(inputs) > 2:
                    yield ProgramSet(FOUND + task_id, tuple(inputs), (program,))


def _draw_inputs(
    pairs: Sequence[tuple[np.ndarray, np.ndarray]], wanted: int, max_tokens: int, rng: np.random.Generator
) -> list[np.ndarray]:
    """Inputs of `wanted` different pairs, or fewer; those that would pass the limit are passed over."""
    chosen: list[np.ndarray] = []
    room = max_tokens
    for index in rng.permutation(len(pairs)):
        given, output = pairs[index]
        tokens = grid_tokens(given) + grid_tokens(output)
        if len(chosen) < wanted and tokens <= room:
            chosen.append(given)
            room -= tokens
    return chosen
