"""The command line with fake sources instead of the solver's own, to be interrupted by tests.

python fake_cli.py MAKER ARGUMENT …; MAKER: a function of fake_sources.
"""

from __future__ import annotations

import functools
import sys

import fake_sources

from solver import cli
from solver.run import runner


def main() -> int:
    runner.run = functools.partial(fake_sources.run_fake, make_sources=getattr(fake_sources, sys.argv[1]))
    return cli.main(sys.argv[2:])


if __name__ == "__main__":
    sys.exit(main())
