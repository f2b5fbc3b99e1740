"""What happens in the process of one program: read it, run it, send values home. Nothing here is trusted by anyone.

Frames home, in order; the number is that of the input, uint32:

    A number grid                    an output of `solve` that is a plain array of two dimensions (protocol.py)
    V number value                   any other output, or the variables after a step (a dict)
    E number (type, line, message)   it failed on this input; line: int or None
    P text                           what it printed, if that was asked for
    D                                done

A fork's first use of a page copies it, and a program's process lives for a few milliseconds: most of what it costs are
such pages. So there is little code on the way of every program, and `rehearse` has gone through it before the fork.
"""

from __future__ import annotations

import marshal
import os
import socket
import sys
from collections.abc import Callable, Sequence
from typing import Any

import numpy as np

from . import protocol

FILE_NAME = "<program>"
MAX_MESSAGE = 300
MAX_ROWS = 100
_READ_BYTES = 1 << 14
PRELUDE: dict[str, Any] = {"__name__": "program"}
"""Variables that every step finds besides its state's: np, and the grid library in the full variant."""


def read_request(descriptor: int) -> dict[str, Any]:
    """The request, from the parent: a frame of marshalled plain values (see `pool.Pool.exchange`). EOFError if the
    parent is gone."""
    begin = protocol.HEAD.size
    data = bytearray()
    while len(data) < begin or len(data) < begin + protocol.HEAD.unpack_from(data)[1]:
        piece = os.read(descriptor, _READ_BYTES)
        if not piece:
            raise EOFError
        data += piece
    return marshal.loads(memoryview(data)[begin:])


def main(descriptor: int, leave: Callable[[int], None]) -> None:
    """Run the one request that comes on the descriptor: a dict of text, limit_bytes, prints, and either inputs
    ((height, width), cells of each, for `solve`) or states (encoded dicts of variables of each, for a step). Then
    leave(0), while everything is still held: releasing it would only take time."""
    request = read_request(descriptor)
    send = Sender(descriptor, request["limit_bytes"])
    if request["prints"]:
        sys.stdout = sys.stderr = Printer(send)
    try:
        code = compile(request["text"], FILE_NAME, "exec", dont_inherit=True)
        if "inputs" in request:
            solve_all(code, [np.ndarray(shape, np.int8, bytearray(cells)) for shape, cells in request["inputs"]], send)
        else:
            step_all(code, [space_of(frames) for frames in request["states"]], send)
    except BaseException as error:
        send.error(0, error)
    send(b"D")
    leave(0)


def solve_all(code: Any, inputs: list[np.ndarray], send: Sender) -> None:
    space: dict[str, Any] = {"__name__": "program"}
    exec(code, space)
    solve = space.get("solve")
    if not callable(solve):
        raise TypeError("the program defines no function solve(I)")
    for number, grid in enumerate(inputs):
        try:
            output = solve(grid)
            if protocol.is_plane(output):
                send(b"A", protocol.plane_bytes(number, output))
            else:
                send.value(number, plain(output))
        except BaseException as error:
            send.error(number, error)


def space_of(frames: Sequence[bytes]) -> dict[str, Any]:
    """The variables that a step starts with on one input."""
    space = PRELUDE.copy()
    for variables in frames:
        space |= protocol.decode(variables)
    return space


def step_all(code: Any, spaces: list[dict[str, Any]], send: Sender) -> None:
    for number, space in enumerate(spaces):
        try:
            exec(code, space)
            live = {
                name: value
                for name, value in space.items()
                if not name.startswith("__") and PRELUDE.get(name, space) is not value
            }
            send.value(number, live)
        except BaseException as error:
            send.error(number, error)
            return


def plain(value: Any) -> Any:
    """An output of a subclass of list, tuple or array as what it holds, so that it can travel. ProtocolError for what
    is far larger than a grid."""
    if isinstance(value, np.ndarray):
        return np.ndarray.view(value, np.ndarray)
    if isinstance(value, list | tuple):
        if len(value) > MAX_ROWS:
            raise protocol.ProtocolError("the output is far larger than a grid")
        return [plain(item) if isinstance(item, list | tuple) else item for item in value]
    return value


