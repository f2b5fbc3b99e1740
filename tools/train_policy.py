"""Train a policy: a causal language model that writes the next step of a program.

    python tools/train_policy.py prepare --made made --out documents --workers 4
    python tools/train_policy.py prepare --made made-held-out --out documents-held-out
    python tools/train_policy.py prepare --results runs/x/results.jsonl --re-arc re_arc.jsonl.xz --copies 3 --out found
    python tools/train_policy.py train --documents documents --held-out documents-held-out \\
        --held-out-tasks made-held-out --run runs/policy --minutes 20 --processes 2
    python tools/train_policy.py export --run runs/policy --out runs/policy/weights --trained-on "..."
    python tools/train_policy.py measure --weights runs/policy/weights --made made-held-out --samples 64 --ranks 100 \\
        --out docs/policy

`prepare` turns made-up tasks (tools/synthesize.py) into tokenised documents, with the tokenizer of --weights or this
project's own; with --results also programs that searches found for tasks that may be trained on, on the task's own
pairs and on draws of RE-ARC pairs (--re-arc). Those must give the outputs of all pairs of their task, the test pairs
among them, and of half of ten RE-ARC pairs that the search has not seen; programs with fitted tables are left out.
`train` begins from nothing or from the model in --weights, whole or with LoRA (--set adapter.rank=16); called again
with the same --run it goes on exactly where it stopped. It writes run/log.jsonl and run/checkpoint (shards of at most
16 MiB). `export` writes a weights folder from the averaged weights, with the run's log and, as log-1.jsonl and so on,
those of the weights or adapter that it went on from; `measure` lets weights write programs for held-out tasks, runs
them, and says how early the needed step is proposed, with the same result for any number of --workers.
Settings: solver/training/settings.py, changed by --settings file.toml and --set.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Iterable, Iterator, Sequence
from functools import partial
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
from command_line import arguments, main_of, natural, positive
from training_cli import add_common, made_parts

from solver.errors import InputError
from solver.lm.weights import read_weights
from solver.reporting.figures import new_figure, save_figure
from solver.synthesis.found import checked_programs, found_sets, texts_of_results
from solver.synthesis.generate import ProgramSet
from solver.synthesis.shards import shard_path, write_shard
from solver.task_sets import trainable
from solver.training import preparation
from solver.training.document_folders import Part

KIND = "policy"
SETS_A_SHARD = 64


def sources(args: Namespace, how: preparation.Preparation) -> tuple[list[Part], dict[str, Any]]:
    """Parts of made-up tasks, and of programs that searches found, which are written to OUT/found as shards first."""
    if args.made is None and not args.results:
        raise InputError("nothing to learn from: give --made or --results")
    parts, facts = made_parts(args.made, preparation.policy_part)
    if args.results:
        tasks = trainable(args.with_dev)
        programs = checked_programs(texts_of_results(args.results, tasks), tasks, args.re_arc)
        sets = found_sets(programs, tasks, args.re_arc, num_draws=args.draws, max_tokens=how.max_tokens, seed=args.seed)
        folder = args.out / "found"
        folder.mkdir(parents=True, exist_ok=True)
        first = len(parts)
        for number, chosen in enumerate(batched(sets, SETS_A_SHARD), first):
            write_shard(shard_path(folder, number), chosen)
            parts.append(partial(preparation.policy_part, shard_path(folder, number)))
        print(f"{len(programs)} tasks with verified programs -> {len(parts) - first} shards in {folder}", flush=True)
        facts["found"] = sorted(programs)
    return parts, facts


def batched(sets: Iterable[ProgramSet], size: int) -> Iterator[list[ProgramSet]]:
    waiting = iter(sets)
    while chosen := list(islice(waiting, size)):
        yield chosen


def measure(args: Namespace) -> None:
    """What weights are worth on held-out tasks: solved with the most likely steps and with --samples drawn programs,
    and the rank of the needed step, by number of statements of the solution."""
    from solver.training.measuring import RANKS, MeasureOrder
    from solver.training.measuring import measure as measure_weights

    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)  # it may take an hour until it is needed
    order = MeasureOrder(
        args.weights, args.made, args.tasks, (1, args.samples), args.ranks,
        args.engine, args.device, args.workers,
    )  # fmt: skip
    num_tasks, results = measure_weights(order)
    digest = read_weights(args.weights, KIND, verify=False).digest
    found: dict[str, Any] = {"weights": str(args.weights), "digest": digest, "tasks": num_tasks}
    for samples, measured in results:
        if samples == RANKS:
            own = {"ranks": len(measured.ranks), "median_rank": measured.median_ranks()}
            found |= own
        else:
            found[f"at {samples}"] = own = measured.tally.facts()
            own = {"samples": samples, **own}
        print(json.dumps({**own, "seconds": round(measured.seconds, 1)}), flush=True)
    if args.out:
        args.out.with_name(f"{args.out.name}.json").write_text(json.dumps(found, indent=1) + "\n")
        draw(found, args.out)


def draw(found: dict[str, Any], out: Path) -> None:
    """Shares solved, and the median rank if it was measured, by number of statements."""
    figure = new_figure(9, 3.5)
    axes = figure.subplots(1, 1 + ("median_rank" in found), squeeze=False)
    solved = {name: facts["solved_by_length"] for name, facts in found.items() if name.startswith("at ")}
    for k, (name, by_length) in enumerate(solved.items()):
        shares = [int(text.split("/")[0]) / int(text.split("/")[1]) for text in by_length.values()]
        width = 0.8 / len(solved)
        label = f"{name[3:]} program" + "s" * (name != "at 1")
        axes[0, 0].bar(np.arange(len(shares)) + k * width, shares, width, label=label)
    axes[0, 0].set(xlabel="statements of the solution", ylabel="tasks solved", ylim=(0, 1))
    axes[0, 0].set_xticks(range(len(by_length)), by_length)
    axes[0, 0].legend(loc="lower center", bbox_to_anchor=(0.5, 1.0), ncols=len(solved), frameon=False)
    if "median_rank" in found:
        names = [name for name in found["median_rank"] if name != "all"]
        axes[0, 1].bar(range(len(names)), [found["median_rank"][name] for name in names])
        axes[0, 1].set_xticks(range(len(names)), names)
        axes[0, 1].set(xlabel="statements of the solution", ylabel="median rank of the needed step")
    save_figure(figure, out.with_name(f"{out.name}.png"))


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    commands = parser.add_subparsers(required=True)
    prepare = add_common(commands, KIND, group=1, sources=sources)
    prepare.add_argument("--results", type=Path, action="append", default=[], help="results.jsonl; may be repeated")
    prepare.add_argument("--draws", type=positive, default=4, help="draws of RE-ARC pairs a program (default: 4)")
    command = commands.add_parser("measure", help="let weights write programs for held-out tasks")
    command.add_argument("--weights", type=Path, required=True)
    command.add_argument("--made", type=Path, required=True, help="shards of held-out made-up tasks")
    command.add_argument("--tasks", type=positive, default=200)
    command.add_argument("--samples", type=positive, default=1)
    command.add_argument("--engine", choices=("transformers", "vllm"), default="transformers")
    command.add_argument("--ranks", type=natural, default=0, help="tasks to measure the needed step's rank on")
    command.add_argument("--workers", type=positive, default=1, help="processes of one thread each (default: 1)")
    command.add_argument("--out", type=Path, help="table and picture: OUT.json, OUT.png")
    command.add_argument("--device", default="cpu")
    command.set_defaults(run_command=measure)
    return main_of("train_policy", parser, argv, log=True)


if __name__ == "__main__":
    sys.exit(main())
