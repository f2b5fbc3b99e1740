"""The command line: what it writes, what it says, and its exit codes."""

from __future__ import annotations

import errno
import functools
import importlib.util
import io
import json
import os
import re
import shlex
import signal
import subprocess
import sys
import types
from dataclasses import replace

import fake_cli
import fake_sources
import numpy as np
import pytest
from rich.console import Console

from solver import doctor, warm
from solver.arguments import parser_of, settings_of
from solver.cli import COMMANDS, main
from solver.errors import InputError
from solver.grid import registry
from solver.reporting import report, summary
from solver.reporting.progress import Progress
from solver.run import runner
from solver.run.events import Event
from solver.settings import Settings, load_settings
from solver.sources import MODEL_PACKAGES
from solver.submission import check_submission
from solver.task_files import load_path
from solver.task_sets import load_set, sample
from solver.tasks import raw_task
from solver.weights import find_folder

GOOD = {"train": [{"input": [[1, 2]], "output": [[2, 1]]}], "test": [{"input": [[0, 9]]}]}
BAD = {"train": [{"input": [[1, 2], [3]], "output": [[2, 1]]}], "test": [{"input": [[0, 9]]}] * 2}


WHOLE_RUN = runner.run
HAS_MODELS = all(importlib.util.find_spec(name) for name in MODEL_PACKAGES)
"""That which `tame` replaces."""


def use(monkeypatch, maker):
    monkeypatch.setattr(runner, "run", functools.partial(fake_sources.run_fake, make_sources=maker))


@pytest.fixture
def tame(monkeypatch):
    use(monkeypatch, fake_sources.tame)


def write(folder, content, name="tasks.json"):
    path = folder / name
    path.write_text(json.dumps(content))
    return path


def faults(capsys):
    """Lines of stderr, each checked to be one a fault."""
    lines = capsys.readouterr().err.splitlines()
    assert not any("Traceback" in line for line in lines)
    return [line for line in lines if line.startswith("arc-solve: ")]


def test_solve_writes_a_complete_submission_although_one_task_is_bad(tmp_path, tame, capsys):
    path = write(tmp_path, {"good": GOOD, "bad": BAD})
    out = tmp_path / "out"
    assert main(["solve", "--tasks", str(path), "--out", str(out), "--nodes", "5", "--workers", "1"]) == 0
    (line,) = faults(capsys)
    assert "tasks.json: task bad: train[0].input row 1: 1 cells where row 0 has 2" in line
    submission = json.loads((out / "submission.json").read_bytes())
    loaded = load_path(path)
    assert check_submission(submission, [*loaded.tasks, *loaded.stubs.values()]) == []
    assert submission["good"][0]["attempt_1"] == [[4, 2]]
    assert len(submission["bad"]) == 2


def test_solve_shows_all_that_it_submits_as_one_page(tmp_path, tame, capsys):
    path, out = write(tmp_path, {"good": GOOD, "bad": BAD}), tmp_path / "out"
    argv = ["solve", "--tasks", str(path), "--out", str(out), "--nodes", "5", "--workers", "1"]
    assert main(argv) == 0
    page = (out / "report.html").read_text()
    assert "<h2>good</h2>" in page
    assert "<h2>bad</h2>" in page
    assert f"<td>solve.tasks</td><td>{path}</td>" in page
    assert f"report: {out / 'report.html'}" in capsys.readouterr().out
    assert not (out / "summary.json").exists()  # there is no score
    assert main([*argv, "--resume"]) == 0


def test_the_page_of_the_folder_at_hand_has_its_name(tmp_path, tame, monkeypatch):
    (tmp_path / "mine").mkdir()
    write(tmp_path / "mine", GOOD)
    monkeypatch.chdir(tmp_path / "mine")
    assert main(["solve", "--tasks", ".", "--out", "../out", "--nodes", "5"]) == 0
    assert "<title>mine</title>" in (tmp_path / "out" / "report.html").read_text()


def test_strict_refuses_and_writes_nothing(tmp_path, tame, capsys):
    path = write(tmp_path, {"good": GOOD, "bad": BAD, "worse": {}})
    out = tmp_path / "out"
    assert main(["solve", "--tasks", str(path), "--out", str(out), "--strict"]) == 2
    assert [line.split(": ")[2] for line in faults(capsys)] == ["task bad", "task worse"]
    assert not out.exists()


