"""Vote anew over what runs kept (`--set run.keep_ballots=true`), under the present trust, and score both votes.

    python tools/revote.py --set arc-agi-1/evaluation runs/mine/results.jsonl [more results.jsonl]

Prints totals only. Without a search, so that a change of `solver/vote.py` or `solver/trust.json` is judged in seconds.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from command_line import arguments, main_of

from solver.answers import Attempts, TaskResult
from solver.errors import InputError
from solver.run.results import load_results
from solver.score import score
from solver.task_sets import SETS, load_set
from solver.tasks import Task, check_num_tests
from solver.vote import vote, without_judgements


def votes(task: Task, result: TaskResult) -> dict[str, Attempts]:
    """The vote that was, the vote now, and what each source would submit alone now, judged by no other. Raises
    InputError."""
    for ballots in result.ballots.values():
        check_num_tests(task, ballots, "ballots")
    hidden = task.hide()
    alone = {name: vote(hidden, {name: without_judgements(ballots)}) for name, ballots in result.ballots.items()}
    return {"then": result.attempts, "now": vote(hidden, result.ballots), **alone}


def show(args: argparse.Namespace) -> None:
    tasks = {task.task_id: task for task in load_set(args.set)}
    for path in args.results:
        results = [r for r in load_results(path).values() if r.task_id in tasks and r.ballots]
        if not results:
            raise InputError(f"{path}: no ballots of a task of {args.set} (--set run.keep_ballots=true)")
        by_vote: dict[str, dict[str, TaskResult]] = {}
        for result in results:
            for name, attempts in votes(tasks[result.task_id], result).items():
                by_vote.setdefault(name, {})[result.task_id] = replace(result, attempts=attempts)
        print(f"{path}: {len(results)} tasks with ballots")
        for name, voted in by_vote.items():
            total = score((tasks[task_id] for task_id in voted), voted)
            shares = total.task_mean * len(voted)
            print(f"  {name:8} {total.num_solved:4} solved, sum of shares {shares:.2f}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    parser.add_argument("--set", required=True, metavar="NAME", help=f"the tasks: {', '.join(SETS)}")
    parser.add_argument("results", type=Path, nargs="+", help="results.jsonl files of runs that kept their ballots")
    parser.set_defaults(run_command=show)
    return main_of("revote", parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
