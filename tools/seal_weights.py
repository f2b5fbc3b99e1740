"""Make a weights folder of a Hugging Face model: write solver.json beside its files, and check that it would load.

    python tools/seal_weights.py my-model --trained-on "my tasks" --licence MIT --context-length 8192
    python tools/seal_weights.py some-code-model --style few-shot --trained-on code --licence MIT --context-length 16384

A model that was fine-tuned on this solver's prompt (solver/lm/prompt.py) has style 'short'; any other code model is
shown the language and solved examples: style 'few-shot', with --chat for one that expects its chat template,
--thinking for one that thinks before it answers, and --free-python --step-end '\\n\\n' for one whose steps may be
statements of Python, which run in the sandbox.
"""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path

from command_line import arguments, main_of, natural

from solver.errors import InputError
from solver.lm.engine import Sampling
from solver.lm.prompt_format import STYLES, PromptFormat
from solver.lm.weights import KINDS, seal_weights


def seal(args: argparse.Namespace) -> None:
    marker = {name: getattr(args, name).replace("\\n", "\n") for name in ("step_begin", "step_end")}
    max_new_tokens = args.max_new_tokens
    if max_new_tokens is None:
        max_new_tokens = 8192 if args.thinking else Sampling.max_new_tokens
    if 0 < args.context_length <= max_new_tokens:
        asked = f"--context-length {args.context_length}"
        raise InputError(f"{asked}: no room for a prompt beside {max_new_tokens} new tokens (--max-new-tokens)")
    prompt_format = PromptFormat(
        style=args.style, sketch=not args.no_sketch, num_examples=args.num_examples, chat=args.chat,
        thinking=args.thinking, free_python=args.free_python, **marker,
    )  # fmt: skip
    sampling = Sampling(max_new_tokens=max_new_tokens, temperature=args.temperature, top_p=args.top_p)
    if not args.folder.is_dir():
        raise InputError(f"{args.folder}: no such folder")
    weights = seal_weights(
        args.folder, args.kind, prompt_format, args.context_length, args.trained_on, args.licence, sampling
    )
    num_files, num_mib = len(weights.manifest["files"]), weights.num_bytes / 2**20
    print(f"{weights.folder / 'solver.json'}: {num_files} files, {num_mib:.1f} MiB")


def main(argv: Sequence[str] | None = None) -> int:
    parser = arguments(__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--kind", choices=KINDS, default="policy")
    parser.add_argument("--style", choices=STYLES, default="short")
    parser.add_argument("--chat", action="store_true", help="the prompt goes into the tokenizer's chat template")
    parser.add_argument("--thinking", action="store_true", help="the model thinks, then writes a whole program")
    parser.add_argument("--free-python", action="store_true", help="steps may be statements of Python (--step-end)")
    parser.add_argument("--no-sketch", action="store_true", help="steps are shown without their results")
    parser.add_argument("--num-examples", type=natural, default=4, help="solved examples in a few-shot prompt (4)")
    parser.add_argument("--step-begin", default="", help="marker before a step (default: none)")
    parser.add_argument("--step-end", default="\\n", help="marker behind a step, \\n for a line's end (default: \\n)")
    parser.add_argument("--context-length", type=int, required=True, help="tokens of prompt and answer, at most")
    parser.add_argument("--max-new-tokens", type=int, help="of an answer (default: 48; 8192 with --thinking)")
    parser.add_argument("--temperature", type=float, default=1.0, help="of sampling (default: 1)")
    parser.add_argument("--top-p", type=float, default=1.0, help="of sampling (default: 1)")
    parser.add_argument("--trained-on", required=True, help="what the model was trained on, in words")
    parser.add_argument("--licence", required=True)
    parser.set_defaults(run_command=seal)
    return main_of("seal_weights", parser, argv)


if __name__ == "__main__":
    raise SystemExit(main())
