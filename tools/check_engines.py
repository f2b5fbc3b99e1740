"""Check that the engines agree on the same weights, and each with itself on one prompt and many. Prints a JSON report.

    python tools/check_engines.py --policy weights/policy --ppm weights/ppm            # transformers on the CPU
    python tools/check_engines.py --policy ... --ppm ... --engines vllm,transformers   # on a GPU, in bfloat16
    python tools/check_engines.py --random                                              # on random weights

Prompts are prefixes of the hand-written solutions. Checked, with the limits in LIMITS:
  log-probabilities   of tokens that the first engine sampled, against the other's for the same tokens
  greedy              the most likely tokens are equal wherever the best leads the second by more than LEAD
  scores              of the preference model (tanh of its output); also said: how far off float32's each engine is
  plain               the transformers engine against the model's own forward pass, tokens as above
  one and many        each engine's greedy answers and scores, asked one by one and all at once
Exit code 1 if any limit is exceeded.
"""

from __future__ import annotations

import argparse
import json
import math
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from check_solutions import allowed_tasks, load_solutions
from command_line import arguments, main_of, positive

from solver.errors import InputError
from solver.lm.adapter import Adapter, read_model
from solver.lm.engine import Request, Sampling
from solver.lm.loading import load_engine
from solver.lm.prompt import Prompt, PromptBuilder
from solver.lm.prompt_format import PromptFormat
from solver.lm.template import PromptTask
from solver.lm.weights import POLICY, PPM, read_weights, seal_weights
from solver.prefix import Prefix
from solver.program import Program

LIMITS = {"mean_difference": 0.03, "correlation": 0.999, "score_difference": 0.03}
LEAD = 0.1
PREFIXES_A_TASK = 5
MAX_NEW_TOKENS = 24


@dataclass(frozen=True)
class Trace:
    """Generated tokens, the log-probability of each, and by how much the likeliest token led the second there."""

    tokens: tuple[int, ...]
    log_probabilities: tuple[float, ...]
    leads: tuple[float, ...]


def prefixes(number: int, prompt_format: PromptFormat, engine: Any, max_new_tokens: int) -> tuple[list[Any], list[Any]]:
    """Prompts for the next step, and for a score: `number` prefixes of solutions that fit, several of a task."""
    tasks, steps, scores = allowed_tasks(), [], []
    for task_id, program in load_solutions().items():
        if len(steps) >= number:
            break
        task = PromptTask.of(tasks[task_id])
        builder = PromptBuilder(prompt_format, task, engine.count_tokens, engine.context_length, max_new_tokens)
        for length in range(min(PREFIXES_A_TASK, len(program))):
            part = Program(program.statements[:length])
            prefix = Prefix.run(part, [*task.inputs, *task.tests])
            prompts = prefix and (builder.build(prefix), builder.build(prefix, for_score=True))
            if prompts and None not in prompts:
                steps.append(prompts[0])
                scores.append(prompts[1])
    # Prompts of a task stay together: they are one batch over one cache.
    return steps[:number], scores[:number]


def forget(engine: Any) -> None:
    """Drop what an engine has kept of earlier prompts."""
    if hasattr(engine, "llm"):
        engine.llm.reset_prefix_cache()
    else:
        engine.runner.forget()


# traces of either engine


def sampled(engine: Any, prompts: Sequence[Prompt], sampling: Sampling) -> list[list[Trace]]:
    """For each prompt its different samples."""
    requests = [Request(prompt, replace(sampling, seed=seed)) for seed, prompt in enumerate(prompts)]
    if hasattr(engine, "llm"):
        return [[_vllm_trace(one) for one in output.outputs] for output in engine.outputs(requests, num_logprobs=2)]
    found = []
    asked = [engine.text.token_request(request) for request in requests]
    for prompt, answers in zip(prompts, engine.generate_tokens(asked), strict=True):
        traces = []
        for answer in answers:
            best = engine.log_probabilities(prompt, answer.tokens).topk(2).values
            traces.append(Trace(answer.tokens, answer.log_probabilities, tuple((best[:, 0] - best[:, 1]).tolist())))
        found.append(traces)
    return found


def _vllm_trace(output: Any) -> Trace:
    own, leads = [], []
    for token, entries in zip(output.token_ids, output.logprobs, strict=True):
        own.append(entries[token].logprob)
        best = sorted((entry.logprob for entry in entries.values()), reverse=True)[:2]
        leads.append(best[0] - best[1])
    return Trace(tuple(output.token_ids), tuple(own), tuple(leads))


# comparisons


