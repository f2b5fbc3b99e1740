"""Calibrate how far the vote trusts each source, into solver/trust.json.

    python tools/calibrate_trust.py --list-tasks newer60.txt --num-tasks 60 --seed 0
    arc-solve evaluate --set arc-agi-2/training --tasks-from newer60.txt --out runs/newer60
    python tools/calibrate_trust.py runs/newer60/results.jsonl [more results.jsonl] [--out solver/trust.json]
    python tools/calibrate_trust.py --tuned tune.jsonl          # the vision model, by `train_vision.py tune`

The first writes the ids of training tasks that are in neither ARC-AGI-1 set (solver.tasks.newer_tasks), all or a random
subset; with the same seed a larger one contains every smaller one. A run of several sources calibrates each of them, a
run of one (`--set search.use=false`) that one; sources that no results name keep their trust.

For every attempt that a source proposed on its own, whether it is right is fitted by a logistic function of the
log-odds of its share and of whether it is exact (solver.vote.Trust), by Newton's method with a weak prior (ridge)
around the defaults. Only tasks that may be trained on count; a source must not have been trained on them.
"""

from __future__ import annotations

import argparse
import sys
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, astuple
from pathlib import Path
from typing import Any

import numpy as np
import orjson

from solver.answers import TaskResult
from solver.errors import ArcSolveError, InputError
from solver.results import load_results
from solver.submission import write_atomic
from solver.tasks import Task, newer_tasks
from solver.vote import Trust, log_odds

RIDGE = 1.0
"""Strength of the prior: as if each coefficient had been seen once, one unit from its default."""

Row = tuple[float, bool, bool]
"""(log-odds of the share, exact, right)."""


def random_ids(ids: Sequence[str], num_tasks: int | None, seed: int) -> list[str]:
    """num_tasks of the ids (None: all), sorted: the first in an order that the seed alone decides. Raises
    InputError."""
    num_tasks = len(ids) if num_tasks is None else num_tasks
    if not 1 <= num_tasks <= len(ids):
        raise InputError(f"--num-tasks {num_tasks}: must be 1 to {len(ids)}")
    return sorted(ids[place] for place in np.random.default_rng(seed).permutation(len(ids))[:num_tasks])


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


def tuned_rows(path: Path, tasks: Mapping[str, Task]) -> Iterator[Row]:
    """Rows of the vision model from a file that `train_vision.py tune` wrote. Raises InputError."""
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            record = orjson.loads(line)
            if record["task"] in tasks:
                for answers in record["candidates"]:
                    yield from ((log_odds(share), False, bool(right)) for share, right, *_ in answers[:2])
        except (ValueError, KeyError, TypeError) as error:
            raise InputError(f"{path}: line {number} is no record of tuning ({error!r})") from error


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


def kept_trust(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The sources of the file that is to be written, and what they were made from, if it is there. Raises InputError if
    it is damaged."""
    if not path.is_file():
        return {}, {}
    try:
        text = orjson.loads(path.read_bytes())
        return dict(text["sources"]), dict(text.get("made_from", {}))
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: no trust in sources ({error})") from error


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("results", type=Path, nargs="*", help="results.jsonl files of runs on newer training tasks")
    parser.add_argument("--tuned", type=Path, action="append", default=[], metavar="FILE", help="records of tuning")
    parser.add_argument("--out", type=Path, default=Path("solver/trust.json"))
    parser.add_argument("--list-tasks", type=Path, metavar="FILE", help="only write the ids of the tasks to run")
    parser.add_argument("--num-tasks", type=int, metavar="N", help="of --list-tasks: a random subset (default: all)")
    parser.add_argument("--seed", type=int, default=0, help="of --num-tasks (default: 0)")
    args = parser.parse_args(argv)
    tasks = {task.task_id: task for task in newer_tasks()}
    data: dict[str, list[Row]] = defaultdict(list)
    try:
        if args.list_tasks:
            ids = random_ids(list(tasks), args.num_tasks, args.seed)
            args.list_tasks.write_text("".join(f"{task_id}\n" for task_id in ids))
            return 0
        for path in args.results:
            for source, row in rows(load_results(path).values(), tasks):
                data[source].append(row)
        for path in args.tuned:
            data["vision"] += tuned_rows(path, tasks)
        data = {source: found for source, found in data.items() if found}
        if not data:
            raise InputError("no attempt of any newer training task in these results")
        kept, kept_made = kept_trust(args.out)
    except (ArcSolveError, OSError) as error:
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
    text = {
        "about": "made by tools/calibrate_trust.py, source by source; those not under made_from have the defaults",
        "made_from": kept_made | made,
        "sources": kept | sources,
    }
    write_atomic(args.out, orjson.dumps(text, option=orjson.OPT_INDENT_2) + b"\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
