"""Merge a LoRA adapter into the model it was trained on, and write the whole as a weights folder.

    python tools/merge_lora.py --adapter exported --base weights/policy --out weights/merged --trained-on "..."

--adapter is what `train_policy.py export` or `train_ppm.py export` wrote for a run with adapters.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from command_line import arguments, main_of

from solver.training.export import merge_adapter


def merge(args: argparse.Namespace) -> None:
    merge_adapter(args.adapter, args.base, args.out, args.trained_on, args.licence)


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    parser.add_argument("--adapter", type=Path, required=True)
    parser.add_argument("--base", type=Path, required=True, help="folder of the model that the adapter is for")
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--trained-on", required=True, help="for the manifest: what the weights learned from")
    parser.add_argument("--licence", default="MIT-0")
    parser.set_defaults(run_command=merge)
    return main_of("merge_lora", parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
