"""What the processes of a run have in common: they never outlive it, and say why they are of no use."""

from __future__ import annotations

import contextlib
import fcntl
import math
import multiprocessing.process
import os
import pickle
import signal
import threading
import time
import traceback
from collections.abc import Iterator
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from ..errors import ArcSolveError

KILL_S = 2.0
"""How long a killed process is waited for: one that is stuck in a device's driver does not end."""

AGAIN_S = 5.0
"""Between two ends of what takes too long."""

MOMENT_S = 1e-3
"""Until an alarm that is overdue: none is set by 0."""

KILLED_FIRST = 500
"""Of 1,000: what counts, beside the part of the memory that a process takes, where the system must kill one."""


@dataclass(frozen=True)
class Broken:
    """What the process is for could not be made: a worker's sources, a service. error: if it is one that a user can act
    on and that can be pickled and read back; else None."""

    error: ArcSolveError | None
    trace: str


def send_broken(connection: Connection, error: BaseException) -> None:
    """Tell the runner of an error that is being handled. Errors of other packages stay here: some raise what can be
    pickled but not read back, which would end the run, and reading others would import the package there."""
    trace = traceback.format_exc()
    told = error if isinstance(error, ArcSolveError) else None
    try:
        pickle.loads(pickle.dumps(told))
    except Exception:
        told = None
    connection.send(Broken(told, trace))


@contextlib.contextmanager
def time_limit(seconds: float) -> Iterator[None]:
    """End what is done meanwhile with TimeoutError, and again every AGAIN_S seconds where that is caught and the same
    thing tried once more. Native code is not interrupted, nor are other threads; in one of those it has no effect.
    An alarm that was set before, such as that of a limit around this one, does not ring meanwhile, but is set again,
    and rings at once if it should have rung. seconds: may be infinite."""

    is_over = False

    def on_alarm(*_: object) -> None:
        if not is_over:  # else it has come while it was being turned off
            raise TimeoutError(f"not done within {seconds:.0f} s")

    if seconds == math.inf or threading.current_thread() is not threading.main_thread():
        yield
        return
    left_s = again_s = 0.0
    began, handler = time.monotonic(), signal.signal(signal.SIGALRM, on_alarm)
    try:
        left_s, again_s = signal.setitimer(signal.ITIMER_REAL, seconds, AGAIN_S)
        yield
    finally:
        is_over = True
        signal.setitimer(signal.ITIMER_REAL, 0.0)
        signal.signal(signal.SIGALRM, handler)
        if left_s:
            signal.setitimer(signal.ITIMER_REAL, max(MOMENT_S, left_s - (time.monotonic() - began)), again_s)


def be_killed_first() -> None:
    """Where the machine's memory runs out the system kills a process: let it be this one, whose loss costs a task, and
    not the run's main process or whoever started that. Does nothing where the system has no such choice."""
    with contextlib.suppress(OSError, ValueError):
        own = Path("/proc/self/oom_score_adj")
        own.write_text(str(max(KILLED_FIRST, int(own.read_text()))))


def die_with_parent() -> None:
    """End this process as soon as the run's main process has gone.

    Its end of a pipe closes then. The kernel reports that by SIGIO, whose default action ends the process
    even inside native code that holds the interpreter's lock; a thread does the same where there is no
    SIGIO.
    """
    parent = multiprocessing.parent_process()
    if parent is None:
        return
    pipe = parent.sentinel
    with contextlib.suppress(OSError, AttributeError):
        signal.signal(signal.SIGIO, signal.SIG_DFL)
        fcntl.fcntl(pipe, fcntl.F_SETOWN, os.getpid())
        fcntl.fcntl(pipe, fcntl.F_SETFL, fcntl.fcntl(pipe, fcntl.F_GETFL) | os.O_ASYNC)

    def watch() -> None:
        wait([pipe])
        os.kill(os.getpid(), signal.SIGKILL)

    threading.Thread(target=watch, name="parent-watch", daemon=True).start()


def leave_behind(process: BaseProcess) -> None:
    """Have this process end although one that it started does not, even killed: at its end multiprocessing waits for
    all that it knows of."""
    multiprocessing.process._children.discard(process)