@pytest.mark.parametrize(
    ("argv", "messages"),
    [
        (["solve", "--tasks", "{dir}/absent.json"], ["absent.json: no such file"]),
        (["solve", "--tasks", "{dir}/broken.json"], ["broken.json: line 1 column 8: not JSON"]),
        (["solve", "--tasks", "{dir}/bad.json"], ["task bad: train[0].input row 1"]),
        (["solve", "--tasks", "{dir}/good.json", "--seconds", "x"], ["--seconds must be a number, not 'x'"]),
        (["solve", "--tasks", "{dir}/good.json", "--workers", "0", "--set", "run.sed=1", "--seed", "x"],
         ["--set run.sed=1: unknown setting run.sed; did you mean run.seed?", "--workers must be at least 1",
          "--seed must be a whole number"]),
        (["solve", "--tasks", "{dir}/good.json", "--settings", "{dir}/absent.toml"], ["absent.toml"]),
        (["solve", "--tasks", "{dir}/good.json", "--out", "{dir}/good.json"], ["good.json"]),
        (["solve", "--tasks", "{dir}/good.json", "--out", "/proc/nowhere"], ["/proc/nowhere"]),
        (["solve", "--tasks", "{dir}/good.json", "--hours", "1e-5"],
         ["--hours 1e-05: run.total_s must be at least 1, not 0.036"]),
        (["solve", "--tasks", "{dir}/good.json", "--hours", "1e9"], ["--hours 1e+09: run.total_s must be at most"]),
        (["solve", "--tasks", "{dir}/good.json", "--hours", "0.0003"], ["run.total_s: 1.08 s leave no time"]),
        (["solve", "--tasks", "{dir}/good.json", "--set", "run.pass_shares=[]"], ["at least one pass"]),
        (["evaluate"], ["no set is named"]),
        (["evaluate", "--set", "arc-agi-1/dev", "--set", "arc-agi-1/training"], ["2 sets are named"]),
        (["evaluate", "--set", "arc-agi-9/dev"], ["unknown set 'arc-agi-9/dev'; sets: arc-agi-1/evaluation"]),
        (["evaluate", "--set", "arc-agi-1/dev", "--tasks", "91"], ["--tasks 91: a number must be 1 to 90"]),
        (["evaluate", "--set", "arc-agi-1/dev", "--tasks", "x,y"], ["--tasks: not in this set: x, y"]),
        (["evaluate", "--set", "arc-agi-1/dev", "--tasks-from", "{dir}/absent"], ["absent: no such file"]),
        (["evaluate", "--set", "arc-agi-1/dev", "--set", "search.views=3"], ["unknown setting search.views"]),
    ],
)  # fmt: skip
def test_bad_input_is_one_line_a_fault_and_exit_code_2(tmp_path, tame, capsys, argv, messages):
    write(tmp_path, GOOD, "good.json")
    write(tmp_path, BAD, "bad.json")
    (tmp_path / "broken.json").write_text('{"a": [}')
    before = sorted(tmp_path.iterdir())
    argv = [word.replace("{dir}", str(tmp_path)) for word in argv]
    argv += [] if "--out" in argv else ["--out", str(tmp_path / "out")]
    assert main(argv) == 2
    lines = faults(capsys)
    assert len(lines) == len(messages)
    for line, message in zip(lines, messages):
        assert message in line
    assert sorted(tmp_path.iterdir()) == before


@pytest.mark.parametrize(
    ("flags", "seconds", "nodes", "total_s"),
    [
        ([], 3.0, 7, 99.0),
        (["--seconds", "5"], 5.0, None, None),
        (["--hours", "0.01"], 3.0, None, 36.0),
        (["--nodes", "5"], 3.0, 5, 99.0),
    ],
)
def test_a_flag_of_time_counts_whatever_a_file_says(tmp_path, flags, seconds, nodes, total_s):
    file = tmp_path / "mine.toml"
    file.write_text("[run]\nseconds = 3\nnodes = 7\ntotal_s = 99\n")
    args = parser_of(COMMANDS).parse_args(["solve", "--tasks", "a", "--out", "b", "--settings", str(file), *flags])
    run = settings_of(args, []).run
    assert (run.seconds, run.nodes, run.total_s) == (seconds, nodes, total_s)


