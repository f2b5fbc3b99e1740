"""What happens in the process of one program: read it, run it, send values home. Nothing here is trusted by anyone.

Frames home, in order; the number is that of the input, uint32:

    V number value                   the output of `solve`, or the variables after a step (a dict)
    E number (type, line, message)   it failed on this input; line: int or None
    P text                           what it printed, if that was asked for
    D                                done
"""

from __future__ import annotations

import os
import sys
from typing import Any

import numpy as np

from . import protocol

FILE_NAME = "<program>"
MAX_MESSAGE = 300
MAX_ROWS = 100
MAX_PRINTED = 1 << 16
PRELUDE: dict[str, Any] = {"__name__": "program"}
"""Variables that every step finds besides its state's: np, and the grid library in the full variant."""


def read_frames(descriptor: int, count: int) -> list[tuple[bytes, bytes]]:
    """That many whole frames; EOFError if the other side is gone."""
    buffer, found = bytearray(), []
    while len(found) < count:
        piece = os.read(descriptor, 1 << 20)
        if not piece:
            raise EOFError
        buffer += piece
        found += protocol.frames_in(buffer)
    return found


def main(descriptor: int) -> None:
    """Run the one request that comes on the descriptor: a dict of text, limit_bytes, prints, and either inputs (a
    list of grids, for `solve`) or states (a list of encoded dicts of variables, for a step)."""
    (_, payload), *_ = read_frames(descriptor, 1)
    request = protocol.decode(payload)
    send = Sender(descriptor, request["limit_bytes"])
    if request["prints"]:
        sys.stdout = sys.stderr = Printer(send)
    try:
        code = compile(request["text"], FILE_NAME, "exec", dont_inherit=True)
        if "inputs" in request:
            solve_all(code, request["inputs"], send)
        else:
            step_all(code, [PRELUDE | protocol.decode(state) for state in request["states"]], send)
    except BaseException as error:
        send.error(0, error)
    send(b"D")


def solve_all(code: Any, inputs: list[np.ndarray], send: Sender) -> None:
    space: dict[str, Any] = {"__name__": "program"}
    exec(code, space)
    solve = space.get("solve")
    if not callable(solve):
        raise TypeError("the program defines no function solve(I)")
    for number, grid in enumerate(inputs):
        try:
            send.value(number, plain(solve(grid)))
        except BaseException as error:
            send.error(number, error)


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
        data = memoryview(protocol.frame(kind, payload))
        while data:
            data = data[os.write(self.descriptor, data) :]

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
        self._send, self._left = send, MAX_PRINTED

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


def rehearse() -> None:
    """Go once through what every program does, so that all that is made lazily is made before the fork."""
    reader, writer = os.pipe()
    sender = Sender(writer, 1 << 16)
    grid = np.zeros((2, 2), np.int8)
    text = "import numpy as np\ndef solve(I):\n    x = [r[::-1] for r in I.tolist()]\n    return np.array(x)[::-1]\n"
    request = protocol.decode(protocol.encode({"text": text, "inputs": [grid], "prints": False}))
    solve_all(compile(request["text"], FILE_NAME, "exec"), request["inputs"], sender)
    step_all(compile("x = I.copy()", FILE_NAME, "exec"), [PRELUDE | {"I": grid}], sender)
    for text in ("1 / 0", "def f(:"):
        try:
            exec(compile(text, FILE_NAME, "exec"), {})
        except Exception as error:
            sender.error(0, error)
    os.close(writer)
    os.close(reader)