class Sender:
    """Writes frames home. A value that is too large or cannot be written becomes an error of its input."""

    def __init__(self, descriptor: int, limit_bytes: int) -> None:
        self.descriptor, self.limit_bytes = descriptor, limit_bytes

    def __call__(self, kind: bytes, payload: bytes = b"") -> None:
        data = protocol.frame(kind, payload)
        num_written = os.write(self.descriptor, data)
        while num_written < len(data):
            num_written += os.write(self.descriptor, data[num_written:])

    def value(self, number: int, value: Any) -> None:
        self(b"V", number.to_bytes(4, "little") + protocol.encode(value, self.limit_bytes))

    def error(self, number: int, error: BaseException) -> None:
        trace, line = error.__traceback__, None
        while trace is not None:
            if trace.tb_frame.f_code.co_filename == FILE_NAME:
                line = trace.tb_lineno
            trace = trace.tb_next
        if isinstance(error, SyntaxError):
            line = error.lineno
        try:
            message = " ".join(str(error).split())[:MAX_MESSAGE]
        except BaseException:
            message = ""
        report = (type(error).__name__[:80], line, message)
        self(b"E", number.to_bytes(4, "little") + protocol.encode(report))


class Printer:
    """Stands for sys.stdout: sends home what is printed, as long as it is not too much."""

    encoding = "utf-8"

    def __init__(self, send: Sender) -> None:
        self._send, self._left = send, protocol.MAX_PRINTED

    def write(self, text: str) -> int:
        data = text.encode("utf-8", "replace")[: self._left]
        self._left -= len(data)
        if data:
            self._send(b"P", data)
        return len(text)

    def flush(self) -> None:
        pass

    def isatty(self) -> bool:
        return False


REHEARSAL = (
    """
import numpy as np
def solve(I):
    return np.rot90(np.where(I == 1, 2, I))[::-1, :]
""",
    """
import numpy as np
def solve(I):
    counts = np.bincount(I.ravel(), minlength=10)
    mask = I != counts.argmax()
    rows, columns = np.flatnonzero(mask.any(axis=1)), np.flatnonzero(mask.any(0))
    out = I[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1].copy()
    out[out == 3] = int(I.max())
    return np.kron(out, np.ones((2, 2), int))
""",
    """
import numpy as np
def solve(I):
    out = np.zeros_like(I)
    for y, x in np.argwhere(I > 0):
        out[y, (x + 1) % I.shape[1]] = I[y, x]
    out = np.pad(out, 1)[1:-1]
    return np.concatenate([out, np.flip(out, 1)], axis=1)
""",
    """
from collections import Counter
import itertools, math
def turn(rows, n=1):
    return [list(row) for row in zip(*rows[::-1])] if n else rows
def solve(I):
    rows = I.tolist()
    counts = Counter(cell for row in rows for cell in row)
    best = max(counts, key=lambda c: (counts[c], -c))
    seen = {(y, x) for y, row in enumerate(rows) for x, cell in enumerate(row) if cell != best}
    low = min((y for y, _ in seen), default=0)
    return sorted(turn(rows), key=sum)[low : low + 9] + [[best] * len(rows)]
""",
    "def solve(I):\n    return I[9, 9]\n",
    "def solve(I:\n",
)
"""Ordinary programs, two of them faulty."""
REHEARSED_STEPS = ("x = np.unique(I)\ny = np.roll(I, 1, axis=0)", "x = {int(c): (I == c).sum() for c in np.unique(I)}")
NUM_REHEARSALS = 12
"""Enough for the interpreter to have specialised what they run."""


def rehearse() -> None:
    """Run ordinary programs and steps as `main` does, so that all that is made lazily is made before the fork."""
    grids = [((3, 3), bytes([0, 1, 2, 3, 1, 0, 0, 2, 1])), ((2, 3), bytes([5, 0, 1, 1, 3, 0]))]
    state = protocol.encode({"I": np.zeros((3, 3), np.int8), "n": 1, "rows": [[1, 2]], "t": np.zeros((3, 3)).T})
    requests = [{"text": text, "inputs": grids} for text in REHEARSAL]
    requests += [{"text": text, "states": [[state]] * 2} for text in REHEARSED_STEPS]
    for request in requests * NUM_REHEARSALS:
        ours, theirs = socket.socketpair()
        with ours, theirs:
            data = marshal.dumps(request | {"limit_bytes": 1 << 16, "prints": False})
            ours.sendall(protocol.frame(b"R", data))
            main(theirs.fileno(), int)
