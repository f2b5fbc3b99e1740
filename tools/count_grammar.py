"""Count what programs that solve training tasks are made of, into solver/grammar.json.

    arc-solve evaluate --set arc-agi-1/training --tasks all --seconds 5 --out runs/train
    python tools/count_grammar.py runs/train/results.jsonl [--out solver/grammar.json]

Reads the programs behind the attempts in result files. Only tasks that may be
trained on and are not held out as dev are counted, and of those only the programs that give the true test outputs.
Every task counts the same: its programs share one count, a shorter program getting more of it.
"""

from __future__ import annotations

import argparse
from collections import defaultdict
from collections.abc import Mapping, Sequence
from math import exp
from pathlib import Path
from typing import Any

import numpy as np
import orjson
from command_line import arguments, main_of

from solver.grid.registry import FUNCTIONS
from solver.program import Program, Ref
from solver.synthesis.found import checked_programs, texts_of_results
from solver.task_sets import trainable

STATEMENT_WEIGHT = 0.7


def count(programs_by_task: Mapping[str, Sequence[Program]]) -> dict[str, Any]:
    """Counts of functions and of constants, each task contributing at most one program's worth."""
    functions: dict[str, float] = defaultdict(float)
    constants: dict[str, dict[str, float]] = defaultdict(lambda: defaultdict(float))
    for programs in programs_by_task.values():
        shares = np.array([exp(-STATEMENT_WEIGHT * len(p)) for p in programs])
        for program, share in zip(programs, shares / shares.sum(), strict=True):
            for statement in program.statements:
                functions[statement.function.name] += share
                for parameter, arg in zip(statement.function.parameters, statement.args, strict=True):
                    if not isinstance(arg, (Ref, tuple)):
                        constants[f"{statement.function.name}.{parameter.name}"][str(arg)] += share
    return {
        "functions": {name: round(float(functions[name]), 3) for name in FUNCTIONS if name in functions},
        "constants": {k: {v: round(float(n), 3) for v, n in sorted(d.items())} for k, d in sorted(constants.items())},
    }


def count_programs(args: argparse.Namespace) -> None:
    tasks = trainable()
    solved = checked_programs(texts_of_results(args.results, tasks), tasks, None)
    args.out.write_bytes(orjson.dumps(count(solved), option=orjson.OPT_INDENT_2) + b"\n")
    print(f"{len(solved)} tasks, {sum(map(len, solved.values()))} programs -> {args.out}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    parser.add_argument("results", type=Path, nargs="+", help="results.jsonl files of runs on training tasks")
    parser.add_argument("--out", type=Path, default=Path("solver/grammar.json"))
    parser.set_defaults(run_command=count_programs)
    return main_of("count_grammar", parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
