"""The child process of `arc-solve run`: loads a program file and calls its solve(I) on each input.

Reads one JSON list of grids from stdin (never an expected output), writes one JSON line an input to the file
descriptor given as an argument: {"output": …} or {"error": …}. Before the first, {"ready": true}.
"""

from __future__ import annotations

import json
import runpy
import sys
from operator import index
from pathlib import Path

MAX_BYTES = 1 << 20


def main(program: str, descriptor: int) -> None:
    grids = json.loads(sys.stdin.buffer.read())
    import numpy as np

    with open(descriptor, "wb", buffering=0) as out:

        def send(message: dict) -> None:
            out.write(json.dumps(message).encode() + b"\n")

        send({"ready": True})
        sys.path.insert(0, str(Path(program).resolve().parent))
        try:
            solve = runpy.run_path(program, run_name="program").get("solve")
            if not callable(solve):
                raise TypeError("the file defines no function solve(I)")
        except BaseException as error:
            for _ in grids:
                send({"error": _one_line(error)})
            return
        for grid in grids:
            try:
                value = solve(np.array(grid, dtype=np.int8))
                value = value.tolist() if isinstance(value, np.ndarray | np.generic) else value
                message = {"output": value}
                if len(json.dumps(message, default=index)) > MAX_BYTES:
                    raise ValueError("the output is far larger than a grid")
                out.write(json.dumps(message, default=index).encode() + b"\n")
            except BaseException as error:
                send({"error": _one_line(error)})


def _one_line(error: BaseException) -> str:
    """Kind, message and, where there is one, the line of the program."""
    trace, line = error.__traceback__, None
    while trace is not None:
        if trace.tb_frame.f_globals.get("__name__") == "program":
            line = trace.tb_lineno
        trace = trace.tb_next
    if isinstance(error, SyntaxError):
        line = error.lineno
    text = " ".join(f"{type(error).__name__}: {error}".split())[:300]
    return f"line {line}: {text}" if line else text


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]))
