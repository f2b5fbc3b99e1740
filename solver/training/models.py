"""Models to train: a small Llama-type decoder from nothing, or what a folder holds; whole or by adapters.

All are Hugging Face models, so what is trained loads in transformers and vLLM unchanged. A policy is a causal language
model, a PPM a sequence classifier with one output over the same trunk.
"""

from __future__ import annotations

import contextlib
import json
import warnings
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file
from torch import nn
from transformers import (
    AutoModelForCausalLM,
    AutoModelForSequenceClassification,
    LlamaConfig,
    LlamaForCausalLM,
    LlamaForSequenceClassification,
    PreTrainedModel,
)
from transformers.utils import logging as transformers_logging

from ..errors import InputError, first_line
from ..lm.adapter import ADAPTER_CONFIG, ADAPTER_FILE
from ..lm.weights import POLICY, PPM
from ..weights import writing_tensors
from .settings import AdapterSettings, ModelSettings, TrainingSettings

VOCABULARY_STEP = 64
"""Models from nothing have a multiple of this many rows of embeddings, which multiplies faster."""

_FROM_NOTHING = {POLICY: LlamaForCausalLM, PPM: LlamaForSequenceClassification}
_FROM_FOLDER = {POLICY: AutoModelForCausalLM, PPM: AutoModelForSequenceClassification}


@contextlib.contextmanager
def quietly() -> Iterator[None]:
    """Without what transformers and peft print though all is as it should be: bars, a table of the head that is new, a
    property that has another name by now. Afterwards all is told again that was told before."""
    verbosity, shows_bars = transformers_logging.get_verbosity(), transformers_logging.is_progress_bar_enabled()
    transformers_logging.set_verbosity_error()
    transformers_logging.disable_progress_bar()
    try:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*is_gradient_checkpointing", FutureWarning)
            yield
    finally:
        transformers_logging.set_verbosity(verbosity)
        if shows_bars:
            transformers_logging.enable_progress_bar()


def merged(model: PreTrainedModel, adapter: Path) -> PreTrainedModel:
    """The model with an adapter merged in. Raises ValueError, RuntimeError, KeyError, OSError or SafetensorError where
    it does not fit or cannot be read."""
    from peft import PeftModel

    with quietly():
        return PeftModel.from_pretrained(model, adapter).merge_and_unload()


