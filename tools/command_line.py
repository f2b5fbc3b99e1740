"""What the command lines of the tools share: kinds of arguments, and how a command ends."""

from __future__ import annotations

import argparse
import logging
import subprocess
import sys
from collections.abc import Sequence

from solver.errors import ArcSolveError


def positive(text: str) -> int:
    number = int(text)
    if number < 1:
        raise argparse.ArgumentTypeError("must be at least 1")
    return number


def natural(text: str) -> int:
    number = int(text)
    if number < 0:
        raise argparse.ArgumentTypeError("must be at least 0")
    return number


def minutes(text: str) -> float:
    number = float(text)
    if not number >= 0:  # neither less nor "nan", which no clock ever reaches
        raise argparse.ArgumentTypeError("must be at least 0")
    return number


def arguments(description: str | None) -> argparse.ArgumentParser:
    """A parser that shows a description as it is written."""
    return argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)


def main_of(
    tool: str,
    parser: argparse.ArgumentParser,
    argv: Sequence[str] | None,
    *,
    interrupted: str = "interrupted",
    log: bool = False,
) -> int:
    """Do what was asked for, which the parser has put under `run_command`; the exit code: what that returns, 0 where it
    returns None. Bad input, and another program that fails, is a line a fault, that begins with the tool's name, and 2;
    Ctrl-C the line `interrupted` and 130. SIGTERM ends a tool at once, which shells call 143. log: show what goes on,
    with the time."""
    if log:
        logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s")
    args = parser.parse_args(argv)
    try:
        return args.run_command(args) or 0
    except (ArcSolveError, OSError, FloatingPointError) as error:
        said, code = str(error), 2
    except subprocess.CalledProcessError as error:
        said, code = f"{' '.join(map(str, error.cmd))[:160]} failed: see above", 2
    except KeyboardInterrupt:
        said, code = interrupted, 130
    for line in said.splitlines():
        print(f"{tool}: {line}", file=sys.stderr)
    return code
