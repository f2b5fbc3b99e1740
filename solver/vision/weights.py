"""The weights folder: `model.safetensors` (bf16), `config.json`, and `solver.json` with a hash of every file.

`solver.json` says what kind of weights these are, the canvas they were trained on, what they were trained on,
the licence, and under "files" the SHA-256 of the others. Loading checks every hash, needs no network, and
runs no code from the folder.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, fields
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..errors import InputError
from .model import LoopedModel, ModelConfig

KIND = "vision"
FORMAT = 1


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def save_weights(folder: Path, tensors: dict[str, Tensor], config: ModelConfig, facts: dict) -> None:
    """Writes the folder. tensors: a LoopedModel's state, any dtype. facts: goes into solver.json; must name
    'canvas', 'trained_on' and 'licence'."""
    missing = {"canvas", "trained_on", "licence"} - facts.keys()
    if missing:
        raise ValueError(f"facts lack {sorted(missing)}")
    folder.mkdir(parents=True, exist_ok=True)
    as_bf16 = {key: tensor.detach().to("cpu", torch.bfloat16).contiguous() for key, tensor in tensors.items()}
    save_file(as_bf16, folder / "model.safetensors")
    (folder / "config.json").write_text(json.dumps({"model_type": KIND, **asdict(config)}, indent=2) + "\n")
    files = {name: file_hash(folder / name) for name in ("config.json", "model.safetensors")}
    manifest = {"kind": KIND, "format": FORMAT, **facts, "files": files}
    (folder / "solver.json").write_text(json.dumps(manifest, indent=2) + "\n")


def read_manifest(folder: Path) -> dict:
    """The checked solver.json. Raises InputError if a file is missing or damaged, or the kind is another."""
    try:
        manifest = json.loads((folder / "solver.json").read_text())
        kind, version, files = manifest["kind"], manifest["format"], manifest["files"]
    except FileNotFoundError:
        raise InputError(f"{folder}: no solver.json, so not a weights folder") from None
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{folder / 'solver.json'}: unreadable ({error})") from None
    if (kind, version) != (KIND, FORMAT):
        raise InputError(f"{folder}: weights of kind {kind!r}, format {version!r}; {KIND!r}, {FORMAT} needed")
    for name, expected in files.items():
        path = folder / name
        if not path.is_file():
            raise InputError(f"{folder}: {name} is missing")
        if file_hash(path) != expected:
            raise InputError(f"{path}: damaged (its hash is not the one in solver.json)")
    return manifest


def load_weights(folder: Path, device: torch.device | str = "cpu") -> tuple[LoopedModel, dict]:
    """The model in float32 on the device, and the manifest. Raises InputError."""
    manifest = read_manifest(folder)
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
