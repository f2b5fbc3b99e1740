"""What many trees in flight make of an engine: whole runs on training tasks, with many workers and with one at a time.

    python tools/benchmark_engine.py --policy FOLDER [--ppm FOLDER] --workers 32
    python tools/benchmark_engine.py --random 16M --score             # on random weights; or 0.5B

Both runs are the runner's own, with the same settings but `run.workers`; the second has the first `--alone` tasks. One
JSON line a run, then their ratio. Rates are over the seconds in which tasks were worked on, engines being ready before:

    generated_tokens_per_s, prompt_tokens_per_s   of all engines (prompts as asked, whether cached or not)
    busy_share            part of that time in which an engine had a request, mean over the engines
    steps_per_s           steps executed in trees
    nodes_per_s           states opened in trees
    executor_share, policy_share, ppm_share       of the seconds that workers spent in trees: executing steps, waiting
                          for proposals, for scores
    answers               of the model, and how many of them were steps
"""

from __future__ import annotations

import argparse
import json
import re
import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from command_line import arguments, main_of, natural, positive

from solver.errors import InputError
from solver.lm.prompt_format import PromptFormat
from solver.lm.weights import seal_weights
from solver.run.runner import RunRecord, run
from solver.search.trace import load_trace
from solver.settings import load_settings
from solver.task_sets import load_set, select

CONTEXT_LENGTH = 4096
ENGINE_WAIT_S = 600.0
SIZES = {
    "16M": {
        "model_type": "llama", "hidden_size": 448, "intermediate_size": 1152, "num_hidden_layers": 8,
        "num_attention_heads": 7, "num_key_value_heads": 1,
    },
    "0.5B": {
        "model_type": "qwen2", "hidden_size": 896, "intermediate_size": 4864, "num_hidden_layers": 24,
        "num_attention_heads": 14, "num_key_value_heads": 2,
    },
}  # fmt: skip
"""Architectures of random models: the second is Qwen2.5-0.5B's, without its vocabulary."""


def save_random(folder: Path, size: str, kind: str) -> Path:
    """A model of random weights with this project's tokenizer, as a weights folder of that kind."""
    import torch
    from transformers import AutoConfig, AutoModelForCausalLM, AutoModelForSequenceClassification

    from solver.lm.tokenizer import save_tokenizer, vocabulary

    config = AutoConfig.for_model(
        **SIZES[size], vocab_size=len(vocabulary()), max_position_embeddings=2 * CONTEXT_LENGTH, pad_token_id=0,
        bos_token_id=1, eos_token_id=2, tie_word_embeddings=True, **({"num_labels": 1} if kind == "ppm" else {}),
    )  # fmt: skip
    torch.manual_seed(0)
    auto = AutoModelForCausalLM if kind == "policy" else AutoModelForSequenceClassification
    auto.from_config(config).to(torch.bfloat16).save_pretrained(folder)
    save_tokenizer(folder)
    seal_weights(folder, kind, PromptFormat(), CONTEXT_LENGTH, "nothing: random weights", "MIT-0")
    return folder


def measure(folder: Path, num_tasks: int, workers: int, assignments: Sequence[str]) -> dict[str, Any]:
    """Run the first `num_tasks` training tasks with so many workers into `folder`; the row of it. Raises InputError if
    no engine was ready."""
    traces = folder / "traces"
    chosen = [
        "vision.device=off", "search.root_share=0.2", "lm.strict=true", "lm.served=true", f"lm.wait_s={ENGINE_WAIT_S}",
        *assignments, f"run.workers={workers}", f'search.trace="{traces}"',
    ]  # fmt: skip
    tasks = select(load_set("arc-agi-1/training"), str(num_tasks))
    record = run(tasks, load_settings(None, chosen), folder / "run")
    if not any(engine["ready_s"] is not None for engine in record.services):
        raise InputError("no engine was ready; the log says why")
    return row(folder, record) | {"workers": workers, "tasks": num_tasks}


