# %% [markdown]
# # ARC-AGI: offline solver
#
# Programs are searched on the CPU cores, guided by small language models if they are attached, and, where there are
# GPUs, a small vision model is tuned to each task; both vote. Nothing is fetched: the solver and what it needs come as
# wheels in an attached dataset, its models in another. `submission.json` is complete and valid from the second cell on
# and is only ever replaced by a better one.
#
# This notebook is generated from `kaggle_notebook/notebook.py` of the project; edit it there.

# %% [markdown]
# ## Settings and inputs
# Inputs are found by searching, because the folders under `/kaggle/input` have differed between runs.

# %%
import codecs
import json
import os
import select
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
    """Files under the inputs, however deep, sorted by path. A folder that links lead to again is looked at once."""
    found, seen = [], set()
    for folder, folders, names in os.walk(INPUT, followlinks=True):
        place = os.path.realpath(folder)
        if place in seen:
            folders.clear()
            continue
        seen.add(place)
        found += [Path(folder) / name for name in names if Path(name).match(pattern)]
    return sorted(found)


challenges = find("arc-agi_test_challenges.json")
if not challenges:
    raise RuntimeError(f"no arc-agi_test_challenges.json under {INPUT}: attach the competition's data")
if len(challenges) > 1:
    found = ", ".join(map(str, challenges))
    several = f"several arc-agi_test_challenges.json, of which {challenges[0]} is taken: {found}"
    print(several)
    if not RERUN:  # and in the scored run one of them alone has the hidden tasks
        raise RuntimeError(f"{several}; attach the data of one competition and no copies")
tasks = json.loads(challenges[0].read_text(encoding="utf-8-sig"))
submission_path = WORKING / "submission.json"
print(f"{'the scored run' if RERUN else 'a rehearsal'}: {len(tasks)} tasks in {challenges[0]}")

# %% [markdown]
# ## A complete submission, before anything else can fail

# %%


def fallback(entry) -> dict:
    """Two different valid attempts for a test input, from the standard library alone, whatever the input is."""
    rows = entry.get("input") if isinstance(entry, dict) else None
    sound = isinstance(rows, list) and 1 <= len(rows) <= 30 and all(isinstance(row, list) for row in rows)
    sound = sound and all(len(row) == len(rows[0]) and 1 <= len(row) <= 30 for row in rows)
    if not sound or not all(type(cell) is int and 0 <= cell <= 9 for row in rows for cell in row):
        return {"attempt_1": [[0]], "attempt_2": [[1]]}
    other = 0 if any(map(any, rows)) else 1
    return {"attempt_1": rows, "attempt_2": [[other] * len(row) for row in rows]}


def tests_of(task) -> list:
    tests = task.get("test") if isinstance(task, dict) else None
    return tests if isinstance(tests, list) and tests else [{}]


def save(submission: dict) -> None:
    """Replace the submission as a whole."""
    temporary = submission_path.with_name(".submission.tmp")
    temporary.write_text(json.dumps(submission))
    temporary.replace(submission_path)


WORKING.mkdir(parents=True, exist_ok=True)
prefilled = {task_id: [fallback(entry) for entry in tests_of(task)] for task_id, task in tasks.items()}
save(prefilled)
print(f"{submission_path}: {len(prefilled)} tasks, prefilled")

# %% [markdown]
# ## The solver, from the attached wheels
# The image's own torch is used, if it is there; pip installs nothing that is already satisfied. If it can't be
# installed, a scored run goes on with the submission it has: a notebook that fails is not scored at all.

# %%
PLAIN |= {
    "TOKENIZERS_PARALLELISM": "false",
    "VLLM_WORKER_MULTIPROC_METHOD": "spawn",
    "VLLM_USE_FLASHINFER_SAMPLER": "0",  # its compiler wants a network
    "VLLM_ENGINE_READY_TIMEOUT_S": "1200",
}
wheels = find("arc_solver-*.whl")
folders = sorted({str(path.parent) for path in find("*.whl")})
links = [word for folder in folders for word in ("--find-links", folder)]
install = [sys.executable, "-m", "pip", "install", "--no-index", "--disable-pip-version-check", *links]
problem = "" if wheels else f"no arc_solver-*.whl under {INPUT}: attach the dataset with the wheels"
if wheels:
    print("installing", wheels[-1].name)
    done = subprocess.run([*install, str(wheels[-1])], capture_output=True, text=True, check=False)
    print(*done.stdout.splitlines()[-1:], sep="\n")
    if done.returncode:
        problem = "the wheels do not install: " + "\n".join(done.stderr.splitlines()[-6:])
        here = f"{sys.version_info[0]}.{sys.version_info[1]}"
        problem += f"\n(this is Python {here}; wheels for it: make wheelhouse KAGGLE_PYTHON={here})"
