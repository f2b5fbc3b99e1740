"""What a training run has learned, as a folder of weights or an adapter, and adapters merged into what they change."""

from __future__ import annotations

import json
import logging
import shutil
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError

from ..configuration import as_dict, load
from ..errors import InputError, first_line
from ..lm.adapter import ADAPTER_CONFIG, seal_adapter
from ..lm.prompt_format import PromptFormat
from ..lm.weights import FORMAT, POLICY, PPM, read_weights, seal_weights
from ..weights import LOG, add_log, copy_logs, read_manifest
from .document_folders import TOKENIZER_FOLDER
from .launch import RUN_FACTS, RUN_SETTINGS, assignments_of
from .models import context_of, load_model, make_model, merged, save_model
from .settings import TrainingSettings
from .trainer import Trainer

logger = logging.getLogger(__name__)

MAX_SHARD = "15MB"
EXPORT_FACTS = "training.json"
"""In the export of a run with adapters: what `merge_adapter` needs to know of the run."""


def export(run: Path, out: Path, trained_on: str, licence: str) -> None:
    """Write a run's averaged weights as a weights folder in bf16; of a run with adapters the adapter alone, to be
    merged by `merge_adapter`. With the run's log, and those of the weights that it went on from. Raises InputError."""
    try:
        facts = json.loads((run / RUN_FACTS).read_text())
        chosen, log = json.loads((run / RUN_SETTINGS).read_text()), (run / LOG).read_text()
        settings = load(TrainingSettings, None, assignments_of(chosen))
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{run}: no training run ({error})") from error
    refuse_existing(out)
    weights = Path(facts["weights"]) if facts["weights"] else None
    model = make_model(facts["kind"], settings, facts["num_vocabulary"], weights=weights)
    progress = Trainer.load_averaged(model, settings, run / "checkpoint")
    told = {"steps": progress["step"], "tokens": progress["num_tokens"], "settings": as_dict(settings)}
    out.mkdir(parents=True)
    if (begun_from := _begun_from(facts)) is not None:
        copy_logs(begun_from, out)
    add_log(out, log)
    if settings.adapter.rank:
        _save_adapter(model.to(torch.bfloat16), {**facts, "training": told}, run / TOKENIZER_FOLDER, out)
        if facts["kind"] == PPM:
            _seal_adapter(out, Path(facts["weights"]), trained_on, licence)
        else:
            logger.info("%s: an adapter; tools/merge_lora.py makes weights of it and of its base", out)
        return
    _write_weights(model.to(torch.bfloat16), facts, run / TOKENIZER_FOLDER, out, trained_on, licence, told)


def _begun_from(facts: dict[str, Any]) -> Path | None:
    """The folder whose training a run goes on with: of an adapter, or of weights of its own kind."""
    if facts.get("adapter"):
        return Path(facts["adapter"])
    if not facts["weights"]:
        return None
    weights = Path(facts["weights"])
    try:
        read_manifest(weights, facts["kind"], FORMAT, verify=False)
    except InputError:
        return None
    return weights


def _save_adapter(model: Any, facts: dict[str, Any], tokenizer: Path, out: Path) -> None:
    """Write an adapter without the paths and the card that peft puts in."""
    save_model(model, out)
    (out / "README.md").unlink(missing_ok=True)
    path = out / ADAPTER_CONFIG
    config = {**json.loads(path.read_text()), "base_model_name_or_path": None}
    path.write_text(json.dumps(config, indent=1) + "\n")
    told = {name: fact for name, fact in facts.items() if name not in ("weights", "adapter")}
    (out / EXPORT_FACTS).write_text(json.dumps(told, indent=1) + "\n")
    shutil.copytree(tokenizer, out / TOKENIZER_FOLDER)


def _seal_adapter(out: Path, base: Path, trained_on: str, licence: str) -> None:
    """Make an exported preference model's adapter a weights folder, if what it was trained on is one."""
    try:
        weights = read_weights(base, POLICY)
    except InputError as error:
        logger.info("%s can be merged, but not used as it is: %s", out, error)
        return
    seal_adapter(out, PPM, weights, trained_on, licence)


def merge_adapter(adapter: Path, base: Path, out: Path, trained_on: str, licence: str) -> None:
    """Write the model in `base` with an exported adapter merged in as a weights folder in bf16. Raises InputError."""
    try:
        facts = json.loads((adapter / EXPORT_FACTS).read_text())
        kind, told = facts["kind"], facts["training"]
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{adapter}: no exported adapter ({error})") from error
    refuse_existing(out)
    model = load_model(kind, base)
    try:
        whole = merged(model, adapter)
    except (ValueError, RuntimeError, KeyError, SafetensorError) as error:
        raise InputError(f"{adapter}: does not fit {base} ({first_line(error)})") from error
    _write_weights(whole.to(torch.bfloat16), facts, adapter / TOKENIZER_FOLDER, out, trained_on, licence, told)


def refuse_existing(out: Path) -> None:
    if out.exists():
        raise InputError(f"{out}: is there already")


def _write_weights(
    model: Any, facts: dict[str, Any], tokenizer: Path, out: Path, trained_on: str, licence: str, told: dict[str, Any]
) -> None:
    save_model(model, out, max_shard_size=MAX_SHARD)
    for path in tokenizer.iterdir():
        shutil.copy(path, out / path.name)
    prompt_format = PromptFormat.from_json(facts["prompt"])
    seal_weights(out, facts["kind"], prompt_format, context_of(model), trained_on, licence, **told)