def row(folder: Path, record: RunRecord) -> dict[str, Any]:
    """What a finished run was worth."""
    events = [json.loads(line) for line in (folder / "run" / "events.jsonl").read_text().splitlines()]
    times = [event["time_s"] for event in events if event["kind"] in ("started", "ended")]
    seconds = max(times) - min(times)
    trees = [load_trace(path) for path in sorted((folder / "traces").glob("*.jsonl"))]
    spent = {name: sum(tree.head["seconds"].get(name, 0.0) for tree in trees) for name in ("expand", "policy", "ppm")}
    tree_s = sum(result.phases.get("tree", 0.0) for result in record.results.values())
    notes = " ".join(note for result in record.results.values() for note in result.notes.values())
    answers = [(int(steps), int(total)) for steps, total in re.findall(r"(\d+) of (\d+) answers were steps", notes)]
    engines = record.services

    def rate(number: float) -> float:
        return round(number / seconds, 2)

    return {
        "seconds": round(seconds, 2),
        "trees": len(trees),
        "generated_tokens_per_s": rate(sum(engine.get("generated_tokens", 0) for engine in engines)),
        "prompt_tokens_per_s": rate(sum(engine.get("prompt_tokens", 0) for engine in engines)),
        "busy_share": round(sum(engine.get("busy_s", 0.0) for engine in engines) / len(engines) / seconds, 4),
        "steps_per_s": rate(sum(tree.head["num_executed"] for tree in trees)),
        "nodes_per_s": rate(sum(len(tree.nodes) for tree in trees)),
        "executor_share": round(spent["expand"] / tree_s, 4) if tree_s else 0.0,
        "policy_share": round(spent["policy"] / tree_s, 4) if tree_s else 0.0,
        "ppm_share": round(spent["ppm"] / tree_s, 4) if tree_s else 0.0,
        "answers": sum(total for _, total in answers),
        "answers_that_were_steps": sum(steps for steps, _ in answers),
        "engines": list(engines),
    }


def benchmark(args: argparse.Namespace) -> None:
    if (args.policy is None) == (args.random is None) or (args.score and not args.random):
        raise InputError("give --policy or --random; --score goes with --random")
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        policy = args.policy or save_random(folder / "policy", args.random, "policy")
        ppm = save_random(folder / "ppm", args.random, "ppm") if args.score else args.ppm
        assignments = [f"run.seconds={args.seconds}", f'lm.policy="{policy}"']
        assignments += [f'lm.ppm="{ppm}"'] if ppm else []
        assignments += args.assignments
        many = measure(folder / "many", args.tasks, args.workers, assignments)
        print(json.dumps(many), flush=True)
        if args.alone:
            alone = measure(folder / "alone", args.alone, 1, assignments)
            print(json.dumps(alone), flush=True)
            ratio = many["steps_per_s"] / alone["steps_per_s"] if alone["steps_per_s"] else None
            print(json.dumps({"steps_per_s_many_to_one": ratio and round(ratio, 2)}), flush=True)


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    parser.add_argument("--policy", type=Path, metavar="DIR", help="weights of a policy")
    parser.add_argument("--ppm", type=Path, metavar="DIR", help="weights of a preference model")
    parser.add_argument("--random", choices=sorted(SIZES), help="a policy of random weights instead")
    parser.add_argument("--score", action="store_true", help="a preference model of random weights beside it")
    parser.add_argument("--workers", type=positive, default=32, help="trees in flight (default: 32)")
    parser.add_argument("--tasks", type=positive, default=64, help="of the run with many workers (default: 64)")
    parser.add_argument("--alone", type=natural, default=4, help="tasks of the run with one worker; 0: none (4)")
    parser.add_argument("--seconds", type=float, default=10.0, help="a task and worker (default: 10)")
    parser.add_argument("--set", dest="assignments", action="append", default=[], metavar="NAME=VALUE")
    parser.set_defaults(run_command=benchmark)
    return main_of("benchmark_engine", parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
