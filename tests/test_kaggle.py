"""The Kaggle package: the generated notebook, what is uploaded, and what a rehearsal prepares."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
import time
from pathlib import Path

import kaggle_upload
import make_notebook
import make_wheelhouse
import nbformat
import numpy as np
import pytest
import rehearse
from make_notebook import NOTEBOOK, SOURCE, kernel_metadata, slugify, split_cells

import solver
from solver.answers import Answer, Findings, TaskResult
from solver.submission import blank_submission, check_submission, submission_of
from solver.task_files import load_path
from solver.tasks import Pair, Task, TaskStub
from solver.vote import choose_attempts

# the notebook


def test_the_notebook_is_up_to_date():
    assert NOTEBOOK.read_text(encoding="utf-8") == make_notebook.make_notebook(SOURCE.read_text(encoding="utf-8"))
    assert make_notebook.main(["--check"]) == 0


def test_cells_are_text_or_valid_python():
    notebook = nbformat.read(NOTEBOOK, as_version=4)
    kinds = [cell.cell_type for cell in notebook.cells]
    assert kinds[0] == "markdown"
    assert kinds.count("code") == 6
    for cell in notebook.cells:
        if cell.cell_type == "code":
            compile(cell.source, "cell", "exec")
        else:
            assert not any(line.startswith("#  ") for line in cell.source.splitlines())
    with pytest.raises(ValueError, match="before the first cell"):
        split_cells("import os\n# %%\n")


def run_notebook(root: Path, **environment) -> subprocess.CompletedProcess:
    """Its cells as one script, outside of any kernel."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(("KAGGLE", "ARC_"))}
    return subprocess.run(
        [sys.executable, str(SOURCE)], capture_output=True, text=True, timeout=120, check=False,
        env={**kept, "ARC_KAGGLE_ROOT": str(root), **environment},
    )  # fmt: skip


@pytest.mark.parametrize("layout", ["none", "layout"])
def test_the_submission_is_complete_before_anything_can_fail(tmp_path, layout):
    """Without wheels a scored run ends with the prefilled submission, in either layout of the inputs: a notebook that
    fails is not scored at all. Any other run is loud."""
    tasks = rehearse.write_inputs(tmp_path / "input", rehearse.FAULTS[layout], tmp_path / "no-wheels")
    done = run_notebook(tmp_path, KAGGLE_IS_COMPETITION_RERUN="1")
    assert done.returncode == 0, done.stderr
    assert "no arc_solver-*.whl" in done.stdout
    assert "the scored run: 240 tasks" in done.stdout
    assert "240 tasks, 0 changed since: not checked" in done.stdout
    assert check_submission(json.loads((tmp_path / "working" / "submission.json").read_bytes()), tasks) == []


def test_a_broken_task_does_not_stop_the_prefill(tmp_path):
    fault = rehearse.Fault("", bad_task=True)
    tasks = rehearse.write_inputs(tmp_path / "input", fault, tmp_path / "no-wheels")
    assert "a rehearsal" in run_notebook(tmp_path).stdout
    submission = json.loads((tmp_path / "working" / "submission.json").read_bytes())
    assert check_submission(submission, tasks) == []
    assert len(submission) == 240


def test_tasks_of_any_shape_are_prefilled_with_something_valid(tmp_path):
    broken = {
        "no-test": {"train": []}, "list": [], "ragged": {"test": [{"input": [[1, 2], [3]]}]},
        "large": {"test": [{"input": [[0] * 31]}]}, "color": {"test": [{"input": [[10]]}, {"input": [[True]]}]},
        "empty": {"test": [{"input": []}, {}]}, "blank": {"test": [{"input": [[0, 0]]}]}, "no-tests": {"test": []},
    }  # fmt: skip
    path = tmp_path / "input" / "arc" / "arc-agi_test_challenges.json"
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(broken))
    done = run_notebook(tmp_path, KAGGLE_IS_COMPETITION_RERUN="1")
    assert done.returncode == 0, done.stderr
    loaded = load_path(path)
    submission = json.loads((tmp_path / "working" / "submission.json").read_bytes())
    assert check_submission(submission, [*loaded.tasks, *loaded.stubs.values()]) == []
    assert submission["blank"] == [{"attempt_1": [[0, 0]], "attempt_2": [[1, 1]]}]


def test_links_in_a_circle_and_a_byte_order_mark_do_not_stop_the_prefill(tmp_path):
    folder = tmp_path / "input" / "arc"
    folder.mkdir(parents=True)
    for name in "abcdef":
        (folder / name).symlink_to("..")
    text = json.dumps({"t": {"train": [], "test": [{"input": [[1]]}]}})
    (folder / "arc-agi_test_challenges.json").write_text(text, encoding="utf-8-sig")
    done = run_notebook(tmp_path, KAGGLE_IS_COMPETITION_RERUN="1")
    assert done.returncode == 0, done.stderr
    assert list(json.loads((tmp_path / "working" / "submission.json").read_bytes())) == ["t"]