print(problem or f"installed after {time.monotonic() - STARTED:.0f} s")
if problem and not RERUN:
    raise RuntimeError(problem)

# %% [markdown]
# ## What this machine has
# A worker of the program search for each core, as far as there is memory for them, less one for each GPU: there the
# solver itself puts a worker of the vision model, and where vLLM's wheels are attached a server of the language models.
# In the scored run it does without models that are missing; any other run says so.

# %%
WORKER_GIB = 2.0  # memory to have for each worker of the program search: the most that one took in 25 minutes was 1.8


def count_gpus() -> int:
    try:
        listed = subprocess.run(["nvidia-smi", "-L"], capture_output=True, text=True, timeout=60, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return 0
    return sum(line.startswith("GPU ") for line in listed.stdout.splitlines()) if listed.returncode == 0 else 0


def kind_of(path: Path) -> str:
    try:
        return json.loads(path.read_text()).get("kind", "")
    except (OSError, ValueError, AttributeError):
        return ""


num_gpus, num_cores = count_gpus(), len(os.sched_getaffinity(0))
memory_gib = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 2**30
workers = max(1, min(num_cores - num_gpus, int(memory_gib / WORKER_GIB)))
weights = {kind_of(path): path.parent for path in find("solver.json")}
if "adapter" in weights:
    weights["ppm"] = weights.pop("adapter")  # the shipped preference model is kept as one of the policy
settings = {"vision": "vision.weights", "policy": "lm.policy", "ppm": "lm.ppm"}
if "policy" not in weights:
    weights.pop("ppm", None)  # it goes with a policy
arguments = [
    f"{settings[kind]}={json.dumps(str(folder), ensure_ascii=False)}"
    for kind, folder in weights.items()
    if kind in settings
]
if "policy" in weights:
    arguments.append("lm.rollout_programs=512")  # a task has minutes here, and may spend a third of them on it
if num_gpus:
    # Longer searches find no more, and the vision model judges what was found when it comes to a task. It is tuned to a
    # task as often as there is time: its runs vote, and nobody else wants the GPUs.
    arguments += ["search.most_s=300", "vision.max_runs=100"]
print(f"{num_gpus} GPUs, {num_cores} cores, {memory_gib:.0f} GiB: {workers} workers for the program search")
for kind in settings:
    print(f"{kind} model:", weights.get(kind, "none"), "(not used: no GPU)" * (kind == "vision" and not num_gpus))
if num_gpus and "vision" not in weights and not RERUN:
    raise RuntimeError(f"no weights of the vision model under {INPUT}: attach the dataset with the weights")

# What models need on GPUs, as far as it is attached and the image lacks it; without it the solver goes on.
extras = ["gpu"] if "policy" in weights and find("vllm-*.whl") else []
for extra in [*extras, "vision"] if num_gpus and not problem else []:
    done = subprocess.run([*install, f"{wheels[-1]}[{extra}]"], capture_output=True, text=True, check=False)
    print(f"for models: {extra}", *(done.stderr.splitlines()[-3:] if done.returncode else ["installed"]), sep="\n  ")
    print(f"after {time.monotonic() - STARTED:.0f} s")
    if not done.returncode:
        break

# %% [markdown]
# ## Solve
# One process does it all, so that nothing it does can take this notebook along. If it is lost it is started again
# with the time that is left, and goes on where it was; if it is stopped by a signal, it is not. One that overruns its
# own plan is ended.

# %%
WATCH_S = 30.0  # beyond the plan: a busy machine takes a while to end a process
LAST_S = 5.0  # for what is left to read when it has ended
LEAST_S = 5.0  # with less it is not started again


def follow(process: subprocess.Popen, until: float) -> int:
    """Show what the solver prints until it ends, at `until` by force; its exit code. What it prints need not be text,
    and the end of its output is not waited for: a process of its own that is stuck in a driver may hold that open."""
    pipe, text = process.stdout.fileno(), codecs.getincrementaldecoder("utf-8")("replace")
    has_ended, last = False, until
    while (left_s := last - time.monotonic()) > 0:
        if not has_ended and process.poll() is not None:
            has_ended, last = True, min(until, time.monotonic() + LAST_S)
        if select.select([pipe], [], [], 0.0 if has_ended else min(1.0, left_s))[0]:
            data = os.read(pipe, 1 << 16)
            print(text.decode(data), end="", flush=True)
            if not data:
                break
        elif has_ended:
            break
    try:
        return process.wait(max(0.0, until - time.monotonic()))
    except subprocess.TimeoutExpired:
        process.kill()
    try:
        return process.wait(LAST_S)
    except subprocess.TimeoutExpired:
        return -9  # not even that ends it


def solve(path: Path, out: Path, hours: float) -> int:
    """Run the solver until it ends or the time is over; its exit code."""
    code, deadline, begun = 1, time.monotonic() + 3600 * hours, out / "run.json"
    begun.unlink(missing_ok=True)  # of a run in this folder before, which is not to be gone on with
    for attempt in range(4):
        left_s = deadline - time.monotonic()
        if left_s < LEAST_S:
            break
        if attempt:
            print("going on", flush=True)
        command = [
            sys.executable, "-m", "solver", "solve", "--tasks", str(path), "--out", str(out),
            "--resume" if begun.exists() else "--overwrite",
            "--hours", f"{left_s / 3600:.5f}", "--workers", str(workers),
        ]  # fmt: skip
        for assignment in [*arguments, *MORE_ARGUMENTS]:
            command += ["--set", assignment]
        try:
            process = subprocess.Popen(
                command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, cwd=WORKING, env=PLAIN
            )
        except OSError as error:
            print(f"the solver cannot be started: {error}", flush=True)
            continue
        with process.stdout:
            code = follow(process, deadline + WATCH_S)
        if code in (0, 2, 130, 143):  # done, refused, or somebody wants it to stop
            break
        print(f"the solver ended with exit code {code}", flush=True)
    return code


code = None
hours = HOURS / TIME_SCALE - (time.monotonic() - STARTED) / 3600
if RERUN and not problem:
    code = solve(challenges[0], WORKING, hours)
elif not problem:
    few = dict(list(tasks.items())[:FEW])
    (WORKING / "few.json").write_text(json.dumps(few))
    code = solve(WORKING / "few.json", WORKING / "rehearsal", min(hours, FEW_HOURS))
    found = WORKING / "rehearsal" / "submission.json"
    if found.exists():
        save(prefilled | json.loads(found.read_text()))
print("exit code", code)

# %% [markdown]
# ## Check and show
# By the solver's own rules, if it can be had. A submission with a fault is replaced by the prefilled one.

# %%
faults, verdict = [], "not checked"
try:
    submission = json.loads(submission_path.read_text())
except (OSError, ValueError) as error:
    submission, faults = {}, [f"{submission_path} cannot be read: {error}"]
if not problem and not faults:
    try:
        from solver.submission import check_submission
        from solver.task_files import load_path

        loaded = load_path(challenges[0])
        faults = check_submission(submission, [*loaded.tasks, *loaded.stubs.values()])
        verdict = "valid"
    except Exception as error:
        if not RERUN:
            raise
        print(f"the solver cannot check it: {type(error).__name__}: {error}")
if faults:
    print(*faults[:5], sep="\n")
    submission, verdict = prefilled, "replaced by the prefilled one"
    try:
        save(prefilled)
    except OSError as error:
        verdict = f"not valid, and cannot be replaced: {error}"
changed = sum(submission.get(task_id) != entries for task_id, entries in prefilled.items())
print(f"{submission_path}: {len(submission)} tasks, {changed} changed since: {verdict}")
print(f"{(time.monotonic() - STARTED) / 3600:.2f} h")
run = WORKING if RERUN else WORKING / "rehearsal"
if (run / "events.jsonl").exists():
    words = [sys.executable, "-m", "solver", "profile", str(run)]
    try:
        shown = subprocess.run(
            words, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, env=PLAIN, timeout=600, check=False
        )
        print(shown.stdout.decode(errors="replace"))
    except (OSError, subprocess.TimeoutExpired) as error:
        print(f"no profile: {error}")
if faults and not RERUN:
    raise RuntimeError("the submission was not valid")
if code and not RERUN:
    raise RuntimeError(f"the solver ended with exit code {code}: see above")
