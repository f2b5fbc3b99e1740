"""What a run tells of itself while it goes on: to its caller, and to events.jsonl."""

from __future__ import annotations

import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from ..answers import TaskResult

if TYPE_CHECKING:
    from .workers import Worker

logger = logging.getLogger(__name__)


@dataclass(frozen=True)
class Event:
    """Something that happened.

    kind: 'begin', 'plan' (a line of it), 'ready' (a worker), 'started', 'improved', 'passed' (a task in a lane, to be
    taken up again), 'ended' (a task in a lane), 'finished' (a task), 'pass' (a lane begins one), 'worker_lost',
    'lane_lost', 'service' (the message says what became of one), 'stopping' (by a signal or the deadline), 'end'.
    time_s: since the run began. num_done of num_tasks are finished, of which num_exact have
    a program that fits all pairs. result: of 'finished'.
    """

    kind: str
    time_s: float
    num_done: int
    num_tasks: int
    task_id: str = ""
    worker: int | None = None
    message: str = ""
    result: TaskResult | None = None
    num_exact: int = 0


class Events:
    """Tells what happens.

    write: adds a line, as a dictionary, to events.jsonl. on_event: the caller's; let go of once it raises. began: when
    the run did, by time.monotonic. num_done, num_exact: of the tasks that were finished before; later ones are counted
    here.
    """

    def __init__(
        self,
        write: Callable[[dict[str, Any]], None],
        on_event: Callable[[Event], None] | None,
        *,
        began: float,
        num_done: int,
        num_tasks: int,
        num_exact: int = 0,
    ) -> None:
        self._write, self._on_event = write, on_event
        self._began, self._num_done, self._num_tasks, self._num_exact = began, num_done, num_tasks, num_exact

    def tell(
        self, kind: str, task_id: str = "", worker: Worker | None = None, *, message: str = "",
        result: TaskResult | None = None, **more: Any,
    ) -> None:  # fmt: skip
        """An event, by the fields of `Event`. more: what only events.jsonl says of it."""
        time_s = time.monotonic() - self._began
        self._num_done += kind == "finished"
        self._num_exact += result is not None and result.num_exact > 0
        line = {"time_s": round(time_s, 4), "kind": kind, "num_done": self._num_done, "num_tasks": self._num_tasks}
        line |= {"task_id": task_id} if task_id else {}
        index = None if worker is None else worker.index
        line |= {} if worker is None else {"worker": index, "lane": worker.lane.name}
        line |= {"message": message} if message else {}
        self._write(line | more)
        if self._on_event is None:
            return
        try:
            counts = self._num_done, self._num_tasks
            self._on_event(Event(kind, time_s, *counts, task_id, index, message, result, self._num_exact))
        except Exception:
            logger.exception("the progress display failed; going on without it")
            self._on_event = None
