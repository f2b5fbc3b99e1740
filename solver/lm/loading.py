"""Language models for program search: which engine, what is checked before a run, policies and values for tasks."""

from __future__ import annotations

import importlib.util
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..devices import list_gpus, use_gpu
from ..errors import InputError
from ..policy import GrammarPolicy, MixturePolicy, UniformPolicy
from ..search.grammar import Grammar
from ..search.rollouts import Sampler
from ..settings import LanguageModelSettings
from ..task_files import read_json
from .adapter import Adapter, read_model
from .engine import Engine, Sampling, Scorer, TemperatureSchedule
from .outage import GuardedPolicy, GuardedPreference, Outage
from .policy import FixedPrompt, HintSchedule, LanguageModelPolicy, PreferenceModel
from .prompt import PromptBuilder
from .prompt_format import PromptFormat
from .server import BatchedEngine, WholeCalls
from .template import PromptTask
from .text import TokenText
from .weights import POLICY, PPM, LanguageModelWeights, check_memory

if TYPE_CHECKING:
    from .client import Servers

PACKAGES = {"transformers": ("torch", "transformers"), "vllm": ("torch", "transformers", "vllm")}
EXTRAS = {"transformers": "cpu", "vllm": "gpu"}
CACHE_BYTES = int(LanguageModelSettings.cache_gib * 2**30)
"""Of a GPU's memory for keys and values, where no settings say otherwise."""


def engine_name(settings: LanguageModelSettings) -> str:
    """'vllm' or 'transformers': for 'auto', vLLM where it is installed and there is a GPU."""
    if settings.engine != "auto":
        return settings.engine
    return "vllm" if importlib.util.find_spec("vllm") and list_gpus()[0] else "transformers"


def is_served(settings: LanguageModelSettings) -> bool:
    """Whether engines run in servers that all workers ask, not in the workers."""
    return settings.served or engine_name(settings) == "vllm"


def check_language_model(settings: LanguageModelSettings, beside_bytes: int = 0) -> dict[str, str]:
    """Check the policy's weights, and the preference model's if there is one, as far as that goes without loading them.
    Returns the SHA-256 of either, by kind. settings.policy is not None. beside_bytes: of each GPU's memory, what others
    need there.

    Raises InputError, one line: the folder is missing, damaged or inconsistent; a package is missing; there is no GPU
    for vLLM, or the weights can't fit it.
    """
    engine = engine_name(settings)
    missing = [name for name in PACKAGES[engine] if not importlib.util.find_spec(name)]
    if missing:
        raise InputError(
            f"engine {engine} needs {', '.join(missing)}, not installed (pip install 'arc-solver[{EXTRAS[engine]}]')"
        )
    read_hints(settings)
    models = _read_models(settings)
    if isinstance(models.get(PPM), Adapter) and not importlib.util.find_spec("peft"):
        raise InputError(
            f"{_folders(settings)[PPM]}: an adapter needs peft, not installed (pip install 'arc-solver[cpu]')"
        )
    if engine == "vllm":
        gpus, why = list_gpus()
        if not gpus:
            raise InputError(f"engine vllm needs a GPU: {why}")
        weights = [model.unmerged if isinstance(model, Adapter) else model for model in models.values()]
        check_memory(weights, gpus[0], _cache_bytes(settings), beside_bytes)
    return {kind: model.digest for kind, model in models.items()}


def _folders(settings: LanguageModelSettings) -> dict[str, Path]:
    """The folder of each model that these settings name, by kind."""
    named = {POLICY: settings.policy, PPM: settings.ppm}
    return {kind: Path(folder) for kind, folder in named.items() if folder is not None}


def _read_models(settings: LanguageModelSettings, verify: bool = True) -> dict[str, LanguageModelWeights | Adapter]:
    """Each model that these settings name, as it is kept, by kind. verify: whether to compare hashes. Raises
    InputError."""
    models: dict[str, LanguageModelWeights | Adapter] = {}
    for kind, folder in _folders(settings).items():
        models[kind] = read_model(folder, kind, models.get(POLICY), verify)
    return models