def compare_numbers(left: Sequence[float], right: Sequence[float]) -> dict[str, float]:
    """Mean and largest difference, and correlation."""
    a, b = np.array(left), np.array(right)
    correlation = float(np.corrcoef(a, b)[0, 1]) if len(a) > 1 and a.std() > 0 and b.std() > 0 else float("nan")
    return {
        "number": len(a),
        "mean_difference": round(float(np.abs(a - b).mean()), 6),
        "max_difference": round(float(np.abs(a - b).max()), 6),
        "correlation": round(correlation, 6),
    }


def compare_log_probabilities(
    traces: Sequence[Sequence[Trace]], prompts: Sequence[Prompt], other: Any
) -> dict[str, Any]:
    """Log-probabilities of sampled tokens against another model's for the same tokens. other: (prompt, tokens) →
    float [len(tokens), vocabulary]."""
    left: list[float] = []
    right: list[float] = []
    for prompt, own in zip(prompts, traces, strict=True):
        for trace in own:
            found = other(prompt, trace.tokens)
            left += trace.log_probabilities
            right += [float(found[place, token]) for place, token in enumerate(trace.tokens)]
    return compare_numbers(left, right)


def compare_greedy(traces: Sequence[Sequence[Trace]], prompts: Sequence[Prompt], other: Any) -> dict[str, int]:
    """Greedy tokens against the most likely ones of another model that reads the same tokens."""
    number = differing = clear = 0
    for prompt, (trace,) in zip(prompts, traces, strict=True):
        found = other(prompt, trace.tokens)
        best = found.topk(2)
        for place, token in enumerate(trace.tokens):
            number += 1
            if int(best.indices[place, 0]) != token:
                differing += 1
                clear += float(best.values[place, 0] - best.values[place, 1]) > LEAD
    return {"number": number, "differing": differing, "differing_with_a_lead": clear}


def compare_one_and_many(engine: Any, prompts: Sequence[Prompt], sampling: Sampling) -> dict[str, Any]:
    """Greedy answers all at once and one by one: tokens up to where they part, which must be where nothing leads."""
    forget(engine)
    many = [traces[0] for traces in sampled(engine, prompts, sampling)]
    one = []
    for prompt in prompts:
        forget(engine)
        one += sampled(engine, [prompt], sampling)[0]
    left: list[float] = []
    right: list[float] = []
    parted = clear = 0
    for a, b in zip(many, one, strict=True):
        same = next((k for k, (x, y) in enumerate(zip(a.tokens, b.tokens)) if x != y), None)
        if same is not None:
            parted += 1
            clear += max(a.leads[same], b.leads[same]) > LEAD
        end = min(len(a.tokens), len(b.tokens)) if same is None else same
        left += a.log_probabilities[:end]
        right += b.log_probabilities[:end]
    return {**compare_numbers(left, right), "differing": parted, "differing_with_a_lead": clear}


def within(found: dict[str, Any]) -> bool:
    """Whether a comparison keeps the limits."""
    return (
        found.get("mean_difference", 0.0) <= LIMITS["mean_difference"]
        and not found.get("correlation", 1.0) < LIMITS["correlation"]
        and found.get("score_difference", 0.0) <= LIMITS["score_difference"]
        and found.get("differing_with_a_lead", 0) == 0
    )


def compare_scores(left: Sequence[float], right: Sequence[float]) -> dict[str, Any]:
    values = [[math.tanh(score) for score in scores] for scores in (left, right)]
    worst = max(abs(a - b) for a, b in zip(*values, strict=True))
    return {"number": len(left), "score_difference": round(worst, 6)}


# what runs


def plain_model(folder: Path, engine: Any) -> Any:
    """The model's own forward pass over prompt and tokens, as `compare_log_probabilities` wants it."""
    import torch
    from transformers import AutoModelForCausalLM

    runner = engine.runner
    model = (
        AutoModelForCausalLM.from_pretrained(folder, local_files_only=True, dtype=runner.dtype).to(runner.device).eval()
    )

    @torch.inference_mode()
    def read(prompt: Prompt, tokens: Sequence[int]) -> Any:
        ids = [i for part in engine.text.prompt_ids(prompt) for i in part]
        logits = model(torch.tensor([[*ids, *tokens]], device=runner.device)).logits[0, len(ids) - 1 : -1]
        return torch.log_softmax(logits.float().cpu(), -1)

    return read


