"""Which tasks are solved, by which run, and by all runs together.

    python tools/task_coverage.py runs/a runs/b [--set arc-agi-1/dev] [--out coverage.json]

Reads the results.jsonl of run folders. A task is solved if all its test inputs are right within two attempts. For every
run: tasks solved, those that no other run solved, and the union as runs are added in the order given. Task ids are
shown for training tasks only; of evaluation sets nothing but totals is printed or written.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson
from command_line import arguments, main_of

from solver.errors import InputError
from solver.run.results import load_results
from solver.score import score_task
from solver.task_sets import load_set, training_allowed
from solver.tasks import Task


def solved_by(run: Path, tasks: Mapping[str, Task]) -> tuple[set[str], set[str]]:
    """(tasks of the set that a run answered, those it solved). Raises InputError if it answered none of them."""
    results = {task_id: r for task_id, r in load_results(run / "results.jsonl").items() if task_id in tasks}
    if not results:
        raise InputError(f"{run}: no result for a task of this set")
    solved = {task_id for task_id, r in results.items() if score_task(tasks[task_id], r).verdict == "solved"}
    return set(results), solved


def table(runs: Mapping[str, tuple[set[str], set[str]]]) -> list[dict[str, int | str]]:
    """One row a run: answered, solved, only (solved by no other), union (solved by it or one before it)."""
    rows: list[dict[str, int | str]] = []
    union: set[str] = set()
    for name, (answered, solved) in runs.items():
        others = set().union(*(s for other, (_, s) in runs.items() if other != name))
        union |= solved
        rows.append(
            {
                "run": name,
                "answered": len(answered),
                "solved": len(solved),
                "only": len(solved - others),
                "union": len(union),
            }
        )
    return rows


def show(args: argparse.Namespace) -> None:
    tasks = {task.task_id: task for task in load_set(args.set)}
    runs = {str(run): solved_by(run, tasks) for run in args.runs}
    rows = table(runs)
    shown = {task.task_id for task in training_allowed()} if args.set.endswith(("/training", "/dev")) else set()
    by_task = {i: [name for name, (_, s) in runs.items() if i in s] for i in sorted(tasks) if i in shown}
    if args.out:
        content = {"set": args.set, "tasks": len(tasks), "runs": rows, "solved_by": by_task}
        args.out.write_bytes(orjson.dumps(content, option=orjson.OPT_INDENT_2) + b"\n")
    print(f"{args.set}: {len(tasks)} tasks")
    for row in rows:
        print("{run}: {solved} of {answered} solved, {only} by no other run; {union} with the runs above".format(**row))
    lost = [i for i, names in by_task.items() if names and str(args.runs[-1]) not in names]
    if len(runs) > 1 and lost:
        print(f"solved before, not by {args.runs[-1]}: {' '.join(lost)}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    parser.add_argument("runs", type=Path, nargs="+", help="run folders")
    parser.add_argument("--set", default="arc-agi-1/training", help="named set (default: arc-agi-1/training)")
    parser.add_argument("--out", type=Path, help="JSON file: the table, and task → runs that solved it")
    parser.set_defaults(run_command=show)
    return main_of("task_coverage", parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