def make_model(
    kind: str,
    settings: TrainingSettings,
    num_vocabulary: int,
    *,
    weights: Path | None = None,
    adapter: Path | None = None,
    device: str = "cpu",
) -> nn.Module:
    """The model that a run trains, as it is before the first step. num_vocabulary: of the documents. weights: a folder
    to start from instead of from nothing. adapter: an exported one to begin with instead of a new one, in a run with
    adapters. device: 'cpu' or 'cuda', where it will run. Raises InputError."""
    seed, has_adapter = settings.train.seed, settings.adapter.rank > 0
    if weights:
        model = load_model(kind, weights, bf16=has_adapter and device == "cuda", seed=seed)
        if model.config.vocab_size < num_vocabulary:
            raise InputError(f"{weights}: {model.config.vocab_size} tokens, the documents have {num_vocabulary}")
    else:
        num_rows = -(-num_vocabulary // VOCABULARY_STEP) * VOCABULARY_STEP
        model = new_model(kind, settings.model, num_rows, seed)
    if has_adapter:
        model = add_adapter(kind, model, settings.adapter, seed)
        if adapter:
            load_adapter(model, adapter, settings.adapter)
    return model


def new_model(kind: str, settings: ModelSettings, num_vocabulary: int, seed: int) -> PreTrainedModel:
    """A model with random weights that depend on the seed alone."""
    config = LlamaConfig(
        vocab_size=num_vocabulary,
        hidden_size=settings.width,
        num_hidden_layers=settings.num_layers,
        num_attention_heads=settings.num_heads,
        num_key_value_heads=settings.num_kv_heads,
        head_dim=settings.head_size,
        intermediate_size=settings.hidden,
        max_position_embeddings=settings.context,
        rope_parameters={"rope_type": "default", "rope_theta": settings.rope_theta},
        rms_norm_eps=1e-5,
        initializer_range=settings.init_std,
        tie_word_embeddings=True,
        bos_token_id=None,
        eos_token_id=None,
        pad_token_id=0,
        num_labels=1,
    )
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        return _FROM_NOTHING[kind](config).float()


def load_model(kind: str, folder: Path, *, bf16: bool = False, seed: int = 0) -> PreTrainedModel:
    """The model of a folder, without network or code of the folder's own. bf16: keep the weights so (for adapters over
    a large model); otherwise float32. seed: a PPM may start from a policy's folder; its head is new then, and the same
    in every process that draws it with this seed. Raises InputError."""
    if not folder.is_dir():  # transformers would ask for a model of this name on the network, whatever it is told
        raise InputError(f"{folder}: no such folder")
    try:
        options = {"num_labels": 1} if kind == PPM else {}
        with quietly(), torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            return _FROM_FOLDER[kind].from_pretrained(
                folder,
                dtype=torch.bfloat16 if bf16 else torch.float32,
                local_files_only=True,
                trust_remote_code=False,
                **options,
            )
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise InputError(f"{folder}: no model that can be trained ({first_line(error)})") from error


def add_adapter(kind: str, model: PreTrainedModel, settings: AdapterSettings, seed: int) -> nn.Module:
    """The model with LoRA adapters (peft); of the rest only a PPM's head is trained. What is trained is float32, also
    over a base in bf16, where steps and averages would be lost to rounding. Raises InputError if the model has no such
    modules."""
    from peft import LoraConfig, TaskType, get_peft_model

    modules = settings.modules if settings.modules == "all-linear" else settings.modules.split(",")
    config = LoraConfig(
        task_type=TaskType.CAUSAL_LM if kind == POLICY else TaskType.SEQ_CLS,
        r=settings.rank,
        lora_alpha=settings.alpha,
        lora_dropout=settings.dropout,
        target_modules=modules,
    )
    with quietly(), torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        try:
            adapted = get_peft_model(model, config)
        except ValueError as error:
            raise InputError(f"adapter.modules={settings.modules}: {first_line(error)}") from error
    for parameter in adapted.parameters():
        if parameter.requires_grad:
            parameter.data = parameter.data.float()
    return adapted


def load_adapter(model: nn.Module, folder: Path, settings: AdapterSettings) -> None:
    """Put an exported adapter's tensors, a PPM's head among them, into a model that `add_adapter` made with these
    settings: for training to begin with, also over a base that has learned since. Raises InputError if they are not
    just that model's."""
    from peft import get_peft_model_state_dict, set_peft_model_state_dict

    try:
        alpha = json.loads((folder / ADAPTER_CONFIG).read_text())["lora_alpha"]
        tensors = load_file(folder / ADAPTER_FILE)
        shapes = {name: tensor.shape for name, tensor in tensors.items()}
        own = {name: tensor.shape for name, tensor in get_peft_model_state_dict(model).items()}
        if shapes != own or alpha != settings.alpha:
            other = sum(shapes.get(name) != own.get(name) for name in shapes | own)
            raise ValueError(f"{other} tensors are missing or of another shape, alpha is {alpha}")
    except (OSError, ValueError, KeyError, TypeError, SafetensorError) as error:
        raise InputError(f"{folder}: no adapter to begin with ({first_line(error)})") from error
    set_peft_model_state_dict(model, tensors)


def save_model(model: nn.Module, folder: Path, **options: Any) -> None:
    """Write a model, or a model's adapter alone, as transformers and peft do. options: of their `save_pretrained`.
    Raises InputError."""
    with quietly(), writing_tensors(folder):
        model.save_pretrained(folder, **options)


def base_of(model: nn.Module) -> PreTrainedModel:
    """The Hugging Face model inside adapters, or the model itself; adapters stay in force."""
    return model if isinstance(model, PreTrainedModel) else model.get_base_model()


def context_of(model: nn.Module) -> int:
    """Most positions of a sequence."""
    return int(base_of(model).config.max_position_embeddings)


def has_dropout(model: nn.Module) -> bool:
    """Whether anything is dropped while it is trained: by adapters, by layers of its own, or in its attention."""
    shares = (m.p if isinstance(m, nn.Dropout) else getattr(m, "attention_dropout", 0.0) for m in model.modules())
    return any(share > 0.0 for share in shares)


def trunk_of(model: nn.Module) -> nn.Module:
    """The part that turns tokens into hidden states."""
    return base_of(model).base_model


def head_of(model: nn.Module) -> nn.Module:
    """The last layer: logits over the vocabulary, or the one score."""
    base = base_of(model)
    return base.score if hasattr(base, "score") else base.get_output_embeddings()
