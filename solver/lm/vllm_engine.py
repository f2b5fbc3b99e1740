"""Engine and scorer over vLLM (0.24), for a GPU.

Settings: prefix caching, full CUDA graphs without torch.compile for generation (starts fast and was the quickest for
models below 1 B parameters), eager mode for scoring (pooling models refuse full graphs). Token ids go in and out; text
is made of them here, since detokenizing inside vLLM costs as much as a small model's decoding. The engine core runs in
this process, so that it ends with it: one process a GPU.
"""

from __future__ import annotations

import importlib.util
import os
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError
from .engine import Answer, Request, Sampling, merge_answers
from .prompt import Prompt
from .text import TokenText, first_line


def _load(folder: Path, context_length: int, memory_share: float, seed: int, **options: Any) -> Any:
    os.environ.setdefault("VLLM_ENABLE_V1_MULTIPROCESSING", "0")
    os.environ.setdefault("VLLM_NO_USAGE_STATS", "1")
    os.environ.setdefault("HF_HUB_OFFLINE", "1")
    try:
        from vllm import LLM
    except ImportError as error:
        raise InputError(f"vllm cannot be imported ({first_line(error)})") from error
    if importlib.util.find_spec("xxhash"):
        options["prefix_caching_hash_algo"] = "xxhash"
    try:
        return LLM(
            model=str(folder),
            dtype="bfloat16",
            seed=seed,
            trust_remote_code=False,
            gpu_memory_utilization=memory_share,
            max_model_len=context_length,
            enable_prefix_caching=True,
            block_size=128,
            max_num_seqs=512,
            max_num_batched_tokens=16384,
            disable_log_stats=True,
            **options,
        )
    except Exception as error:  # whatever a foreign folder makes of it
        raise InputError(f"{folder}: vLLM does not load the model ({first_line(error)})") from error


class VllmEngine:
    """A causal language model behind `Engine`. memory_share: of the GPU's memory, weights and cache together.

    Raises InputError if vLLM, the model or its tokenizer does not load.
    """

    def __init__(self, folder: Path, context_length: int, memory_share: float = 0.45, seed: int = 0) -> None:
        graphs = {"mode": 0, "cudagraph_mode": "FULL"}
        self.llm = _load(folder, context_length, memory_share, seed, compilation_config=graphs)
        self.text = TokenText(folder, _end_ids(folder))
        self.context_length = context_length
        self.count_tokens, self.chat = self.text.count_tokens, self.text.chat

    def generate(self, requests: Sequence[Request], deadline: float | None = None) -> list[list[Answer]]:
        """See `Engine.generate`; the deadline is not looked at, since a call is short on a GPU."""
        outputs = self.outputs(requests)
        return [
            merge_answers(self._answer(request.sampling, one) for one in output.outputs)
            for request, output in zip(requests, outputs, strict=True)
        ]

    def outputs(self, requests: Sequence[Request], num_logprobs: int = 0) -> list[Any]:
        """vLLM's own outputs, with the log-probabilities of the sampled and the `num_logprobs` likeliest tokens."""
        prompts = [{"prompt_token_ids": [*shared, *own]} for shared, own in self._ids(requests)]
        parameters = [self._parameters(request.sampling, num_logprobs) for request in requests]
        return self.llm.generate(prompts, parameters, use_tqdm=False)

    def _ids(self, requests: Sequence[Request]) -> list[tuple[tuple[int, ...], tuple[int, ...]]]:
        return [self.text.prompt_ids(request.prompt) for request in requests]

    def _parameters(self, sampling: Sampling, num_logprobs: int) -> Any:
        from vllm import SamplingParams

        rule = self.text.stop_rule(sampling.stop)
        return SamplingParams(
            n=1 if sampling.temperature == 0 else sampling.num_samples,  # greedy samples are all the same
            max_tokens=sampling.max_new_tokens,
            temperature=sampling.temperature,
            top_p=sampling.top_p,
            top_k=sampling.top_k,
            repetition_penalty=sampling.repetition_penalty,
            seed=sampling.seed,
            stop_token_ids=sorted(rule.token_ids),
            stop=[rule.text] if rule.text else None,
            detokenize=bool(rule.text),
            logprobs=num_logprobs,
        )

    def _answer(self, sampling: Sampling, output: Any) -> Answer:
        text = self.text.decode(output.token_ids, sampling.stop)
        count = sampling.num_samples if sampling.temperature == 0 else 1
        ended = output.finish_reason == "stop"
        return Answer(text, min(0.0, output.cumulative_logprob), len(output.token_ids), count, ended)


def _end_ids(folder: Path) -> list[int]:
    """The model's own end tokens, as its generation settings name them."""
    from transformers import AutoConfig, GenerationConfig

    try:
        ends = GenerationConfig.from_pretrained(folder, local_files_only=True).eos_token_id
    except OSError:  # a folder without generation_config.json
        ends = AutoConfig.from_pretrained(folder, local_files_only=True, trust_remote_code=False).eos_token_id
    return [] if ends is None else ends if isinstance(ends, list) else [ends]


class VllmScorer:
    """A sequence classifier with one output behind `Scorer`. Arguments and errors as of VllmEngine."""

    def __init__(self, folder: Path, context_length: int, memory_share: float = 0.3, seed: int = 0) -> None:
        self.llm = _load(folder, context_length, memory_share, seed, runner="pooling", enforce_eager=True)
        self.text = TokenText(folder)
        self.context_length = context_length
        self.count_tokens, self.chat = self.text.count_tokens, self.text.chat

    def score(self, prompts: Sequence[Prompt]) -> list[float]:
        from vllm import PoolingParams

        ids = [self.text.prompt_ids(prompt) for prompt in prompts]
        outputs = self.llm.encode(
            [{"prompt_token_ids": [*shared, *own]} for shared, own in ids],
            PoolingParams(use_activation=False),
            pooling_task="classify",
            use_tqdm=False,
        )
        return [float(output.outputs.data.float().flatten()[0]) for output in outputs]