@pytest.mark.parametrize("again", [False, True])
@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["vision.device=off", "search.use=false"], "no source of answers"),
        (["vision.device=cpu", "vision.weights={dir}/none"], "none"),
        (["vision.device=off", "run.lanes=['no_such_module:f']"], "run.lanes: 'no_such_module:f'"),
        (["vision.device=off", "search.trace={dir}/tasks.json"], "search.trace"),
        (["vision.device=off", "lm.policy={dir}/none", "lm.strict=true"], "none" if HAS_MODELS else "not installed"),
    ],
)
def test_what_is_refused_leaves_no_folder_and_costs_no_run(tmp_path, tame, capsys, words, message, again):
    """Settings that show what is wrong with them only when the sources of answers are put together."""
    path, out = write(tmp_path, {"good": GOOD}), tmp_path / "out"
    argv = ["solve", "--tasks", str(path), "--out", str(out), "--nodes", "5"]
    if again:
        assert main(argv) == 0
        argv.append("--overwrite")
    before = {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()}
    chosen = [part for word in words for part in ("--set", word.replace("{dir}", str(tmp_path)))]
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(runner, "run", WHOLE_RUN)
        assert main([*argv, *chosen]) == 2
    (line,) = faults(capsys)
    assert message in line
    assert {path: path.read_bytes() for path in tmp_path.rglob("*") if path.is_file()} == before
    assert out.exists() == again


@pytest.mark.parametrize(
    "words",
    [
        ["solve", "--tasks", "{long}", "--out", "{out}"],
        ["run", "{long}", "--task", "{long}"],
        ["evaluate", "--set", "arc-agi-1/dev", "--tasks-from", "{long}", "--out", "{out}"],
        ["evaluate", "--set", "arc-agi-1/dev", "--set", "vision.weights={long}", "--set", "vision.device=cpu",
         "--out", "{out}"],
    ],
)  # fmt: skip
def test_a_name_that_is_too_long_is_one_line_too(tmp_path, capsys, words):
    long = "a" * 300
    assert main([word.format(long=long, out=tmp_path / "out") for word in words]) == 2
    (line,) = faults(capsys)
    assert line.endswith("cannot be read: File name too long")


def test_weights_may_lie_in_a_folder_of_any_name(tmp_path, tame, capsys):
    folder = str(tmp_path / "\U0001f642 ä")
    argv = ["evaluate", "--set", "arc-agi-1/training", "--tasks", "1", "--policy", folder, "--out", str(tmp_path / "a")]
    assert main(argv) == 0
    assert json.loads((tmp_path / "a" / "summary.json").read_text())["settings"]["lm"]["policy"] == folder


def test_weights_with_too_long_a_name_cost_no_answer(tmp_path, tame, capsys):
    """They are as weights that are not there, also where the summary names what was used."""
    long, out = "a" * 300, tmp_path / "out"
    argv = ["evaluate", "--set", "arc-agi-1/training", "--tasks", "2", "--policy", long, "--out", str(out)]
    assert main(argv) == 0
    assert json.loads((out / "summary.json").read_text())["weights"] == {}
    assert not faults(capsys)
    with pytest.raises(InputError, match="File name too long"):
        find_folder(tmp_path / long, "policy")


def test_evaluate_writes_summary_report_and_score(tmp_path, tame, capsys):
    out = tmp_path / "out"
    argv = [
        "evaluate",
        "--set",
        "arc-agi-1/training",
        "--tasks",
        "6",
        "--nodes",
        "5",
        "--workers",
        "2",
        "--seed",
        "3",
    ]
    assert main([*argv, "--set", "search.num_views=1", "--out", str(out)]) == 0
    summary = json.loads((out / "summary.json").read_bytes())
    assert list(summary) == [
        "num_tasks", "score_task_mean", "score_output_mean", "tasks_solved", "seconds_per_task", "wall_s",
        "workers", "seed", "version", "alone", "weights", "engines", "settings",
    ]  # fmt: skip
    assert (summary["num_tasks"], summary["workers"], summary["seed"]) == (6, 2, 3)
    assert summary["tasks_solved"] == 0
    assert summary["alone"] == {}
    assert summary["engines"] == []
    assert summary["settings"]["run"]["nodes"] == 5
    assert summary["settings"]["search"]["num_views"] == 1
    assert summary["settings"]["evaluate"] == {"set": "arc-agi-1/training", "tasks": "6"}
    tasks = sample(load_set("arc-agi-1/training"), 6)
    lines = [json.loads(line) for line in (out / "results.jsonl").read_bytes().splitlines()]
    assert {line["task_id"] for line in lines} == {task.task_id for task in tasks}
    assert check_submission(json.loads((out / "submission.json").read_bytes()), tasks) == []
    page = (out / "report.html").read_text()
    assert all(task.task_id in page for task in tasks)
    said = capsys.readouterr()
    assert re.search(r"tasks solved +0 of 6", said.out)
    assert str(out / "report.html") in said.out
    assert f"{tasks[0].task_id}: fits all pairs" in said.err

    assert main([*argv, "--out", str(out)]) == 2  # holds a run of other settings
    assert "arc-solve: " in capsys.readouterr().err
    assert main([*argv, "--out", str(out), "--set", "search.num_views=1", "--resume"]) == 0
    assert json.loads((out / "summary.json").read_bytes())["wall_s"] > summary["wall_s"]


