"""Train a process preference model: a sequence classifier that scores how promising a prefix of a program is.

    python tools/train_ppm.py prepare --made made --traces runs/traces --re-arc re_arc.jsonl.xz --out pairs --workers 4
    python tools/train_ppm.py train --documents pairs --held-out pairs-held-out --weights weights/policy \\
        --run runs/ppm --minutes 10 --set adapter.rank=16
    python tools/train_ppm.py export --run runs/ppm --out weights/ppm --trained-on "..."

`prepare` makes preference pairs of made-up tasks (tools/synthesize.py): a state on the way to the solution, against one
whose last step is another that also runs and leads elsewhere; and of search trees (`arc-solve evaluate --set
search.trace=FOLDER`) of tasks that may be trained on: of the children of one parent the best two that lead to a
verified solution, against the worst two that don't. A solution is verified on all pairs of its task, and on RE-ARC
pairs with --re-arc. `train` minimises the Bradley-Terry loss; it usually starts from the policy's folder, whose head it
replaces by one output. Everything else is as in tools/train_policy.py.
"""

from __future__ import annotations

import sys
from argparse import Namespace
from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import Any

from training_cli import add_common, arguments, made_parts, main_of

from solver.errors import InputError
from solver.training import preparation
from solver.training.launch import Part
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


def main(argv: Sequence[str] | None = None) -> int:
    parser, commands = arguments(__doc__)
    prepare = add_common(commands, KIND, group=2, sources=sources)
    prepare.add_argument("--traces", type=Path, action="append", default=[], help="folder of traces; may be repeated")
    return main_of(parser, argv)


if __name__ == "__main__":
    sys.exit(main())
