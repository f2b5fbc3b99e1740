"""Calibrate how far the vote trusts each source, into solver/trust.json.

    python tools/calibrate_trust.py --list-tasks newer60.txt --num-tasks 60 --seed 0
    arc-solve evaluate --set arc-agi-2/training --tasks-from newer60.txt --set run.keep_ballots=true --out runs/newer60
    python tools/calibrate_trust.py runs/newer60/results.jsonl [more results.jsonl] [--out solver/trust.json]
    python tools/calibrate_trust.py --tuned tune.jsonl          # the vision model, by `train_vision.py tune`
    python tools/revote.py --set arc-agi-1/dev runs/other/results.jsonl     # what that makes of a run with ballots

The first writes the ids of training tasks that are in neither ARC-AGI-1 set (`task_sets.newer_tasks`), all or a random
subset; with the same seed a larger one contains every smaller one. A run of several sources calibrates each of them, a
run of one (`--set search.use=false`) that one; sources that no results name keep their trust.

Whether a ballot is right is fitted by a logistic function of its evidence (solver.vote.EVIDENCE), by Newton's method
with a weak prior (ridge) around the defaults. Only tasks count that may be trained on and that the source was not
trained on: newer tasks, and for programs dev tasks, too, there without what the vision model said of their grids.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from math import log
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from command_line import arguments, main_of

from solver.answers import Ballot, TaskResult
from solver.errors import InputError
from solver.plausibility import Plausibility
from solver.re_arc import read_grid
from solver.run.results import load_results
from solver.submission import write_atomic
from solver.task_sets import load_set, newer_tasks
from solver.tasks import Task, check_num_tests
from solver.vote import EVIDENCE, JUDGED, Trust, evidence, without_judgements

RIDGE = 1.0
"""Strength of the prior: as if each coefficient had been seen once, one unit from its default."""

DEV_SOURCES = ("program",)
"""Sources that were not trained on dev tasks; the vision model was."""

Row = tuple[np.ndarray, bool]
"""(evidence, right)."""


def random_ids(ids: Sequence[str], num_tasks: int | None, seed: int) -> list[str]:
    """num_tasks of the ids (None: all), sorted: the first in an order that the seed alone decides. Raises
    InputError."""
    num_tasks = len(ids) if num_tasks is None else num_tasks
    if not 1 <= num_tasks <= len(ids):
        raise InputError(f"--num-tasks {num_tasks}: must be 1 to {len(ids)}")
    if seed < 0:
        raise InputError(f"--seed {seed}: must be at least 0")
    return sorted(ids[place] for place in np.random.default_rng(seed).permutation(len(ids))[:num_tasks])


def usable_tasks() -> dict[str, dict[str, Task]]:
    """For sources by name, '' for all others, the tasks that may calibrate them, by id."""
    newer = {task.task_id: task for task in newer_tasks()}
    dev = {task.task_id: task for task in load_set("arc-agi-1/dev")}
    return {"": newer} | dict.fromkeys(DEV_SOURCES, newer | dev)


def rows(results: Iterable[TaskResult], usable: Mapping[str, Mapping[str, Task]]) -> Iterator[tuple[str, Row]]:
    """(source, row) for every ballot of tasks that may be used; as if not judged on dev tasks, which the vision model,
    who judges, was trained on. Raises InputError."""
    for result in results:
        for source, ballots in result.ballots.items():
            task = usable.get(source, usable[""]).get(result.task_id)
            if task is not None:
                own = ballots if result.task_id in usable[""] else without_judgements(ballots)
                yield from ((source, row) for row in _rows_of(task, own))


def tuned_rows(path: Path, tasks: Mapping[str, Task]) -> Iterator[Row]:
    """Rows of the vision model from a file that `train_vision.py tune` wrote. Raises InputError."""
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            record = orjson.loads(line)
            if record["task"] in tasks:
                ballots = [
                    [Ballot(read_grid(grid), share, share, False, 0.0) for share, *_, grid in of_input]
                    for of_input in record["candidates"]
                ]
                yield from _rows_of(tasks[record["task"]], ballots)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise InputError(f"{path}: line {number} is no record of tuning ({error!r})") from error


def _rows_of(task: Task, ballots: Sequence[Iterable[Ballot]]) -> Iterator[Row]:
    check_num_tests(task, ballots, "ballots")
    seen = Plausibility(task.hide())
    for index, (pair, of_input) in enumerate(zip(task.test, ballots, strict=True)):
        for ballot in of_input:
            yield evidence(ballot, index, seen), np.array_equal(ballot.grid, pair.output)


def fit(data: Sequence[Row], kept: Trust | None = None) -> Trust:
    """The logistic function of greatest posterior probability. kept: the trust until now, of which what judgements
    count stays where none of the data was judged."""
    features = np.array([seen for seen, _ in data])
    signs = np.array([1.0 if right else -1.0 for _, right in data])
    default = Trust().vector
    judged = [EVIDENCE.index(name) for name in JUDGED]
    if kept is not None and not features[:, judged].any():
        default[judged] = kept.vector[judged]

    def loss(beta: np.ndarray) -> float:
        return float(np.logaddexp(0.0, -signs * (features @ beta)).sum() + RIDGE * ((beta - default) ** 2).sum() / 2)

    beta = default.copy()
    for _ in range(200):
        p = 1.0 / (1.0 + np.exp(-np.clip(features @ beta, -500.0, 500.0)))
        gradient = features.T @ (p - (signs + 1) / 2) + RIDGE * (beta - default)
        hessian = (features * (p * (1 - p))[:, None]).T @ features + RIDGE * np.eye(len(beta))
        step = np.linalg.solve(hessian, gradient)
        while loss(beta - step) > loss(beta) and np.abs(step).max() > 1e-9:
            step /= 2.0
        beta = beta - step
        if np.abs(step).max() < 1e-6:
            break
    return Trust({name: round(float(b), 3) for name, b in zip(EVIDENCE, beta, strict=True)})


def log_loss(trust: Trust, data: Sequence[Row]) -> float:
    """Mean negative log-likelihood in nats."""
    said = [(trust.probability(seen), right) for seen, right in data]
    return -sum(log(max(p if right else 1.0 - p, 1e-300)) for p, right in said) / len(said)


def kept_trust(path: Path) -> tuple[dict[str, Any], dict[str, Any]]:
    """The sources of the file that is to be written, and what they were made from, if it is there. Raises InputError if
    it is damaged."""
    if not path.is_file():
        return {}, {}
    try:
        text = orjson.loads(path.read_bytes())
        sources = {name: dict(Trust(coefficients).coefficients) for name, coefficients in text["sources"].items()}
        return sources, dict(text.get("made_from", {}))
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise InputError(f"{path}: no trust in sources ({error})") from error


def list_tasks(args: argparse.Namespace) -> None:
    ids = random_ids(list(usable_tasks()[""]), args.num_tasks, args.seed)
    args.list_tasks.write_text("".join(f"{task_id}\n" for task_id in ids))


def calibrate(args: argparse.Namespace) -> None:
    data = usable_rows(args.results, args.tuned)
    kept, kept_made = kept_trust(args.out)
    sources, made = {}, {}
    for name, found in sorted(data.items()):
        trust = fit(found, Trust(kept[name]) if name in kept else None)
        sources[name] = dict(trust.coefficients)
        made[name] = {
            "ballots": len(found),
            "right": sum(right for _, right in found),
            "log_loss": round(log_loss(trust, found), 4),
            "log_loss_of_defaults": round(log_loss(Trust(), found), 4),
        }
        print(f"{name}: {sources[name]} {made[name]}")
    text = {
        "about": "made by tools/calibrate_trust.py, source by source; those not under made_from have the defaults",
        "made_from": kept_made | made,
        "sources": kept | sources,
    }
    try:
        write_atomic(args.out, orjson.dumps(text, option=orjson.OPT_INDENT_2) + b"\n")
    except OSError as error:
        raise InputError(f"{args.out}: cannot be written: {error.strerror or error}") from error


def usable_rows(results: Sequence[Path], tuned: Sequence[Path]) -> dict[str, list[Row]]:
    """What the files tell of each source that they name; at least of one. Raises InputError."""
    usable = usable_tasks()
    data: dict[str, list[Row]] = defaultdict(list)
    for path in results:
        for source, row in rows(load_results(path).values(), usable):
            data[source].append(row)
    for path in tuned:
        data["vision"] += tuned_rows(path, usable[""])
    if not any(data.values()):
        raise InputError("no ballot of any newer training task in these results (--set run.keep_ballots=true)")
    return {source: found for source, found in data.items() if found}


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    parser.add_argument("results", type=Path, nargs="*", help="results.jsonl files of runs on newer training tasks")
    parser.add_argument("--tuned", type=Path, action="append", default=[], metavar="FILE", help="records of tuning")
    parser.add_argument("--out", type=Path, default=Path("solver/trust.json"))
    parser.add_argument("--list-tasks", type=Path, metavar="FILE", help="only write the ids of the tasks to run")
    parser.add_argument("--num-tasks", type=int, metavar="N", help="of --list-tasks: a random subset (all)")
    parser.add_argument("--seed", type=int, default=0, help="of --num-tasks (default: 0)")
    parser.set_defaults(run_command=lambda args: (list_tasks if args.list_tasks else calibrate)(args))
    return main_of("calibrate_trust", parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
