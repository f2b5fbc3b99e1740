"""The folder of one run: what is in it at every moment, and how a run goes on from it.

    submission.json   complete and valid from the first moment; only ever replaced as a whole
    run.json          what is being run: settings, version, task ids, digests of the tasks' content and of weights
    results.jsonl     one line a finished task, on the disk before the task counts as finished
    partial.jsonl     in a run by the clock, one line a task that was begun and is not finished, or that a lane had no
                      time for: what its attempts are worth, so that a run that goes on does not give them up for worse
                      ones, what was spent on it, findings that it adds to, and the lanes that are through with it;
                      replaced as a whole now and then
    events.jsonl      what happened when, for machines

Limits: one run at a time writes to a folder (held by a lock that dies with the process). A disk that fills
up later does not end the run: the old submission stays whole, lines wait in memory, writing is tried again. What the
run itself writes never takes the room that the next submission needs.
"""

from __future__ import annotations

import contextlib
import errno
import fcntl
import logging
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, BinaryIO

import numpy as np
import orjson

from ..answers import Attempt, Attempts, Found, TaskResult
from ..errors import InputError
from ..grid.registry import as_grid
from ..submission import KEYS, Submission, check_submission, submission_of, temporary_of, write_atomic, write_submission
from ..tasks import Task, TaskStub
from .results import PARTIAL, RESULTS, Ends, Unfinished, parse_partial, parse_results, to_json, writable

logger = logging.getLogger(__name__)

SUBMISSION, RUN, EVENTS = "submission.json", "run.json", "events.jsonl"
REPORTS = ("summary.json", "report.html")
"""Made of a run's results at its end: out of date once another run starts here, or this one goes on."""

GROWTH = 2
"""Room is kept for a submission so many times as large as the last one."""

FREE_TO_CHANGE = ("workers", "start_timeout_s", "stop_s", "total_s", "grace_s")
"""Settings of a run that may differ when it is resumed: they do not say what is computed, or only by a clock."""


@dataclass(frozen=True)
class Carried:
    """What a run that goes on takes over of a task that was not finished. found: what is added to. before: what had
    been spent on it, if that is known. ends: of the lanes that are through with it."""

    attempts: Attempts
    found: Found
    before: TaskResult | None
    ends: Ends


