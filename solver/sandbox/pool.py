"""A pool of zygotes, one a core: runs programs over inputs and gives back results, never exceptions."""

from __future__ import annotations

import marshal
import os
import queue
import re
import signal
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np

from ..settings import SandboxSettings
from . import FULL_MODULES, protocol
from .slot import Ended, Slot
from .validate import NotAGrid, grid_of

MAX_MESSAGE = 500
MAX_LINE = 10**7
STATUSES = ("ok", "error", "timeout", "memory", "bad_output", "killed")
_FULL_WORDS = ("solver", "numba", "llvmlite", "ma", "fft", *(n for n in FULL_MODULES if "." not in n))
_FULL = re.compile(rf"\b({'|'.join(_FULL_WORDS)})\b")


@dataclass(frozen=True)
class Failure:
    """Why there is no output. status: one of STATUSES but 'ok'. type: of the exception, '' if there was none.
    line: of the program, if known."""

    status: str
    message: str
    type: str = ""
    line: int | None = None

    def __str__(self) -> str:
        text = f"{self.type}: {self.message}" if self.type else self.message
        return f"line {self.line}: {text}" if self.line else text


@dataclass(frozen=True)
class ProgramResult:
    """outputs: a grid int8 [H, W] or None per input, in order. failures: a Failure where there is no output.
    printed: what the program printed, if that was asked for: at most protocol.MAX_PRINTED bytes, control
    characters replaced."""

    outputs: tuple[np.ndarray | None, ...]
    failures: tuple[Failure | None, ...]
    printed: str = ""

    @property
    def messages(self) -> tuple[str, ...]:
        """Per input what went wrong, '' if nothing did."""
        return tuple(str(failure or "") for failure in self.failures)

    @property
    def status(self) -> str:
        """'ok' if there is an output for every input, else the gravest failure's."""
        found = {failure.status for failure in self.failures if failure}
        return next((s for s in ("killed", "timeout", "memory", "error", "bad_output") if s in found), "ok")


