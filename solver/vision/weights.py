"""The vision model's weights folder (../weights.py): `model.safetensors`, `config.json`, and a `solver.json` that also
names the canvas they were trained on.

Matrices are stored in eight bits, with one float32 scale a row beside them (`…/scale`); all else in bf16.
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..errors import InputError
from ..weights import follow_umask, read_manifest, seal
from . import FORMAT, KIND
from .model import LoopedModel, ModelConfig

SCALE = "/scale"
"""Of a matrix's name: the name of its rows' scales."""

LARGEST = 127
"""Of a matrix's whole numbers."""


def packed(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Matrices (two dimensions, floating point) as int8, rounded to the nearest multiple of their row's scale, and
    those scales, float32 [rows]; other tensors as bf16. All on the CPU."""
    stored = {}
    for key, tensor in tensors.items():
        tensor = tensor.detach().cpu()  # noqa: PLW2901
        if tensor.ndim == 2:
            scale = (tensor.float().abs().amax(1) / LARGEST).clamp(min=torch.finfo(torch.float32).tiny)
            stored[key] = (tensor.float() / scale[:, None]).round().to(torch.int8).contiguous()
            stored[key + SCALE] = scale
        else:
            stored[key] = tensor.bfloat16().contiguous()
    return stored


def unpacked(stored: dict[str, Tensor]) -> dict[str, Tensor]:
    """What `packed` made, in float32. Raises KeyError where a matrix's scales are missing."""
    tensors = {}
    for key, tensor in stored.items():
        if tensor.dtype == torch.int8:
            tensors[key] = tensor.float() * stored[key + SCALE][:, None]
        elif not key.endswith(SCALE):
            tensors[key] = tensor.float()
    return tensors


def save_weights(folder: Path, tensors: dict[str, Tensor], config: ModelConfig, facts: dict) -> None:
    """Writes the folder. tensors: a LoopedModel's state, any dtype. facts: goes into solver.json; must name
    'canvas', 'trained_on' and 'licence'."""
    if "canvas" not in facts:
        raise ValueError("facts lack 'canvas'")
    folder.mkdir(parents=True, exist_ok=True)
    save_file(packed(tensors), folder / "model.safetensors")
    follow_umask(folder)
    (folder / "config.json").write_text(json.dumps({"model_type": KIND, **asdict(config)}, indent=2) + "\n")
    seal(folder, KIND, FORMAT, facts)


def load_weights(folder: Path, device: torch.device | str = "cpu", *, verify: bool = True) -> tuple[LoopedModel, dict]:
    """The model in float32 on the device, and the manifest. verify: whether to compare hashes. Raises InputError."""
    manifest = read_manifest(folder, KIND, FORMAT, ["canvas"], verify)
    settings = json.loads((folder / "config.json").read_text())
    known = {f.name for f in fields(ModelConfig)}
    unknown = settings.keys() - known - {"model_type"}
    if unknown:
        raise InputError(f"{folder / 'config.json'}: unknown settings {sorted(unknown)}")
    try:
        model = LoopedModel(ModelConfig(**{key: value for key, value in settings.items() if key in known}))
        model.load_state_dict(unpacked(load_file(folder / "model.safetensors")))
    except (ValueError, RuntimeError, TypeError, KeyError) as error:
        raise InputError(f"{folder}: weights do not fit their config.json ({error})") from None
    return model.to(device), manifest