def full(*_):
    raise OSError(errno.ENOSPC, "No space left on device")


def test_a_full_disk_in_the_end_costs_the_files_and_not_the_score(tmp_path, tame, monkeypatch, capsys):
    out = tmp_path / "out"
    argv = ["evaluate", "--set", "arc-agi-1/training", "--tasks", "1", "--nodes", "5", "--out", str(out)]
    monkeypatch.setattr(report, "write_report", full)
    assert main(argv) == 2
    said = capsys.readouterr()
    assert "tasks solved" in said.out
    assert "report.html" not in said.out
    assert (
        said.err.splitlines()[-1] == f"arc-solve: {out}: summary or report cannot be written: No space left on device"
    )


@pytest.mark.parametrize("lost", ["write_report", "summarize"])
def test_a_report_that_cannot_be_made_costs_nothing_but_itself(tmp_path, tame, monkeypatch, capsys, lost):
    def fail(*_):
        raise ValueError("no such colour\nof ten")

    monkeypatch.setattr({"write_report": report, "summarize": summary}[lost], lost, fail)
    out = tmp_path / "out"
    argv = ["evaluate", "--set", "arc-agi-1/training", "--tasks", "2", "--nodes", "5", "--out", str(out)]
    assert main(argv) == 0
    said = capsys.readouterr()
    line = f"ERROR solver.run.runner: {out}: no report could be made: ValueError: no such colour"
    assert [text for text in said.err.splitlines() if "ERROR" in text or "Traceback" in text] == [line]
    assert ("tasks solved" in said.out) == (out / "summary.json").exists() == (lost == "write_report")
    tasks = sample(load_set("arc-agi-1/training"), 2)
    assert check_submission(json.loads((out / "submission.json").read_bytes()), tasks) == []
    assert len((out / "results.jsonl").read_bytes().splitlines()) == 2
    assert main([*argv, "--verbose", "--resume"]) == 0
    assert capsys.readouterr().err.count("Traceback") == 1

    path = write(tmp_path, {"good": GOOD, "bad": {}})
    assert main(["solve", "--tasks", str(path), "--nodes", "5", "--out", str(tmp_path / "other")]) == 0
    said = capsys.readouterr()
    assert "1 have a program that fits all pairs" in said.out
    assert str(tmp_path / "other" / "submission.json") in said.out


def test_no_other_run_begins_while_the_report_is_written(tmp_path, tame, monkeypatch, capsys):
    """Its summary would show until the other's is there."""
    out = tmp_path / "out"
    argv = ["evaluate", "--set", "arc-agi-1/training", "--tasks", "1", "--nodes", "5", "--out", str(out)]
    whole, codes = report.write_report, []

    def slow(*args):
        if not codes:
            codes.append(main([*argv, "--overwrite"]))
        whole(*args)

    monkeypatch.setattr(report, "write_report", slow)
    assert main(argv) == 0
    assert codes == [2]
    assert f"{out}: another run is writing to it" in capsys.readouterr().err
    assert (out / "summary.json").exists()
    assert main([*argv, "--overwrite"]) == 0


