# %% [markdown]
# # ARC-AGI: offline solver
#
# Programs are searched on the CPU cores and, where there are GPUs, a small vision model is tuned to each task; both
# vote. Nothing is fetched: the solver and what it needs come as wheels in an attached dataset. `submission.json` is
# complete and valid from the first cell on and is only ever replaced by a better one.
#
# This notebook is generated from `kaggle_notebook/notebook.py` of the project; edit it there.

# %% [markdown]
# ## Settings and inputs
# Inputs are found by searching, because the folders under `/kaggle/input` have differed between runs.

# %%
import json
import os
import subprocess
import sys
import time
from pathlib import Path

STARTED = time.monotonic()
HOURS = 10.5  # of the 12 that a scored run may take; identical runs have differed by hours
RERUN = bool(os.environ.get("KAGGLE_IS_COMPETITION_RERUN"))  # the scored run, on the hidden tasks
FEW = 8  # tasks solved when this is not the scored run
FEW_HOURS = 0.1
# For rehearsals: another root than /kaggle, a clock that runs faster, further arguments for the solver.
ROOT = Path(os.environ.get("ARC_KAGGLE_ROOT", "/kaggle"))
TIME_SCALE = float(os.environ.get("ARC_KAGGLE_TIME_SCALE", "1"))
MORE_ARGUMENTS = os.environ.get("ARC_KAGGLE_ARGUMENTS", "").split()

PLAIN = {name: value for name, value in os.environ.items() if "COLOR" not in name}  # no moving bar in a notebook
INPUT, WORKING = ROOT / "input", ROOT / "working"


def find(pattern: str) -> list[Path]:
    """Files under the inputs, however deep, sorted by path."""
    return sorted(
        Path(folder) / name
        for folder, _, names in os.walk(INPUT, followlinks=True)
        for name in names
        if Path(name).match(pattern)
    )


challenges = find("arc-agi_test_challenges.json")
if not challenges:
    raise RuntimeError(f"no arc-agi_test_challenges.json under {INPUT}: attach the competition's data")
tasks = json.loads(challenges[0].read_text())
submission_path = WORKING / "submission.json"
print(f"{'the scored run' if RERUN else 'a rehearsal'}: {len(tasks)} tasks in {challenges[0]}")

# %% [markdown]
# ## A complete submission, before anything else can fail

# %%


def blank(task: dict) -> list[dict]:
    """Two different valid attempts for each test input, from the standard library alone."""
    entries = []
    for pair in task["test"]:
        try:
            grid = [[int(cell) % 10 for cell in row[:30]] for row in pair["input"][:30]] or [[0]]
            empty = [[0] * len(row) for row in grid]
        except (KeyError, TypeError, ValueError):
            grid, empty = [[0]], [[0]]
        entries.append({"attempt_1": grid, "attempt_2": empty if empty != grid else [[1]]})
    return entries


def save(submission: dict) -> None:
    """Replace the submission as a whole."""
    temporary = submission_path.with_name(".submission.tmp")
    temporary.write_text(json.dumps(submission))
    temporary.replace(submission_path)


WORKING.mkdir(parents=True, exist_ok=True)
prefilled = {task_id: blank(task) for task_id, task in tasks.items()}
save(prefilled)
print(f"{submission_path}: {len(prefilled)} tasks, prefilled")

# %% [markdown]
# ## The solver, from the attached wheels
# The image's own torch is used, if it is there; pip installs nothing that is already satisfied.

# %%
wheels = find("arc_solver-*.whl")
if not wheels:
    raise RuntimeError(f"no arc_solver-*.whl under {INPUT}: attach the dataset with the wheels")
folders = sorted({str(path.parent) for path in find("*.whl")})
links = [word for folder in folders for word in ("--find-links", folder)]
install = [sys.executable, "-m", "pip", "install", "--no-index", "--quiet", *links, str(wheels[-1])]
print("installing", wheels[-1].name)
subprocess.run(install, check=True)

weights = [path.parent for path in find("solver.json") if json.loads(path.read_text()).get("kind") == "vision"]
arguments = [f"vision.weights={json.dumps(str(weights[-1]))}"] if weights else []
print("vision weights:", weights[-1] if weights else "none attached")

# %% [markdown]
# ## Solve
# One process does it all, so that nothing it does can take this notebook along. If it is lost it is started again
# with the time that is left, and goes on where it was.

# %%


def solve(path: Path, out: Path, hours: float) -> int:
    """Run the solver until it ends or the time is over; its exit code."""
    workers = max(1, len(os.sched_getaffinity(0)))
    code, deadline = 1, time.monotonic() + 3600 * hours
    for attempt in range(4):
        left_h = (deadline - time.monotonic()) / 3600
        if left_h * 3600 < 5:
            break
        command = [
            sys.executable, "-m", "solver", "solve", "--tasks", str(path), "--out", str(out),
            "--hours", f"{left_h:.5f}", "--workers", str(workers), "--resume" if attempt else "--overwrite",
        ]  # fmt: skip
        for assignment in [*arguments, *MORE_ARGUMENTS]:
            command += ["--set", assignment]
        process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, cwd=WORKING, env=PLAIN
        )  # fmt: skip
        for line in process.stdout:
            print(line, end="", flush=True)
        code = process.wait()
        if code in (0, 2):  # done, or refused: trying again would not help
            break
        print(f"the solver ended with exit code {code}; going on", flush=True)
    return code


hours = HOURS / TIME_SCALE - (time.monotonic() - STARTED) / 3600
if RERUN:
    code = solve(challenges[0], WORKING, hours)
else:
    few = dict(list(tasks.items())[:FEW])
    (WORKING / "few.json").write_text(json.dumps(few))
    code = solve(WORKING / "few.json", WORKING / "rehearsal", min(hours, FEW_HOURS))
    found = WORKING / "rehearsal" / "submission.json"
    if found.exists():
        save(prefilled | json.loads(found.read_text()))
print("exit code", code)

# %% [markdown]
# ## Check and show

# %%
submission = json.loads(submission_path.read_text())
faults = [task_id for task_id, task in tasks.items() if len(submission.get(task_id, [])) != len(task["test"])]
for task_id, entries in submission.items():
    for entry in entries:
        for key in ("attempt_1", "attempt_2"):
            grid = entry.get(key)
            sound = isinstance(grid, list) and 1 <= len(grid) <= 30 and all(
                isinstance(row, list) and len(row) == len(grid[0]) and 1 <= len(row) <= 30
                and all(type(cell) is int and 0 <= cell <= 9 for cell in row)
                for row in grid
            )  # fmt: skip
            if not sound:
                faults.append(task_id)
changed = sum(submission.get(task_id) != entries for task_id, entries in prefilled.items())
print(f"{submission_path}: {len(submission)} tasks, {changed} answered, faulty: {sorted(set(faults))[:5] or 'none'}")
print(f"{(time.monotonic() - STARTED) / 3600:.2f} h")
run = WORKING if RERUN else WORKING / "rehearsal"
if (run / "events.jsonl").exists():
    words = [sys.executable, "-m", "solver", "profile", str(run)]
    print(subprocess.run(words, capture_output=True, text=True, env=PLAIN, check=False).stdout)
if faults:
    raise RuntimeError("the submission is not valid")
