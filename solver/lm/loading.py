"""A language model for program search: which engine, what is checked before a run, and policies for tasks."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..devices import list_gpus
from ..errors import InputError
from ..policy import GrammarPolicy, MixturePolicy, UniformPolicy
from ..search.grammar import Grammar
from ..settings import LanguageModelSettings
from .engine import Engine, Sampling, TemperatureSchedule
from .policy import LanguageModelPolicy
from .prompt import PromptBuilder, PromptFormat, PromptTask
from .weights import POLICY, LanguageModelWeights, check_memory, read_weights

PACKAGES = {"transformers": ("torch", "transformers"), "vllm": ("torch", "transformers", "vllm")}
EXTRAS = {"transformers": "cpu", "vllm": "gpu"}


def engine_name(settings: LanguageModelSettings) -> str:
    """'vllm' or 'transformers': for 'auto', vLLM where it is installed and there is a GPU."""
    if settings.engine != "auto":
        return settings.engine
    return "vllm" if importlib.util.find_spec("vllm") and list_gpus()[0] else "transformers"


def check_language_model(settings: LanguageModelSettings) -> LanguageModelWeights:
    """The policy's weights, checked as far as that goes without loading them. settings.policy is not None.

    Raises InputError, one line: the folder is missing, damaged or inconsistent; a package is missing; there is no GPU
    for vLLM, or the weights can't fit it.
    """
    engine = engine_name(settings)
    missing = [name for name in PACKAGES[engine] if not importlib.util.find_spec(name)]
    if missing:
        raise InputError(
            f"engine {engine} needs {', '.join(missing)}, not installed (pip install 'arc-solver[{EXTRAS[engine]}]')"
        )
    weights = read_weights(Path(settings.policy or ""), POLICY)
    if engine == "vllm":
        gpus, why = list_gpus()
        if not gpus:
            raise InputError(f"engine vllm needs a GPU: {why}")
        check_memory(weights, gpus[0], settings.memory_share)
    return weights


def weights_digests(settings: LanguageModelSettings) -> dict[str, str]:
    """SHA-256 of the weights that a run with these settings reads, by kind; those that can't be read are left out."""
    if settings.policy is None:
        return {}
    try:
        return {POLICY: read_weights(Path(settings.policy), POLICY, verify=False).digest}
    except InputError:
        return {}


def load_engine(weights: LanguageModelWeights, settings: LanguageModelSettings, seed: int) -> Engine:
    """The engine with the weights on this process's device. Raises InputError if they do not load."""
    if engine_name(settings) == "vllm":
        from .vllm_engine import VllmEngine

        return VllmEngine(weights.folder, weights.context_length, settings.memory_share, seed)
    from .transformers_engine import TransformersEngine

    return TransformersEngine(weights.folder, weights.context_length)


@dataclass(eq=False)
class LanguageModel:
    """A loaded policy model and how it is asked."""

    engine: Engine
    prompt_format: PromptFormat
    sampling: Sampling
    settings: LanguageModelSettings

    @classmethod
    def load(cls, settings: LanguageModelSettings, seed: int) -> LanguageModel:
        """Load what `check_language_model` has checked. Raises InputError."""
        weights = read_weights(Path(settings.policy or ""), POLICY, verify=False)
        engine = load_engine(weights, settings, seed)
        prompt_format = weights.prompt_format
        if prompt_format.chat:
            engine.chat("", "question", "answer")  # fails now rather than at the first task
        if settings.num_examples is not None:
            prompt_format = replace(prompt_format, num_examples=settings.num_examples)
        return cls(engine, prompt_format, _sampling(weights.sampling, settings), settings)

    def task_policy(
        self, task: PromptTask, grammar: Grammar, palette: list[int], time_left: Callable[[], float] | None = None
    ) -> TaskPolicy:
        """The mixture of model, grammar and uniform policy for one task in one view. time_left: in seconds, None
        where no clock counts."""
        examples: Any = ()
        if self.prompt_format.style == "few-shot":
            from .examples import load_examples

            examples = load_examples()
        engine, settings = self.engine, self.settings
        prompts = PromptBuilder(
            self.prompt_format, task, engine.count_tokens, engine.context_length, self.sampling.max_new_tokens,
            examples, engine.chat,
        )  # fmt: skip
        own = LanguageModelPolicy(engine, prompts, self.sampling, _schedule(self.sampling, settings),
                                  settings.first_factor, settings.seeded, time_left)  # fmt: skip
        weights = (settings.weight, settings.grammar_weight, settings.uniform_weight)
        parts = (own, GrammarPolicy(grammar, palette), UniformPolicy(palette))
        return TaskPolicy(MixturePolicy(list(zip(parts, weights, strict=True))), own)


@dataclass(eq=False)
class TaskPolicy:
    """mixture: what a tree asks. own: its language model, for what became of the answers."""

    mixture: MixturePolicy
    own: LanguageModelPolicy

    @property
    def counts(self) -> Counter[str]:
        return self.own.counts + Counter({f"{name} too long": n for name, n in self.own.prompts.dropped.items()})


def _sampling(defaults: Sampling, settings: LanguageModelSettings) -> Sampling:
    """The weights' sampling with what the settings say otherwise."""
    names = ("num_samples", "max_new_tokens", "temperature", "top_p", "top_k", "repetition_penalty")
    chosen = {name: getattr(settings, name) for name in names if getattr(settings, name) is not None}
    return replace(defaults, **chosen)


def _schedule(sampling: Sampling, settings: LanguageModelSettings) -> TemperatureSchedule:
    high = sampling.temperature if settings.temperature_high is None else settings.temperature_high
    return TemperatureSchedule(
        settings.schedule, sampling.temperature, high, settings.num_rollouts, settings.alpha, settings.beta,
        settings.per_child,
    )  # fmt: skip