def test_several_files_of_tasks_stop_a_trial_and_are_told_in_a_scored_run(tmp_path):
    """A copy among the inputs has no hidden tasks in the scored run, and may be the one that is found first."""
    for name in ("a-copy", "arc-prize"):
        path = tmp_path / "input" / name / "arc-agi_test_challenges.json"
        path.parent.mkdir(parents=True)
        path.write_text('{"t": {"train": [], "test": [{"input": [[1]]}]}}')
    trial = run_notebook(tmp_path)
    assert trial.returncode == 1
    assert trial.stderr.rstrip().endswith("attach the data of one competition and no copies")
    scored = run_notebook(tmp_path, KAGGLE_IS_COMPETITION_RERUN="1")
    assert scored.returncode == 0, scored.stderr
    first, second = (tmp_path / "input" / name / "arc-agi_test_challenges.json" for name in ("a-copy", "arc-prize"))
    assert f"of which {first} is taken: {first}, {second}" in scored.stdout


def test_without_a_gpu_only_the_vision_model_is_not_used(tmp_path):
    rehearse.write_inputs(tmp_path / "input", rehearse.FAULTS["none"], tmp_path / "no-wheels")
    done = run_notebook(tmp_path, KAGGLE_IS_COMPETITION_RERUN="1", PATH=str(tmp_path))
    assert done.returncode == 0, done.stderr
    said = dict(line.split(" model: ") for line in done.stdout.splitlines() if " model: " in line)
    assert {kind for kind, text in said.items() if "no GPU" in text} == {"vision"}
    assert said["policy"].strip() == str(tmp_path / "input" / "weights" / "nested" / "policy")


@pytest.fixture
def installed(tmp_path):
    """The environment of a notebook whose wheels are installed: this project's, pip replaced by one that does
    nothing."""
    wheels = tmp_path / "input" / "wheels"
    wheels.mkdir(parents=True)
    (wheels / "arc_solver-0.1.0-py3-none-any.whl").touch()
    pip = tmp_path / "path" / "pip"
    pip.mkdir(parents=True)
    (pip / "__init__.py").touch()
    (pip / "__main__.py").write_text("print('Requirement already satisfied: arc-solver')")
    folders = [pip.parent, Path(__file__).parents[1], Path(__file__).parent]
    lanes = 'search.use=false run.lanes=["fake_notebook_lanes:tame"]'
    return {"PYTHONPATH": os.pathsep.join(map(str, folders)), "ARC_KAGGLE_ARGUMENTS": lanes}


def write_tasks(root: Path, count: int) -> None:
    rehearse.write_inputs(root / "all", rehearse.FAULTS["none"], root / "no-wheels")
    written = next((root / "all").rglob("arc-agi_test_challenges.json"))
    tasks = dict(list(json.loads(written.read_bytes()).items())[:count])
    path = root / "input" / "competitions" / "arc" / written.name
    path.parent.mkdir(parents=True)
    path.write_text(json.dumps(tasks))


def test_a_scored_run_answers_every_task(tmp_path, installed):
    write_tasks(tmp_path, 5)
    done = run_notebook(tmp_path, KAGGLE_IS_COMPETITION_RERUN="1", ARC_KAGGLE_TIME_SCALE="1200", **installed)
    assert done.returncode == 0, done.stderr
    assert "exit code 0" in done.stdout
    assert "5 tasks, 5 changed since: valid" in done.stdout
    assert "plan: 5 tasks" in done.stdout
    submission = json.loads((tmp_path / "working" / "submission.json").read_bytes())
    assert all(entry["attempt_1"] == [[4, 2]] for entries in submission.values() for entry in entries)


def test_a_solver_that_is_killed_goes_on(tmp_path, installed):
    write_tasks(tmp_path, 3)
    installed["ARC_KAGGLE_ARGUMENTS"] = 'search.use=false run.lanes=["fake_notebook_lanes:kills_the_run_once"]'
    done = run_notebook(
        tmp_path, KAGGLE_IS_COMPETITION_RERUN="1", ARC_KAGGLE_TIME_SCALE="1200",
        FAKE_MARKER=str(tmp_path / "killed"), **installed,
    )  # fmt: skip
    assert done.returncode == 0, done.stderr
    assert "ended with exit code -9\ngoing on\n" in done.stdout
    assert "3 tasks, 3 changed since: valid" in done.stdout


def test_a_run_that_is_not_scored_solves_a_few_tasks_and_keeps_the_others(tmp_path, installed):
    write_tasks(tmp_path, 12)
    done = run_notebook(tmp_path, ARC_KAGGLE_TIME_SCALE="1200", **installed)
    assert done.returncode == 0, done.stderr
    assert "12 tasks, 8 changed since: valid" in done.stdout