class RunFolder:
    """Open a folder for a run, or for going on with one.

    Raises InputError if the folder cannot be written, is in use, or holds a run (unless `resume`, and it is
    the same run, or `overwrite`). `results`: tasks that were finished before. `past_s`: seconds that the run has taken
    before, as far as its events tell: of a part that was killed up to the last of them.
    """

    def __init__(self, path: Path, identity: dict[str, Any], *, resume: bool, overwrite: bool) -> None:
        self.path = path
        self.results: dict[str, TaskResult] = {}
        self.problems: dict[str, str] = {}
        self._identity = identity
        self._waiting: list[bytes] = []
        self._partial: dict[str, bytes] = {}
        self._partial_changed = False
        self._partial_given_up = self._partial_failed = False
        self._submission_size = 0
        try:
            path.mkdir(parents=True, exist_ok=True)
            held = [name for name in (SUBMISSION, RUN, RESULTS) if _holds_something(path / name)]
            if held and not resume and not overwrite:
                raise InputError(f"{path}: already holds a run ({', '.join(held)}): resume or overwrite it")
            if resume:
                self._check_identity()
            self._journal: BinaryIO = open(path / RESULTS, "ab", buffering=0)  # noqa: SIM115
        except OSError as error:
            raise self._unusable(error) from error
        try:
            self._take_over(resume)
        except OSError as error:
            self._journal.close()
            if isinstance(error, BlockingIOError):
                raise InputError(f"{path}: another run is writing to it") from error
            raise self._unusable(error) from error

    def _take_over(self, resume: bool) -> None:
        """Lock the folder, read what a run goes on from, and only when all of it can be used remove what is of no use
        any more. Raises OSError."""
        path = self.path
        fcntl.flock(self._journal, fcntl.LOCK_EX | fcntl.LOCK_NB)
        self._events: BinaryIO = open(path / EVENTS, "ab", buffering=0)  # noqa: SIM115
        try:
            events, self._size = b"", 0
            if resume:
                self.results, self._size = parse_results((path / RESULTS).read_bytes())
                events = (path / EVENTS).read_bytes()
            self._events_size = _whole_lines(events)
            self.past_s = sum(_parts_s(events[: self._events_size]))
            for name in REPORTS if resume else (PARTIAL, RUN, *REPORTS):
                (path / name).unlink(missing_ok=True)
            for name in (SUBMISSION, RUN, PARTIAL, *REPORTS):
                temporary_of(path / name).unlink(missing_ok=True)  # of a run that was killed as it wrote
            self._journal.truncate(self._size)
            self._events.truncate(self._events_size)
        except OSError:
            self._events.close()
            raise

    def _unusable(self, error: OSError) -> InputError:
        place = error.filename2 or error.filename or self.path
        return InputError(f"{place}: cannot be written: {error.strerror or error}")

    def _check_identity(self) -> None:
        """Refuse to go on with a run of other tasks, settings, weights or version."""
        try:
            before = orjson.loads((self.path / RUN).read_bytes())
        except FileNotFoundError:
            results = self.path / RESULTS
            if results.exists() and results.stat().st_size:
                raise InputError(f"{self.path}: cannot be resumed: {RESULTS} without {RUN}") from None
            return
        except orjson.JSONDecodeError as error:
            raise InputError(f"{self.path / RUN}: cannot be resumed: not JSON: {error}") from error
        if faults := _differences(before, self._identity):
            raise InputError(f"{self.path}: cannot be resumed, it is another run: {'; '.join(faults)}")
        # Those of a model that this run lacks count again for one that has it.
        self._identity = self._identity | {"weights": _object(before.get("weights")) | self._identity["weights"]}

    @property
    def finished(self) -> dict[str, TaskResult]:
        """Results of tasks that are not done again: those that failed are, and those that a lane had no time for."""
        return {i: result for i, result in self.results.items() if result.status != "failed" and not result.no_time}

    def carried(self, tasks: Sequence[Task | TaskStub]) -> dict[str, Carried]:
        """What there is of the tasks: their attempts in the submission, if that is whole and of these tasks, else those
        of partial.jsonl; and what that, or a line of results, says of a grid (where it comes from, how likely it is
        right)."""
        content = b""
        with contextlib.suppress(OSError):
            content = (self.path / PARTIAL).read_bytes()
        partial = parse_partial(content)
        try:
            submission = orjson.loads((self.path / SUBMISSION).read_bytes())
        except (OSError, orjson.JSONDecodeError):
            submission = None
        if check_submission(submission, tasks):  # somebody has taken it away, or spoilt it
            submission = _partial_submission([one.result for one in partial.values()], tasks)
        carried, finished = {}, self.finished
        lines = {i: Unfinished(result, {}, {}) for i, result in self.results.items() if result.no_time} | partial
        for task_id, entries in submission.items():
            known = lines.get(task_id)
            if known is None:
                carried[task_id] = Carried(_with_origins(entries, None), {}, None, {})
                continue
            known = _fitting(known, len(entries))
            if task_id in finished or task_id not in self.results:  # its line was lost, and is to be made again
                known = replace(known, ends={})
            carried[task_id] = Carried(_with_origins(entries, known.result), known.found, known.result, known.ends)
            if task_id not in finished:
                self._partial[task_id] = to_json(known.result, known.found, known.ends) + b"\n"
        self._partial_changed = self._partial.keys() != partial.keys()
        return carried

    def begin(self, results: Mapping[str, TaskResult]) -> None:
        """Write the first submission, then run.json. Raises InputError if there is no room even for these."""
        try:
            self._replace_submission(results)
            write_atomic(self.path / RUN, orjson.dumps(self._identity, option=orjson.OPT_INDENT_2))
        except OSError as error:
            self.close()
            raise self._unusable(error) from error

    def write_submission(self, results: Mapping[str, TaskResult]) -> bool:
        """Replace the submission. False, and the old one stays, if that cannot be done now; where room is short
        partial.jsonl is given up for it."""
        try:
            self._making_room(lambda: self._replace_submission(results), "the submission")
        except OSError as error:
            self._trouble(SUBMISSION, error)
            return False
        self._mend(SUBMISSION)
        return True

    def _making_room(self, write: Callable[[], None], what: str) -> None:
        """Write, and where that fails once more without partial.jsonl. Raises OSError."""
        try:
            write()
        except OSError:
            if not (self.path / PARTIAL).exists():
                raise
            self._give_up_partial(what)
            write()

    def _replace_submission(self, results: Mapping[str, TaskResult]) -> None:
        write_submission(self.path / SUBMISSION, submission_of(results))
        self._submission_size = (self.path / SUBMISSION).stat().st_size

    def _leave_room(self, num_bytes: int) -> None:
        """Raises OSError if so many bytes more would take the room of the next submission, which is written beside the
        last and may be larger."""
        disk = os.statvfs(self.path)
        needed = sum(-(-size // disk.f_frsize) for size in (num_bytes, GROWTH * self._submission_size))
        if disk.f_blocks and disk.f_bavail < needed:  # without blocks it has no limit, or does not tell
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))

    def add_results(self, results: Iterable[TaskResult]) -> bool:
        """Append lines and put them on the disk; those that cannot be written wait for the next call."""
        for result in results:
            self._waiting.append(to_json(result) + b"\n")
            if not result.no_time:
                self._partial_changed |= self._partial.pop(result.task_id, None) is not None
        if not self._waiting:
            return True
        data = b"".join(self._waiting)
        try:
            self._making_room(lambda: self._add_lines(data), "results")
        except OSError as error:
            self._trouble(RESULTS, error)
            try:
                self._journal.truncate(self._size)
            except OSError as second:
                self._trouble(RESULTS, second)
            return False
        self._size += len(data)
        self._waiting = []
        self._mend(RESULTS)
        return True

    def _add_lines(self, data: bytes) -> None:
        self._journal.truncate(self._size)  # an attempt before may have left half a line
        self._leave_room(len(data))
        _append(self._journal, data)
        os.fsync(self._journal.fileno())

    def hold(self, result: TaskResult, found: Found | None = None, ends: Ends | None = None) -> None:
        """Keep what is known of a task that is not finished, or that a lane had no time for, for the next
        `write_partial`. found, ends: as of `Unfinished`."""
        self._partial[result.task_id] = to_json(result, found, ends) + b"\n"
        self._partial_changed = True

    def write_partial(self) -> None:
        """Replace partial.jsonl if there is anything new. If that fails the last one stays, until its room is needed:
        it is worth going on from."""
        if not self._partial_changed or self._partial_given_up:
            return
        try:
            if self._partial:
                data = b"".join(self._partial.values())
                self._leave_room(len(data))
                write_atomic(self.path / PARTIAL, data)
            else:
                (self.path / PARTIAL).unlink(missing_ok=True)
        except OSError as error:
            if not self._partial_failed:
                logger.warning("%s: cannot be written: %s", self.path / PARTIAL, error.strerror or error)
            self._partial_failed = True
            return
        self._partial_changed = self._partial_failed = False

    def _give_up_partial(self, what: str) -> None:
        logger.warning("%s: not written any more: its room is needed for %s", self.path / PARTIAL, what)
        self._partial_given_up = True
        with contextlib.suppress(OSError):
            (self.path / PARTIAL).unlink(missing_ok=True)

    def add_event(self, event: dict[str, Any]) -> None:
        """Append one event; events that cannot be written are lost, as a whole."""
        try:
            line = orjson.dumps(writable(event)) + b"\n"
            self._leave_room(len(line))
            _append(self._events, line)
        except (OSError, orjson.JSONEncodeError) as error:
            self._trouble(EVENTS, error)
            with contextlib.suppress(OSError):
                self._events.truncate(self._events_size)
        else:
            self._events_size += len(line)

    def close(self) -> None:
        self._journal.close()
        self._events.close()

    def _trouble(self, name: str, error: Exception) -> None:
        text = getattr(error, "strerror", None) or str(error)
        if self.problems.get(name) != text:
            logger.error("%s: cannot be written: %s; going on", self.path / name, text)
        self.problems[name] = text

    def _mend(self, name: str) -> None:
        if self.problems.pop(name, None):
            logger.warning("%s: written again", self.path / name)


