"""Rehearse the Kaggle submission: the real notebook, in a copy of Kaggle's folders, offline, on a faster clock.

    python tools/rehearse.py [--time-scale 240] [--fault NAME ...|--fault all]

Each rehearsal is a scored run of 240 training tasks whose test outputs are hidden. `/kaggle` is a folder under --out;
the inputs are mounted read-only and the network is an empty one (both by namespaces, where this machine allows them;
what is not allowed is said); every process has a memory limit; 12 hours last 12 hours / time-scale. The wheels come
from --wheelhouse (`make wheelhouse`) and are installed with no index into an environment that has only a notebook
kernel. Compiling the kernels does not scale with the clock, so it is done before. The submission is then checked by
the competition's rules. A table of all rehearsals goes to OUT/table.md; exit code 1 if any is not complete, valid and
in time.
"""

from __future__ import annotations

import argparse
import contextlib
import fcntl
import hashlib
import json
import math
import os
import resource
import shutil
import signal
import socket
import struct
import subprocess
import sys
import threading
import time
import venv
import zipfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson
from command_line import arguments, main_of
from make_wheelhouse import unshared

from solver.answers import TaskResult
from solver.errors import InputError
from solver.submission import blank_submission, check_submission, submission_of
from solver.task_files import load_path
from solver.task_sets import load_set
from solver.tasks import Task, TaskStub, raw_task
from solver.vote import choose_attempts

ROOT = Path(__file__).resolve().parent.parent
NOTEBOOK = ROOT / "kaggle_notebook" / "arc-solver.ipynb"
NUM_TASKS = 240
SCORED_HOURS = 12.0
SLUG = "arc-prize-2025"
MARK = ".rehearsals"
"""A file in the folder of rehearsals, so that no other is taken for it."""


@dataclass(frozen=True)
class Fault:
    """about: what goes wrong. lane: of tools/rehearsal_lanes.py. signal: sent to the solver after a third of the time.
    disk_kib: size of the working folder. bad_task: one of the tasks is broken. layout: of the inputs. clock_jumps:
    (part of the time, seconds that the wall clock is off from then on)."""

    about: str
    lane: str = ""
    signal: int = 0
    disk_kib: int = 0
    bad_task: bool = False
    layout: str = "flat"
    clock_jumps: tuple[tuple[float, int], ...] = ()


FAULTS = {
    "none": Fault("nothing goes wrong"),
    "layout": Fault("the inputs lie in the other known folders", layout="competitions"),
    "never-ready": Fault("an engine never becomes ready", lane="never_ready"),
    "engine-dies": Fault("an engine dies on its third task, again and again", lane="dies"),
    "out-of-memory": Fault("a device is out of memory on one task", lane="out_of_memory"),
    "hung": Fault("a worker hangs in native code", lane="hangs"),
    "no-weights": Fault("a weights file is missing", lane="no_weights"),
    "slow-start": Fault("four workers start 0, 2, 4 and 6 s late", lane="slow_start"),
    "bad-task": Fault("one task is broken", bad_task=True),
    "full-disk": Fault("the working folder is full after a while", disk_kib=1400),
    "clock": Fault(
        "the wall clock jumps a day ahead, later two days back", clock_jumps=((0.25, 86_400), (0.6, -86_400))
    ),
    "sigterm": Fault("the solver gets SIGTERM after a third of the time", signal=signal.SIGTERM),
    "sigkill": Fault("the solver is killed after a third of the time", signal=signal.SIGKILL),
}


@dataclass(frozen=True)
class Outcome:
    """What became of one rehearsal. num_answered, num_guessed: tasks, see `count_answers`. over_s: seconds beyond the
    scaled 12 hours; negative: to spare."""

    name: str
    num_tasks: int
    num_answered: int
    num_guessed: int
    problems: tuple[str, ...]
    wall_s: float
    over_s: float

    @property
    def passed(self) -> bool:
        return not self.problems and self.over_s <= 0


# the folders