def test_a_run_whose_files_could_not_be_written_is_not_done(tmp_path, tame, monkeypatch, capsys):
    whole = runner.run
    monkeypatch.setattr(runner, "run", lambda *a, **k: replace(whole(*a, **k), problems=("submission.json: full",)))
    path = write(tmp_path, {"good": GOOD})
    assert main(["solve", "--tasks", str(path), "--nodes", "5", "--out", str(tmp_path / "out")]) == 2
    assert faults(capsys) == ["arc-solve: submission.json: full"]


def test_evaluate_counts_right_answers(tmp_path, monkeypatch, capsys):
    tasks = load_set("arc-agi-1/dev")[:4]
    made = {task.task_id: fake_sources.task(task.task_id) for task in tasks}
    # the fake answers [[4, 2]]; two of four tasks have that as their truth
    for index, task in enumerate(tasks):
        truth = np.array([[4, 2]] if index < 2 else [[1]], np.int8)
        fake = made[task.task_id]
        made[task.task_id] = type(fake)(task.task_id, fake.train, (type(fake.test[0])(fake.test[0].input, truth),))
    monkeypatch.setattr("solver.task_sets.load_set", lambda name: tuple(made.values()))
    use(monkeypatch, fake_sources.tame)
    ids = write(tmp_path, dict.fromkeys(list(made)[:3], GOOD), "ids.json")
    argv = ["evaluate", "--set", "arc-agi-1/evaluation", "--nodes", "1", "--tasks-from", str(ids)]
    assert main([*argv, "--out", str(tmp_path / "out")]) == 0
    summary = json.loads((tmp_path / "out" / "summary.json").read_bytes())
    assert summary["tasks_solved"] == 2
    assert summary["score_task_mean"] == pytest.approx(2 / 3)
    said = capsys.readouterr()
    assert not any(task_id in said.err + said.out for task_id in made)  # evaluation: totals only
    assert "[3/3] fit all pairs: 3" in said.err


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
def test_interrupted_runs_leave_results_and_say_where(tmp_path, number, code):
    path = write(tmp_path, {"a": GOOD, "b": GOOD})
    slow = np.zeros((2, 2), np.int8)
    slow[0, 1] = fake_sources.USES_ALL
    tasks = {f"t{n}": {"train": GOOD["train"], "test": [{"input": slow.tolist()}]} for n in range(2)}
    path.write_text(json.dumps(tasks))
    out = tmp_path / "out"
    argv = ["solve", "--tasks", str(path), "--out", str(out), "--seconds", "60", "--workers", "1"]
    process = subprocess.Popen(
        [sys.executable, "-W", "error", fake_cli.__file__, "fake", *argv],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    )  # fmt: skip
    for line in process.stderr:
        if "workers are ready" in line:
            break
    process.send_signal(number)
    stdout, stderr = process.communicate(timeout=30)
    assert process.returncode == code, stderr
    assert "Traceback" not in stderr
    assert number.name in stderr
    assert str(out / "submission.json") in stdout
    loaded = load_path(path)
    assert check_submission(json.loads((out / "submission.json").read_bytes()), loaded.tasks) == []


