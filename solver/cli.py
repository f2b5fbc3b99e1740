"""The command line `arc-solve`: the only place that reads arguments, configures logging, and exits.

Exit codes: 0 done; 2 bad input or settings, or files that could not be written (one line a fault on stderr); 130 and
143 after Ctrl-C and SIGTERM, with the results so far written. Heavy modules are imported by the command that needs
them.
"""

from __future__ import annotations

import contextlib
import errno
import io
import logging
import os
import sys
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from .arguments import parser_of, settings_of
from .errors import ArcSolveError, InputError, SettingsError

if TYPE_CHECKING:
    from .reporting.profile import Profile
    from .run.runner import RunRecord
    from .settings import Settings
    from .tasks import Task

logger = logging.getLogger(__name__)

EXIT_CODES = {"SIGINT": 130, "SIGTERM": 143}


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; the exit code."""
    _make_streams_lenient()
    args = parser_of(COMMANDS).parse_args(argv)
    handler = _StderrHandler()
    handler.setFormatter(logging.Formatter("%(levelname)s %(name)s: %(message)s"))
    logging.basicConfig(level=logging.INFO if args.verbose else logging.WARNING, handlers=[handler], force=True)
    try:
        with _perhaps_unread():
            return args.command(args)
        return 0
    except ArcSolveError as error:
        for line in str(error).splitlines():
            _complain(line)
        return 2
    except OSError as error:
        if error.filename is None and error.errno in (errno.ENOSPC, errno.EIO):
            _complain(f"what is printed cannot be written: {error.strerror}")
            sys.stdout = None
            return 2
        where = "" if error.filename is None else f"{error.filename}: "
        if where and error.errno in (errno.ENAMETOOLONG, errno.EACCES):
            where += "cannot be read: "  # of a name that somebody gave it cannot even be asked whether it is there
        _complain(f"{where}{error.strerror or error}")  # else the machine is short of something, such as descriptors
        logger.info("this is where", exc_info=True)
        return 2
    except KeyboardInterrupt:
        _complain("interrupted")
        return EXIT_CODES["SIGINT"]


def _make_streams_lenient() -> None:
    """Have what is printed go nowhere where a stream was closed from the start (`2>&-`), and characters that standard
    output does not know written as escapes: a name that is no UTF-8, our signs on an old terminal."""
    for name in ("stdout", "stderr"):
        if getattr(sys, name) is None:
            setattr(sys, name, open(os.devnull, "w"))  # noqa: SIM115
    if isinstance(sys.stdout, io.TextIOWrapper) and sys.stdout.errors == "strict":
        sys.stdout.reconfigure(errors="backslashreplace")


def _complain(what: object) -> None:
    """A line on standard error, if anybody reads that."""
    with contextlib.suppress(OSError):
        print(f"arc-solve: {what}", file=sys.stderr)


class _StderrHandler(logging.StreamHandler):
    """Writes to what sys.stderr is at that moment: a progress bar replaces it."""

    @property
    def stream(self) -> Any:
        return sys.stderr

    @stream.setter
    def stream(self, _value: Any) -> None:
        pass


# solve and evaluate


def _solve(args: Any) -> int:
    from .reporting.report import render_report, write_report
    from .reporting.summary import summarize
    from .task_files import load_path

    settings = settings_of(args, args.set_or_setting)
    loaded = load_path(args.tasks)
    if loaded.faults and (args.strict or not loaded.tasks):
        raise InputError("\n".join(map(str, loaded.faults)))
    for fault in loaded.faults:
        _complain(f"{fault} (gets fallback attempts)")
    places = {"report": args.out / "report.html", "submission": args.out / "submission.json"}

    def report(record: RunRecord) -> None:
        summary = summarize(loaded.tasks, record, settings, {"solve": {"tasks": str(args.tasks)}})
        faulty = list(loaded.stubs.values())
        title = os.path.basename(os.path.abspath(args.tasks))  # also of `.`
        page = render_report(loaded.tasks, record.results, summary, title, faulty)
        write_report(places["report"], page)

    record = _go(args, loaded.tasks, settings, faulty=loaded.stubs, show_ids=True, report=report)
    from .reporting.terminal import PlainConsole

    fits = sum(result.num_exact > 0 for result in record.results.values())
    failed = sum(result.status == "failed" for result in record.results.values())
    with _perhaps_unread():
        PlainConsole().print(
            f"{len(record.results)} tasks in {record.wall_s:.1f} s: {fits} have a program that fits all pairs"
            + (f", {failed} failed (fallback attempts)" if failed else "")
        )
        _print_places(**{name: path for name, path in places.items() if path.exists()})
    return _ended(record)


def _evaluate(args: Any) -> int:
    import orjson

    from .reporting.report import render_report, write_report
    from .reporting.summary import summarize
    from .run.results import writable
    from .score import score
    from .submission import write_atomic
    from .task_files import read_ids
    from .task_sets import SETS, load_set, select, select_ids

    names = [value for value in args.set_or_setting if "=" not in value]
    if len(names) != 1:
        asked = f"{len(names)} sets are named" if names else "no set is named"
        raise InputError(f"evaluate: {asked}; give one, such as --set arc-agi-1/dev. Sets: {', '.join(SETS)}")
    settings = settings_of(args, [value for value in args.set_or_setting if "=" in value])
    tasks = load_set(names[0])
    if args.tasks_from is not None:
        tasks = select_ids(tasks, read_ids(args.tasks_from), str(args.tasks_from))
    else:
        tasks = select(tasks, args.tasks)
    summary: dict[str, Any] = {}
    places = {"report": args.out / "report.html", "summary": args.out / "summary.json"}

    def report(record: RunRecord) -> None:
        asked = {"evaluate": {"set": names[0], "tasks": str(args.tasks_from or args.tasks)}}
        summary.update(summarize(tasks, record, settings, asked))
        write_atomic(places["summary"], orjson.dumps(writable(summary), option=orjson.OPT_INDENT_2))
        page = render_report(tasks, record.results, summary, f"{names[0]}: {len(tasks)} tasks")
        write_report(places["report"], page)

    record = _go(args, tasks, settings, show_ids=not names[0].endswith("evaluation"), report=report)
    with _perhaps_unread():
        if summary:
            _print_score(score(tasks, record.results), summary, record)
        _print_places(**{name: path for name, path in places.items() if path.exists()})
    return _ended(record)


@contextlib.contextmanager
def _perhaps_unread() -> Iterator[None]:
    """What is printed meanwhile matters to nobody if whoever read it went away: `arc-solve functions | head`."""
    try:
        yield
    except BrokenPipeError:
        sys.stdout = None


def _print_score(scored: Any, summary: dict[str, Any], record: RunRecord) -> None:
    from rich.table import Table

    from .reporting.terminal import PlainConsole

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
    from .reporting.terminal import PlainConsole

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
    from .reporting.progress import Progress
    from .run.runner import run

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
        _complain(problem)
    if record.interrupted:
        reason = "the time was over" if record.interrupted == "deadline" else f"stopped by {record.interrupted}"
        _complain(f"{reason}; what was found until then is written")
    return EXIT_CODES.get(record.interrupted, 2 if record.problems else 0)


# run, functions, settings, doctor, bench


def find_task(name: str) -> Task:
    """The task of an id in the public sets, or of a task file; InputError for a bad one."""
    from .task_files import load_path
    from .task_sets import find_in_sets

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
    try:
        found = run_program(args.program, task, args.timeout_s, settings.sandbox)
    except SettingsError as error:  # what is out of a setting's range
        raise SettingsError(f"--timeout-s: {error}") from None
    with contextlib.suppress(OSError):
        sys.stderr.write(found.printed)
    as_json = result_json(found, task)
    if args.json:
        print(json.dumps(as_json))
    else:
        from .reporting.terminal import PlainConsole, draw_outputs, has_color

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
        _complain(f"{args.program}: {message}")
    return 0


def _profile(args: Any) -> int:
    from .reporting.profile import draw_profile, read_profile

    profile, picture = read_profile(args.run), args.run / "profile.png"
    if args.json:
        import json

        facts = {"wall_s": profile.wall_s, "lanes": profile.facts_of_lanes(), "phases": profile.phases}
        facts |= {"bottleneck": profile.bottleneck, "services": profile.services}
        print(json.dumps(facts, indent=1), flush=True)
    else:
        _print_profile(profile)
    draw_profile(profile, picture)
    if not args.json:
        _print_places(picture=picture)
    return 0


def _print_profile(profile: Profile) -> None:
    from rich.table import Table

    from .reporting.terminal import PlainConsole

    console = PlainConsole()
    columns = ("lane", "workers", "ready after", "tasks begun", "working", "of their time", "peak MiB")
    table = Table(*columns, box=None, pad_edge=False)
    for name, facts in profile.facts_of_lanes().items():
        share = f"{facts['busy_share']:.1%}"
        row = (facts["workers"], f"{facts['start_s']} s", facts["tasks"], f"{facts['busy_s']:.1f} s", share)
        row += (facts["peak_mib"] or "",)
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

    from .reporting.terminal import PlainConsole

    console = PlainConsole()
    for family in FAMILIES:
        found = [f for f in FUNCTIONS.values() if f.family == family]
        console.print(Text(f"{family} ({len(found)})", style="bold"))
        for function in found:
            console.print(Text.assemble("  ", (function.signature, "cyan"), "  ", function.summary))
    console.print(f"{len(FUNCTIONS)} functions")
    return 0


def _settings(args: Any) -> int:
    from .configuration import as_toml
    from .settings import Settings

    print(as_toml(Settings), end="")
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
    import orjson

    from .bench import run_bench
    from .submission import write_atomic

    if args.out.is_dir():
        raise InputError(f"{args.out}: a folder, not a file to be written")
    try:
        args.out.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"{args.out.parent}: cannot be made: {error.strerror}") from error
    numbers = run_bench()
    for name, value in numbers.items():
        print(f"{name:<24} {value:,.6g}" if isinstance(value, float) else f"{name:<24} {value}")
    try:
        write_atomic(args.out, orjson.dumps(numbers, option=orjson.OPT_INDENT_2))
    except OSError as error:
        raise InputError(f"{args.out}: cannot be written: {error.strerror or error}") from error
    print(f"saved: {args.out}")
    return 0


COMMANDS = {
    "solve": _solve,
    "evaluate": _evaluate,
    "profile": _profile,
    "run": _run,
    "functions": _functions,
    "settings": _settings,
    "doctor": _doctor,
    "bench": _bench,
}