def test_wheels_that_do_not_install_are_told(tmp_path, installed):
    write_tasks(tmp_path, 2)
    (tmp_path / "path" / "pip" / "__main__.py").write_text("import sys; sys.exit('ERROR: no matching distribution')")
    done = run_notebook(tmp_path, KAGGLE_IS_COMPETITION_RERUN="1", **installed)
    assert done.returncode == 0, done.stderr
    assert "the wheels do not install: ERROR: no matching distribution" in done.stdout
    assert "2 tasks, 0 changed since" in done.stdout
    assert f"make wheelhouse KAGGLE_PYTHON={sys.version_info[0]}.{sys.version_info[1]}" in done.stdout
    assert run_notebook(tmp_path, **installed).returncode == 1


def test_a_trial_whose_solver_does_not_end_well_fails(tmp_path, installed):
    """The scored run goes on with what it has."""
    write_tasks(tmp_path, 2)
    installed["ARC_KAGGLE_ARGUMENTS"] = "search.use=false vision.device=off"
    done = run_notebook(tmp_path, ARC_KAGGLE_TIME_SCALE="1200", **installed)
    assert done.returncode == 1
    assert "no source of answers" in done.stdout
    assert done.stderr.splitlines()[-1] == "RuntimeError: the solver ended with exit code 2: see above"
    done = run_notebook(tmp_path, KAGGLE_IS_COMPETITION_RERUN="1", ARC_KAGGLE_TIME_SCALE="1200", **installed)
    assert done.returncode == 0, done.stderr
    assert "2 tasks, 0 changed since: valid" in done.stdout


def with_gpus(tmp_path, installed, count=2):
    """The environment with a machine of so many GPUs."""
    smi = tmp_path / "bin" / "nvidia-smi"
    smi.parent.mkdir()
    smi.write_text("#!/bin/sh\n" + "".join(f"echo 'GPU {n}: NVIDIA L4'\n" for n in range(count)))
    smi.chmod(0o755)
    return {
        **installed,
        "PATH": f"{smi.parent}{os.pathsep}{os.environ['PATH']}",
        "ARC_KAGGLE_ARGUMENTS": installed["ARC_KAGGLE_ARGUMENTS"] + " vision.device=off",
    }


def test_a_trial_on_gpus_without_the_weights_fails(tmp_path, installed):
    write_tasks(tmp_path, 2)
    machine = with_gpus(tmp_path, installed)
    done = run_notebook(tmp_path, ARC_KAGGLE_TIME_SCALE="1200", **machine)
    assert done.returncode == 1
    assert "no weights of the vision model" in done.stderr.splitlines()[-1]
    (tmp_path / "input" / "vision").mkdir()
    (tmp_path / "input" / "vision" / "solver.json").write_text('{"kind": "vision"}')
    done = run_notebook(tmp_path, ARC_KAGGLE_TIME_SCALE="1200", **machine)
    assert done.returncode == 0, done.stderr


@pytest.mark.parametrize("spoilt", ["", "{", '{"t0": []}'])
def test_a_spoilt_submission_is_replaced(own_solver, tmp_path, spoilt):
    done = own_solver(
        "import pathlib, sys\n"
        "out = pathlib.Path(sys.argv[sys.argv.index('--out') + 1])\n"
        f"(out / 'submission.json').write_text({spoilt!r})\n",
        checks=True,
    )
    assert done.returncode == 0, done.stderr
    assert "2 tasks, 0 changed since: replaced by the prefilled one" in done.stdout
    assert len(json.loads((tmp_path / "working" / "submission.json").read_text())) == 2


@pytest.mark.parametrize(
    ("attached", "refuses", "wanted"),
    [
        ("vllm-0.24.0-cp38-abi3-manylinux1_x86_64.whl", "nothing", ["gpu"]),
        ("vllm-0.24.0-cp38-abi3-manylinux1_x86_64.whl", "[gpu]", ["gpu", "vision"]),
        ("safetensors-0.8.0-cp38-abi3-manylinux_2_17_x86_64.whl", "nothing", ["vision"]),
    ],
)
def test_what_models_need_on_gpus_is_installed_if_it_is_attached(tmp_path, installed, attached, refuses, wanted):
    write_tasks(tmp_path, 2)
    (tmp_path / "input" / "wheels" / attached).touch()
    (tmp_path / "input" / "policy").mkdir()
    (tmp_path / "input" / "policy" / "solver.json").write_text('{"kind": "policy"}')
    (tmp_path / "path" / "pip" / "__main__.py").write_text(
        "import sys\n"
        f"print(sys.argv[-1], file=open({str(tmp_path / 'asked')!r}, 'a'))\n"
        f"sys.exit('ERROR: no matching distribution' if {refuses!r} in sys.argv[-1] else 0)\n"
    )
    machine = with_gpus(tmp_path, installed)
    done = run_notebook(tmp_path, KAGGLE_IS_COMPETITION_RERUN="1", ARC_KAGGLE_TIME_SCALE="1200", **machine)
    assert done.returncode == 0, done.stderr
    assert "2 tasks, 2 changed since: valid" in done.stdout
    wheel = tmp_path / "input" / "wheels" / "arc_solver-0.1.0-py3-none-any.whl"
    asked = (tmp_path / "asked").read_text().splitlines()
    assert asked == [str(wheel), *(f"{wheel}[{extra}]" for extra in wanted)]
    settings = json.loads((tmp_path / "working" / "run.json").read_bytes())["settings"]
    assert (settings["search"]["most_s"], settings["vision"]["max_runs"]) == (300.0, 100)


