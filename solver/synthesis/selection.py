"""Which grown programs become tasks.

The outputs must differ from pair to pair and from the inputs, must not be plain, and must fit. Every statement must
matter: reading another variable of the same type in place of any statement's result must change an output. And no
shorter program may do the same: neither one of the pool, nor one more step, of all one-grid steps of the fused
enumerator, on the input or on a grid on the way.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from ..configuration import setting
from ..errors import SettingsError
from ..executor import Value, execute
from ..fused import GridStore, chain_steps
from ..grid.types import Color, Grid
from ..program import Program, trim_statements
from .growth import Entry, Pool
from .inputs import grid_tokens
from .mutations import redirect

MAX_NODES = 60_000
"""Values and, in units of CELLS_A_VALUE, cells that the enumeration beside one set of inputs may store."""

CELLS_A_VALUE = 1_200
PLAIN_CELLS = 9
"""An output of one colour throughout is accepted up to this many cells."""


@dataclass(frozen=True)
class SelectionSettings:
    """Which of the programs drawn for a set of inputs are kept."""

    lengths: tuple[float, ...] = setting(
        (0.09, 0.17, 0.19, 0.17, 0.14, 0.11, 0.08, 0.05),
        "how often grown programs of 1, 2, ... statements are wanted, relative to one another",
        low=0.001,
    )
    num_programs: int = setting(7, "how many of them", low=0, high=1000)
    max_mutants: int = setting(
        4,
        "at most so many mutations of solutions on top, beside the solution of the task that the inputs belong to",
        low=0,
        high=1000,
    )
    max_tokens: int = setting(1_800, "of a task, all inputs and outputs together", low=20, high=20_000)
    tries: int = setting(3, "candidates looked at for each task wanted", low=1, high=100)
    max_expansions: int = setting(40, "grids from which the fused enumerator looks for a shorter way", low=0, high=1000)

    def __post_init__(self) -> None:
        if not self.lengths:
            raise SettingsError("selection.lengths must name at least one length")

    @property
    def max_statements(self) -> int:
        return len(self.lengths)


def looks_like_a_task(outputs: Sequence[np.ndarray], inputs: Sequence[np.ndarray], max_tokens: int) -> bool:
    """Whether outputs, one an input, are fit to be learned from, whatever program made them."""
    if sum(map(grid_tokens, (*outputs, *inputs))) > max_tokens:
        return False
    if any(np.array_equal(a, b) for a, b in zip(outputs, inputs, strict=True)):
        return False
    different = len({bytes(o.shape) + o.tobytes() for o in outputs})
    if different < max(2, (2 * len(outputs) + 2) // 3):
        return False
    return not any(o.size > PLAIN_CELLS and (o == o.flat[0]).all() for o in outputs)


def every_statement_matters(program: Program, start: Value, output: Value) -> bool:
    """Whether no statement can be left out: with any earlier variable of its type, the input included, in its place,
    the output is another one or there is none."""
    kinds = [Grid, *(s.function.returns for s in program.statements)]
    for number in range(1, len(program)):
        for other in range(number):
            if kinds[other] is kinds[number]:
                shorter = Program(trim_statements(redirect(program, number, other), len(program)))
                value = execute(shorter, start)
                if value is not None and value.key == output.key:
                    return False
    return True


class ShorterPrograms:
    """What programs shorter than the ones looked at make, by the fused enumerator; asked in order of length."""

    def __init__(self, pool: Pool, max_expansions: int) -> None:
        inputs = pool.start.value.items
        self._store = GridStore([inputs[0]], len(inputs), MAX_NODES, MAX_NODES * CELLS_A_VALUE)
        self._expansions_left = max_expansions
        self._pool = pool
        self._expanded: set[int] = set()
        self._steps = _useful_steps(pool.palette)

    def contains(self, entry: Entry) -> bool:
        """Whether a shorter program makes the value; otherwise it is remembered as one that is there."""
        for grid in self._pool.grids_before(entry):
            is_shorter = grid.length + 1 < entry.length
            if is_shorter and grid.number not in self._expanded and self._expansions_left and not self._store.full:
                self._expanded.add(grid.number)
                self._expansions_left -= 1
                number = self._number(grid)
                if number is not None:
                    self._store.expand(number, self._steps)
        return self._store.add(entry.value) < 0 and not self._store.full

    def _number(self, grid: Entry) -> int | None:
        """The grid's number in the store; None if an equal one is there, which is expanded or will be."""
        number = self._store.add(grid.value)
        return number if number >= 0 else None


def _useful_steps(palette: Sequence[int]) -> np.ndarray:
    """Numbers of the chain steps whose colours are background or in the palette."""
    known = {0, *palette}
    return np.array(
        [
            number
            for number, step in enumerate(chain_steps())
            if all(
                p.type is not Color or v in known
                for p, v in zip(
                    (p for i, p in enumerate(step.function.parameters) if i != step.position),
                    step.constants,
                    strict=True,
                )
            )
        ],
        np.int64,
    )


def select(
    pool: Pool, own: Sequence[Entry], mutants: Sequence[Entry], settings: SelectionSettings, rng: np.random.Generator
) -> list[Program]:
    """Programs of the pool that make tasks, shortest first: all of `own`, at most `max_mutants` of `mutants`, of any
    length above one, and grown ones by length as wanted."""
    shorter = ShorterPrograms(pool, settings.max_expansions)
    chosen: list[Program] = []
    left = rng.multinomial(settings.num_programs, _shares(settings)).tolist()
    num_mutants, is_own = 0, {entry.number for entry in own}
    first = {entry.number: entry for entry in mutants if entry.length > 1}
    kept = rng.permutation(list(first))[: settings.tries * settings.max_mutants]
    first = {entry.number: entry for entry in own} | {int(number): first[number] for number in kept}
    longest = max([settings.max_statements, *(entry.length for entry in first.values())])
    for length in range(1, longest + 1):
        for entry in (e for e in first.values() if e.length == length):
            is_wanted = entry.number in is_own or num_mutants < settings.max_mutants
            program = _as_task(pool, entry, shorter, settings) if is_wanted else None
            if program is not None:
                chosen.append(program)
                num_mutants += entry.number not in is_own
        if length > settings.max_statements:
            continue
        bucket = [entry for entry in pool.bucket(Grid, length) if entry.number not in first]
        for index in rng.permutation(len(bucket))[: settings.tries * left[length - 1]]:
            program = _as_task(pool, bucket[index], shorter, settings) if left[length - 1] else None
            if program is not None:
                chosen.append(program)
                left[length - 1] -= 1
        if length < settings.max_statements:
            left[length] += left[length - 1]  # what one length lacks the next may have
    return chosen


def _shares(settings: SelectionSettings) -> np.ndarray:
    return np.array(settings.lengths) / sum(settings.lengths)


def _as_task(pool: Pool, entry: Entry, shorter: ShorterPrograms, settings: SelectionSettings) -> Program | None:
    """The program of an entry if it makes a task."""
    if not pool.is_shortest(entry):
        return None
    if not looks_like_a_task(entry.value.items, pool.start.value.items, settings.max_tokens):
        return None
    if shorter.contains(entry):
        return None
    program = entry.value.program()
    return program if every_statement_matters(program, pool.start.value, entry.value) else None