def _weights(settings: LanguageModelSettings) -> dict[str, LanguageModelWeights]:
    """The weights of each model that these settings name, by kind, unverified; of an adapter those that it is merged
    to. Raises InputError."""
    models = _read_models(settings, verify=False)
    return {kind: model.merged() if isinstance(model, Adapter) else model for kind, model in models.items()}


def _cache_bytes(settings: LanguageModelSettings) -> int:
    return int(settings.cache_gib * 2**30)


def read_hints(settings: LanguageModelSettings) -> dict[str, str]:
    """Descriptions of tasks in words, by id, of the file that these settings name; none without. Raises InputError."""
    if settings.hints is None:
        return {}
    found = read_json(Path(settings.hints))
    if not isinstance(found, dict) or not all(isinstance(hint, str) for hint in found.values()):
        raise InputError(f"{settings.hints}: must hold an object of texts by task id")
    return dict(found)


def served_engines(settings: LanguageModelSettings, seed: int, gpu: int | None) -> dict[str, BatchedEngine]:
    """What a server (server.py) drives, by kind, loaded in this process. gpu: the number of the one that is its own;
    None for the CPU. Raises InputError if the weights do not load."""
    if gpu is not None:
        use_gpu(gpu)
    return {kind: _served_engine(weights, settings, seed) for kind, weights in _weights(settings).items()}


def load_engine(
    name: str, weights: LanguageModelWeights, *, device: str = "cpu", dtype: str = "float32", seed: int = 0,
    cache_bytes: int = CACHE_BYTES,
) -> Any:  # fmt: skip
    """The engine of a policy's weights, or the scorer of a preference model's, in this process. name: 'vllm' or
    'transformers'. device, dtype: of transformers. seed, cache_bytes: of vLLM, which finds its own device. Raises
    InputError."""
    is_policy = weights.kind == POLICY
    if name == "vllm":
        from .vllm_engine import VllmEngine, VllmScorer

        return (VllmEngine if is_policy else VllmScorer)(weights.folder, weights.context_length, cache_bytes, seed)
    from .transformers_engine import TransformersEngine, TransformersScorer

    kind = TransformersEngine if is_policy else TransformersScorer
    return kind(weights.folder, weights.context_length, device, dtype)


def _served_engine(weights: LanguageModelWeights, settings: LanguageModelSettings, seed: int) -> BatchedEngine:
    name = engine_name(settings)
    engine = load_engine(name, weights, seed=seed, cache_bytes=_cache_bytes(settings))
    if name == "vllm":
        return engine
    return WholeCalls(engine.generate_tokens if weights.kind == POLICY else engine.score_tokens)