@pytest.fixture
def own_solver(tmp_path, installed):
    """Puts a solver of its own in the place of the installed one: the text of its __main__ and its __init__. checks:
    whether it has the real one's modules besides, by which the notebook checks a submission."""
    write_tasks(tmp_path, 2)
    installed["PYTHONPATH"] = str(tmp_path / "path")
    folder = tmp_path / "path" / "solver"
    folder.mkdir()

    def run(main: str, init: str = "", checks: bool = False) -> subprocess.CompletedProcess:
        if checks:
            init = f"__version__ = '0'\n__path__.append({str(Path(solver.__file__).parent)!r})\n{init}"
        (folder / "__main__.py").write_text(main)
        (folder / "__init__.py").write_text(init)
        return run_notebook(
            tmp_path, KAGGLE_IS_COMPETITION_RERUN="1", ARC_KAGGLE_TIME_SCALE="1200", **installed
        )  # fmt: skip

    return run


def test_a_run_that_lay_there_before_is_not_gone_on_with(own_solver, tmp_path):
    """Nor is one that ended before it began: the solver refuses to go on with a run of other settings or weights."""
    out = tmp_path / "working"
    out.mkdir()
    (out / "run.json").write_text("{}")
    done = own_solver(
        "import pathlib, sys\n"
        "out = pathlib.Path(sys.argv[sys.argv.index('--out') + 1])\n"
        "number = len(list(out.glob('call-*')))\n"
        "(out / f'call-{number}').write_text(' '.join(sys.argv))\n"
        "if number == 1: (out / 'run.json').write_text('{}')\n"
        "sys.exit(number < 2)"
    )
    assert done.returncode == 0, done.stderr
    how = ["--resume" if "--resume" in (out / f"call-{n}").read_text() else "--overwrite" for n in range(3)]
    assert how == ["--overwrite", "--overwrite", "--resume"]
    assert done.stdout.count("going on") == 2


def test_a_disk_that_takes_no_submission_any_more_fails_no_scored_run(own_solver):
    done = own_solver(
        "import pathlib, sys\n"
        "out = pathlib.Path(sys.argv[sys.argv.index('--out') + 1])\n"
        "(out / 'submission.json').write_text('{')\n"
        "(out / '.submission.tmp').mkdir()  # nothing can be written there\n",
        checks=True,
    )
    assert done.returncode == 0, done.stderr
    assert "0 changed since: not valid, and cannot be replaced: [Errno " in done.stdout


def test_what_a_solver_prints_need_not_be_text(own_solver):
    done = own_solver(r"import sys; sys.stdout.buffer.write(b'caf\xe9 closes\n')")
    assert done.returncode == 0, done.stderr
    assert "caf\ufffd closes" in done.stdout
    assert "exit code 0" in done.stdout


def test_a_process_that_outlives_the_solver_holds_up_nothing(own_solver):
    began = time.monotonic()
    done = own_solver(
        "import subprocess, sys\n"
        "print('the solver says', 'much ' * 20_000, flush=True)\n"
        "subprocess.Popen([sys.executable, '-c', 'import time; time.sleep(20)'])"
    )
    assert done.returncode == 0, done.stderr
    assert done.stdout.count("much ") == 20_000
    assert time.monotonic() - began < 15


def test_a_solver_that_cannot_be_imported_fails_no_scored_run(own_solver):
    done = own_solver("", "raise RuntimeError('made for another numpy')")
    assert done.returncode == 0, done.stderr
    assert "the solver cannot check it: RuntimeError: made for another numpy" in done.stdout
    assert "2 tasks, 0 changed since: not checked" in done.stdout


def test_a_solver_that_overruns_is_ended(capfd):
    cell = next(body for _, body in split_cells(SOURCE.read_text()) if "def follow" in body)
    head = split_cells(SOURCE.read_text())[2][1].partition("STARTED")[0]  # its imports
    names: dict = {}
    exec(head + cell.partition("\ncode = None")[0], names)
    code = "import signal, sys, time; signal.signal(15, signal.SIG_IGN); print('begun', flush=True); time.sleep(60)"
    began = time.monotonic()
    with subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE) as process:
        assert names["follow"](process, began + 2.0) == -9
    assert 2.0 <= time.monotonic() - began < 20
    assert capfd.readouterr().out == "begun\n"


