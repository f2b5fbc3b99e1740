"""Task results as JSON lines: what results.jsonl holds, one line a finished task, and partial.jsonl, where a line may
also have findings to go on from, and which lanes are through with the task.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

from ..answers import Answer, Attempt, Attempts, Ballot, Ballots, Findings, Found, Judgement, TaskResult
from ..errors import InputError
from ..grid.registry import GridError, as_grid

logger = logging.getLogger(__name__)

RESULTS, PARTIAL = "results.jsonl", "partial.jsonl"

STATUSES = ("done", "partial", "failed")

MAX_BITS = 63
"""Of a whole number that is written to JSON."""


Ends = Mapping[str, tuple[str, str]]
"""How lanes that are through with a task ended: by lane (status, error)."""


@dataclass(frozen=True)
class Unfinished:
    """A line of partial.jsonl. found: to go on from. ends: of the lanes that are not to take the task up again, all of
    whose findings are in `found`."""

    result: TaskResult
    found: Found
    ends: Ends


def to_json(result: TaskResult, found: Found | None = None, ends: Ends | None = None) -> bytes:
    """One line, without its newline. Numbers that JSON does not know (NaN, infinity) become 0; judgements that are none
    are left out. found, ends: as of `Unfinished`."""
    return orjson.dumps(
        {
            "task_id": _text(result.task_id),
            "status": result.status,
            "error": _text(result.error),
            "seconds": _number(result.seconds),
            "num_nodes": int(result.num_nodes),
            "num_exact": int(result.num_exact),
            "phases": {_text(name): _number(value) for name, value in result.phases.items()},
            "notes": {_text(source): _text(note) for source, note in result.notes.items()},
            "attempts": _to_lists(result.attempts),
            "alone": {_text(source): _to_lists(attempts) for source, attempts in result.alone.items()},
        }
        | ({"ballots": _ballots_to_lists(result.ballots)} if result.ballots else {})
        | ({"no_time": [_text(lane) for lane in result.no_time]} if result.no_time else {})
        | ({"found": _found_to_dict(found)} if found else {})
        | ({"ends": {_text(lane): [status, _text(error)] for lane, (status, error) in ends.items()}} if ends else {}),
        option=orjson.OPT_SERIALIZE_NUMPY,
    )


def from_json(line: bytes | str) -> TaskResult:
    """The inverse of to_json, without what there is to go on from. Raises ValueError if the line is torn or is no task
    result."""
    return _read(line)[0]


def _read(line: bytes | str) -> tuple[TaskResult, dict[str, Any]]:
    """A line's result, and all that it holds. Raises ValueError as `from_json` does."""
    try:
        d = orjson.loads(line)
        result = TaskResult(
            task_id=d["task_id"],
            attempts=_of_lists(d["attempts"]),
            alone={str(source): _of_lists(lists) for source, lists in d.get("alone", {}).items()},
            status=d["status"],
            error=str(d["error"]),
            seconds=float(d["seconds"]),
            num_nodes=whole_number(d["num_nodes"]),
            num_exact=whole_number(d["num_exact"]),
            phases={str(name): float(value) for name, value in d["phases"].items()},
            notes={str(source): str(note) for source, note in d.get("notes", {}).items()},
            ballots={str(source): _ballots_of(lists) for source, lists in d.get("ballots", {}).items()},
            no_time=tuple(map(str, d.get("no_time", ()))),
        )
    except (KeyError, TypeError, AttributeError, GridError, ValueError) as error:
        raise ValueError(f"no task result: {type(error).__name__}: {error}") from error
    if not isinstance(result.task_id, str) or result.status not in STATUSES:
        raise ValueError("no task result: bad task_id or status")
    return result, d


def parse_results(content: bytes, name: str = RESULTS) -> tuple[dict[str, TaskResult], int]:
    """Results by task (the last line of a task counts), and how many bytes of whole lines there are.

    A last line without its newline was torn by a crash and is left out; a line that cannot be read is logged
    and left out: its task counts as unfinished. name: of the file, for the log.
    """
    return {result.task_id: result for result, _ in _read_lines(content, name)}, content.rfind(b"\n") + 1


def parse_partial(content: bytes) -> dict[str, Unfinished]:
    """What partial.jsonl says, by task; nothing to go on from where that cannot be read."""
    partial = {}
    for result, d in _read_lines(content, PARTIAL):
        found: Found = {}
        ends: Ends = {}
        try:
            found, ends = _found_of(d.get("found", {})), _ends_of(d.get("ends", {}))
        except (KeyError, TypeError, AttributeError, ValueError) as error:
            logger.warning("task %s: findings are left out: %s: %s", result.task_id, type(error).__name__, error)
        partial[result.task_id] = Unfinished(result, found, ends)
    return partial


def _read_lines(content: bytes, name: str) -> Iterator[tuple[TaskResult, dict[str, Any]]]:
    """`_read` of each whole line; one that cannot be read is logged and left out."""
    for number, line in enumerate(content.split(b"\n")[:-1], 1):
        if not line.strip():
            continue
        try:
            yield _read(line)
        except ValueError as error:
            logger.warning("%s: line %d is left out: %s", name, number, error)


def load_results(path: Path) -> dict[str, TaskResult]:
    """Results of a results.jsonl by task, in the order of the file. Raises InputError if it cannot be
    read."""
    try:
        return parse_results(path.read_bytes(), str(path))[0]
    except OSError as error:
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error


