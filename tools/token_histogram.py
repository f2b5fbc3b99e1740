"""How many tokens tasks take as prompts: percentiles, and a picture.

    python tools/token_histogram.py --set arc-agi-1/dev --out tokens.png
    python tools/token_histogram.py --made made --weights weights/policy --context 4096 --out tokens.png

Counts the task's part of a prompt (lm/prompt.py), with the tokenizer of --weights or this project's own. Sets that are
evaluated on are refused, and of the others tasks that are, or share a pair with one that is, are left out: most
ARC-AGI-1 evaluation tasks are in the ARC-AGI-2 training set.
"""

from __future__ import annotations

import argparse
import tempfile
from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
from command_line import arguments, main_of, positive

from solver.errors import InputError
from solver.lm.template import PromptTask, task_text
from solver.lm.text import load_tokenizer
from solver.lm.tokenizer import save_tokenizer
from solver.reporting.figures import new_figure, save_figure
from solver.synthesis.shards import read_shard, shard_paths
from solver.task_sets import is_allowed, load_set
from solver.training.preparation import Encoder, examples

PERCENTILES = (10, 25, 50, 75, 90, 95, 99, 100)


def named_tasks(name: str) -> Iterator[PromptTask]:
    if name.endswith("/evaluation"):
        raise InputError(f"{name}: evaluation tasks are not studied")
    yield from map(PromptTask.of, filter(is_allowed, load_set(name)))


def made_tasks(folder: Path) -> Iterator[PromptTask]:
    sets = (one for path in shard_paths(folder) for one in read_shard(path))
    for example in examples(sets, 1, 1 << 30, [0]):
        yield example.task


def draw(counts: np.ndarray, context: int | None, title: str, out: Path) -> None:
    """Histogram over a logarithmic axis, with a line at the context length. Raises InputError, see `save_figure`."""
    figure = new_figure(7, 3.5)
    axes = figure.subplots()
    axes.hist(counts, bins=np.geomspace(max(1, counts.min()), counts.max() + 1, 40))
    axes.set(xscale="log", xlabel="tokens a task", ylabel="tasks", title=title)
    if context is not None:
        share = float((counts <= context).mean())
        axes.axvline(context, color="black", linewidth=0.8, label=f"{context} tokens: {share:.1%} fit")
        axes.legend()
    save_figure(figure, out)


def show(args: argparse.Namespace) -> None:
    with tempfile.TemporaryDirectory() as folder:
        if args.weights is None:
            save_tokenizer(Path(folder))
        encoder = Encoder(load_tokenizer(args.weights or Path(folder)))
    tasks = named_tasks(args.set) if args.set else made_tasks(args.made)
    counts = np.array([len(encoder.encode([(task_text(task), False)])[0]) for task in tasks])
    if not len(counts):
        raise InputError(f"{args.set or args.made}: no task to count")
    draw(counts, args.context, args.set or args.made.name, args.out)
    shown = ", ".join(f"{p}%: {int(np.percentile(counts, p))}" for p in PERCENTILES)
    print(f"{len(counts)} tasks; tokens at {shown}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    source = parser.add_mutually_exclusive_group(required=True)
    source.add_argument("--set", help="named set, e.g. arc-agi-1/dev")
    source.add_argument("--made", type=Path, help="shards of made-up tasks")
    parser.add_argument("--weights", type=Path, help="folder whose tokenizer counts (default: this project's own)")
    parser.add_argument("--context", type=positive, help="context length to draw")
    parser.add_argument("--out", type=Path, required=True, help="PNG file")
    parser.set_defaults(run_command=show)
    return main_of("token_histogram", parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
