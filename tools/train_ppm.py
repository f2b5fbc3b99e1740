"""Train a process preference model: a sequence classifier that scores how promising a prefix of a program is.

    python tools/train_ppm.py prepare --made made --traces runs/traces --re-arc re_arc.jsonl.xz --out pairs --workers 4
    python tools/train_ppm.py train --documents pairs --held-out pairs-held-out --weights weights/policy \\
        --run runs/ppm --minutes 10 --set adapter.rank=16
    python tools/train_ppm.py train --documents pairs --weights next/policy --adapter weights/ppm --run runs/next \\
        --set adapter.rank=16 --set train.max_steps=3000 --set train.decay_steps=1000
    python tools/train_ppm.py export --run runs/ppm --out runs/ppm/weights --trained-on "..."
    python tools/train_ppm.py head --adapter old/ppm --weights weights/policy --documents pairs \\
        --held-out pairs-held-out --out new/ppm --trained-on "..."

`prepare` makes preference pairs of made-up tasks (tools/synthesize.py): a state on the way to the solution, against one
whose last step is another that also runs and leads elsewhere; and of search trees (`arc-solve evaluate --set
search.trace=FOLDER`) of tasks that may be trained on: of the children of one parent the best two that lead to a
verified solution, against the worst two that don't. A solution is verified on all pairs of its task, and on RE-ARC
pairs with --re-arc. `train` minimises the Bradley-Terry loss; it usually starts from the policy's folder, whose head it
replaces by one output. After the base was trained further, an exported adapter is trained on over it with --adapter
(head and all), or `head` fits the head alone again, on a CPU. Everything else is as in tools/train_policy.py.
"""

from __future__ import annotations

import json
import sys
from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from command_line import arguments, main_of, natural, positive
from training_cli import add_common, made_parts

from solver.errors import InputError
from solver.training import preparation
from solver.training.document_folders import Part
from solver.training.preferences import trace_part, verified_traces

KIND = "ppm"
TRACES_A_PART = 32


def sources(args: Namespace, how: preparation.Preparation) -> tuple[list[Part], dict[str, Any]]:
    if args.made is None and not args.traces:
        raise InputError("nothing to learn from: give --made or --traces")
    parts, facts = made_parts(args.made, preparation.ppm_part)
    if args.traces:
        traces, num_traces = verified_traces(args.traces, args.re_arc, args.with_dev)
        print(f"{len(traces)} of {num_traces} traces have a verified solution", flush=True)
        starts = range(0, len(traces), TRACES_A_PART)
        parts += [partial(trace_part, tuple(traces[k : k + TRACES_A_PART])) for k in starts]
        facts["traces"] = sorted({one.task.task_id for one in traces})
    return parts, facts


def head(args: Namespace) -> None:
    from solver.training.head import fit_head_again

    found = fit_head_again(
        args.adapter, args.weights, args.documents, args.held_out, args.out, args.trained_on, args.licence,
        num_pairs=args.num_pairs, max_tokens=args.max_tokens, ridge=args.ridge, seed=args.seed,
    )  # fmt: skip
    print(json.dumps(found))


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    commands = parser.add_subparsers(required=True)
    prepare = add_common(commands, KIND, group=2, sources=sources)
    prepare.add_argument("--traces", type=Path, action="append", default=[], help="folder of traces; may be repeated")
    command = commands.add_parser("head", help="fit an adapter's head again, over a base that has learned since")
    command.add_argument("--adapter", type=Path, required=True, help="exported preference model")
    command.add_argument("--weights", type=Path, required=True, help="the base as it is now")
    command.add_argument("--documents", type=Path, required=True, help="preference pairs")
    command.add_argument("--held-out", type=Path, help="pairs to measure on")
    command.add_argument("--num-pairs", type=positive, default=500)
    command.add_argument("--max-tokens", type=positive, default=1024, help="longest document (default: 1024)")
    command.add_argument("--ridge", type=float, default=0.01, help="how strongly the head stays as it was")
    command.add_argument("--seed", type=natural, default=0)
    command.add_argument("--out", type=Path, required=True)
    command.add_argument("--trained-on", required=True, help="for the manifest: what the weights learned from")
    command.add_argument("--licence", default="MIT-0")
    command.set_defaults(run_command=head)
    return main_of("train_ppm", parser, argv, log=True)


if __name__ == "__main__":
    sys.exit(main())
