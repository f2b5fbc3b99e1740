"""A preference model's head, fitted again over a base that has learned since its adapter was trained.

The adapter goes on fitting a base that has been trained further, its head less: scores keep their order for the most
part and lose their scale. With the trunk left as it is, the head is a logistic regression on the differences of hidden
states (Bradley–Terry, see objectives.py), which takes minutes on a CPU and some hundred pairs.
"""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path

import numpy as np
import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor, nn
from torch.nn import functional as F  # noqa: N812

from ..errors import InputError, first_line
from ..lm.adapter import ADAPTER_CONFIG, ADAPTER_FILE, seal_adapter
from ..lm.weights import POLICY, PPM, read_weights
from ..weights import copy_logs, writing_tensors
from .document_folders import TOKENIZER_FOLDER, check_vocabulary
from .documents import Documents
from .export import EXPORT_FACTS, refuse_existing
from .models import load_model, merged, trunk_of

logger = logging.getLogger(__name__)

LOG_PAIRS = 100
NUM_HELD_OUT = 200


@torch.no_grad()
def pair_features(model: nn.Module, documents: Documents, num_pairs: int, max_tokens: int, seed: int) -> Tensor:
    """The trunk's hidden states at the ends of some pairs of documents, the better first: float32 [P, 2, width]. At
    most `num_pairs`, drawn by the seed among those whose documents have at most `max_tokens` tokens. Raises InputError
    if there is none, or documents do not come in pairs."""
    if documents.group != 2:
        raise InputError(f"documents in groups of {documents.group}, but 2 needed: preference pairs")
    short = np.flatnonzero(documents.lengths.reshape(-1, 2).max(axis=1) <= max_tokens)
    chosen = np.random.default_rng(seed).permutation(short)[:num_pairs]
    if not len(chosen):
        raise InputError(f"no pair of documents with at most {max_tokens} tokens")
    features = []
    for number, pair in enumerate(chosen):
        if number % LOG_PAIRS == 0:
            logger.info("%d of %d pairs read", number, len(chosen))
        for document in (2 * pair, 2 * pair + 1):
            start = documents.starts[document]
            tokens, _ = Documents.split(documents.tokens[start : start + documents.lengths[document]])
            features.append(trunk_of(model)(torch.from_numpy(tokens)[None]).last_hidden_state[0, -1].float())
    return torch.stack(features).unflatten(0, (-1, 2))


def fit_head(features: Tensor, head: Tensor, ridge: float) -> Tensor:
    """The head with the lowest mean −log σ(score of the better − score of its rival) + ridge · |change|².

    features: as from pair_features; head: what it changes, float32 [width].
    """
    margins = features[:, 0] - features[:, 1]
    fitted = head.clone().requires_grad_(True)
    optimizer = torch.optim.LBFGS([fitted], max_iter=500, line_search_fn="strong_wolfe")

    def loss() -> Tensor:
        optimizer.zero_grad()
        value = F.softplus(-(margins @ fitted)).mean() + ridge * ((fitted - head) ** 2).sum()
        value.backward()
        return value

    optimizer.step(loss)
    return fitted.detach()


def measure_head(features: Tensor, head: Tensor) -> dict[str, float]:
    """Share of pairs in the right order (right) and mean loss in nats (loss)."""
    margins = (features[:, 0] - features[:, 1]) @ head
    return {
        "right": round(float((margins > 0).float().mean()), 4),
        "loss": round(float(F.softplus(-margins).mean()), 4),
    }


def fit_head_again(
    adapter: Path,
    base: Path,
    documents: Path,
    held_out: Path | None,
    out: Path,
    trained_on: str,
    licence: str,
    *,
    num_pairs: int,
    max_tokens: int,
    ridge: float,
    seed: int,
) -> dict[str, float]:
    """Write `adapter`, an exported preference model's, to `out` as one of `base`, its head fitted to pairs of
    `documents`; returns, and keeps in its training.json, how good the head is before and after on NUM_HELD_OUT pairs
    of `held_out` or, without, on those that it was fitted to. Runs on the CPU. Raises InputError."""
    weights = read_weights(base, POLICY)
    for folder in (documents, *([held_out] if held_out else [])):
        check_vocabulary(folder, [weights.folder])
    try:
        facts = json.loads((adapter / EXPORT_FACTS).read_text())
        tensors = load_file(adapter / ADAPTER_FILE)
        (name,) = (key for key in tensors if key.endswith(".score.weight"))
        model = merged(load_model(PPM, weights.folder), adapter).eval()
    except (OSError, ValueError, RuntimeError, KeyError, TypeError, SafetensorError) as error:
        raise InputError(f"{adapter}: no preference model's adapter of {base} ({first_line(error)})") from error
    refuse_existing(out)
    old = tensors[name][0].float()
    pairs = pair_features(model, Documents.load([documents]), num_pairs, max_tokens, seed)
    new = fit_head(pairs, old, ridge)
    tests = pair_features(model, Documents.load([held_out]), NUM_HELD_OUT, max_tokens, seed) if held_out else pairs
    found = {f"{k}_before": v for k, v in measure_head(tests, old).items()} | measure_head(tests, new)
    out.mkdir(parents=True, exist_ok=True)
    with writing_tensors(out):
        save_file(tensors | {name: new[None].to(tensors[name].dtype)}, out / ADAPTER_FILE, metadata={"format": "pt"})
    shutil.copy(adapter / ADAPTER_CONFIG, out)
    copy_logs(adapter, out)
    shutil.copytree(adapter / TOKENIZER_FOLDER, out / TOKENIZER_FOLDER)
    facts["head"] = {
        "pairs": len(pairs),
        "held_out_pairs": len(tests),
        "max_tokens": max_tokens,
        "ridge": ridge,
        **found,
    }
    (out / EXPORT_FACTS).write_text(json.dumps(facts, indent=1) + "\n")
    seal_adapter(out, PPM, weights, trained_on, licence)
    return facts["head"]