def _to_lists(attempts: Attempts) -> list[list[dict[str, Any]]]:
    return [[_attempt_to_dict(a) for a in pair] for pair in attempts]


def _of_lists(lists: list[list[dict[str, Any]]]) -> Attempts:
    return tuple((_attempt_of(first), _attempt_of(second)) for first, second in lists)


def _attempt_to_dict(attempt: Attempt) -> dict[str, Any]:
    return {
        "grid": attempt.grid.tolist(),
        "source": _text(attempt.source),
        "origin": _text(attempt.origin),
        "weight": _number(attempt.weight),
        "exact": bool(attempt.exact),
        "shares": {_text(source): _number(share) for source, share in attempt.shares.items()},
    }


def _attempt_of(d: dict[str, Any]) -> Attempt:
    return Attempt(
        as_grid(d["grid"]), str(d["source"]), str(d["origin"]), float(d["weight"]), bool(d["exact"]),
        {str(source): float(share) for source, share in d.get("shares", {}).items()},
    )  # fmt: skip


def _ballots_to_lists(ballots: Mapping[str, Ballots]) -> dict[str, list[list[list[Any]]]]:
    return {
        _text(source): [[_ballot_to_list(ballot) for ballot in of_input] for of_input in of_source]
        for source, of_source in ballots.items()
    }


def _ballot_to_list(b: Ballot) -> list[Any]:
    """Its fields but the origin, which is long; those of a judgement only if there is one."""
    own = [b.grid.tolist(), _number(b.weight), _number(b.share), bool(b.exact), _number(b.right)]
    return own if b.nats is None else [*own, _number(b.nats), _number(b.behind)]


def _ballots_of(lists: list[list[list[Any]]]) -> Ballots:
    return tuple(tuple(_ballot_of(*fields) for fields in of_input) for of_input in lists)


def _ballot_of(grid: Any, weight: Any, share: Any, exact: Any, right: Any, *judged: Any) -> Ballot:
    more = dict(zip(("nats", "behind"), map(float, judged), strict=True)) if judged else {}
    return Ballot(as_grid(grid), float(weight), float(share), bool(exact), float(right), **more)


def _found_to_dict(found: Found) -> dict[str, dict[str, dict[str, Any]]]:
    return {
        _text(lane): {_text(source): _findings_to_dict(findings) for source, findings in own.items()}
        for lane, own in found.items()
    }


def _findings_to_dict(f: Findings) -> dict[str, Any]:
    return {
        "answers": [_answer_to_list(answer) for answer in f.answers],
        "num_nodes": int(f.num_nodes),
        "phases": {_text(name): _number(value) for name, value in f.phases.items()},
        "note": _text(f.note),
        "whole_weight": _number(f.whole_weight),
        "num_runs": int(f.num_runs),
        "settled": bool(f.settled),
        "judged": [[[j.grid, j.nats] for j in own if math.isfinite(j.nats)] for own in f.judged],
    }


def _answer_to_list(a: Answer) -> list[Any]:
    return [list(a.outputs), _number(a.weight), _text(a.source), _text(a.origin), bool(a.exact), _number(a.right)]


def _found_of(d: dict[str, Any]) -> Found:
    """Raises KeyError, TypeError, AttributeError and ValueError (GridError among them)."""
    return {
        str(lane): {str(source): _findings_of(findings) for source, findings in own.items()} for lane, own in d.items()
    }


def _ends_of(d: dict[str, Any]) -> Ends:
    """Raises TypeError, AttributeError and ValueError."""
    ends = {str(lane): (str(status), str(error)) for lane, (status, error) in d.items()}
    if unknown := {status for status, _ in ends.values()}.difference(STATUSES):
        raise ValueError(f"no status: {', '.join(unknown)}")
    return ends


def _findings_of(d: dict[str, Any]) -> Findings:
    return Findings(
        answers=[_answer_of(*fields) for fields in d["answers"]],
        num_nodes=whole_number(d["num_nodes"]),
        phases={str(name): float(value) for name, value in d["phases"].items()},
        note=str(d["note"]),
        whole_weight=float(d["whole_weight"]),
        num_runs=whole_number(d["num_runs"]),
        settled=bool(d["settled"]),
        judged=tuple(tuple(Judgement(as_grid(grid), float(nats)) for grid, nats in own) for own in d["judged"]),
    )


def _answer_of(outputs: Any, weight: Any, source: Any, origin: Any, exact: Any, right: Any) -> Answer:
    grids = tuple(None if grid is None else as_grid(grid) for grid in outputs)
    return Answer(grids, float(weight), str(source), str(origin), bool(exact), float(right))


def _number(value: float) -> float:
    return float(value) if math.isfinite(value) else 0.0


def whole_number(value: Any) -> int:
    """Raises ValueError for what is none or could not be written."""
    number = int(value)
    if number.bit_length() > MAX_BITS:
        raise ValueError("a number that is too large")
    return number


def writable(value: Any) -> Any:
    """What is to be JSON, with the text in it as `_text` has it."""
    if isinstance(value, dict):
        return {writable(name): writable(one) for name, one in value.items()}
    if isinstance(value, (list, tuple)):
        return [writable(one) for one in value]
    return _text(value) if isinstance(value, str) else value


def _text(value: str) -> str:
    """JSON text must be valid Unicode; a lone surrogate is written as its escape."""
    return value.encode("utf-8", "backslashreplace").decode("utf-8")
