"""Engine and scorer over vLLM (0.24), for a GPU.

Both are `BatchedEngine`s of a server (server.py), with vLLM's own continuous batching: requests join and leave between
steps. Settings: prefix caching, full CUDA graphs of decoding without torch.compile for generation (starts fast and was
the quickest for models below 1 B parameters; with graphs of whole prompts answers depended on what else was asked),
eager mode for scoring (pooling models refuse full graphs). Token ids go in and out: detokenizing inside vLLM costs as
much as a small model's decoding. The engine core runs in this process, so that it ends with it. The cache has a fixed
size: vLLM's share of the whole card would refuse to start beside other processes, or measure what they do meanwhile.
"""

from __future__ import annotations

import importlib.util
import itertools
import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from ..errors import InputError, first_line
from .engine import Answer, Request, Sampling, StopRule, TokenAnswer, TokenRequest
from .prompt import Prompt
from .text import TokenText

ENVIRONMENT = {
    "VLLM_ENABLE_V1_MULTIPROCESSING": "0",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "ERROR",  # its warnings are about choices that were made here
    "TQDM_DISABLE": "1",
    "VLLM_USE_FLASHINFER_SAMPLER": "0",  # compiles itself at the first request
    "HF_HUB_OFFLINE": "1",
}
"""For this process, where the user's environment does not say otherwise; the first one whatever it says."""

START_SHARE = 0.02
"""Share of the card that must be free for vLLM to start at all; what it takes is weights, graphs and the cache."""

MAX_TEMPERATURE = 2.0
"""vLLM's own limit."""