def _partial_submission(results: Iterable[TaskResult], tasks: Iterable[Task | TaskStub]) -> Submission:
    """A submission of those tasks of which there are results that fit them."""
    found = submission_of(results)
    alone = [(task, {task.task_id: found[task.task_id]}) for task in tasks if task.task_id in found]
    return {task.task_id: own[task.task_id] for task, own in alone if not check_submission(own, [task])}


def _with_origins(entries: Sequence[Mapping[str, Any]], known: TaskResult | None) -> Attempts:
    """A task's entries in a submission as attempts. known: what may say more of these grids."""
    grids = [[as_grid(entry[key]) for key in KEYS] for entry in entries]
    said = known.attempts if known is not None and len(known.attempts) == len(grids) else [()] * len(grids)
    return tuple(
        tuple(next((a for a in own if np.array_equal(a.grid, grid)), Attempt(grid)) for grid in pair)
        for pair, own in zip(grids, said, strict=True)
    )


def _fitting(known: Unfinished, num_tests: int) -> Unfinished:
    """What is known, without what is found if not all of that is of a task of so many test inputs."""
    findings = [one for own in known.found.values() for one in own.values()]
    answers_fit = all(len(answer.outputs) == num_tests for one in findings for answer in one.answers)
    fits = answers_fit and all(len(one.judged) in (0, num_tests) for one in findings)
    return known if fits else replace(known, found={}, ends={})