def write_inputs(folder: Path, fault: Fault, wheelhouse: Path) -> list[Task | TaskStub]:
    """Kaggle's /kaggle/input, with hidden training tasks as the test file. Returns the tasks; stubs of those that
    cannot be read."""
    competition = folder / "competitions" / SLUG if fault.layout == "competitions" else folder / SLUG
    wheels = folder / "datasets" / "somebody" / "wheels" if fault.layout == "competitions" else folder / "wheels"
    weights = wheels.with_name("weights") / "nested"
    for made in (competition, wheels, weights):
        made.mkdir(parents=True)
    tasks = load_set("arc-agi-1/training")[:NUM_TASKS]
    content = {task.task_id: raw_task(task.hide()) for task in tasks}
    if fault.bad_task:
        content[tasks[7].task_id]["train"][0]["output"] = [[1, 2], [3]]
    path = competition / "arc-agi_test_challenges.json"
    path.write_bytes(orjson.dumps(content))
    for wheel in wheelhouse.glob("*.whl"):
        shutil.copy(wheel, wheels)
    for kind in ("policy", "ppm", "vision"):
        shutil.copytree(ROOT / "weights" / kind, weights / kind)
    loaded = load_path(path)
    return [*loaded.tasks, *loaded.stubs.values()]


def prepare_environment(out: Path, wheelhouse: Path) -> Path:
    """An environment with a notebook kernel and, from the wheels alone, the solver, its kernels compiled. Made anew
    when the solver's wheel changed. Returns its Python. Raises InputError."""
    wheel = next(iter(sorted(wheelhouse.glob("arc_solver-*.whl"))), None)
    if wheel is None:
        raise InputError(f"no arc_solver-*.whl in {wheelhouse}: run make wheelhouse first")
    folder, stamp = out / "venv", out / "venv" / ".solver"
    python, digest = folder / "bin" / "python", content_digest(wheel)
    if stamp.is_file() and stamp.read_text() == digest:
        return python
    print("making the environment and compiling the kernels (not part of the scaled time)", flush=True)
    venv.create(folder, clear=True, with_pip=True)
    run = [str(python), "-I", "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*run, "ipykernel"], check=True)
    subprocess.run([*run, "--no-index", "--find-links", str(wheelhouse), "arc-solver"], check=True)
    warm = f"from solver.warm import prepare; prepare({len(os.sched_getaffinity(0))})"
    own = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}  # children compile what is there
    subprocess.run([str(python), "-I", "-c", warm], check=True, cwd=out, env=own)
    stamp.write_text(digest)
    return python


def content_digest(wheel: Path) -> str:
    """Of the files in a wheel, whenever it was built."""
    with zipfile.ZipFile(wheel) as archive:
        entries = sorted((info.filename, info.CRC) for info in archive.infolist())
    return hashlib.sha256(repr(entries).encode()).hexdigest()


def claim(out: Path) -> None:
    """Make the folder of rehearsals, which are removed and made anew in it. Raises InputError if it holds anything that
    they did not make."""
    known = [out / MARK, out / "table.md", out / "venv" / ".solver"]  # the last two were there before the mark was
    if out.exists() and any(out.iterdir()) and not any(path.is_file() for path in known):
        raise InputError(f"{out}: was not made by a rehearsal: choose a folder of its own")
    out.mkdir(parents=True, exist_ok=True)
    (out / MARK).touch()


# inside the namespaces


def isolation_is_on() -> bool:
    """Whether this process is in a network namespace without devices but the loopback."""
    return [name for _, name in socket.if_nameindex()] == ["lo"]


def bring_up_loopback() -> None:
    """In a new network namespace even the loopback device, over which the kernel talks, is down."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as handle:
        request = struct.pack("16sh", b"lo", 0x1 | 0x40)  # IFF_UP | IFF_RUNNING
        fcntl.ioctl(handle, 0x8914, request)  # SIOCSIFFLAGS


def execute(root: Path, python: Path, limit_s: float, memory_gib: float, result: Path) -> int:
    """Run the notebook in this process's namespaces, its output to stdout; copy the submission to `result`."""
    import nbformat
    from nbclient import NotebookClient
    from nbclient.exceptions import CellExecutionError, CellTimeoutError, DeadKernelError

    limit = int(memory_gib * 2**30)
    resource.setrlimit(resource.RLIMIT_DATA, (limit, limit))
    kernels = root / "kernels" / "kernels" / "rehearsal"
    kernels.mkdir(parents=True, exist_ok=True)
    command = [str(python), "-m", "ipykernel_launcher", "-f", "{connection_file}"]
    (kernels / "kernel.json").write_text(json.dumps({"argv": command, "display_name": "r", "language": "python"}))
    os.environ["JUPYTER_PATH"] = str(root / "kernels")
    notebook = nbformat.read(NOTEBOOK, as_version=4)

    def show(cell, cell_index, execute_reply) -> None:
        for output in cell.get("outputs", ()):
            print(output.get("text") or "\n".join(output.get("traceback", ())), end="", flush=True)

    code = 0
    try:
        NotebookClient(
            notebook, kernel_name="rehearsal", timeout=limit_s, on_cell_executed=show,
            resources={"metadata": {"path": str(root / "working")}},
        ).execute()  # fmt: skip
    except (CellExecutionError, CellTimeoutError, DeadKernelError) as error:
        print(f"the notebook failed: {str(error)[-2000:]}", flush=True)
        code = 1
    submission = root / "working" / "submission.json"
    if submission.exists():
        shutil.copy(submission, result)
    return code


