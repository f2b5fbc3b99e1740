"""What the command lines of the training tools share: kinds of arguments, and how a command ends."""

from __future__ import annotations

import argparse
import logging
import sys
from collections.abc import Sequence

from solver.errors import ArcSolveError


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def seed(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must be at least 0")
    return number


def arguments(description: str | None) -> argparse.ArgumentParser:
    """A parser that shows a description as it is written."""
    return argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)


def main_of(
    tool: str, parser: argparse.ArgumentParser, argv: Sequence[str] | None, *, interrupted: str = "interrupted"
) -> int:
    """Do what was asked for, which the parser has put under `run_command`; the exit code. Bad input is a line a fault,
    that begins with the tool's name, and 2; Ctrl-C the line `interrupted` and 130."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    args = parser.parse_args(argv)
    try:
        args.run_command(args)
    except (ArcSolveError, OSError, FloatingPointError) as error:
        for line in str(error).splitlines():
            print(f"{tool}: {line}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        print(f"{tool}: {interrupted}", file=sys.stderr)
        return 130
    return 0