def _whole_lines(content: bytes) -> int:
    """How many bytes of whole lines there are: a crash may have torn the last."""
    return content.rfind(b"\n") + 1


def _parts_s(events: bytes) -> Iterator[float]:
    """Of each part of a run, which began and went on so often, the seconds until its last event. Lines that cannot be
    read are left out."""
    last_s = 0.0
    for line in events.splitlines():
        try:
            event = orjson.loads(line)
            time_s, begins = float(event["time_s"]), event["kind"] == "begin"
        except (ValueError, KeyError, TypeError):
            continue
        if begins or time_s < last_s:  # a part that a signal stopped at once begins with another event
            yield last_s
        last_s = time_s
    yield last_s


def _holds_something(path: Path) -> bool:
    """Whether there is more than the empty file of a run that could not begin."""
    return path.exists() and path.stat().st_size > 0


def _append(file: BinaryIO, data: bytes) -> None:
    """Write all of it to an unbuffered file. Raises OSError."""
    if _write_all(file, data) != len(data):
        raise OSError(errno.ENOSPC, "No space left on device")


def _write_all(file: BinaryIO, data: bytes) -> int:
    """Write to an unbuffered file; how many bytes went in."""
    done = 0
    while done < len(data):
        num_bytes = file.write(data[done:])
        if not num_bytes:
            break
        done += num_bytes
    return done


def _differences(before: Any, now: dict[str, Any]) -> list[str]:
    """What tells two run.json apart, as words."""
    if not isinstance(before, dict):
        return [f"{RUN} is not an object"]
    faults = []
    for name in ("version", "tasks_digest", "task_ids"):
        if before.get(name) == now[name]:
            continue
        if name == "version":
            faults.append(f"version {before.get(name)}, not {now[name]}")
        elif name == "task_ids":
            faults.append("other tasks")
        elif before.get("task_ids") == now["task_ids"]:
            faults.append("tasks of other content")
    old, new = _object(before.get("weights")), now["weights"]
    faults += [f"other weights of the {kind} model" for kind in sorted(old.keys() & new) if old[kind] != new[kind]]
    old, new = _flat(before.get("settings")), _flat(now["settings"])
    for name in sorted(set(old) | set(new)):
        if name not in {f"run.{free}" for free in FREE_TO_CHANGE} and old.get(name) != new.get(name):
            faults.append(f"{name} was {old.get(name)}, not {new.get(name)}")
    return faults


def _flat(settings: Any) -> dict[str, Any]:
    return {f"{g}.{name}": value for g, values in _object(settings).items() for name, value in _object(values).items()}


def _object(value: Any) -> dict[str, Any]:
    """What is read from JSON, if it is an object; else an empty one."""
    return value if isinstance(value, dict) else {}
