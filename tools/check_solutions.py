"""Check the hand-written solutions in tools/solutions/ on their tasks, and on RE-ARC pairs if they are at hand.

    python tools/check_solutions.py [--re-arc re_arc.jsonl.xz --pairs 100]

A solution is a program of library steps in a file named after the ARC-AGI-1 training task that it solves; the first
line of solve() says the rule in words. Only tasks that may be trained on and are not held out as dev belong there.
With --re-arc (lines {"task": id, "pairs": [[input, output], ...]}, a grid as its rows joined by '/'), the share of
pairs solved is written to tools/solutions/re_arc.json. Exit code 1 if any solution fails on its own task.
"""

from __future__ import annotations

import argparse
from collections.abc import Mapping, Sequence
from pathlib import Path

import orjson
from command_line import arguments, main_of, positive

from solver.errors import InputError
from solver.program import Program, ProgramError, parse
from solver.re_arc import read_grid, read_re_arc
from solver.synthesis.found import is_right
from solver.task_sets import load_set, trainable
from solver.tasks import Task

FOLDER = Path(__file__).parent / "solutions"


def allowed_tasks() -> dict[str, Task]:
    """The tasks that may have a solution here, by id."""
    own = {task.task_id for task in load_set("arc-agi-1/training")}
    return {task_id: task for task_id, task in trainable().items() if task_id in own}


def load_solutions(folder: Path = FOLDER) -> dict[str, Program]:
    """The solutions by task id. Raises InputError naming the file that is no program."""
    programs = {}
    for path in sorted(folder.glob("*.py")):
        try:
            programs[path.stem] = parse(path.read_text(encoding="utf-8"))
        except ProgramError as error:
            raise InputError(f"{path.name}: {error}") from error
    return programs


def failures(program: Program, task: Task) -> list[str]:
    """The pairs of its task that a program gets wrong: 'train[1]', 'test[0]', ..."""
    named = [(f"train[{k}]", p) for k, p in enumerate(task.train)] + [
        (f"test[{k}]", p) for k, p in enumerate(task.test)
    ]
    return [name for name, pair in named if not is_right(program, pair.input, pair.output)]


def re_arc_shares(programs: Mapping[str, Program], path: Path, num_pairs: int) -> dict[str, float]:
    """Share of the first `num_pairs` RE-ARC pairs of its task that each program solves."""
    shares = {}
    for task_id, pairs in read_re_arc(path, num_pairs):
        if task_id in programs:
            right = [is_right(programs[task_id], read_grid(given), read_grid(output)) for given, output in pairs]
            shares[task_id] = round(sum(right) / len(right), 3)
    return dict(sorted(shares.items()))


def check(args: argparse.Namespace) -> int:
    tasks, programs, bad = allowed_tasks(), load_solutions(), 0
    for task_id, program in programs.items():
        wrong = failures(program, tasks[task_id]) if task_id in tasks else ["no task that may be solved here"]
        if wrong:
            bad += 1
            print(f"{task_id}: {', '.join(wrong)}")
    print(f"{len(programs) - bad} of {len(programs)} solutions solve their tasks")
    if args.re_arc:
        shares = re_arc_shares(programs, args.re_arc, args.pairs)
        (FOLDER / "re_arc.json").write_bytes(orjson.dumps(shares, option=orjson.OPT_INDENT_2) + b"\n")
        full = sum(share >= 0.95 for share in shares.values())
        print(f"RE-ARC, {args.pairs} pairs a task: {full} of {len(shares)} right on 95 % or more")
    return 1 if bad else 0


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    parser.add_argument("--re-arc", type=Path, help="RE-ARC pairs, xz-compressed JSON lines")
    parser.add_argument("--pairs", type=positive, default=100, help="RE-ARC pairs a task (default: 100)")
    parser.set_defaults(run_command=check)
    return main_of("check_solutions", parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
