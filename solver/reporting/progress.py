"""Progress of a run: a bar where someone watches, plain lines elsewhere. Everything goes to stderr. What
goes wrong is not shown here: the runner logs it."""

from __future__ import annotations

import contextlib
import sys
import time
from types import TracebackType
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
from rich.progress import Progress as Bar

from ..errors import shown
from .terminal import PlainConsole

if TYPE_CHECKING:
    from ..run.events import Event

LINE_EVERY_S = 5.0
STARTING = "starting workers"


class Progress:
    """Shows the runner's events. show_ids: name tasks and what became of them in the plain lines; otherwise
    only totals, at most one line in LINE_EVERY_S seconds."""

    def __init__(self, num_tasks: int, show_ids: bool = True, console: Console | None = None) -> None:
        self.console = console or PlainConsole(file=sys.stderr)
        self.show_ids, self.num_tasks = show_ids, num_tasks
        self._last_line = -LINE_EVERY_S
        self._ready = False
        self._bar: Bar | None = None
        self._row: Any = None

    def __enter__(self) -> Progress:
        with contextlib.suppress(OSError):  # nobody watches
            self._begin()
        return self

    def _begin(self) -> None:
        if self.console.is_terminal:
            self._bar = Bar(
                TextColumn("{task.description}"),
                BarColumn(),
                MofNCompleteColumn(),
                TextColumn("fit all pairs: {task.fields[exact]}"),
                TimeElapsedColumn(),
                console=self.console,
            )
            self._bar.start()
            self._row = self._bar.add_task(STARTING, total=self.num_tasks, exact=0)

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._bar is not None:
            with contextlib.suppress(OSError):  # the terminal has gone
                self._bar.stop()

    def on_event(self, event: Event) -> None:
        """Take one event of the runner."""
        if event.kind in ("plan", "pass", "lane_lost") or (event.kind == "ready" and event.message):
            self._say(event.message)
        is_first_ready = event.kind == "ready" and not self._ready
        self._ready = self._ready or is_first_ready
        if self._bar is not None:
            described = "stopping" if event.kind == "stopping" else "solving" if self._ready else STARTING
            self._bar.update(self._row, completed=event.num_done, description=described, exact=event.num_exact)
            return
        if event.kind == "begin":
            self._begins(event.num_tasks - event.num_done)
        elif is_first_ready:
            self._say("workers are ready")
        elif event.kind == "stopping":
            self._say(f"stopping: {event.message}" if event.message else "stopping")
        elif event.kind == "finished":
            self._finished(event)

    def _begins(self, num_todo: int) -> None:
        todo = "" if num_todo == self.num_tasks else f", {num_todo or 'none'} to do"
        starting = f"; {STARTING} (the first run compiles the grid library)" if num_todo else ""
        self._say(f"{self.num_tasks} tasks{todo}{starting}")

    def _finished(self, event: Event) -> None:
        place = f"[{event.num_done}/{event.num_tasks}]"
        result = event.result
        if self.show_ids and result is not None:
            what = "fits all pairs" if result.num_exact else "no full fit"
            status = "" if result.status == "done" else f", {result.status}"
            spent = f"{result.seconds:.1f} s, {result.num_nodes:,} nodes"
            self._say(f"{place} {shown(result.task_id)}: {what}{status}, {spent}")
            return
        now = time.monotonic()
        if now - self._last_line >= LINE_EVERY_S or event.num_done == event.num_tasks:
            self._last_line = now
            self._say(f"{place} fit all pairs: {event.num_exact}, {event.time_s:.0f} s")

    def _say(self, line: str) -> None:
        self.console.print(line, markup=False)
