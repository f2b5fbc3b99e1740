"""Made-up tasks: a set of inputs, and many programs that make a task of it each."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import numpy as np

from ..configuration import setting
from ..program import Program
from .growth import Entry, Pool, StepWeights
from .inputs import InputSet, InputSettings, Material, draw_input_set
from .mutations import mutate
from .selection import SelectionSettings, select


@dataclass(frozen=True)
class GrowthSettings:
    """How programs are drawn for a set of inputs."""

    num_steps: int = setting(2_000, "random statements tried", low=1, high=10**6)
    num_solutions: int = setting(
        40, "solutions of other tasks that are run on the inputs, changed at random", low=0, high=1000
    )
    num_own_mutants: int = setting(
        16,
        "changed versions of a solution of the very task that the inputs belong to, beside the solution itself",
        low=0,
        high=1000,
    )
    max_statements: int = setting(14, "longest program that comes from a solution", low=1, high=60)


@dataclass(frozen=True)
class FileSettings:
    """How tasks are stored."""

    sets_per_shard: int = setting(64, "sets of inputs in one file", low=1, high=4096)


@dataclass(frozen=True)
class SynthesisSettings:
    """All settings of a set of made-up tasks."""

    inputs: InputSettings = field(default_factory=InputSettings)
    growth: GrowthSettings = field(default_factory=GrowthSettings)
    selection: SelectionSettings = field(default_factory=SelectionSettings)
    files: FileSettings = field(default_factory=FileSettings)


@dataclass(frozen=True)
class ProgramSet:
    """Tasks on the same inputs: every program with the inputs, the last one as the test input, is one."""

    source: str
    inputs: tuple[np.ndarray, ...]
    programs: tuple[Program, ...]


def draw_program_set(
    material: Material, weights: StepWeights, settings: SynthesisSettings, rng: np.random.Generator
) -> ProgramSet:
    """A set of inputs and programs for it; there may be none."""
    given = draw_input_set(material, settings.inputs, rng)
    pool = Pool(given.inputs, weights, settings.selection.max_statements, settings.selection.max_tokens)
    own = _run_own_solution(pool, given, material, settings.growth, rng)
    mutants = _run_mutants(pool, given, material, settings.growth, rng)
    pool.grow(settings.growth.num_steps, rng)
    return ProgramSet(given.source, given.inputs, tuple(select(pool, own, mutants, settings.selection, rng)))


def _run_own_solution(
    pool: Pool, given: InputSet, material: Material, settings: GrowthSettings, rng: np.random.Generator
) -> list[Entry]:
    """Run a solution of the task that the inputs belong to, if there is one, into the pool; the entry of its output."""
    known = material.programs.get(given.task_id or "", [])
    programs = [known[rng.integers(len(known))]] if known else []
    return _run_all(pool, programs, settings.max_statements)


def _run_mutants(
    pool: Pool, given: InputSet, material: Material, settings: GrowthSettings, rng: np.random.Generator
) -> list[Entry]:
    """Run mutations of own and foreign solutions into the pool; the entries of their outputs."""
    own, everything = material.programs.get(given.task_id or "", []), material.all_programs
    programs = [mutate(own[i], rng) for i in rng.integers(len(own), size=settings.num_own_mutants)] if own else []
    if everything:
        chosen = rng.integers(len(everything), size=settings.num_solutions)
        programs += [mutate(everything[i], rng) for i in chosen]
    return _run_all(pool, programs, settings.max_statements)


def _run_all(pool: Pool, programs: Sequence[Program], max_statements: int) -> list[Entry]:
    entries = [pool.run(program, max_statements) for program in programs]
    return [entry for entry in entries if entry is not None and entry is not pool.start]