def _load(folder: Path, context_length: int, cache_bytes: int, seed: int, **options: Any) -> Any:
    for name, value in ENVIRONMENT.items():
        os.environ.setdefault(name, value)
    os.environ["VLLM_ENABLE_V1_MULTIPROCESSING"] = "0"
    try:
        import torch
        from vllm import LLM
        from vllm.model_executor.models import registry
    except ImportError as error:
        raise InputError(f"vllm cannot be imported ({first_line(error)})") from error
    has_bf16 = torch.cuda.is_bf16_supported(including_emulation=False)  # vLLM refuses to emulate it
    # vLLM asks a new process about the model's class, lest CUDA starts in this one. Here it may; it takes 10 s less.
    registry._run_in_subprocess = lambda function: function()
    if importlib.util.find_spec("xxhash"):
        options["prefix_caching_hash_algo"] = "xxhash"
    try:
        return LLM(
            model=str(folder),
            dtype="bfloat16" if has_bf16 else "float16",
            seed=seed,
            trust_remote_code=False,
            gpu_memory_utilization=START_SHARE,
            kv_cache_memory_bytes=cache_bytes,
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


class _Batched:
    """What engine and scorer have in common: vLLM's engine, stepped from outside (`BatchedEngine`)."""

    quiet_s = 0.0

    def __init__(self, llm: Any) -> None:
        self.llm = llm
        self._core = llm.llm_engine
        self._names: dict[int, str] = {}
        self._keys = itertools.count(-1, -1)

    @property
    def busy(self) -> bool:
        return bool(self._names)

    def _submit(self, key: int, ids: Sequence[int], parameters: Any) -> None:
        """Raises ValueError if vLLM refuses the prompt or the parameters."""
        self._names[key] = self._core.add_request(
            str(key), {"type": "token", "prompt_token_ids": list(ids)}, parameters
        )

    def abort(self, keys: Sequence[int]) -> None:
        # vLLM's own name of a request stands for all its samples; ours would leave a trace of it.
        names = [self._names.pop(key) for key in keys if key in self._names]
        self._core.abort_request(names, internal=True)

    def step(self) -> list[tuple[int, Any]]:
        done = [output for output in self._core.step() if output.finished]
        found = [(int(output.request_id), output) for output in done]
        return [(key, self._read(output)) for key, output in found if self._names.pop(key, None) is not None]

    def _read(self, output: Any) -> Any:
        raise NotImplementedError

    def answer(self, questions: Sequence[Any], deadline: float | None) -> list[Any]:
        """Answers to questions of one caller; None for those that have none by the deadline."""
        keys = [next(self._keys) for _ in questions]
        for key, question in zip(keys, questions, strict=True):
            self.add(key, question, deadline)
        found: dict[int, Any] = {}
        while self.busy and (deadline is None or time.monotonic() < deadline):
            found.update(self.step())
        self.abort(keys)
        return [found.get(key) for key in keys]

    def add(self, key: int, question: Any, deadline: float | None) -> None:
        raise NotImplementedError


class VllmEngine(_Batched):
    """A causal language model behind `BatchedEngine` and `Engine`. cache_bytes: of the GPU's memory for keys and
    values, beside weights and graphs.

    Raises InputError if vLLM, the model or its tokenizer does not load.
    """

    def __init__(self, folder: Path, context_length: int, cache_bytes: int, seed: int = 0) -> None:
        graphs = {"mode": 0, "cudagraph_mode": "FULL_DECODE_ONLY"}
        super().__init__(_load(folder, context_length, cache_bytes, seed, compilation_config=graphs))
        self.text = TokenText(folder)
        self.context_length = context_length
        self.count_tokens, self.chat = self.text.count_tokens, self.text.chat
        self._samplings: dict[int, Sampling] = {}

    def ready(self) -> bool:
        return True

    def add(self, key: int, question: TokenRequest, deadline: float | None) -> None:
        """See `BatchedEngine.add`; who asks ends what is too late."""
        self._submit(key, [*question.shared, *question.own], _parameters(question.sampling, question.stop))
        self._samplings[key] = question.sampling

    def abort(self, keys: Sequence[int]) -> None:
        super().abort(keys)
        for key in keys:
            self._samplings.pop(key, None)

    def _read(self, output: Any) -> list[TokenAnswer]:
        sampling = self._samplings.pop(int(output.request_id))
        count = sampling.num_samples if sampling.temperature == 0 else 1
        return [
            TokenAnswer(
                tuple(one.token_ids), min(0.0, one.cumulative_logprob), count, ended=one.finish_reason == "stop"
            )
            for one in output.outputs
        ]

    def generate(self, requests: Sequence[Request], deadline: float | None = None) -> list[list[Answer]]:
        """See `Engine.generate`. A request that is not done by the deadline has no answers."""
        asked = [self.text.token_request(request) for request in requests]
        found = self.answer(asked, deadline)
        return [self.text.answers(request, own or ()) for request, own in zip(asked, found, strict=True)]

    def outputs(self, requests: Sequence[Request], num_logprobs: int = 0) -> list[Any]:
        """vLLM's own outputs, with the log-probabilities of the sampled and the `num_logprobs` likeliest tokens."""
        asked = [self.text.token_request(request) for request in requests]
        prompts = [{"prompt_token_ids": [*request.shared, *request.own]} for request in asked]
        parameters = [_parameters(request.sampling, request.stop, num_logprobs) for request in asked]
        return self.llm.generate(prompts, parameters, use_tqdm=False)


def _parameters(sampling: Sampling, stop: StopRule, num_logprobs: int = 0) -> Any:
    from vllm import SamplingParams
    from vllm.sampling_params import RequestOutputKind

    return SamplingParams(
        n=1 if sampling.temperature == 0 else sampling.num_samples,  # greedy samples are all the same
        max_tokens=sampling.max_new_tokens,
        temperature=min(sampling.temperature, MAX_TEMPERATURE),
        top_p=sampling.top_p,
        top_k=sampling.top_k,
        repetition_penalty=sampling.repetition_penalty,
        seed=sampling.seed,
        stop_token_ids=sorted(stop.token_ids),
        stop=[stop.text] if stop.text else None,
        detokenize=bool(stop.text),
        skip_special_tokens=False,  # the stop text may hold some, and is looked for as it is
        spaces_between_special_tokens=False,
        logprobs=num_logprobs,
        output_kind=RequestOutputKind.FINAL_ONLY,
        skip_clone=True,  # made for one request; a deep copy of hundreds of stop tokens takes longer than a step
    )


class VllmScorer(_Batched):
    """A sequence classifier with one output behind `BatchedEngine` and `Scorer`; the rest as of VllmEngine."""

    def __init__(self, folder: Path, context_length: int, cache_bytes: int, seed: int = 0) -> None:
        super().__init__(_load(folder, context_length, cache_bytes, seed, runner="pooling", enforce_eager=True))
        self.text = TokenText(folder)
        self.context_length = context_length
        self.count_tokens, self.chat = self.text.count_tokens, self.text.chat

    def ready(self) -> bool:
        return True

    def add(self, key: int, question: tuple[tuple[int, ...], tuple[int, ...]], deadline: float | None) -> None:
        """See `BatchedEngine.add`. question: token ids of a prompt's two parts."""
        from vllm import PoolingParams

        self._submit(key, [*question[0], *question[1]], PoolingParams(use_activation=False, task="classify"))

    def _read(self, output: Any) -> float:
        return float(output.outputs.data.float().flatten()[0])

    def score(self, prompts: Sequence[Prompt], deadline: float | None = None) -> list[float | None]:
        """See `Scorer.score`."""
        return self.answer([self.text.prompt_ids(prompt) for prompt in prompts], deadline)
