"""Language models for program search: which engine, what is checked before a run, policies and values for tasks."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from ..devices import list_gpus
from ..errors import InputError
from ..policy import GrammarPolicy, MixturePolicy, UniformPolicy
from ..search.grammar import Grammar
from ..settings import LanguageModelSettings
from .engine import Engine, Sampling, Scorer, TemperatureSchedule
from .policy import LanguageModelPolicy, PreferenceModel
from .prompt import PromptBuilder, PromptFormat, PromptTask
from .weights import POLICY, PPM, LanguageModelWeights, check_memory, read_weights

PACKAGES = {"transformers": ("torch", "transformers"), "vllm": ("torch", "transformers", "vllm")}
EXTRAS = {"transformers": "cpu", "vllm": "gpu"}


def engine_name(settings: LanguageModelSettings) -> str:
    """'vllm' or 'transformers': for 'auto', vLLM where it is installed and there is a GPU."""
    if settings.engine != "auto":
        return settings.engine
    return "vllm" if importlib.util.find_spec("vllm") and list_gpus()[0] else "transformers"


def check_language_model(settings: LanguageModelSettings) -> None:
    """Check the policy's weights, and the preference model's if there is one, as far as that goes without loading them.
    settings.policy is not None.

    Raises InputError, one line: the folder is missing, damaged or inconsistent; a package is missing; there is no GPU
    for vLLM, or the weights can't fit it.
    """
    engine = engine_name(settings)
    missing = [name for name in PACKAGES[engine] if not importlib.util.find_spec(name)]
    if missing:
        raise InputError(
            f"engine {engine} needs {', '.join(missing)}, not installed (pip install 'arc-solver[{EXTRAS[engine]}]')"
        )
    gpus, why = list_gpus() if engine == "vllm" else ([], "")
    for kind, folder, memory_share in _models(settings):
        weights = read_weights(folder, kind)
        if engine == "vllm":
            if not gpus:
                raise InputError(f"engine vllm needs a GPU: {why}")
            check_memory(weights, gpus[0], memory_share)


def _models(settings: LanguageModelSettings) -> list[tuple[str, Path, float]]:
    """Kind, folder and share of a GPU's memory of each model that these settings name."""
    named = ((POLICY, settings.policy, settings.memory_share), (PPM, settings.ppm, settings.ppm_memory_share))
    return [(kind, Path(folder), share) for kind, folder, share in named if folder is not None]


def weights_digests(settings: LanguageModelSettings) -> dict[str, str]:
    """SHA-256 of the weights that a run with these settings reads, by kind; those that can't be read are left out."""
    digests = {}
    for kind, folder, _ in _models(settings):
        with suppress(InputError):
            digests[kind] = read_weights(folder, kind, verify=False).digest
    return digests


def load_engine(weights: LanguageModelWeights, settings: LanguageModelSettings, seed: int) -> Engine:
    """The engine with the weights on this process's device. Raises InputError if they do not load."""
    if engine_name(settings) == "vllm":
        from .vllm_engine import VllmEngine

        return VllmEngine(weights.folder, weights.context_length, settings.memory_share, seed)
    from .transformers_engine import TransformersEngine

    return TransformersEngine(weights.folder, weights.context_length)


def load_scorer(weights: LanguageModelWeights, settings: LanguageModelSettings, seed: int) -> Scorer:
    """The same for a preference model."""
    if engine_name(settings) == "vllm":
        from .vllm_engine import VllmScorer

        return VllmScorer(weights.folder, weights.context_length, settings.ppm_memory_share, seed)
    from .transformers_engine import TransformersScorer

    return TransformersScorer(weights.folder, weights.context_length)


@dataclass(eq=False)
class LanguageModel:
    """A loaded policy model and how it is asked. scorer, ppm_format: of the preference model; None without one."""

    engine: Engine
    prompt_format: PromptFormat
    sampling: Sampling
    settings: LanguageModelSettings
    scorer: Scorer | None = None
    ppm_format: PromptFormat | None = None

    @classmethod
    def load(cls, settings: LanguageModelSettings, seed: int) -> LanguageModel:
        """Load what `check_language_model` has checked. Raises InputError."""
        weights = read_weights(Path(settings.policy or ""), POLICY, verify=False)
        engine = load_engine(weights, settings, seed)
        prompt_format = _prompt_format(weights, engine)
        if settings.num_examples is not None:
            prompt_format = replace(prompt_format, num_examples=settings.num_examples)
        model = cls(engine, prompt_format, _sampling(weights.sampling, settings), settings)
        if settings.ppm is not None:
            weights = read_weights(Path(settings.ppm), PPM, verify=False)
            model.scorer = load_scorer(weights, settings, seed)
            model.ppm_format = _prompt_format(weights, model.scorer)
        return model

    def task_policy(
        self, task: PromptTask, grammar: Grammar, palette: list[int], time_left: Callable[[], float] | None = None
    ) -> TaskPolicy:
        """The mixture of model, grammar and uniform policy for one task in one view, and the preference model for it.
        time_left: in seconds, None where no clock counts."""
        engine, settings = self.engine, self.settings
        prompts = _prompts(self.prompt_format, task, engine, self.sampling.max_new_tokens)
        own = LanguageModelPolicy(engine, prompts, self.sampling, _schedule(self.sampling, settings),
                                  settings.first_factor, settings.seeded, time_left)  # fmt: skip
        weights = (settings.weight, settings.grammar_weight, settings.uniform_weight)
        parts = (own, GrammarPolicy(grammar, palette), UniformPolicy(palette))
        preference = None
        if self.scorer is not None and self.ppm_format is not None:
            preference = PreferenceModel(self.scorer, _prompts(self.ppm_format, task, self.scorer, 0), time_left)
        return TaskPolicy(MixturePolicy(list(zip(parts, weights, strict=True))), own, settings, preference)


@dataclass(eq=False)
class TaskPolicy:
    """mixture: what a tree asks. own: its language model, for rollouts and for what became of the answers. settings:
    how they are used. preference: what scores its states; None without a preference model."""

    mixture: MixturePolicy
    own: LanguageModelPolicy
    settings: LanguageModelSettings
    preference: PreferenceModel | None = None

    def under(self, grammar: Grammar) -> TaskPolicy:
        """The same with another grammar in the mixture."""
        parts = [
            (GrammarPolicy(grammar, part.palette) if type(part) is GrammarPolicy else part, weight)
            for part, weight in self.mixture.parts
        ]
        return replace(self, mixture=MixturePolicy(parts))

    @property
    def counts(self) -> Counter[str]:
        """What became of the answers, with what was 'too long', and how many states were 'scored'."""
        counts = self.own.counts + Counter({f"{name} too long": n for name, n in self.own.prompts.dropped.items()})
        if self.preference is not None:
            dropped = self.preference.prompts.dropped
            counts += Counter({"scored": self.preference.num_scored})
            counts += Counter({f"scored {name} too long": n for name, n in dropped.items()})
        return counts


def _prompt_format(weights: LanguageModelWeights, model: Engine | Scorer) -> PromptFormat:
    if weights.prompt_format.chat:
        model.chat("", "question", "answer")  # fails now rather than at the first task
    return weights.prompt_format


def _prompts(
    prompt_format: PromptFormat, task: PromptTask, model: Engine | Scorer, max_new_tokens: int
) -> PromptBuilder:
    examples: Any = ()
    if prompt_format.style == "few-shot":
        from .examples import load_examples

        examples = load_examples()
    return PromptBuilder(
        prompt_format, task, model.count_tokens, model.context_length, max_new_tokens, examples, model.chat
    )


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
