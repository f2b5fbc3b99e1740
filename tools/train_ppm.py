"""Train a process preference model: a sequence classifier that scores how promising a prefix of a program is.

    python tools/train_ppm.py prepare --made made --out pairs --workers 4 --pairs 2
    python tools/train_ppm.py train --documents pairs --held-out pairs-held-out --weights weights/policy \\
        --run runs/ppm --minutes 10 --set adapter.rank=16
    python tools/train_ppm.py export --run runs/ppm --out weights/ppm --trained-on "..."

`prepare` makes preference pairs of made-up tasks (tools/synthesize.py): a state on the way to the solution, against one
whose last step is another that also runs and leads elsewhere. `train` minimises the Bradley-Terry loss; it usually
starts from the policy's folder, whose head it replaces by one output. Everything else is as in tools/train_policy.py.
"""

from __future__ import annotations

import sys
from collections.abc import Sequence

from training_cli import add_common, arguments, main_of

from solver.training import preparation

KIND = "ppm"


def main(argv: Sequence[str] | None = None) -> int:
    parser, commands = arguments(__doc__)
    add_common(commands, KIND, group=2, part=preparation.ppm_part)
    return main_of(parser, argv)


if __name__ == "__main__":
    sys.exit(main())