def test_a_run_goes_on_where_nobody_reads_its_progress_any_more(tmp_path):
    """As in `arc-solve solve … 2>&1 | head`; what is printed in the end still comes."""
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps({f"t{n}": raw_task(fake_sources.task(f"t{n}", fake_sources.SLOW)) for n in range(9)}))
    out = tmp_path / "out"
    argv = ["solve", "--tasks", str(path), "--out", str(out), "--seconds", "1", "--workers", "1"]
    with subprocess.Popen(
        [sys.executable, "-W", "error", fake_cli.__file__, "fake", *argv],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        process.stderr.readline()
        process.stderr.close()
        stdout = process.stdout.read()
    assert process.returncode == 0
    assert str(out / "submission.json") in stdout
    assert len((out / "results.jsonl").read_bytes().splitlines()) == 9


@pytest.mark.parametrize("closed", ["2>&-", "2> >(exec true)"])
def test_nobody_has_to_read_what_goes_wrong(tmp_path, closed):
    """closed: from the start, or by whoever should have read it."""
    path, out = write(tmp_path, {"good": GOOD, "bad": {}}), tmp_path / "out"
    program = tmp_path / "flip.py"
    program.write_text("def solve(I):\n    print('noise')\n    return I[:, ::-1]\n")
    common = [sys.executable, fake_cli.__file__, "tame"]

    def said(*words):
        script = f"sleep 0.3; exec {shlex.join([*common, *words])}"
        done = subprocess.run(
            ["bash", "-c", f"{{ {script}; }} {closed}"], stdout=subprocess.PIPE, text=True, check=True
        )
        return done.stdout

    assert str(out / "submission.json") in said("solve", "--tasks", str(path), "--nodes", "5", "--out", str(out))
    assert len((out / "results.jsonl").read_bytes().splitlines()) == 2
    assert json.loads(said("run", str(program), "--task", "67a3c6ac", "--json"))["status"] == "ok"


@pytest.mark.parametrize("both", [True, False])
@pytest.mark.parametrize("words", [["solve"], ["evaluate", "--set", "arc-agi-1/training", "--tasks-from"]])
def test_a_run_of_which_nobody_reads_the_end_says_how_it_ended(tmp_path, words, both):
    """both: as in `arc-solve solve … 2>&1 | head`."""
    path = tmp_path / "tasks.json"
    path.write_text(json.dumps({"007bbfb7": raw_task(fake_sources.task("007bbfb7"))}))
    words = [*words, "--tasks", str(path)] if words == ["solve"] else [*words, str(path)]
    argv = [*words, "--out", str(tmp_path / "out"), "--seconds", "60", "--workers", "1"]
    with subprocess.Popen(
        [sys.executable, "-W", "error", fake_cli.__file__, "patient", *argv],
        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
    ) as process:  # fmt: skip
        process.stdout.close()
        for line in process.stderr:
            if "workers are ready" in line:
                break
        if both:
            process.stderr.close()
        process.send_signal(signal.SIGTERM)
        said = "" if both else process.stderr.read()
    assert process.returncode == 143
    assert both or said.endswith("arc-solve: stopped by SIGTERM; what was found until then is written\n")


@pytest.mark.parametrize("encoding", ["utf-8", "ascii"])
def test_what_a_terminal_cannot_show_is_no_fault(tmp_path, encoding):
    """Such as the name of a folder that is no UTF-8."""
    odd = tmp_path / "odd\udcff"
    odd.mkdir()
    path, ids = write(odd, {"good": GOOD}), odd / "ids.txt"
    ids.write_text("007bbfb7\n")
    common = ["--nodes", "5", "--workers", "1", "--out"]
    for words in (
        ["solve", "--tasks", str(path), *common, str(odd / "one")],
        ["evaluate", "--set", "arc-agi-1/training", "--tasks-from", str(ids), *common, str(odd / "two")],
        ["functions"],
    ):
        done = subprocess.run(
            [sys.executable, "-W", "error", fake_cli.__file__, "tame", *words],
            capture_output=True, text=True, check=False, env={**os.environ, "PYTHONIOENCODING": f"{encoding}:strict"},
        )  # fmt: skip
        assert (done.returncode, "Traceback" in done.stderr) == (0, False), done.stderr
        assert "odd\\udcff" in done.stdout or words == ["functions"]
    asked = json.loads((odd / "two" / "summary.json").read_text())["settings"]["evaluate"]["tasks"]
    assert asked == str(ids).replace("\udcff", "\\udcff")


def test_output_that_cannot_be_written_is_one_line():
    with open("/dev/full", "wb") as full:
        words = [sys.executable, "-m", "solver", "functions"]
        done = subprocess.run(words, stdout=full, stderr=subprocess.PIPE, text=True, check=False)
    assert done.returncode == 2
    assert done.stderr == "arc-solve: what is printed cannot be written: No space left on device\n"


@pytest.mark.parametrize("more", [[], ["--verbose"]])
def test_a_machine_that_is_short_of_something_is_one_line(more):
    words = ["bash", "-c", 'ulimit -n 6; exec "$@"', "bash", sys.executable, "-m", "solver", "doctor", *more]
    done = subprocess.run(words, capture_output=True, text=True, check=False)
    assert done.returncode == 2
    assert "arc-solve: Too many open files" in done.stderr.splitlines()
    assert ("Traceback" in done.stderr) == bool(more)


def test_a_reader_that_goes_away_is_no_fault():
    words = [sys.executable, "-m", "solver", "functions"]
    with subprocess.Popen(words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as process:
        process.stdout.close()
        assert process.stderr.read() == ""
    assert process.returncode == 0


def test_run_as_json_and_as_pictures(tmp_path, capfd):
    program = tmp_path / "flip.py"
    program.write_text("\ufeffdef solve(I):\n    print('noise')\n    return I[:, ::-1]\n", encoding="utf-8")
    task = write(tmp_path, GOOD, "0a1b2c3d.json")
    assert main(["run", str(program), "--task", str(task), "--json"]) == 0
    said = capfd.readouterr()
    assert json.loads(said.out) == {
        "status": "ok",
        "train": [{"output": [[2, 1]], "correct": True}],
        "test": [{"output": [[9, 0]], "correct": None}],
    }
    assert said.err.count("noise") == 2
    assert main(["run", str(program), "--task", str(task)]) == 0
    said = capfd.readouterr()
    assert "train 0  right" in said.out
    assert "0a1b2c3d: ok, 1 of 1 right" in said.out
    assert main(["run", str(program), "--task", "67a3c6ac", "--json"]) == 0  # by id, with truth
    found = json.loads(capfd.readouterr().out)
    assert all(entry["correct"] for entry in found["train"] + found["test"])


def test_run_of_a_failing_program_says_why(tmp_path, capfd):
    program = tmp_path / "bad.py"
    program.write_text("def solve(I):\n    return I // 0 if I[0, 0] else [[77]]\n    boom\n")
    task = write(tmp_path, GOOD, "a.json")
    assert main(["run", str(program), "--task", str(task), "--json"]) == 0
    said = capfd.readouterr()
    assert json.loads(said.out)["status"] == "bad_output"
    assert "output must hold values 0..9" in said.err


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["{dir}/absent.py", "--task", "007bbfb7"], "absent.py: no such program file"),
        (["{dir}/p.py", "--task", "zzzzzzzz"], "neither the id of a public task nor a file"),
        (["{dir}/p.py", "--task", "{dir}/bad.json"], "task bad: train[0].input row 1"),
        (["{dir}/p.py", "--task", "{dir}/many.json"], "holds 2 tasks"),
        (["{dir}/p.py", "--task", "007bbfb7", "--timeout-s", "1e9"], "--timeout-s: wall_s must be at most 100000"),
    ],
)
def test_run_of_bad_input(tmp_path, capsys, words, message):
    (tmp_path / "p.py").write_text("solve = list")
    write(tmp_path, BAD, "bad.json")
    write(tmp_path, {"a": GOOD, "b": GOOD}, "many.json")
    assert main(["run", *(word.replace("{dir}", str(tmp_path)) for word in words)]) == 2
    (line,) = faults(capsys)
    assert message in line