class Pool:
    """size: programs at a time (default: the cores this process may use). Safe to use from several threads; a
    context manager. Each place has a light zygote (NumPy and LIGHT_MODULES, quick to fork) and, once a program
    needs it, a full one (with FULL_MODULES and the grid library)."""

    def __init__(self, settings: SandboxSettings | None = None, size: int | None = None) -> None:
        self.settings = settings or SandboxSettings()
        self.size = size or len(os.sched_getaffinity(0))
        self._free: queue.LifoQueue[tuple[Slot, Slot]] = queue.LifoQueue()
        self._slots = [(Slot(self.settings, False), Slot(self.settings, True)) for _ in range(self.size)]
        for pair in self._slots:
            self._free.put(pair)

    def __enter__(self) -> Pool:
        return self

    def __exit__(self, *_: Any) -> None:
        self.close()

    def close(self) -> None:
        """End all zygotes; the pool starts new ones if it is used again."""
        for pair in self._slots:
            for slot in pair:
                slot.close()

    def layers(self) -> dict[str, Any]:
        """What the zygote reports: 'layers' in force, 'refused' layers and why. SandboxError if it cannot start."""
        pair = self._free.get()
        try:
            pair[0].start()
            return pair[0].report
        finally:
            self._free.put(pair)

    def exchange(self, request: dict[str, Any], text: str, wall_s: float, full: bool = False) -> Ended:
        """Run one request of child.py in a process of its own. It is marshalled: what the child reads was written
        here. full: it needs the full zygote although its text does not say so."""
        defaults = {"text": text, "limit_bytes": self.settings.output_bytes, "prints": False}
        data = protocol.frame(b"R", marshal.dumps(defaults | request))
        pair = self._free.get()
        try:
            return pair[full or self.needs_full(text)].run(data, wall_s)
        finally:
            self._free.put(pair)

    def needs_full(self, text: str) -> bool:
        """Whether a program names something that only the full zygote has. (Names beyond ASCII need unicodedata.)"""
        if not text.isascii() or _FULL.search(text):
            return True
        return any(name.partition(".")[0] in text for name in self.settings.modules)

    def run(self, text: str, inputs: Sequence[np.ndarray], prints: bool = False) -> ProgramResult:
        """Run solve(I) of a program's text on every input (int8 [H, W]). A process that dies on one input costs that
        input; the rest runs in a new one, within the same wall time."""
        outputs: list[np.ndarray | None] = []
        failures: list[Failure | None] = []
        printed: list[bytes] = []
        grids = [(grid.shape, grid.tobytes()) for grid in (np.asarray(grid, np.int8) for grid in inputs)]
        deadline = time.monotonic() + self.settings.wall_s
        while len(outputs) < len(inputs):
            request = {"inputs": grids[len(outputs) :], "prints": prints}
            ended = self.exchange(request, text, deadline - time.monotonic())
            found, said, whole = self.read(ended, len(inputs) - len(outputs))
            printed += said
            for value in found:
                output, failure = _grid_or_failure(value)
                outputs.append(output)
                failures.append(failure)
            num_left = len(inputs) - len(outputs)
            if num_left:
                failure = self.why(ended) if whole is None else whole
                num_failed = 1 if failure.status in ("killed", "memory") and whole is None else num_left
                outputs += [None] * num_failed
                failures += [failure] * num_failed
        said_in_all = b"".join(printed)[: protocol.MAX_PRINTED].decode("utf-8", "replace")
        return ProgramResult(tuple(outputs), tuple(failures), _printable(said_in_all) if prints else "")

    def run_many(self, programs: Sequence[tuple[str, Sequence[np.ndarray]]]) -> list[ProgramResult]:
        """Run several programs, as many at a time as the pool has places; results in order."""
        return self.map(lambda program: self.run(*program), programs)

    def map(self, function: Callable[[Any], Any], items: Sequence[Any]) -> list[Any]:
        """function of each item, as many at a time as the pool has places."""
        if self.size == 1 or len(items) < 2:
            return [function(item) for item in items]
        with ThreadPoolExecutor(min(self.size, len(items))) as threads:
            return list(threads.map(function, items))

    def read(self, ended: Ended, num_inputs: int) -> tuple[list[Any], list[bytes], Failure | None]:
        """Values and Failures in order of the inputs; what was printed; and the failure of all inputs that have none
        (a program that does not compile, frames that make no sense)."""
        found: list[Any] = []
        printed: list[bytes] = []
        for kind, payload in ended.frames:
            if kind == b"P":
                printed.append(payload)
            elif kind == b"D":
                break
            elif kind in (b"A", b"V", b"E") and int.from_bytes(payload[:4], "little") == len(found) < num_inputs:
                try:
                    found.append(_read_value(kind, payload))
                except protocol.ProtocolError as error:
                    found.append(Failure("bad_output", f"no value: {error}"))
            else:
                return found, printed, Failure("bad_output", "what the program sent home makes no sense")
        if ended.how == "done" and len(found) < num_inputs:
            whole = found.pop() if found and isinstance(found[-1], Failure) else None
            return found, printed, whole or Failure("bad_output", "what the program sent home makes no sense")
        return found, printed, None

    def why(self, ended: Ended) -> Failure:
        """The failure of an input on which the process did not go on."""
        if ended.how == "timeout":
            return Failure("timeout", f"no output within {self.settings.wall_s:g} s")
        if ended.how == "flood":
            return Failure("bad_output", f"more than {self.settings.output_bytes} bytes of output")
        if ended.signal == signal.SIGXCPU:
            return Failure("timeout", f"more than {self.settings.cpu_s} s of processor time")
        if ended.signal:
            return Failure("killed", f"the process died of {_signal_name(ended.signal)}")
        return Failure("killed", f"the process ended with exit code {ended.exit_code}")


def _signal_name(number: int) -> str:
    """Real-time signals have none."""
    return signal.Signals(number).name if number in signal.valid_signals() & set(signal.Signals) else f"signal {number}"


def _printable(text: str) -> str:
    """Without what would make a terminal do things."""
    return "".join(c if c.isprintable() or c in "\n\t" else "\N{REPLACEMENT CHARACTER}" for c in text)


def _read_value(kind: bytes, payload: bytes) -> Any:
    if kind == b"A":
        return protocol.read_plane(payload)
    value = protocol.decode(payload[4:])
    return value if kind == b"V" else _failure(value)


def _failure(report: Any) -> Failure:
    """What the child says of an exception; ProtocolError if it is not of that form."""
    if not (type(report) is tuple and list(map(type, report)) in ([str, int, str], [str, type(None), str])):
        raise protocol.ProtocolError("no report of an error")
    name, line, message = report
    name, message = _printable(name[:100]), _printable(message[:MAX_MESSAGE])
    if name == "ProtocolError":
        return Failure("bad_output", message)
    line = line if line is not None and 0 < line <= MAX_LINE else None
    return Failure("memory" if name.endswith("MemoryError") else "error", message, name, line)


def _grid_or_failure(value: Any) -> tuple[np.ndarray | None, Failure | None]:
    if isinstance(value, Failure):
        return None, value
    try:
        return grid_of(value), None
    except NotAGrid as error:
        return None, Failure("bad_output", str(error))
