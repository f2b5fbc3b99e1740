"""Random models of a few thousand parameters, as weights folders."""

from __future__ import annotations

import torch
from transformers import LlamaConfig, LlamaForCausalLM, LlamaForSequenceClassification

from solver.lm.engine import Sampling
from solver.lm.prompt_format import PromptFormat
from solver.lm.tokenizer import save_tokenizer, vocabulary
from solver.lm.weights import seal_weights


def config(**changes):
    settings = {
        "vocab_size": len(vocabulary()),
        "hidden_size": 32,
        "intermediate_size": 64,
        "num_hidden_layers": 3,
        "num_attention_heads": 4,
        "num_key_value_heads": 2,
        "max_position_embeddings": 2048,
        "pad_token_id": 0,
        "bos_token_id": 1,
        "eos_token_id": 2,
        "tie_word_embeddings": True,
        "initializer_range": 0.3,
    }
    return LlamaConfig(**{**settings, **changes})


def save_policy(folder, seed=0, prompt_format=PromptFormat(), sampling=Sampling(), **changes):  # noqa: B008
    torch.manual_seed(seed)
    LlamaForCausalLM(config(**changes)).save_pretrained(folder)
    save_tokenizer(folder)
    return seal_weights(folder, "policy", prompt_format, 2048, "nothing: random weights", "MIT-0", sampling)


def save_ppm(folder, seed=0, prompt_format=PromptFormat()):  # noqa: B008
    torch.manual_seed(seed)
    LlamaForSequenceClassification(config(num_labels=1)).save_pretrained(folder)
    save_tokenizer(folder)
    return seal_weights(folder, "ppm", prompt_format, 2048, "nothing: random weights", "MIT-0")
