"""Choose the solved examples of few-shot prompts from the hand-written solutions, and write solver/lm/examples.json.

    python tools/choose_examples.py [--number 40 --max-characters 800 --max-statements 5]

Short tasks with short programs that together use as many functions as can be: again and again the one with the most
functions that no chosen one uses, the shortest of them if several do.
"""

from __future__ import annotations

import argparse
import ast
from collections.abc import Sequence
from pathlib import Path

import orjson
from check_solutions import FOLDER, allowed_tasks, load_solutions
from command_line import arguments, main_of, positive

from solver.lm.template import PromptTask, task_text
from solver.program import Program
from solver.tasks import Task

TARGET = Path(__file__).parents[1] / "solver" / "lm" / "examples.json"


def choose(
    programs: dict[str, Program], tasks: dict[str, Task], number: int, max_characters: int, max_statements: int
) -> list[str]:
    """Ids of the chosen tasks, in order of choice."""
    sizes = {name: len(task_text(PromptTask.of(tasks[name]))) for name in programs}
    left = [n for n, p in programs.items() if len(p) <= max_statements and sizes[n] <= max_characters]
    chosen: list[str] = []
    used: set[str] = set()
    while left and len(chosen) < number:
        words = {name: {s.function.name for s in programs[name].statements} for name in left}
        best = min(left, key=lambda name: (-len(words[name] - used), sizes[name], name))
        chosen.append(best)
        used |= words[best]
        left.remove(best)
    return chosen


def rule_of(path: Path) -> str:
    """The first line of solve's docstring."""
    solve = next(n for n in ast.parse(path.read_text(encoding="utf-8")).body if isinstance(n, ast.FunctionDef))
    return (ast.get_docstring(solve) or "").splitlines()[0]


def write(args: argparse.Namespace) -> None:
    programs = load_solutions()
    chosen = choose(programs, allowed_tasks(), args.number, args.max_characters, args.max_statements)
    entries = [{"task": n, "rule": rule_of(FOLDER / f"{n}.py"), "program": programs[n].render()} for n in chosen]
    TARGET.write_bytes(orjson.dumps(entries, option=orjson.OPT_INDENT_2) + b"\n")
    words = {s.function.name for n in chosen for s in programs[n].statements}
    print(f"{len(chosen)} examples with {len(words)} functions: {TARGET}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    parser.add_argument("--number", type=positive, default=40, help="examples (default: 40)")
    parser.add_argument("--max-characters", type=positive, default=800, help="of a task as text (default: 800)")
    parser.add_argument("--max-statements", type=positive, default=5, help="of a program (default: 5)")
    parser.set_defaults(run_command=write)
    return main_of("choose_examples", parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
