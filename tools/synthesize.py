"""Make up tasks to train on: random programs over made-up scenes and over inputs of tasks that may be trained on.

    python tools/synthesize.py gather --re-arc re_arc.jsonl.xz --out material.json.xz
    python tools/synthesize.py make --material material.json.xz --out made --shards 400 --workers 4
    python tools/synthesize.py show --out made

`gather` collects all that comes from outside into one small file: inputs and hand-written solutions of ARC-AGI-1
training tasks (no held-out ones, none that shares a pair with an evaluation task), and RE-ARC inputs of the same
tasks; with --outputs also their outputs, for programs that go on from where a task ends. --re-arc takes RE-ARC's own
folder, too. --results adds programs that searches found: those that solve their training task and RE-ARC pairs of it.
`make` draws shards 0..N-1 with several processes; what it makes depends on the seed, the settings and the material
alone, and a second call goes on where a first one stopped. `show` says what a folder holds. Settings are those of
solver/synthesis/generate.py: --set inputs.max_pairs=3.
"""

from __future__ import annotations

import argparse
import time
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import as_completed
from pathlib import Path

from command_line import arguments, main_of, minutes, natural, positive

from solver import warm
from solver.configuration import load
from solver.errors import InputError
from solver.grid.registry import FUNCTIONS
from solver.program import Program
from solver.synthesis.found import checked_programs, texts_of_results
from solver.synthesis.generate import SynthesisSettings
from solver.synthesis.growth import StepWeights
from solver.synthesis.inputs import Material, gather
from solver.synthesis.shards import (
    draw_shard,
    facts_of,
    open_folder,
    read_shard,
    shard_path,
    shard_paths,
    statements_text,
    write_shard,
)
from solver.tasks import Task

MAX_FOUND = 3


class Maker:
    """Draws shards into a folder; every worker process has one."""

    def __init__(self, material: Material, settings: SynthesisSettings, seed: int, folder: Path) -> None:
        self.material, self.settings, self.seed, self.folder = material, settings, seed, folder
        self.weights = StepWeights(material.all_programs)

    def make(self, number: int) -> tuple[int, int]:
        """Draw shard `number` and write it; its number and how many tasks it holds."""
        sets = list(draw_shard(self.material, self.weights, self.settings, self.seed, number))
        write_shard(shard_path(self.folder, number), sets)
        return number, sum(len(one.programs) for one in sets)


_makers: list[Maker] = []


def _start(material: Path, settings: SynthesisSettings, seed: int, folder: Path) -> None:
    """What a worker process begins with. It reads the material itself: library functions don't survive pickling."""
    _makers[:] = [Maker(Material.load(material), settings, seed, folder)]


def _make(number: int) -> tuple[int, int]:
    return _makers[0].make(number)


def run_gather(args: argparse.Namespace) -> None:
    from check_solutions import allowed_tasks, load_solutions

    tasks = allowed_tasks()
    solutions = {task_id: [program] for task_id, program in load_solutions().items()}
    for task_id, programs in found_programs(args.results, tasks, args.re_arc).items():
        own = solutions.setdefault(task_id, [])
        own += [program for program in programs if program not in own]
    material = gather(tasks, solutions, args.re_arc, args.inputs, args.outputs)
    material.save(args.out)
    num_inputs, num_outputs = (sum(map(len, part.values())) for part in (material.re_arc, material.outputs))
    print(
        f"{len(material.arc)} tasks, RE-ARC: {num_inputs} inputs, {num_outputs} outputs; {len(material.all_programs)} "
        f"solutions of {len(material.solutions)} tasks -> {args.out} ({args.out.stat().st_size:,} bytes)"
    )


def found_programs(results: Sequence[Path], tasks: Mapping[str, Task], re_arc: Path | None) -> dict[str, list[Program]]:
    """Programs of runs that solve their tasks and RE-ARC pairs of them, too, which the search has not seen; of each
    task the MAX_FOUND shortest. Raises InputError."""
    if results and re_arc is None:
        raise InputError("--results needs --re-arc: programs are checked on its pairs")
    checked = checked_programs(texts_of_results(results, tasks), tasks, re_arc)
    return {task_id: programs[:MAX_FOUND] for task_id, programs in checked.items()}


