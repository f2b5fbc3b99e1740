"""Vote anew over what runs kept (`--set run.keep_ballots=true`), under the present trust, and score both votes.

    python tools/revote.py --set arc-agi-1/evaluation runs/mine/results.jsonl [more results.jsonl]

Prints totals only. Without a search, so that a change of `solver/vote.py` or `solver/trust.json` is judged in seconds.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path

import numpy as np

from solver.answers import Attempts, TaskResult
from solver.errors import ArcSolveError, InputError
from solver.results import load_results
from solver.tasks import SETS, Task, load_set
from solver.vote import vote


def score(task: Task, attempts: Attempts) -> float:
    """The share of test inputs with a right attempt."""
    right = [
        any(np.array_equal(attempt.grid, pair.output) for attempt in two)
        for pair, two in zip(task.test, attempts, strict=True)
    ]
    return sum(right) / len(right)


def votes(task: Task, result: TaskResult) -> dict[str, Attempts]:
    """The vote that was, the vote now, and what each source would submit alone now."""
    hidden = task.hide()
    alone = {name: vote(hidden, {name: ballots}) for name, ballots in result.ballots.items()}
    return {"then": result.attempts, "now": vote(hidden, result.ballots), **alone}


def main(argv: Sequence[str] | None = None) -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--set", required=True, metavar="NAME", help=f"the tasks: {', '.join(SETS)}")
    parser.add_argument("results", type=Path, nargs="+", help="results.jsonl files of runs that kept their ballots")
    args = parser.parse_args(argv)
    try:
        tasks: Mapping[str, Task] = {task.task_id: task for task in load_set(args.set)}
        for path in args.results:
            results = [r for r in load_results(path).values() if r.task_id in tasks and r.ballots]
            if not results:
                raise InputError(f"{path}: no ballots of a task of {args.set} (--set run.keep_ballots=true)")
            scores: dict[str, list[float]] = {}
            for result in results:
                for name, attempts in votes(tasks[result.task_id], result).items():
                    scores.setdefault(name, []).append(score(tasks[result.task_id], attempts))
            print(f"{path}: {len(results)} tasks with ballots")
            for name, found in scores.items():
                print(f"  {name:8} {sum(s == 1.0 for s in found):4} solved, sum of shares {sum(found):.2f}")
    except (ArcSolveError, OSError) as error:
        print(f"revote: {error}", file=sys.stderr)
        return 2
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
