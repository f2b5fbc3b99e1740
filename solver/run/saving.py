"""When a run writes to its folder: lines of finished tasks at once, all else not more often than is of use."""

from __future__ import annotations

import math
import time
from collections.abc import Iterable, Mapping

from ..answers import TaskResult
from .runfolder import RunFolder

FINISHED_WRITE_S = 0.1
IMPROVED_WRITE_S = 1.0
PARTIAL_WRITE_S = 5.0
RETRY_WRITE_S = 5.0
"""Least time between two writes of submission.json, by why it changed, of partial.jsonl, and after one that failed."""


PARTIAL_SHARE = 0.05
"""Of the time, the most that writing partial.jsonl takes: of hundreds of tasks it is tens of MB, and the runner, which
the workers wait for, does nothing else meanwhile."""


class Saver:
    """Keeps the folder of a run up to date: what changes is told to it, and `save` is called again and again.

    best: what counts of every task, by its id; the run goes on changing it. lines: of tasks that finished before, which
    are still to be written.
    """

    def __init__(self, folder: RunFolder, best: Mapping[str, TaskResult], lines: Iterable[TaskResult] = ()) -> None:
        self._folder, self._best = folder, best
        self._lines = list(lines)
        self._changed = ""  # why the submission is to be written: 'improved' or 'finished'
        self._last_write, self._next_partial = 0.0, time.monotonic() + PARTIAL_WRITE_S
        self._has_failed = False

    def improved(self) -> None:
        """The submission is out of date."""
        self._changed = self._changed or "improved"

    def finished(self, result: TaskResult) -> None:
        """A task is: its line is to be written, and the submission."""
        self._lines.append(result)
        self._changed = "finished"

    def due(self) -> float:
        """When the submission will be written again, by time.monotonic; infinite if there is nothing new."""
        return self._next_write() if self._changed else math.inf

    def save(self, final: bool = False) -> None:
        """Bring results.jsonl up to date, then submission.json, unless that was done a moment ago."""
        now = time.monotonic()
        if self._lines or final or (self._folder.problems and now >= self._next_write()):
            self._folder.add_results(self._lines)  # those that cannot be written wait in the folder
            self._lines = []
        if self._changed and (final or now >= self._next_write()):
            self._has_failed = not self._folder.write_submission(self._best)
            self._changed = self._changed if self._has_failed else ""
            self._last_write = time.monotonic()
        if final or now >= self._next_partial:
            began = time.monotonic()
            self._folder.write_partial()
            ended = time.monotonic()
            self._next_partial = ended + max(PARTIAL_WRITE_S, (ended - began) / PARTIAL_SHARE)

    def _next_write(self) -> float:
        """When submission.json may be written again."""
        if self._has_failed:
            return self._last_write + RETRY_WRITE_S
        return self._last_write + (FINISHED_WRITE_S if self._changed == "finished" else IMPROVED_WRITE_S)