def test_without_the_competitions_data_it_says_so(tmp_path):
    (tmp_path / "input").mkdir()
    assert "attach the competition's data" in run_notebook(tmp_path).stderr


# rehearsals


def test_the_rehearsals_tasks_hide_their_outputs(tmp_path):
    rehearse.write_inputs(tmp_path, rehearse.FAULTS["none"], tmp_path / "none")
    loaded = load_path(next(tmp_path.rglob("arc-agi_test_challenges.json")))
    assert len(loaded.tasks) == 240
    assert all(pair.output is None for task in loaded.tasks for pair in task.test)
    assert {path.parent.name for path in tmp_path.rglob("solver.json")} == {"policy", "ppm", "vision"}


def test_rehearsals_take_no_folder_of_somebody_else(tmp_path, capsys):
    """They remove OUT/venv and OUT/NAME and make them anew."""
    (tmp_path / "venv").mkdir()
    assert rehearse.main(["--out", str(tmp_path)]) == 2
    assert capsys.readouterr().err == f"rehearse: {tmp_path}: was not made by a rehearsal: choose a folder of its own\n"
    assert list(tmp_path.iterdir()) == [tmp_path / "venv"]
    for _ in range(2):
        rehearse.claim(tmp_path / "new")
        (tmp_path / "new" / "venv").mkdir(exist_ok=True)


