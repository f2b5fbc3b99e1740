#!/usr/bin/env python3
"""What several tuning runs of a task find when they vote together.

    python tools/train_vision.py tune --tasks 19 --runs 6 --no-score --out runs.jsonl
    python tools/vote_runs.py runs.jsonl [more records]

One run of each task, two, …, as many as any task has; each on average over all choices of so many. Tasks with fewer
runs are left out. The last column is of the two attempts by the trust that ships, the others of shares alone. With
--out, the records of all runs together, which calibrate_trust.py reads as those of one.
"""

from __future__ import annotations

import argparse
import json
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import combinations
from pathlib import Path
from statistics import mean

import numpy as np
from command_line import arguments, main_of

from solver.answers import Ballot, GridKey, grid_key
from solver.errors import InputError
from solver.re_arc import grid_text, read_grid
from solver.task_files import load_path
from solver.task_sets import newer_tasks
from solver.tasks import Task, check_num_tests
from solver.vision.votes import add_votes, in_order
from solver.vote import vote


@dataclass(frozen=True, eq=False)
class Candidate:
    """grid: int8 or uint8 [H, W]. share: of the views. right: whether it is the true output."""

    grid: np.ndarray
    share: float
    right: bool


Candidates = list[list[Candidate]]
"""For each test input, best first."""


def show(args: argparse.Namespace) -> None:
    tasks = load_path(args.tasks_from).tasks if args.tasks_from else newer_tasks()
    hidden = {task.task_id: task.hide() for task in tasks}
    runs = read_runs(args.tuned)
    if strange := sorted(set(runs) - set(hidden)):
        raise InputError(f"task {strange[0]}: not known (--tasks-from)")
    for task_id, own in runs.items():
        for run in own:
            check_num_tests(hidden[task_id], run, "candidates")
    most = max(map(len, runs.values()), default=0)
    whole = {task_id: own for task_id, own in runs.items() if len(own) == most}
    print(f"{len(whole)} tasks of {most} runs, {len(runs) - len(whole)} of fewer")
    print("runs  share of truth  first  within two  solved  by trust")
    for number in range(1, most + 1):
        of_tasks = []
        for task_id, own in whole.items():
            found = [found_by(hidden[task_id], vote_of(chosen)) for chosen in combinations(own, number)]
            of_tasks.append([mean(figures) for figures in zip(*found)])
        share, first, two, solved, trusted = map(sum, zip(*of_tasks))
        print(f"{number:4}{share / len(whole):16.3f}{first:7.1f}{two:12.1f}{solved:8.1f}{trusted:10.1f}")
    if args.out:
        together = (record_of(task_id, vote_of(own)) for task_id, own in whole.items())
        args.out.write_text("".join(json.dumps(record) + "\n" for record in together))


def record_of(task_id: str, candidates: Candidates) -> dict:
    """As `tune` writes it of a run, without scores."""
    shown = [[(round(c.share, 5), c.right, None, grid_text(c.grid)) for c in of_input] for of_input in candidates]
    return {"task": task_id, "candidates": shown}


def candidate(share: float, right: bool, _score: float | None, grid: str) -> Candidate:
    return Candidate(read_grid(grid), float(share), bool(right))


def read_runs(paths: Sequence[Path]) -> dict[str, list[Candidates]]:
    """The candidates of every record, by task. Raises InputError."""
    runs: dict[str, list[Candidates]] = {}
    for path in paths:
        for number, line in enumerate(path.read_bytes().splitlines(), 1):
            try:
                record = json.loads(line)
                found = [[candidate(*one) for one in of_input] for of_input in record["candidates"]]
                runs.setdefault(record["task"], []).append(found)
            except (ValueError, KeyError, TypeError, AttributeError) as error:
                raise InputError(f"{path}: line {number} is no record of tuning ({error!r})") from error
    return runs


def vote_of(runs: Sequence[Candidates]) -> Candidates:
    """The candidates of several runs of a task, each with its mean share."""
    together = []
    for of_input in zip(*runs, strict=True):
        shares: dict[GridKey, float] = {}
        for of_run in of_input:
            add_votes(shares, [(c.grid, c.share) for c in of_run], 1 / len(runs))
        right = {grid_key(c.grid) for of_run in of_input for c in of_run if c.right}
        together.append([Candidate(grid, share, grid_key(grid) in right) for grid, share in in_order(shares)])
    return together


def found_by(hidden: Task, candidates: Candidates) -> tuple[float, ...]:
    """Of a task's test inputs: mean share of the true output, part that is right at first, part within two, whether
    that is all, and whether all are right within the two attempts that the vision model would submit alone."""
    shares = [sum(c.share for c in of_input if c.right) for of_input in candidates]
    first, two = ([any(c.right for c in of_input[:n]) for of_input in candidates] for n in (1, 2))
    ballots = tuple(
        tuple(Ballot(c.grid.astype(np.int8), c.share, c.share, False, 0.0) for c in of_input) for of_input in candidates
    )
    attempts = vote(hidden, {"vision": ballots})
    true = [{grid_key(c.grid) for c in of_input if c.right} for of_input in candidates]
    trusted = all(true[index] & {grid_key(attempt.grid) for attempt in both} for index, both in enumerate(attempts))
    return mean(shares), mean(map(float, first)), mean(map(float, two)), float(all(two)), float(trusted)


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    parser.add_argument("tuned", type=Path, nargs="+", help="what train_vision.py tune wrote")
    parser.add_argument("--tasks-from", type=Path, help="as tune had it")
    parser.add_argument("--out", type=Path, help="records of all runs of a task together")
    parser.set_defaults(run_command=show)
    return main_of("vote_runs", parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
