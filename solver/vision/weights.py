"""The vision model's weights folder (../weights.py): `model.safetensors`, `config.json`, and a `solver.json` that also
names the canvas they were trained on. Tensors are stored in few bits (../learning/packing.py).
"""

from __future__ import annotations

import json
from dataclasses import asdict, fields
from pathlib import Path

import torch
from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..errors import InputError, first_line
from ..learning.packing import packed, unpacked
from ..weights import add_log, read_manifest, seal, writing_tensors
from . import FORMAT, KIND
from .model import LoopedModel, ModelConfig


def save_weights(
    folder: Path, tensors: dict[str, Tensor], config: ModelConfig, facts: dict, bits: int = 8, log: str = ""
) -> None:
    """Writes the folder; where the tensors cannot be written, older weights that lie there stay whole. tensors: a
    LoopedModel's state, any dtype. facts: goes into solver.json; must name 'canvas', 'trained_on' and 'licence'. bits:
    of the cores' matrices, as in `packed`. log: of the run, as `add_log` takes it. Raises InputError or OSError."""
    if "canvas" not in facts:
        raise ValueError("facts lack 'canvas'")
    folder.mkdir(parents=True, exist_ok=True)
    with writing_tensors(folder):
        save_file(packed(tensors, bits), folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": KIND, **asdict(config)}, indent=2) + "\n")
    add_log(folder, log)
    seal(folder, KIND, FORMAT, facts)


def load_weights(folder: Path, device: torch.device | str = "cpu", *, verify: bool = True) -> tuple[LoopedModel, dict]:
    """The model in float32 on the device, and the manifest. verify: whether to compare hashes. Raises InputError."""
    manifest = read_manifest(folder, KIND, FORMAT, ["canvas"], verify)
    known = {f.name for f in fields(ModelConfig)}
    try:
        settings = dict(json.loads((folder / "config.json").read_text()))
        if unknown := settings.keys() - known - {"model_type"}:
            raise InputError(f"{folder / 'config.json'}: unknown settings {sorted(unknown)}")
        model = LoopedModel(ModelConfig(**{key: value for key, value in settings.items() if key in known}))
        model.load_state_dict(unpacked(load_file(folder / "model.safetensors")))
    except (OSError, ValueError, RuntimeError, TypeError, KeyError, SafetensorError) as error:
        raise InputError(f"{folder}: weights do not fit their config.json ({first_line(error)})") from None
    return model.to(device), manifest