@dataclass(eq=False)
class LanguageModel:
    """A loaded policy model and how it is asked. scorer, ppm_format: of the preference model; None without one.
    hints: descriptions by task id."""

    engine: Engine
    prompt_format: PromptFormat
    sampling: Sampling
    settings: LanguageModelSettings
    scorer: Scorer | None = None
    ppm_format: PromptFormat | None = None
    hints: dict[str, str] = field(default_factory=dict)

    @classmethod
    def load(cls, settings: LanguageModelSettings) -> LanguageModel:
        """Load what `check_language_model` has checked into this process, on its CPU. Raises InputError."""
        return cls._of(settings, lambda weights: load_engine("transformers", weights))

    @classmethod
    def of_servers(cls, settings: LanguageModelSettings, servers: Servers) -> LanguageModel:
        """The same models, which these servers hold; only the tokenizers are loaded here. Raises InputError."""
        from .client import RemoteEngine, RemoteScorer

        def remote(weights: LanguageModelWeights) -> RemoteEngine | RemoteScorer:
            kind = RemoteEngine if weights.kind == POLICY else RemoteScorer
            return kind(servers, TokenText(weights.folder), weights.context_length)

        return cls._of(settings, remote)

    @classmethod
    def _of(
        cls,
        settings: LanguageModelSettings,
        make: Callable[[LanguageModelWeights], Any],
    ) -> LanguageModel:
        """make: the engine of a policy's weights, the scorer of a preference model's."""
        models = _weights(settings)
        weights = models[POLICY]
        engine = make(weights)
        prompt_format = _prompt_format(weights, engine)
        if settings.num_examples is not None:
            prompt_format = replace(prompt_format, num_examples=settings.num_examples)
        model = cls(engine, prompt_format, _sampling(weights.sampling, settings), settings)
        model.hints = read_hints(settings)
        if PPM in models:
            model.scorer = make(models[PPM])
            model.ppm_format = _prompt_format(models[PPM], model.scorer)
        return model

    def task_policy(
        self, task: PromptTask, grammar: Grammar, palette: list[int], time_left: Callable[[], float] | None = None
    ) -> TaskPolicy:
        """The mixture of model, grammar and uniform policy for one task in one view, and the preference model for it.
        time_left: in seconds, None where no clock counts."""
        engine, settings = self.engine, self.settings
        seeded = settings.seeded and time_left is None  # by the clock no run repeats, and seeds cost vLLM time
        prompts = _prompts(self.prompt_format, task, engine, self.sampling.max_new_tokens)
        hints = (
            HintSchedule(settings.hint_rollouts, settings.hint_fade) if settings.hint_schedule == "bootstrap" else None
        )
        fixed = (
            [FixedPrompt(k, k % 2 == 0) for k in range(settings.num_prompts)] if settings.num_prompts > 1 else [None]
        )
        owns = tuple(
            LanguageModelPolicy(engine, prompts, self.sampling, _schedule(self.sampling, settings),
                                settings.first_factor, seeded, time_left, hints, prompt)
            for prompt in fixed
        )  # fmt: skip
        weights = (settings.weight, settings.grammar_weight, settings.uniform_weight)
        outage = Outage("language model")
        guarded = tuple(
            GuardedPolicy(
                own,
                MixturePolicy(
                    list(zip((own, GrammarPolicy(grammar, palette), UniformPolicy(palette)), weights, strict=True))
                ),
                GrammarPolicy(grammar, palette),
                outage,
            )
            for own in owns
        )
        preference = None
        if self.scorer is not None and self.ppm_format is not None:
            # Preference models learn from traces without hints, and see none.
            shown = _prompts(self.ppm_format, replace(task, hint=""), self.scorer, 0)
            preference = PreferenceModel(self.scorer, shown, time_left)
        return TaskPolicy(guarded, owns, settings, outage, preference)


@dataclass(eq=False)
class TaskPolicy:
    """mixtures: what a tree asks, one for each of its prompts. owns: their language models, for what became of the
    answers. settings: how they are used. outage: of the models that propose steps and of what runs their free Python.
    preference: what scores a tree's states; None without a preference model. ppm_outage: of that."""

    mixtures: tuple[GuardedPolicy, ...]
    owns: tuple[LanguageModelPolicy, ...]
    settings: LanguageModelSettings
    outage: Outage
    preference: PreferenceModel | None = None
    ppm_outage: Outage = field(default_factory=lambda: Outage("preference model"))

    def under(self, grammar: Grammar) -> TaskPolicy:
        """The same with another grammar in the mixtures."""
        return replace(self, mixtures=tuple(mixture.under(grammar) for mixture in self.mixtures))

    @property
    def own(self) -> LanguageModelPolicy:
        """The language model with its first prompt."""
        return self.owns[0]

    @property
    def sampler(self) -> Sampler:
        """The same as rollouts ask it."""
        return self.mixtures[0]

    @property
    def scores(self) -> GuardedPreference | None:
        """The preference model as a tree asks it."""
        return None if self.preference is None else GuardedPreference(self.preference, self.ppm_outage)

    @property
    def notes(self) -> list[str]:
        """What failed, for people."""
        return [outage.note for outage in (self.outage, self.ppm_outage) if outage]

    @property
    def counts(self) -> Counter[str]:
        """What became of the answers, and how many states were 'scored'."""
        counts = sum((own.counts for own in self.owns), Counter())
        if self.preference is not None:
            counts += Counter({"scored": self.preference.num_scored})
        return counts

    @property
    def left_out(self) -> Counter[str]:
        """What prompts had to leave out, in words (`PromptBuilder.dropped`); of the preference model's, after
        'scored'."""
        left_out = Counter(self.own.prompts.dropped)
        if self.preference is not None:
            left_out.update({f"scored {name}": n for name, n in self.preference.prompts.dropped.items()})
        return left_out


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
