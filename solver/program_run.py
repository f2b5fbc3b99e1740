"""Run one program file over a task's inputs, in a child process with a wall-clock limit.

This is not a sandbox: the program may read files and use the network as its user can. What it guarantees:
expected outputs never enter the child, outputs are checked and compared here, and the child and everything it
started in its process group are gone when the call returns.
"""

from __future__ import annotations

import contextlib
import json
import os
import selectors
import signal
import subprocess
import sys
import threading
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from .errors import InputError
from .tasks import Task

START_TIMEOUT_S = 60.0
LIMIT_BYTES = 64 << 20


@dataclass(frozen=True)
class ProgramRun:
    """status: 'ok' (a valid grid for every input), 'error' (an exception or no valid grid for one or more),
    'timeout', or 'crashed' (the process died). outputs, messages: one an input, training inputs first."""

    status: str
    outputs: tuple[np.ndarray | None, ...]
    messages: tuple[str, ...]

    def to_json(self, task: Task) -> dict[str, Any]:
        """{"status", "train": [{"output": grid | null, "correct": bool | null}, …], "test": […]}"""
        entries = [
            {
                "output": None if output is None else output.tolist(),
                "correct": None if pair.output is None else np.array_equal(output, pair.output),
            }
            for output, pair in zip(self.outputs, (*task.train, *task.test), strict=True)
        ]
        return {
            "status": self.status,
            "train": entries[: len(task.train)],
            "test": entries[len(task.train) :],
        }


def run_program(program: Path, task: Task, timeout_s: float = 10.0) -> ProgramRun:
    """Run solve(I) of a program file over all inputs. timeout_s: wall clock for all of them, from the
    moment the child is ready. What the program prints goes to stderr. InputError if there is no such file."""
    if not program.is_file():
        raise InputError(f"{program}: no such program file")
    num_inputs = len(task.inputs)
    lines, ended = _exchange(
        program, json.dumps([grid.tolist() for grid in task.inputs]).encode(), timeout_s, num_inputs
    )
    outputs: list[np.ndarray | None] = []
    messages: list[str] = []
    for line in lines[:num_inputs]:
        output, message = _read(line)
        outputs.append(output)
        messages.append(message)
    for _ in range(num_inputs - len(outputs)):
        outputs.append(None)
        messages.append(f"no output within {timeout_s:g} s" if ended == "timeout" else "the process died")
    status = ended if len(lines) < num_inputs else "error" if any(messages) else "ok"
    return ProgramRun(status, tuple(outputs), tuple(messages))


def _read(line: bytes) -> tuple[np.ndarray | None, str]:
    from .grid.registry import GridError, as_grid

    try:
        message = json.loads(line)
        if "error" in message:
            return None, str(message["error"])
        cells = message["output"]
        if isinstance(cells, list) and any(isinstance(c, bool) for row in cells if isinstance(row, list) for c in row):
            raise GridError("output must hold integers, not bool")
        return as_grid(cells, "output"), ""
    except GridError as error:
        return None, str(error)
    except (ValueError, KeyError, TypeError, RecursionError, OverflowError):
        return None, "the output is not a grid"


def _exchange(program: Path, data: bytes, timeout_s: float, num_lines: int) -> tuple[list[bytes], str]:
    """Lines the child sent after 'ready', and how it ended: 'done', 'timeout' or 'crashed'."""
    read_end, write_end = os.pipe()
    child = subprocess.Popen(
        [sys.executable, "-m", "solver.program_child", str(program), str(write_end)],
        stdin=subprocess.PIPE,
        stdout=sys.stderr.fileno() if _has_fileno(sys.stderr) else subprocess.DEVNULL,
        pass_fds=(write_end,),
        start_new_session=True,
    )
    os.close(write_end)
    feeder = threading.Thread(target=_feed, args=(child.stdin, data), daemon=True)
    feeder.start()
    buffer, deadline, ready = b"", time.monotonic() + START_TIMEOUT_S, False
    try:
        with selectors.DefaultSelector() as selector:
            selector.register(read_end, selectors.EVENT_READ)
            while True:
                left = deadline - time.monotonic()
                if left <= 0 or len(buffer) > LIMIT_BYTES:
                    return _lines(buffer), "timeout"
                if not selector.select(left):
                    continue
                piece = os.read(read_end, 1 << 16)
                buffer += piece
                if not ready and b"\n" in buffer:
                    ready, deadline = True, time.monotonic() + timeout_s
                if buffer.count(b"\n") > num_lines:
                    return _lines(buffer), "done"
                if not piece:
                    return _lines(buffer), "crashed"
    finally:
        os.close(read_end)
        with contextlib.suppress(ProcessLookupError):
            os.killpg(child.pid, signal.SIGKILL)
        child.wait()
        feeder.join()
        with contextlib.suppress(OSError):
            child.stdin.close()


def _lines(buffer: bytes) -> list[bytes]:
    return buffer.split(b"\n")[1:-1]


def _feed(stream: Any, data: bytes) -> None:
    with contextlib.suppress(OSError):
        stream.write(data)
        stream.close()


def _has_fileno(stream: Any) -> bool:
    try:
        return stream.fileno() >= 0
    except (OSError, ValueError, AttributeError):
        return False
