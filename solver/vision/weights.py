"""The vision model's weights folder (../weights.py): `model.safetensors` (bf16), `config.json`, and a `solver.json`
that also names the canvas they were trained on."""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..errors import InputError
from ..weights import read_manifest, seal
from .model import LoopedModel, ModelConfig

KIND = "vision"
FORMAT = 1


def save_weights(folder: Path, tensors: dict[str, Tensor], config: ModelConfig, facts: dict) -> None:
    """Writes the folder. tensors: a LoopedModel's state, any dtype. facts: goes into solver.json; must name
    'canvas', 'trained_on' and 'licence'."""
    if "canvas" not in facts:
        raise ValueError("facts lack 'canvas'")
    folder.mkdir(parents=True, exist_ok=True)
    as_bf16 = {key: tensor.detach().to("cpu", torch.bfloat16).contiguous() for key, tensor in tensors.items()}
    save_file(as_bf16, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": KIND, **asdict(config)}, indent=2) + "\n")
    seal(folder, KIND, FORMAT, facts)


def load_weights(folder: Path, device: torch.device | str = "cpu") -> tuple[LoopedModel, dict]:
    """The model in float32 on the device, and the manifest. Raises InputError."""
    manifest = read_manifest(folder, KIND, FORMAT, ["canvas"])
    settings = json.loads((folder / "config.json").read_text())
    known = {f.name for f in fields(ModelConfig)}
    unknown = settings.keys() - known - {"model_type"}
    if unknown:
        raise InputError(f"{folder / 'config.json'}: unknown settings {sorted(unknown)}")
    try:
        model = LoopedModel(ModelConfig(**{key: value for key, value in settings.items() if key in known}))
        model.load_state_dict({k: v.float() for k, v in load_file(folder / "model.safetensors").items()})
    except (ValueError, RuntimeError, TypeError) as error:
        raise InputError(f"{folder}: weights do not fit their config.json ({error})") from None
    return model.to(device), manifest