def check(policy: Path | None, ppm: Path | None, engines: Sequence[str], number: int, device: str, dtype: str) -> Any:
    """The report: comparisons by name, each with whether it keeps the limits."""
    report: dict[str, Any] = {
        "engines": list(engines),
        "device": device,
        "dtype": dtype,
        "limits": LIMITS,
        "lead": LEAD,
    }
    if policy is not None:
        weights = read_weights(policy, POLICY)
        loaded = {name: load_engine(name, weights, device=device, dtype=dtype) for name in engines}
        first = loaded[engines[0]]
        sampling = Sampling(8, MAX_NEW_TOKENS, stop=weights.prompt_format.step_end)
        prompts, _ = prefixes(number, weights.prompt_format, first, sampling.max_new_tokens)
        greedy = replace(sampling, num_samples=1, temperature=0.0)
        report["prompts"] = len(prompts)
        reference = loaded.get("transformers")
        traces = sampled(first, prompts, sampling)
        if len(engines) > 1:
            other = reference.log_probabilities
            report["log_probabilities"] = compare_log_probabilities(traces, prompts, other)
            report["greedy"] = compare_greedy(sampled(first, prompts, greedy), prompts, other)
        if reference is not None:
            plain = plain_model(weights.folder, reference)
            report["plain"] = compare_log_probabilities(sampled(reference, prompts, sampling), prompts, plain)
        for name, engine in loaded.items():
            report[f"{name} one and many"] = compare_one_and_many(engine, prompts, greedy)
    if ppm is not None:
        model = read_model(ppm, PPM, read_weights(policy, POLICY) if policy else None)
        weights = model.merged() if isinstance(model, Adapter) else model
        scorers = {name: load_engine(name, weights, device=device, dtype=dtype) for name in engines}
        _, prompts = prefixes(number, weights.prompt_format, scorers[engines[0]], 0)
        many = {name: scorer.score(prompts) for name, scorer in scorers.items()}
        for name, scorer in scorers.items():
            one = []
            for prompt in prompts:
                forget(scorer)
                one += scorer.score([prompt])
            report[f"{name} scores, one and many"] = compare_scores(one, many[name])
        if len(engines) > 1:
            report["scores"] = compare_scores(*many.values())
            exact = load_engine("transformers", weights, device=device).score(prompts)
            report["scores, off from float32"] = {
                name: compare_scores(scores, exact)["score_difference"] for name, scores in many.items()
            }
    for found in report.values():
        if isinstance(found, dict) and "number" in found:
            found["within"] = within(found)
    report["passed"] = all(
        found["within"] for found in report.values() if isinstance(found, dict) and "within" in found
    )
    return report


def save_random(folder: Path) -> tuple[Path, Path]:
    """A policy and a preference model of about 13 M random parameters each."""
    import torch
    from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

    from solver.lm.tokenizer import save_tokenizer, vocabulary

    settings = {
        "vocab_size": len(vocabulary()), "hidden_size": 384, "intermediate_size": 1024, "num_hidden_layers": 8,
        "num_attention_heads": 6, "num_key_value_heads": 2, "max_position_embeddings": 8192, "pad_token_id": 0,
        "bos_token_id": 1, "eos_token_id": 2, "tie_word_embeddings": True, "initializer_range": 0.05,
    }  # fmt: skip
    torch.manual_seed(0)
    for kind, model in (
        ("policy", LlamaForCausalLM(LlamaConfig(**settings))),
        ("ppm", LlamaForSequenceClassification(LlamaConfig(**settings, num_labels=1))),
    ):
        model.to(torch.bfloat16).save_pretrained(folder / kind)
        save_tokenizer(folder / kind)
        seal_weights(folder / kind, kind, PromptFormat(), 4096, "nothing: random weights", "MIT-0")
    return folder / "policy", folder / "ppm"


def run_check(args: argparse.Namespace) -> int:
    engines = args.engines.split(",")
    if not set(engines) <= {"vllm", "transformers"} or not (args.random or args.policy or args.ppm):
        raise InputError("give --policy, --ppm or --random, and --engines of vllm,transformers")
    device = args.device or ("cuda" if "vllm" in engines else "cpu")
    dtype = "float32" if device == "cpu" else "bfloat16"
    if args.out:
        args.out.parent.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryDirectory() as folder:
        policy, ppm = save_random(Path(folder)) if args.random else (args.policy, args.ppm)
        report = check(policy, ppm, engines, args.prompts, device, dtype)
    text = json.dumps(report, indent=1)
    print(text)
    if args.out:
        args.out.write_text(text + "\n")
    return 0 if report["passed"] else 1


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    parser.add_argument("--policy", type=Path, metavar="DIR", help="weights of a policy")
    parser.add_argument(
        "--ppm", type=Path, metavar="DIR", help="weights of a preference model, or an adapter of --policy"
    )
    parser.add_argument("--random", action="store_true", help="make both with random weights instead")
    parser.add_argument("--engines", default="transformers", help="of vllm,transformers (default: transformers)")
    parser.add_argument("--prompts", type=positive, default=20, help="how many (default: 20)")
    parser.add_argument("--device", help="of transformers (default: cuda beside vLLM, else cpu)")
    parser.add_argument("--out", type=Path, metavar="FILE", help="write the report there, too")
    parser.set_defaults(run_command=run_check)
    return main_of("check_engines", parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
