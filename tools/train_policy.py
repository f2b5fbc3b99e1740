"""Train a policy: a causal language model that writes the next step of a program.

    python tools/train_policy.py prepare --made made --out documents --workers 4
    python tools/train_policy.py prepare --made made-held-out --out documents-held-out
    python tools/train_policy.py train --documents documents --held-out documents-held-out \\
        --held-out-tasks made-held-out --run runs/policy --minutes 20 --processes 2
    python tools/train_policy.py export --run runs/policy --out weights/policy --trained-on "..."
    python tools/train_policy.py measure --weights weights/policy --made made-held-out --samples 64

`prepare` turns made-up tasks (tools/synthesize.py) into tokenised documents, with the tokenizer of --weights or this
project's own. `train` begins from nothing or from the model in --weights, whole or with LoRA (--set adapter.rank=16);
called again with the same --run it goes on exactly where it stopped. It writes run/log.jsonl and run/checkpoint (shards
of at most 16 MiB). `export` writes a weights folder from the averaged weights; `measure` lets weights write programs
for held-out tasks and runs them. Settings: solver/training/settings.py, changed by --settings file.toml and --set.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from pathlib import Path

from training_cli import add_common, arguments, main_of, positive

from solver.synthesis.shards import read_shard, shard_paths
from solver.training import preparation
from solver.training.launch import load_tokenizer

KIND = "policy"


def measure(args: Namespace) -> None:
    """Writes programs for held-out tasks: once with the most likely steps, once drawn --samples times."""
    import torch

    from solver.lm.weights import read_weights
    from solver.training.evaluation import held_out_tasks, write_solutions
    from solver.training.models import load_model

    weights = read_weights(args.weights, KIND)
    model = load_model(KIND, weights.folder).to(args.device).eval()
    sets = (one for path in shard_paths(args.made) for one in read_shard(path))
    tasks = held_out_tasks(preparation.examples(sets, 1, weights.context_length, [0]), args.tasks)
    tokenizer = load_tokenizer(weights.folder)
    for samples in dict.fromkeys((1, args.samples)):
        with torch.autocast(args.device, torch.bfloat16, enabled=args.device == "cuda"):
            tally = write_solutions(
                model, tokenizer, weights.prompt_format, tasks, num_samples=samples, batch=args.batch
            )
        print(json.dumps({"samples": samples, "tasks": len(tasks), **tally.facts()}), flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    parser, commands = arguments(__doc__)
    add_common(commands, KIND, group=1, part=preparation.policy_part)
    command = commands.add_parser("measure", help="let weights write programs for held-out tasks")
    command.add_argument("--weights", type=Path, required=True)
    command.add_argument("--made", type=Path, required=True, help="shards of held-out made-up tasks")
    command.add_argument("--tasks", type=positive, default=200)
    command.add_argument("--samples", type=positive, default=1)
    command.add_argument("--batch", type=positive, default=64)
    command.add_argument("--device", default="cpu")
    command.set_defaults(run_command=measure)
    return main_of(parser, argv)


if __name__ == "__main__":
    sys.exit(main())