# one rehearsal


def isolation() -> list[str]:
    """The command that gives a process namespaces of its own, or nothing if this machine does not allow it."""
    return unshared("--mount", "--net")


def rehearse(name: str, out: Path, wheelhouse: Path, python: Path, time_scale: float, memory_gib: float) -> Outcome:
    fault = FAULTS[name]
    root = (out / name).absolute()
    if root.exists():
        shutil.rmtree(root)
    tasks = write_inputs(root / "input", fault, wheelhouse)
    (root / "working").mkdir()
    limit_s = 3600 * SCORED_HOURS / time_scale
    assignments = ["run.grace_s=2", "run.min_task_s=0.05", "vision.device=auto"]
    if fault.lane:
        assignments.append(f'run.lanes=["rehearsal_lanes:{fault.lane}"]')
    environment = {
        **{key: value for key, value in os.environ.items() if not key.startswith(("KAGGLE", "ARC_"))},
        "KAGGLE_IS_COMPETITION_RERUN": "1",
        "ARC_KAGGLE_ROOT": str(root),
        "ARC_KAGGLE_TIME_SCALE": str(time_scale),
        "ARC_KAGGLE_ARGUMENTS": " ".join(assignments),
        "PYTHONPATH": str(ROOT / "tools"),
    }
    if fault.clock_jumps:
        now = time.monotonic()
        environment["LD_PRELOAD"] = str(build_clock_jump(out.absolute()))
        environment["ARC_CLOCK_JUMPS"] = ",".join(f"{now + part * limit_s:.3f}:{by}" for part, by in fault.clock_jumps)
    inside = [
        sys.executable, str(Path(__file__).resolve()), "--inside", str(root), "--python", str(python),
        "--limit-s", str(limit_s), "--memory-gib", str(memory_gib), "--result", str(root / "submission.json"),
    ]  # fmt: skip
    mounts = 'mount --bind "$0/input" "$0/input" && mount -o remount,bind,ro "$0/input"'
    if fault.disk_kib:
        mounts += f' && mount -t tmpfs -o size={fault.disk_kib}k tmpfs "$0/working"'
    namespaces = isolation()
    command = [*namespaces, "bash", "-c", f'{mounts} && exec "$@"', str(root), *inside] if namespaces else inside
    began = time.monotonic()
    struck: list[int] = []
    with (root / "log.txt").open("wb") as log:
        process = subprocess.Popen(command, stdout=log, stderr=subprocess.STDOUT, env=environment, cwd=root)
        if fault.signal:
            threading.Thread(target=strike, args=(root, fault.signal, limit_s / 3, struck), daemon=True).start()
        process.wait()
    wall_s = time.monotonic() - began
    problems = [] if process.returncode == 0 else [f"exit code {process.returncode}"]
    if fault.signal and not struck:
        problems.append("no solver ran when the signal was due")
    submission = {}
    try:
        submission = orjson.loads((root / "submission.json").read_bytes())
        problems += check_submission(submission, tasks)[:3]
    except (OSError, orjson.JSONDecodeError) as error:
        problems.append(f"no submission: {error}")
    return Outcome(name, len(tasks), *count_answers(submission, tasks), tuple(problems), wall_s, wall_s - limit_s)


def build_clock_jump(folder: Path) -> Path:
    """Compile clock_jump.c, to be preloaded, by `cc`."""
    library, source = folder / "clock_jump.so", Path(__file__).with_name("clock_jump.c")
    subprocess.run(["cc", "-O1", "-Wall", "-shared", "-fPIC", "-o", str(library), str(source)], check=True)
    return library


def count_answers(submission: Any, tasks: Sequence[Task | TaskStub]) -> tuple[int, int]:
    """Of how many tasks a submission has an answer that somebody found, and of how many what is submitted where nothing
    was found. Answers that are just that are taken for guesses."""
    guessed = present = 0
    for task in tasks:
        entries = submission.get(task.task_id) if isinstance(submission, dict) else None
        present += entries is not None
        guessed += entries is not None and entries in guesses(task)
    return present - guessed, guessed