def test_what_can_not_be_rehearsed_or_made_is_one_line(tmp_path, capsys, monkeypatch):
    notebook = tmp_path / NOTEBOOK.name  # the project's own must not become right by a test
    monkeypatch.setattr(make_notebook, "NOTEBOOK", notebook)
    for tool, words, message in (
        (rehearse, ["--time-scale", "0"], "rehearse: --time-scale 0: must be more than 0"),
        (rehearse, ["--wheelhouse", str(tmp_path)], "run make wheelhouse first"),
        (make_notebook, ["--owner", "Your Name"], "make_notebook: --owner 'Your Name': no user name"),
        (make_notebook, ["--owner", "x"], "make_notebook: [Errno "),
    ):
        out = tmp_path / "file" if "x" in words else tmp_path / "out"
        (tmp_path / "file").touch()
        assert tool.main([*words, "--out", str(out)]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert message in line
        assert notebook.exists() == ("x" in words)


def test_no_fault_counts_as_rehearsed_that_this_machine_cannot_make(tmp_path, capsys, monkeypatch):
    """Where it allows no namespaces and has no compiler: `--fault all` leaves those out that need them."""
    monkeypatch.setenv("PATH", str(tmp_path))
    words = ["--out", str(tmp_path / "out"), "--wheelhouse", str(tmp_path), "--fault"]
    assert rehearse.main([*words, "full-disk", "clock", "none"]) == 2
    assert capsys.readouterr().err.splitlines() == [
        "rehearse: --fault clock: needs a C compiler (cc)",
        "rehearse: --fault full-disk: needs namespaces, for a disk of its own",
    ]
    assert not (tmp_path / "out").exists()
    left = rehearse.possible(["none", "all"])
    assert set(rehearse.FAULTS) - set(left) == {"full-disk", "clock"}
    assert "full-disk: left out, as it needs namespaces" in capsys.readouterr().out


def test_a_signal_that_nobody_got_is_not_rehearsed(tmp_path):
    """Without wheels the notebook ends long before the signal is due, complete and valid."""
    words = tmp_path, tmp_path / "no-wheels", Path(sys.executable), 240.0, 16.0
    fine, struck = (rehearse.rehearse(name, *words) for name in ("none", "sigkill"))
    assert (fine.problems, struck.problems) == ((), ("no solver ran when the signal was due",))


def test_the_solver_is_found_by_its_words_and_gets_the_signal(tmp_path):
    code, struck = "import time; time.sleep(60)", []
    words = ["solve", "--out", str(tmp_path / "working"), "--hours", "1"]
    with subprocess.Popen([sys.executable, "-c", code, *words]) as solver_process:
        for _ in range(400):  # it is still to be started, maybe
            rehearse.strike(tmp_path, 15, 0.05, struck)
            if struck:
                break
        assert solver_process.wait(20) == -15
    assert struck == [solver_process.pid]
    rehearse.strike(tmp_path, 15, 0.0, struck)
    assert len(struck) == 1


def test_the_table_names_every_problem():
    good = rehearse.Outcome("none", 240, 230, 10, (), 50.0, -10.0)
    bad = rehearse.Outcome("hung", 240, 0, 0, ("no submission", "exit code 1"), 70.0, 10.0)
    assert (good.passed, bad.passed) == (True, False)
    lines = rehearse.table([good, bad]).splitlines()
    assert lines[2] == "| none | nothing goes wrong | complete and valid | 230 of 240 | 10 | -10.0 |"
    assert "no submission; exit code 1" in lines[3]


def test_what_is_submitted_where_nothing_was_found_is_no_answer():
    """Be it of the notebook or of the solver, whose guess is here another."""
    inputs, outputs = np.full((2, 3), 4, np.int8), np.full((1, 2), 5, np.int8)
    tasks = [Task(f"t{n}", (Pair(inputs, outputs),) * 2, (Pair(inputs), Pair(inputs))) for n in range(5)]
    stub = TaskStub("bad", (inputs, None), "torn")
    submission = blank_submission([*tasks, stub])
    assert rehearse.count_answers(submission, [*tasks, stub]) == (0, 6)
    fallbacks = submission_of([TaskResult(task.task_id, choose_attempts(task, {})) for task in tasks])
    assert fallbacks["t1"] != submission["t1"]
    submission["t1"] = fallbacks["t1"]
    found = Findings([Answer((None, np.array([[7]], np.int8)), 1.0, "program", "", False)])  # for one input alone
    submission |= submission_of([TaskResult("t2", choose_attempts(tasks[2], {"program": found}))])
    assert rehearse.count_answers(submission, [*tasks, stub]) == (1, 5)
    del submission["t3"]
    assert rehearse.count_answers(submission, [*tasks, stub]) == (1, 4)
    for nothing in ({}, [], None):
        assert rehearse.count_answers(nothing, tasks) == (0, 0)


def test_every_rehearsed_lane_exists():
    import rehearsal_lanes

    assert all(hasattr(rehearsal_lanes, fault.lane) for fault in rehearse.FAULTS.values() if fault.lane)


@pytest.mark.skipif(shutil.which("cc") is None, reason="no C compiler")
def test_the_rehearsed_clock_jumps_and_the_monotonic_one_does_not(tmp_path):
    now = time.monotonic()
    jumps = f"{now - 1:.3f}:86400,{now + 1e6:.3f}:5"
    code = "import time; print(time.time(), time.monotonic(), time.clock_gettime(time.CLOCK_REALTIME))"
    shown = subprocess.run(
        [sys.executable, "-c", code], capture_output=True, text=True, check=True,
        env={**os.environ, "LD_PRELOAD": str(rehearse.build_clock_jump(tmp_path)), "ARC_CLOCK_JUMPS": jumps},
    ).stdout.split()  # fmt: skip
    wall, monotonic, realtime = map(float, shown)
    assert 86_395 < wall - time.time() < 86_405
    assert 86_395 < realtime - time.time() < 86_405
    assert 0 < monotonic - now < 10


# uploads


@pytest.fixture
def client(tmp_path, monkeypatch):
    """A `kaggle` that writes down how it was called and answers as answers.json says: command → (code, text)."""
    folder = tmp_path / "bin"
    folder.mkdir()
    script = folder / "kaggle"
    script.write_text(
        f"#!{sys.executable}\n"
        "import json, pathlib, sys\n"
        "here = pathlib.Path(__file__).parent\n"
        "quiet, *words = sys.argv[1:]\n"
        "assert quiet == '-W'\n"
        "with open(here / 'calls', 'a') as f: f.write(json.dumps(words) + chr(10))\n"
        "answers = {'datasets status': (0, 'ready')} | json.loads((here / 'answers.json').read_text())\n"
        "code, text = answers.get(' '.join(words[:2]), (0, 'fine'))\n"
        "print(text); sys.exit(code)\n"
    )
    script.chmod(0o755)
    (folder / "answers.json").write_text("{}")
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    return folder


def calls(client: Path) -> list[list[str]]:
    path = client / "calls"
    return [json.loads(line) for line in path.read_text().splitlines()] if path.exists() else []


def upload(tmp_path, *words: str) -> int:
    return kaggle_upload.main(["--owner", "somebody", *words, "--out", str(tmp_path / "out")])


def test_a_dry_run_sends_nothing(tmp_path, client, capsys):
    assert upload(tmp_path, "weights", "--dry-run") == 0
    assert upload(tmp_path, "notebook", "--dry-run") == 0
    assert upload(tmp_path, "submit", "--dry-run", "--version", "3") == 0
    assert calls(client) == []
    printed = capsys.readouterr().out
    assert "vision/model.safetensors" in printed
    assert "would run: kaggle -W datasets create" in printed
    assert "would run: kaggle -W kernels push" in printed
    assert "would run: kaggle -W competitions submit arc-prize-2026-arc-agi-2 -f submission.json" in printed


@pytest.mark.parametrize(("answer", "verb"), [((0, "ready"), "version"), ((1, "404 - Not Found"), "create")])
def test_a_dataset_is_created_once_and_then_gets_versions(tmp_path, client, answer, verb):
    (client / "answers.json").write_text(json.dumps({"datasets status": answer}))
    assert upload(tmp_path, "weights") == 0
    status, sent = calls(client)
    assert status == ["datasets", "status", "somebody/arc-solver-weights"]
    assert sent[:2] == ["datasets", verb]
    assert sent[sent.index("-r") + 1] == "zip"
    metadata = json.loads((tmp_path / "out" / "weights" / "dataset-metadata.json").read_text())
    assert metadata["licenses"] == [{"name": "MIT"}]


@pytest.mark.parametrize(
    ("answers", "words", "said"),
    [
        ({"datasets status": (0, "ready"), "kernels push":
          (0, "The following are not valid dataset sources and could not be added to the kernel: ['a/b']\n"
              "Kernel version 1 successfully pushed.")}, ["notebook"], "not valid dataset sources"),
        ({"datasets status": (1, "404 - Not Found")}, ["notebook"], "somebody/arc-solver-wheels: 404 - Not Found"),
        ({"datasets status": (0, "failed")}, ["notebook"], "somebody/arc-solver-wheels: Kaggle says 'failed'"),
        ({"datasets status": (0, "not ready")}, ["notebook"], "arc-solver-wheels: Kaggle says 'not ready'"),
        ({"datasets status": (0, "soon\nready")}, ["notebook"], r"arc-solver-wheels: Kaggle says 'soon\nready'"),
        ({"datasets status": (0, "Ready")}, ["notebook"], "arc-solver-wheels: Kaggle says 'Ready'"),
        ({"datasets status": (0, "")}, ["notebook"], "arc-solver-wheels: Kaggle says ''"),
        ({"datasets status": (0, "blobs_received")}, ["notebook"], "not unpacked after 0 min (blobs_received)"),
        ({}, ["weights", "--owner", "Your Name"], "--owner 'Your Name': no user name"),
        ({}, ["submit", "--owner", "a/b", "--version", "1"], "--owner 'a/b': no user name"),
        ({"datasets status": (1, "401 - Unauthorized: you must authenticate")}, ["weights"], "Unauthorized"),
        ({"datasets create": (0, "Dataset creation error: The requested title is already in use"),
          "datasets status": (1, "404")}, ["weights"], "already in use"),
        ({"datasets status": (0, "ready"),
          "kernels push": (0, "Kernel push error: Maximum weekly GPU quota of 30.00 hours reached.")}, ["notebook"],
         "quota"),
        ({"datasets status": (1, "Authentication required to call the Kaggle API.\n\nFirst\n  Save the token to x")},
         ["weights"], "no credentials"),
        ({"quota --csv": (0, "resource,used,remaining,total,refreshAt\nGPU,29.90h,0.10h,30.00h,2026-11-28\n")},
         ["notebook"], "no GPU quota left: 0.10h of 30.00h"),
        ({}, ["weights", "--title", "x" * 51], "6 to 50 characters, not 51"),
        ({}, ["weights", "--slug", "Up"], "slug"),
        ({}, ["wheels", "--folder", "nowhere"], "run make wheelhouse"),
        ({}, ["notebook", "--title", "ARC"], "at least 5 characters"),
        ({}, ["notebook", "--datasets", "mine"], "'mine' must be owner/slug"),
        ({}, ["submit"], "--version"),
        ({}, ["submit", "--version", "0"], "--version"),
    ],
)  # fmt: skip
def test_what_is_refused_is_one_clear_line(tmp_path, client, capsys, monkeypatch, answers, words, said):
    monkeypatch.setattr(kaggle_upload, "UNPACK_S", 0.0)
    (client / "answers.json").write_text(json.dumps(answers))
    assert upload(tmp_path, *words) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert len(lines) == 1
    assert said in lines[0]


def test_the_notebook_reads_other_datasets_if_told(tmp_path, client):
    assert upload(tmp_path, "notebook", "--dry-run", "--datasets", "somebody/mine") == 0
    metadata = json.loads((tmp_path / "out" / "notebook" / "kernel-metadata.json").read_text())
    assert metadata["dataset_sources"] == ["somebody/mine"]


def test_the_notebook_waits_for_its_datasets(tmp_path, client, capsys, monkeypatch):
    """Of which one is ready at once, the other a little later."""
    monkeypatch.setattr(kaggle_upload, "POLL_S", 0.0)
    said = ["ready", "blobs_received", "blobs_decompressed", "ready"]
    waits = iter([kaggle_upload.Answer(True, status, "a warning of Python's") for status in said])
    ask = kaggle_upload.Client.ask

    def asked(self, *words):
        return next(waits) if words[:2] == ("datasets", "status") else ask(self, *words)

    monkeypatch.setattr(kaggle_upload.Client, "ask", asked)
    assert upload(tmp_path, "notebook") == 0
    assert capsys.readouterr().out.count("somebody/arc-solver-weights (blobs_received) …") == 1
    assert [words[0] for words in calls(client)] == ["quota", "kernels"]
    assert not list(waits)


@pytest.mark.parametrize("out", [".", "deeper", "weights", ".."])
def test_an_upload_removes_nothing_that_it_did_not_make(tmp_path, client, capsys, monkeypatch, out):
    """OUT/weights is made anew, which must not be the weights themselves, or around or inside of them."""
    weights = tmp_path / "mine" / ("deeper/weights" if out == "deeper" else "weights")
    weights.mkdir(parents=True)
    (weights / "solver.json").write_text("{}")
    other = tmp_path / "weights" / "precious"
    other.parent.mkdir()
    other.write_text("mine")
    monkeypatch.chdir(tmp_path / "mine")
    words = ["weights", "--owner", "somebody", "--folder", str(weights), "--out", out]
    assert kaggle_upload.main(words) == 2
    assert len(capsys.readouterr().err.splitlines()) == 1
    assert (weights / "solver.json").is_file()
    assert other.read_text() == "mine"
    assert calls(client) == []
    assert kaggle_upload.main([*words[:-1], str(tmp_path / "build")]) == 0
    assert kaggle_upload.main([*words[:-1], str(tmp_path / "build")]) == 0


def test_a_wheelhouse_takes_out_wheels_alone(tmp_path, capsys):
    (tmp_path / "old.whl").touch()
    (tmp_path / "thesis.tex").touch()
    assert make_wheelhouse.main(["--out", str(tmp_path)]) == 2
    assert "thesis.tex" in capsys.readouterr().err
    assert len(list(tmp_path.iterdir())) == 2
    (tmp_path / "thesis.tex").unlink()
    make_wheelhouse.make_empty(tmp_path)
    assert list(tmp_path.iterdir()) == []
    (tmp_path / "file").touch()
    assert make_wheelhouse.main(["--out", str(tmp_path / "file")]) == 2


def test_wheels_are_checked_where_there_is_no_unshare(tmp_path, monkeypatch, capfd):
    """The check gets as far as pip, which finds no solver in an empty folder."""
    monkeypatch.setenv("PATH", str(tmp_path))
    assert make_wheelhouse.unshared("--net") == rehearse.isolation() == []
    with pytest.raises(subprocess.CalledProcessError) as raised:
        make_wheelhouse.check(tmp_path, None, [], [], [])
    assert raised.value.cmd[-1] == "arc-solver"
    assert "No matching distribution" in capfd.readouterr().err


def test_a_wheel_holds_no_module_that_was_removed(tmp_path, monkeypatch):
    """setuptools packs whatever an earlier build has left in the build folder."""
    project, packed = tmp_path / "project", []
    shutil.copytree(make_wheelhouse.ROOT / "solver", project / "solver")
    for name in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(make_wheelhouse.ROOT / name, project)
    stale = project / "build" / "lib" / "solver" / "removed.py"
    stale.parent.mkdir(parents=True)
    stale.touch()
    monkeypatch.setattr(make_wheelhouse, "ROOT", project)

    def pip(words, **_):
        if "wheel" in words:
            packed.extend(path.name for path in Path(words[-1]).rglob("*"))
            (tmp_path / "wheels" / "arc_solver-0.1.0-py3-none-any.whl").touch()

    monkeypatch.setattr(make_wheelhouse.subprocess, "run", pip)
    make_wheelhouse.build(tmp_path / "wheels", None, [], [], [])
    assert {"pyproject.toml", "README.md", "LICENSE", "cli.py", "trust.json"} <= set(packed)
    assert "removed.py" not in packed


def test_without_the_client_it_says_how_to_get_it(tmp_path, monkeypatch, capsys):
    monkeypatch.setenv("PATH", str(tmp_path))
    assert upload(tmp_path, "weights") == 2
    assert "pip install" in capsys.readouterr().err


@pytest.mark.parametrize("competition", make_notebook.COMPETITIONS)
def test_kernel_metadata_passes_the_clients_rules(tmp_path, competition):
    metadata = kernel_metadata("somebody", competition, ["somebody/wheels"], "ARC solver 2", "NvidiaL4")
    (tmp_path / metadata["code_file"]).write_text("{}")
    assert kaggle_upload.check_kernel(metadata, tmp_path) == []
    assert metadata["machine_shape"] == "NvidiaL4"
    wrong = {**metadata, "title": "Another", "enable_internet": True, "dataset_sources": ["wheels"], "code_file": "no"}
    assert len(kaggle_upload.check_kernel(wrong, tmp_path)) == 4


def test_slugs():
    assert slugify("ARC solver: weights (v2)") == "arc-solver-weights-v2"
