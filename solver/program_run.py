"""Run one program file over a task's inputs: library steps in this process, any other Python in the sandbox.

Expected outputs stay here: outputs are checked and compared in this process.
"""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np

from .errors import InputError
from .grid.registry import GridError, as_grid
from .program import Program, ProgramError, parse
from .sandbox.pool import Failure, Pool, ProgramResult
from .settings import SandboxSettings
from .tasks import Task

MAX_BYTES = 1 << 20


def run_program(
    program: Path, task: Task, timeout_s: float | None = None, settings: SandboxSettings | None = None
) -> ProgramResult:
    """Run solve(I) of a program file over all inputs, training inputs first. timeout_s: wall clock for all of them
    (default: the settings'). InputError if the file cannot be read; SandboxError if there is no sandbox."""
    settings = settings or SandboxSettings()
    if timeout_s is not None:
        settings = replace(settings, wall_s=timeout_s)
    try:
        if program.stat().st_size > MAX_BYTES:
            raise InputError(f"{program}: larger than {MAX_BYTES} bytes")
        text = program.read_text(encoding="utf-8-sig")
    except FileNotFoundError:
        raise InputError(f"{program}: no such program file") from None
    except OSError as error:
        raise InputError(f"{program}: {error.strerror}") from error
    except UnicodeDecodeError:
        raise InputError(f"{program}: not UTF-8") from None
    try:
        steps = parse(text)
    except ProgramError:
        with Pool(settings, size=1) as pool:
            return pool.run(text, task.inputs, prints=True)
    results = [_run_steps(steps, grid) for grid in task.inputs]
    return ProgramResult(tuple(output for output, _ in results), tuple(failure for _, failure in results))


def _run_steps(program: Program, grid: np.ndarray) -> tuple[np.ndarray | None, Failure | None]:
    try:
        return as_grid(program.run(grid), "output"), None
    except GridError as error:
        return None, Failure("error", str(error), "GridError")


def result_json(result: ProgramResult, task: Task) -> dict[str, Any]:
    """{"status", "train": [{"output": grid | null, "correct": bool | null}, …], "test": […]}"""
    entries = [
        {
            "output": None if output is None else output.tolist(),
            "correct": None if pair.output is None else np.array_equal(output, pair.output),
        }
        for output, pair in zip(result.outputs, (*task.train, *task.test), strict=True)
    ]
    return {"status": result.status, "train": entries[: len(task.train)], "test": entries[len(task.train) :]}