def guesses(task: Task | TaskStub) -> list[list[dict]]:
    """What stands in a submission where nothing was found: of the notebook, before the solver runs, and of the solver,
    which knows nothing better for a task that cannot be read."""
    known = [blank_submission([task])]
    if isinstance(task, Task):
        known.append(submission_of([TaskResult(task.task_id, choose_attempts(task, {}))]))
    return [submission[task.task_id] for submission in known]


def strike(root: Path, number: int, after_s: float, struck: list[int]) -> None:
    """Send a signal to the solver's main process, whose id is added to `struck`."""
    time.sleep(after_s)
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            words = (entry / "cmdline").read_bytes().split(b"\0")
        except OSError:
            continue
        if b"solve" in words and any(str(root).encode() in word for word in words) and b"--hours" in words:
            with contextlib.suppress(ProcessLookupError):
                os.kill(int(entry.name), number)
                struck.append(int(entry.name))


def table(outcomes: Sequence[Outcome]) -> str:
    """The rehearsals as Markdown."""
    lines = ["| fault | what goes wrong | result | tasks answered | only guessed | seconds over the plan |"]
    lines.append("|-|-|-|-|-|-|")
    for o in outcomes:
        result = "complete and valid" if not o.problems else "; ".join(o.problems)
        answers = f"{o.num_answered} of {o.num_tasks} | {o.num_guessed}"
        lines.append(f"| {o.name} | {FAULTS[o.name].about} | {result} | {answers} | {o.over_s:.1f} |")
    return "\n".join(lines) + "\n"


def possible(asked: Sequence[str]) -> list[str]:
    """The names of the faults that are asked for; of all those that this machine can rehearse. Raises InputError where
    it cannot rehearse one that was named."""
    names = list(FAULTS) if "all" in asked else list(asked)
    lacking = {name: "needs a C compiler (cc)" for name in names if FAULTS[name].clock_jumps and not shutil.which("cc")}
    if not isolation():
        print("this machine allows no namespaces: the network is there and the inputs can be written", flush=True)
        lacking |= {name: "needs namespaces, for a disk of its own" for name in names if FAULTS[name].disk_kib}
    if lacking and "all" not in asked:
        raise InputError("\n".join(f"--fault {name}: {why}" for name, why in lacking.items()))
    for name, why in lacking.items():
        print(f"{name}: left out, as it {why}", flush=True)
    return [name for name in names if name not in lacking]


def rehearse_all(args: argparse.Namespace) -> int:
    if not 0 < args.time_scale < math.inf:
        raise InputError(f"--time-scale {args.time_scale:g}: must be more than 0")
    names = possible(args.fault)
    claim(args.out)
    python = prepare_environment(args.out.absolute(), args.wheelhouse.absolute())
    outcomes = []
    for name in names:
        print(f"{name}: {FAULTS[name].about} …", flush=True)
        outcome = rehearse(name, args.out, args.wheelhouse, python.absolute(), args.time_scale, args.memory_gib)
        outcomes.append(outcome)
        verdict = "passed" if outcome.passed else f"FAILED: {'; '.join(outcome.problems) or 'too late'}"
        print(
            f"{name}: {verdict}; {outcome.num_answered} of {outcome.num_tasks} tasks answered, "
            f"{outcome.num_guessed} only guessed, {outcome.wall_s:.1f} s ({-outcome.over_s:.1f} s to spare); "
            f"log: {args.out / name / 'log.txt'}",
            flush=True,
        )
    (args.out / "table.md").write_text(table(outcomes), encoding="utf-8")
    return int(not all(outcome.passed for outcome in outcomes))


def rehearse_inside(args: argparse.Namespace) -> int:
    """What `rehearse` starts in the namespaces."""
    if isolation_is_on():
        bring_up_loopback()
    return execute(args.inside, args.python, args.limit_s, args.memory_gib, args.result)


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    parser.add_argument("--time-scale", type=float, default=240.0, help="12 hours take 12 h / this (240: 3 minutes)")
    parser.add_argument("--fault", nargs="+", default=["none"], choices=[*FAULTS, "all"], metavar="NAME")
    parser.add_argument("--wheelhouse", type=Path, default=Path("build/wheelhouse"))
    parser.add_argument("--out", type=Path, default=Path("build/rehearsal"))
    parser.add_argument("--memory-gib", type=float, default=16.0, help="data of any one process")
    parser.add_argument("--inside", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--python", type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--limit-s", type=float, help=argparse.SUPPRESS)
    parser.add_argument("--result", type=Path, help=argparse.SUPPRESS)
    parser.set_defaults(run_command=lambda args: rehearse_inside(args) if args.inside else rehearse_all(args))
    return main_of("rehearse", parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