def test_functions_lists_the_registry_by_family(capsys):
    from solver.grid import FAMILIES, FUNCTIONS

    assert main(["functions"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == len(FUNCTIONS) + len(FAMILIES) + 1
    assert main(["functions", "--json"]) == 0
    rows = json.loads(capsys.readouterr().out)
    assert {row["name"] for row in rows} == FUNCTIONS.keys()
    assert all(row["summary"] and row["family"] in FAMILIES for row in rows)


def test_doctor(capsys):
    assert main(["doctor", "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert found["arc-agi-1/evaluation"] == "400 tasks"
    assert found["cores"] >= 1
    assert re.match("cold|not complete|warm", found["compiled_kernels"])
    assert main(["doctor"]) == 0
    assert len(capsys.readouterr().out.splitlines()) == len(found)


def test_doctor_calls_warm_only_what_is_complete(monkeypatch, tmp_path):
    """Kernels of another copy of the solver lie in the same folder."""
    monkeypatch.setattr(warm, "cache_folder", lambda: tmp_path)
    monkeypatch.setattr(registry, "cache_folder", lambda: tmp_path)
    assert doctor.examine()["compiled_kernels"].startswith("cold: ")
    (tmp_path / "other.nbc").touch()
    assert doctor.examine()["compiled_kernels"].startswith("not complete: 1 compiled kernels")
    (tmp_path / warm.marker_name()).touch()
    assert doctor.examine()["compiled_kernels"].startswith("warm: 1 compiled kernels")


def test_bench_prints_what_it_measured(tmp_path, monkeypatch, capsys):
    bench = types.ModuleType("solver.bench")
    bench.run_bench = lambda: {"statements_per_s": 51234.5, "worker_peak_mib": 700}
    monkeypatch.setitem(sys.modules, "solver.bench", bench)
    assert main(["bench", "--out", str(tmp_path / "build" / "bench.json")]) == 0
    said = capsys.readouterr().out
    assert "statements_per_s" in said
    assert "51,234" in said
    assert json.loads((tmp_path / "build" / "bench.json").read_bytes())["worker_peak_mib"] == 700
    assert main(["bench", "--out", str(tmp_path)]) == 2
    said = capsys.readouterr()
    assert (said.out, said.err) == ("", f"arc-solve: {tmp_path}: a folder, not a file to be written\n")
    monkeypatch.setattr("solver.submission.write_atomic", full)
    assert main(["bench", "--out", str(tmp_path / "bench.json")]) == 2
    said = capsys.readouterr()
    assert "51,234" in said.out
    assert said.err == f"arc-solve: {tmp_path / 'bench.json'}: cannot be written: No space left on device\n"


def test_settings_are_printed_as_a_file(tmp_path, capsys):
    assert main(["settings"]) == 0
    (tmp_path / "all.toml").write_text(capsys.readouterr().out)
    assert load_settings(tmp_path / "all.toml") == Settings()


@pytest.mark.parametrize("command", ["solve", "evaluate", "run", "functions", "settings", "doctor", "bench"])
def test_every_command_explains_itself(command, capsys):
    with pytest.raises(SystemExit) as ended:
        main([command, "--help"])
    assert ended.value.code == 0
    assert len(capsys.readouterr().out.splitlines()) > 5


@pytest.mark.parametrize("argv", [
    [], ["fly"], ["solve"], ["run", "p.py", "--task", "a", "--timeout-s", "-1"],
    ["solve", "--tasks", "a", "--out", "b", "--nodes", "1", "--seconds", "1"],
])  # fmt: skip
def test_wrong_usage_is_exit_code_2(argv, capsys):
    with pytest.raises(SystemExit) as ended:
        main(argv)
    assert ended.value.code == 2
    assert "usage: arc-solve" in capsys.readouterr().err


def test_a_flag_that_is_no_number_says_so(capsys):
    with pytest.raises(SystemExit):
        main(["solve", "--tasks", "a", "--out", "b", "--hours", "many"])
    assert capsys.readouterr().err.endswith("--hours: must be a number, not 'many'\n")


def test_importing_the_command_line_is_light():
    code = "import sys, solver.cli; print(sorted({'numba', 'numpy', 'rich', 'torch'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_module_is_the_same_command():
    done = subprocess.run([sys.executable, "-m", "solver", "--version"], capture_output=True, text=True, check=True)
    assert re.fullmatch(r"arc-solve \d+\.\d+\.\d+\n", done.stdout)


def test_progress_says_what_there_is_to_do_once_a_run_begins(tmp_path, tame, capsys):
    path, out = write(tmp_path, {"a\n\x1b[31m": GOOD, "bad": BAD}), tmp_path / "out"
    argv = ["solve", "--tasks", str(path), "--nodes", "5", "--out", str(out)]

    def said(*more, code=0):
        assert main([*argv, *more]) == code
        return [line for line in capsys.readouterr().err.splitlines() if not line.startswith("arc-solve: ")]

    first = said()
    assert first[0] == "2 tasks, 1 to do; starting workers (the first run compiles the grid library)"
    assert first[-1].startswith("[2/2] 'a\\n\\x1b[31m': fits all pairs")
    assert said(code=2) == []  # it holds a run: none begins
    assert said("--resume") == ["2 tasks, none to do"]


def test_progress_bar_where_someone_watches():
    console = Console(file=io.StringIO(), force_terminal=True, width=100)
    with Progress(2, console=console) as progress:
        progress.on_event(Event("begin", 0.0, 0, 2))  # what compiles now may take minutes
        progress._bar.refresh()
        assert "solving" not in console.file.getvalue()
        progress.on_event(Event("ready", 0.0, 0, 2))
        progress.on_event(Event("finished", 0.2, 1, 2, "a", result=None))
        print("a line of the log [1]", file=sys.stderr)  # goes above the bar
    shown = re.sub(r"\x1b\[[0-9;?]*\w", "", console.file.getvalue())
    assert "starting workers" in shown
    assert "solving" in shown
    assert "fit all pairs: 0" in shown
    assert "a line of the log [1]" in shown
    assert "1/2" in shown
