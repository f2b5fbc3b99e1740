"""All settings of a training run; the same for policy and PPM."""

from __future__ import annotations

from dataclasses import dataclass, field

from ..configuration import setting


@dataclass(frozen=True)
class ModelSettings:
    """A model made from nothing (where training starts from a folder, the folder says all this): a Llama-type decoder.
    Keys and values are shared by groups of heads."""

    width: int = setting(384, "of the residual stream", low=8, high=16_384)
    num_layers: int = setting(8, "of attention and feed-forward part", low=1, high=200)
    num_heads: int = setting(6, "of attention", low=1, high=256)
    num_kv_heads: int = setting(2, "of keys and values", low=1, high=256)
    head_size: int = setting(64, "of each head", low=8, high=256)
    hidden: int = setting(1024, "width of the feed-forward part", low=8, high=65_536)
    context: int = setting(4096, "most positions", low=16, high=1 << 20)
    rope_theta: float = setting(10_000.0, "base of the rotary embedding", low=1.0, high=1e9)
    init_std: float = setting(0.02, "of the normal distribution that weights are drawn from", low=1e-6, high=1.0)


@dataclass(frozen=True)
class AdapterSettings:
    """LoRA (Hu et al., arXiv 2106.09685) instead of full training."""

    rank: int = setting(0, "of the change; 0: full training", low=0, high=4096)
    alpha: float = setting(32.0, "scale, over rank", low=0.0, high=1e5)
    dropout: float = setting(0.0, "share", low=0.0, high=0.9)
    modules: str = setting("all-linear", "which linear layers; 'all-linear' for all but the head")


@dataclass(frozen=True)
class TrainSettings:
    """One step takes `accumulate` batches of `batch_tokens` on every device. Intervals are in steps."""

    batch_tokens: int = setting(65_536, "of a batch on a device", low=16, high=1 << 24)
    accumulate: int = setting(1, "batches of a step", low=1, high=4096)
    optimizer: str = setting(
        "muon",
        "muon: for the matrices of the layers, and AdamW for the rest; adapters have AdamW, whatever is said",
        choices=("adamw", "muon"),
    )
    rate: float = setting(1e-3, "peak learning rate of AdamW", low=1e-9, high=10.0)
    matrix_rate: float = setting(2e-3, "peak learning rate of Muon", low=1e-9, high=10.0)
    weight_decay: float = setting(0.0, "of all weights, by either optimizer", low=0.0, high=10.0)
    clip: float = setting(1.0, "largest norm of a gradient", low=1e-6, high=1e9)
    schedule: str = setting(
        "constant",
        "after warmup_steps: constant, then over the last decay_steps before max_steps linearly to 0; or as a cosine "
        "to 0 at max_steps",
        choices=("constant", "cosine"),
    )
    warmup_steps: int = setting(100, "over which the rates rise from 0", low=0, high=10**9)
    decay_steps: int = setting(0, "see schedule", low=0, high=10**9)
    max_steps: int = setting(0, "stop there; 0: no limit", low=0, high=10**9)
    average: float = setting(
        0.998,
        "decay a step of the running average of the weights, which is what is evaluated and exported; 0: the weights "
        "themselves",
        low=0.0,
        high=0.99999,
    )
    auxiliary: float = setting(
        0.05,
        "weight of a policy's exercise, the cells of all training outputs but the first, relative to a step's tokens; "
        "0: none (needs documents with this project's own tokenizer)",
        low=0.0,
        high=100.0,
    )
    seed: int = setting(0, "of the first weights and the order of the documents", low=0, high=2**63 - 1)
    bf16: bool = setting(True, "whether to compute in bfloat16")
    compile: bool = setting(True, "whether to compile the model; takes some ten seconds")
    checkpoint_activations: bool = setting(False, "less memory, more time")
    log_steps: int = setting(50, "between lines of the log", low=1, high=10**9)
    save_steps: int = setting(2000, "between checkpoints", low=1, high=10**9)
    evaluate_steps: int = setting(0, "between evaluations; 0: only at the end", low=0, high=10**9)
    reserve_s: float = setting(
        20.0,
        "a wall-clock limit ends training so many seconds early, for the last checkpoint and evaluation; more, if "
        "either took longer before",
        low=0.0,
        high=1e6,
    )


@dataclass(frozen=True)
class TrainingSettings:
    """All settings of a run, by group."""

    model: ModelSettings = field(default_factory=ModelSettings)
    adapter: AdapterSettings = field(default_factory=AdapterSettings)
    train: TrainSettings = field(default_factory=TrainSettings)


def faults(settings: TrainingSettings) -> list[str]:
    """What does not go together."""
    model, train = settings.model, settings.train
    found = []
    if model.num_heads % model.num_kv_heads:
        found.append(f"model.num_heads {model.num_heads} is no multiple of num_kv_heads {model.num_kv_heads}")
    if model.width % model.num_heads:
        found.append(f"model.width {model.width} is no multiple of num_heads {model.num_heads}")
    if model.head_size % 2:
        found.append(f"model.head_size {model.head_size} is odd")
    if train.schedule == "cosine" and not train.max_steps:
        found.append("train.schedule=cosine needs train.max_steps")
    if train.decay_steps > train.max_steps:
        found.append(f"train.decay_steps {train.decay_steps} is more than max_steps {train.max_steps}")
    return found


def rate_share(train: TrainSettings, step: int, first_step: int) -> float:
    """Share of the peak rates at a step, 0..1. first_step: where the optimizer was new."""
    share = min(1.0, (step - first_step + 1) / train.warmup_steps) if train.warmup_steps else 1.0
    if train.schedule == "cosine":
        import math

        done = (step - train.warmup_steps) / max(1, train.max_steps - train.warmup_steps)
        share *= 0.5 * (1 + math.cos(math.pi * min(1.0, max(0.0, done))))
    elif train.decay_steps:
        share *= min(1.0, max(0.0, (train.max_steps - step) / train.decay_steps))
    return share