def run_make(args: argparse.Namespace) -> None:
    began = time.monotonic()
    settings = load(SynthesisSettings, args.settings, args.set)
    Material.load(args.material)  # its faults show before any process starts
    open_folder(args.out, facts_of(args.material, settings, args.seed))
    missing = [n for n in range(args.shards) if not shard_path(args.out, n).exists()]
    print(f"{len(missing)} of {args.shards} shards to make, {args.workers} workers", flush=True)
    warm.prepare(args.workers)
    num_tasks, loop_began = 0, time.monotonic()
    with warm.worker_pool(args.workers, _start, (args.material, settings, args.seed, args.out)) as pool:
        shards = [pool.submit(_make, number) for number in missing]
        left_s = 60 * args.minutes - (time.monotonic() - began)
        try:
            for num_done, shard in enumerate(as_completed(shards, max(0.0, min(left_s, 1e6))), 1):
                num_tasks += shard.result()[1]
                rate = num_tasks / (time.monotonic() - loop_began)
                print(f"[{num_done}/{len(missing)}] {num_tasks} tasks, {rate:.0f} a second", flush=True)
        except TimeoutError:
            print("out of time; the shards begun are not kept", flush=True)


def run_show(args: argparse.Namespace) -> None:
    lengths: Counter[int] = Counter()
    sources: Counter[str] = Counter()
    functions: Counter[str] = Counter()
    num_sets, num_bytes = 0, 0
    examples = []
    for path in shard_paths(args.out):
        num_bytes += path.stat().st_size
        for one in read_shard(path):
            num_sets += 1
            sources[one.source.partition("/")[0]] += len(one.programs)
            for program in one.programs:
                lengths[len(program)] += 1
                functions.update(s.function.name for s in program.statements)
            if num_sets % args.every == 0 and one.programs:
                examples.append((one.source, statements_text(one.programs[num_sets // args.every % len(one.programs)])))
    total = sum(lengths.values())
    if not total:
        raise InputError(f"{args.out}: no task in any shard")
    print(f"{total} tasks on {num_sets} sets of inputs, {num_bytes:,} bytes")
    print("statements: " + ", ".join(f"{n}: {lengths[n] / total:.1%}" for n in sorted(lengths)))
    print("inputs: " + ", ".join(f"{k}: {n / total:.1%}" for k, n in sources.most_common()))
    print(f"functions: {len(functions)} of {len(FUNCTIONS)}; most used: {functions.most_common(12)}")
    print("never used: " + (", ".join(sorted(FUNCTIONS.keys() - functions.keys())) or "none"))
    for source, text in examples[: args.examples]:
        print(f"\n{source}\n{text}")


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    commands = parser.add_subparsers(required=True)
    command = commands.add_parser("gather", help="collect what comes from outside into one file")
    command.add_argument("--re-arc", type=Path, help="RE-ARC pairs: xz-compressed JSON lines, or RE-ARC's folder")
    command.add_argument("--results", type=Path, nargs="*", default=[], help="results.jsonl of runs on training tasks")
    command.add_argument("--inputs", type=positive, default=200, help="RE-ARC inputs a task (default: 200)")
    command.add_argument("--outputs", type=natural, default=0, help="RE-ARC outputs a task (default: 0)")
    command.add_argument("--out", type=Path, required=True)
    command.set_defaults(run_command=run_gather)
    command = commands.add_parser("make", help="make shards of tasks")
    command.add_argument("--material", type=Path, required=True, help="what `gather` wrote")
    command.add_argument("--out", type=Path, required=True, help="folder of the shards")
    command.add_argument("--shards", type=positive, required=True, help="make shards 0..N-1")
    command.add_argument("--workers", type=positive, default=1, help="processes (default: 1)")
    command.add_argument("--minutes", type=minutes, default=60 * 24 * 365, help="stop after so many")
    command.add_argument("--seed", type=natural, default=0)
    command.add_argument("--settings", type=Path, help="TOML file")
    command.add_argument("--set", action="append", default=[], metavar="GROUP.NAME=VALUE")
    command.set_defaults(run_command=run_make)
    command = commands.add_parser("show", help="what a folder of shards holds")
    command.add_argument("--out", type=Path, required=True)
    command.add_argument("--every", type=positive, default=50, help="an example of every n-th set of inputs")
    command.add_argument("--examples", type=natural, default=5)
    command.set_defaults(run_command=run_show)
    return main_of("synthesize", parser, argv, interrupted="interrupted; the shards begun are not kept", log=True)


if __name__ == "__main__":
    raise SystemExit(main())
