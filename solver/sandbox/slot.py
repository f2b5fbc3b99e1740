"""One zygote, seen from the parent: started, asked to run programs one at a time, restarted when it is lost."""

from __future__ import annotations

import contextlib
import itertools
import json
import os
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from ..errors import ArcSolveError
from ..settings import SandboxSettings
from . import memory, protocol

_BOOT = """
import sys, json
sys.path[:] = json.loads(sys.argv[1])["path"]
from solver.sandbox import memory
memory.reserve_arenas(memory.NUM_ARENAS)
from solver.sandbox.zygote import main
main()
"""
_STOP_S = 10.0
_READ_BYTES = 1 << 16
_FINISHED_BYTES = 4
_numbers = itertools.count()


class SandboxError(ArcSolveError):
    """The sandbox itself cannot be started; str() says why."""


class ZygoteLostError(Exception):
    """The zygote died or does not answer."""


@dataclass
class Ended:
    """How a program's process ended. how: 'done', 'died', 'timeout' or 'flood' (more than output_bytes).
    signal: that killed it, if it died of one; exit_code: else. frames: what it sent home."""

    how: str = "died"
    frames: list[tuple[bytes, bytes]] = field(default_factory=list)
    signal: int = 0
    exit_code: int = 0


class Slot:
    """One zygote and its programs, one at a time. full: with the grid library
    and more modules. Starts when first used."""

    def __init__(self, settings: SandboxSettings, full: bool) -> None:
        self.settings, self.full = settings, full
        self.process: subprocess.Popen | None = None
        self.report: dict[str, Any] = {}

    def start(self) -> None:
        """Start the zygote unless it runs. SandboxError if it cannot be started."""
        if self.process:
            return
        self.folder = tempfile.mkdtemp(prefix="arc-sandbox-")
        self.control, theirs = socket.socketpair()
        options = asdict(self.settings) | {
            "folder": self.folder,
            "full": self.full,
            "number": os.getpid() * 64 + next(_numbers) % 64,
            "control": theirs.fileno(),
            "path": [str(Path(__file__).parents[2]), *filter(None, sys.path)],
        }
        with theirs:
            self.process = subprocess.Popen(
                [sys.executable, "-S", "-s", "-P", "-B", "-c", _BOOT, json.dumps(options)],
                env=_environment(),
                cwd="/",
                stdin=subprocess.DEVNULL,
                stdout=subprocess.DEVNULL,
                stderr=subprocess.PIPE,
                pass_fds=(theirs.fileno(),),
            )
        try:
            self.report = self._hello()
        except (ZygoteLostError, OSError):
            self.control.close()
            self.process.kill()
            text = self.process.stderr.read().decode("utf-8", "replace").strip()
            self.close()
            raise SandboxError(f"the sandbox does not start: {(text or 'no answer').splitlines()[-1]}") from None
        self.process.stderr.close()
        self.control.settimeout(_STOP_S)

    def _hello(self) -> dict[str, Any]:
        self.control.settimeout(self.settings.start_timeout_s)
        buffer = bytearray()
        while True:
            piece = self.control.recv(_READ_BYTES)
            if not piece:
                raise ZygoteLostError
            buffer += piece
            for _, payload in protocol.frames_in(buffer):
                return json.loads(payload)

    def run(self, request: bytes, wall_s: float) -> Ended:
        """Run one program. request: the frame it gets. A zygote that is lost is replaced, and the program
        tried once more if it had sent nothing."""
        for attempt in (1, 2):
            self.start()
            try:
                return self._run(request, wall_s)
            except (ZygoteLostError, OSError):
                self.close()
                if attempt == 2:
                    break
        return Ended("died", signal=signal.SIGKILL)

    def _run(self, request: bytes, wall_s: float) -> Ended:
        deadline = time.monotonic() + wall_s
        ours, theirs = socket.socketpair()
        with ours:
            with theirs:
                socket.send_fds(self.control, [b"R"], [theirs.fileno()])
            ended = self._exchange(ours, request, deadline)
        try:
            code = self._finish()
        except (ZygoteLostError, OSError):
            if ended.how == "died" and not ended.frames:
                raise
            self.close()  # the program has run: it counts, and the next one gets a new zygote
            code = -signal.SIGKILL
        if ended.how == "died":
            ended.signal, ended.exit_code = max(0, -code), max(0, code)
        return ended

    def _finish(self) -> int:
        """Have the program killed and its folder cleared; its exit code as subprocess gives it."""
        self.control.sendall(b"K")
        answer = b""
        while len(answer) < _FINISHED_BYTES:
            piece = self.control.recv(_FINISHED_BYTES - len(answer))
            if not piece:
                raise ZygoteLostError
            answer += piece
        return os.waitstatus_to_exitcode(int.from_bytes(answer, "little", signed=True))

    def _exchange(self, line: socket.socket, request: bytes, deadline: float) -> Ended:
        """Write the request and read frames until the program is done, dead, late, or says too much."""
        ended, buffer, size, rest = Ended(), bytearray(), 0, memoryview(request)
        line.setblocking(False)
        poll = select.poll()
        poll.register(line, select.POLLIN | select.POLLOUT)
        while True:
            if rest:
                with contextlib.suppress(BlockingIOError, ConnectionError):
                    rest = rest[line.send(rest) :]
                if not rest:
                    poll.modify(line, select.POLLIN)
            left = deadline - time.monotonic()
            if left <= 0 or not poll.poll(left * 1000 + 1):
                ended.how = "timeout"
                return ended
            try:
                piece = line.recv(_READ_BYTES)
            except BlockingIOError:
                continue
            except ConnectionError:
                return ended
            if not piece:
                return ended
            buffer += piece
            size += len(piece)
            ended.frames += protocol.frames_in(buffer)
            if ended.frames and ended.frames[-1][0] == b"D":
                ended.how = "done"
                return ended
            if size > self.settings.output_bytes:
                ended.how = "flood"
                return ended

    def close(self) -> None:
        """End the zygote and whatever it runs; remove the folder. May be called again."""
        if not self.process:
            return
        self.control.close()
        try:
            self.process.wait(_STOP_S)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.process.stderr.close()
        self.process = None
        shutil.rmtree(self.folder, ignore_errors=True)


def _environment() -> dict[str, str]:
    """What the zygote needs to load; programs get none of it. Libraries are linked before the fork."""
    kept = {name: os.environ[name] for name in ("LD_LIBRARY_PATH", "NUMBA_CACHE_DIR") if name in os.environ}
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS", "NUMBA_NUM_THREADS")
    fixed = {"HOME": os.path.expanduser("~"), "PYTHONHASHSEED": "0", "PYTHONUTF8": "1"}
    fixed |= {
        "LD_BIND_NOW": "1",
        "MALLOC_TOP_PAD_": str(memory.HEAP_STEP_BYTES),
    }
    return kept | fixed | dict.fromkeys(threads, "1")
