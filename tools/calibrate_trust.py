"""Calibrate how far the vote trusts each source, into solver/trust.json.

    arc-solve evaluate --set arc-agi-2/training --tasks-from newer.txt --out runs/newer
    python tools/calibrate_trust.py runs/newer/results.jsonl [more results.jsonl] [--out solver/trust.json]

newer.txt: ids of training tasks that are in neither ARC-AGI-1 set (`--list-tasks newer.txt` writes them). For every
attempt that a source proposed on its own, whether it is right is fitted by a logistic function of the log-odds of its
share and of whether it is exact (solver.vote.Trust), by Newton's method with a weak prior (ridge) around the defaults.
Only tasks that may be trained on count; a source must not have been trained on them.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple
from pathlib import Path

import numpy as np
import orjson

from solver.answers import TaskResult
from solver.errors import InputError
from solver.results import load_results
from solver.submission import write_atomic
from solver.tasks import Task, load_set, training_allowed
from solver.vote import Trust, log_odds

RIDGE = 1.0
"""Strength of the prior: as if each coefficient had been seen once, one unit from its default."""

Row = tuple[float, bool, bool]
"""(log-odds of the share, exact, right)."""


def newer_tasks() -> dict[str, Task]:
    """The training tasks that are in neither ARC-AGI-1 set, by id."""
    first = {task.task_id for task in load_set("arc-agi-1/training")}
    return {task.task_id: task for task in training_allowed() if task.task_id not in first}


def rows(results: Iterable[TaskResult], tasks: Mapping[str, Task]) -> Iterator[tuple[str, Row]]:
    """(source, row) for every attempt that a source proposed on its own, of tasks that may be used."""
    for result in results:
        task = tasks.get(result.task_id)
        if task is None:
            continue
        for attempts in result.alone.values() or (result.attempts,):
            for pair, two in zip(task.test, attempts, strict=True):
                for attempt in two:
                    if attempt.source and attempt.source in attempt.shares:
                        right = np.array_equal(attempt.grid, pair.output)
                        share = attempt.shares[attempt.source]
                        yield attempt.source, (log_odds(share), attempt.exact, right)


def _features(data: Sequence[Row]) -> np.ndarray:
    """float64 [rows, 4], in the order of Trust's numbers."""
    return np.array([(1.0, odds, exact, exact * odds) for odds, exact, _ in data], dtype=float)


def fit(data: Sequence[Row]) -> Trust:
    """The logistic function of greatest posterior probability."""
    features = _features(data)
    signs = np.array([1.0 if row[2] else -1.0 for row in data])
    default = np.array(astuple(Trust()))

    def loss(beta: np.ndarray) -> float:
        return float(np.logaddexp(0.0, -signs * (features @ beta)).sum() + RIDGE * ((beta - default) ** 2).sum() / 2)

    beta = default.copy()
    for _ in range(200):
        p = 1.0 / (1.0 + np.exp(-features @ beta))
        gradient = features.T @ (p - (signs + 1) / 2) + RIDGE * (beta - default)
        hessian = (features * (p * (1 - p))[:, None]).T @ features + RIDGE * np.eye(len(beta))
        step = np.linalg.solve(hessian, gradient)
        while loss(beta - step) > loss(beta) and np.abs(step).max() > 1e-9:
            step /= 2.0
        beta = beta - step
        if np.abs(step).max() < 1e-6:
            break
    return Trust(*(round(float(b), 3) for b in beta))


def log_loss(trust: Trust, data: Sequence[Row]) -> float:
    """Mean negative log-likelihood in nats."""
    signs = np.array([1.0 if row[2] else -1.0 for row in data])
    return float(np.logaddexp(0.0, -signs * (_features(data) @ astuple(trust))).mean())


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="*", help="results.jsonl files of runs on newer training tasks")
    parser.add_argument("--out", type=Path, default=Path("solver/trust.json"))
    parser.add_argument("--list-tasks", type=Path, metavar="FILE", help="only write the ids of the tasks to run")
    args = parser.parse_args(argv)
    tasks = newer_tasks()
    if args.list_tasks:
        args.list_tasks.write_text("".join(f"{task_id}\n" for task_id in sorted(tasks)))
        return 0
    data: dict[str, list[Row]] = defaultdict(list)
    try:
        for path in args.results:
            for source, row in rows(load_results(path).values(), tasks):
                data[source].append(row)
        if not data:
            raise InputError("no attempt of any newer training task in these results")
    except InputError as error:
        print(f"calibrate_trust: {error}", file=sys.stderr)
        return 2
    sources, made = {}, {}
    for name, found in sorted(data.items()):
        trust = fit(found)
        sources[name] = asdict(trust)
        made[name] = {
            "attempts": len(found),
            "right": sum(right for *_, right in found),
            "log_loss": round(log_loss(trust, found), 4),
            "log_loss_of_defaults": round(log_loss(Trust(), found), 4),
        }
        print(f"{name}: {sources[name]} {made[name]}")
    kept = orjson.loads(args.out.read_bytes())["sources"] if args.out.is_file() else {}
    about = f"tools/calibrate_trust.py on {', '.join(sorted(data))}; others as they were"
    text = {"about": about, "made_from": made, "sources": {**kept, **sources}}
    write_atomic(args.out, orjson.dumps(text, option=orjson.OPT_INDENT_2) + b"\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
