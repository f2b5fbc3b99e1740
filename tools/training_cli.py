"""The commands that train_policy.py and train_ppm.py share."""

from __future__ import annotations

import argparse
import json
import math
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

from command_line import minutes, natural, positive

from solver.errors import InputError
from solver.lm.prompt_format import PromptFormat
from solver.synthesis.shards import SETTINGS_FILE, shard_paths
from solver.training.document_folders import Part, prepare_documents
from solver.training.documents import FACTS_FILE, PartWriter
from solver.training.launch import TrainOrder, train
from solver.training.preparation import Preparation

STARTED = time.monotonic()
"""A wall-clock limit counts from here, so that it includes loading and compiling."""


Sources = Callable[[argparse.Namespace, Preparation], tuple[list[Part], dict[str, Any]]]
"""Parts of the documents that `prepare` was asked for, and what to keep of where they come from."""


def add_common(commands: Any, kind: str, group: int, sources: Sources) -> Any:
    """The commands prepare, train and export; returns the first, for further arguments. group: of documents of this
    kind."""
    prepare = command = commands.add_parser("prepare", help="tasks to tokenised documents")
    command.add_argument("--made", type=Path, help="shards of made-up tasks")
    command.add_argument("--re-arc", type=Path, help="RE-ARC pairs: xz-compressed JSON lines, or RE-ARC's folder")
    command.add_argument("--with-dev", action="store_true", help="learn from the tasks held out as dev, too")
    command.add_argument("--out", type=Path, required=True, help="folder of the documents")
    command.add_argument("--weights", type=Path, help="folder whose tokenizer is used (default: this project's own)")
    command.add_argument("--copies", type=positive, default=1, help="versions of each task; all but one augmented")
    command.add_argument("--pairs", type=positive, default=2, help="preference pairs a made-up task (PPM only)")
    command.add_argument("--max-tokens", type=positive, default=2048, help="longest document (default: 2048)")
    command.add_argument("--no-sketch", action="store_true", help="leave out what executed steps gave")
    command.add_argument("--workers", type=positive, default=1)
    command.add_argument("--seed", type=natural, default=0)
    command.set_defaults(run_command=lambda args: _prepare(args, group, sources))
    command = commands.add_parser("train", help="from nothing, from weights, or on from the run's checkpoint")
    command.add_argument("--documents", type=Path, nargs="+", required=True)
    command.add_argument("--held-out", type=Path, nargs="+", default=[], help="documents to measure the loss on")
    command.add_argument("--held-out-tasks", type=Path, help="made-up tasks to write programs for (policy only)")
    command.add_argument("--num-held-out", type=positive, default=128, help="how many of them")
    command.add_argument("--run", type=Path, required=True, help="folder of log and checkpoint")
    command.add_argument("--weights", type=Path, help="model folder to start from (a run that goes on: its own)")
    command.add_argument("--adapter", type=Path, help="exported adapter to begin with, over --weights")
    command.add_argument("--resume", type=Path, help="checkpoint to go on from (default: the run's own, if any)")
    command.add_argument("--minutes", type=minutes, default=math.inf, help="stop after so many, loading included")
    command.add_argument("--device", default="cuda", choices=("cuda", "cpu"))
    command.add_argument("--processes", type=positive, default=1, help="one a device")
    command.add_argument("--port", type=positive, default=29512)
    command.add_argument("--settings", type=Path, help="TOML file")
    command.add_argument("--set", action="append", default=[], metavar="GROUP.NAME=VALUE")
    command.set_defaults(run_command=lambda args: train(_order(args, kind)))
    command = commands.add_parser("export", help="a run's averaged weights as a weights folder")
    command.add_argument("--run", type=Path, required=True)
    command.add_argument("--out", type=Path, required=True)
    command.add_argument("--trained-on", required=True, help="for the manifest: what the weights learned from")
    command.add_argument("--licence", default="MIT-0")
    command.set_defaults(run_command=_export)
    return prepare


def _prepare(args: argparse.Namespace, group: int, sources: Sources) -> None:
    if (args.out / FACTS_FILE).exists():
        raise InputError(f"{args.out}: holds documents already; choose a new folder")
    how = Preparation(PromptFormat(sketch=not args.no_sketch), args.copies, args.max_tokens, args.pairs, args.seed)
    parts, facts = sources(args, how)
    count = prepare_documents(parts, args.out, group, how, args.weights, args.workers, facts)
    print(f"{count} documents -> {args.out}")


def _export(args: argparse.Namespace) -> None:
    from solver.training.export import export  # needs torch, as nothing else here does before training begins

    export(args.run, args.out, args.trained_on, args.licence)


def made_parts(made: Path | None, part: Callable[..., PartWriter]) -> tuple[list[Part], dict[str, Any]]:
    """`Sources` of a folder of made-up tasks, a part a shard. part: of preparation.py."""
    if made is None:
        return [], {}
    try:
        settings = json.loads((made / SETTINGS_FILE).read_text())
    except ValueError as error:
        raise InputError(f"{made / SETTINGS_FILE}: damaged ({error})") from error
    return [partial(part, path) for path in shard_paths(made)], {"made": settings}


def _order(args: argparse.Namespace, kind: str) -> TrainOrder:
    return TrainOrder(
        kind=kind,
        run=args.run,
        documents=tuple(args.documents),
        held_out=tuple(args.held_out),
        weights=args.weights,
        adapter=args.adapter,
        resume=args.resume,
        deadline=STARTED + 60 * args.minutes,
        device=args.device,
        processes=args.processes,
        port=args.port,
        settings_file=args.settings,
        assignments=tuple(args.set),
        held_out_tasks=args.held_out_tasks,
        num_held_out=args.num_held_out,
    )
