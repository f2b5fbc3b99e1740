"""Adapters: small changes (LoRA) of another folder's model, which is merged with them where it is loaded.

A folder of kind "adapter" is what `tools/train_ppm.py export` writes for a run with adapters, with a solver.json:

    {"kind": "adapter", "format": 1,
     "of": "ppm",                               what the merged model is
     "base": "SHA-256",                         digest of the weights that it changes (LanguageModelWeights.digest)
     "trained_on": ..., "licence": ..., "files": {...}}

The merged model is kept in the user's cache, by the digests of both, so that it is made once a machine.
"""

from __future__ import annotations

import fcntl
import hashlib
import os
import shutil
import tempfile
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import orjson

from ..errors import InputError
from ..weights import MANIFEST, find_folder, read_manifest, seal
from .weights import LanguageModelWeights, read_weights

ADAPTER = "adapter"
FORMAT = 1
ADAPTER_FILE, ADAPTER_CONFIG = "adapter_model.safetensors", "adapter_config.json"  # as peft names them


@dataclass(frozen=True, eq=False)
class Adapter:
    """A checked folder. kind: of the merged model. base: what it changes. num_bytes: of its own tensor files."""

    folder: Path
    kind: str
    base: LanguageModelWeights
    num_bytes: int
    manifest: dict[str, Any]

    @property
    def digest(self) -> str:
        """SHA-256 over the files' hashes and the base's."""
        told = [self.manifest["base"], self.manifest["files"]]
        return hashlib.sha256(orjson.dumps(told, option=orjson.OPT_SORT_KEYS)).hexdigest()

    @property
    def unmerged(self) -> LanguageModelWeights:
        """What is known of the merged model before it is made: its base, its kind, how large it is at most."""
        return replace(self.base, kind=self.kind, num_bytes=self.base.num_bytes + self.num_bytes)

    def merged(self) -> LanguageModelWeights:
        """The model that it makes, made if this machine has not done so yet. Needs torch and peft. Raises
        InputError."""
        return read_weights(merged_folder(self), self.kind, verify=False)


def is_adapter(path: Path) -> bool:
    """Whether a folder, or one below it, holds an adapter and nothing else that has a solver.json."""
    try:
        folder = find_folder(path, ADAPTER)
        return orjson.loads((folder / MANIFEST).read_bytes()).get("kind") == ADAPTER
    except (InputError, OSError, ValueError, AttributeError):
        return False


def read_model(
    path: Path, kind: str, base: LanguageModelWeights | None, verify: bool = True
) -> LanguageModelWeights | Adapter:
    """The checked model of a kind at `path` or below, however it is kept: whole, or as an adapter of `base` (None: only
    whole). verify: whether to compare hashes. Raises InputError, one line."""
    if base is not None and is_adapter(path):
        return read_adapter(path, kind, base, verify)
    if os.path.isfile(path / ADAPTER_CONFIG) and not os.path.isfile(path / MANIFEST):  # False for a name too long
        raise InputError(f"{path}: an adapter, of which tools/merge_lora.py makes weights")
    return read_weights(path, kind, verify)


def seal_adapter(folder: Path, kind: str, base: LanguageModelWeights, trained_on: str, licence: str) -> Adapter:
    """Write solver.json for an exported adapter of `base`, and read it back. Raises InputError."""
    seal(folder, ADAPTER, FORMAT, {"of": kind, "base": base.digest, "trained_on": trained_on, "licence": licence})
    return read_adapter(folder, kind, base)


def read_adapter(path: Path, kind: str, base: LanguageModelWeights, verify: bool = True) -> Adapter:
    """The checked adapter at `path` or below, which makes a model of that kind of `base`. verify: whether to compare
    hashes. Raises InputError, one line."""
    folder = find_folder(path, ADAPTER)
    manifest = read_manifest(folder, ADAPTER, FORMAT, ("of", "base", "trained_on", "licence"), verify)
    if manifest["of"] != kind:
        raise InputError(f"{folder}: an adapter that makes a {manifest['of']}; a {kind} is needed")
    if manifest["base"] != base.digest:
        raise InputError(f"{folder}: an adapter of other weights than those in {base.folder}")
    tensors = [name for name in manifest["files"] if name.endswith(".safetensors")]
    if not tensors or ADAPTER_CONFIG not in manifest["files"]:
        raise InputError(f"{folder}: {ADAPTER_CONFIG} or *.safetensors is missing")
    return Adapter(folder, kind, base, sum((folder / name).stat().st_size for name in tensors), manifest)


def merged_folder(adapter: Adapter, cache: Path | None = None) -> Path:
    """The weights folder of its base with the adapter merged in; made if it is not in the cache yet. Several processes
    may ask at once. Needs torch and peft. Raises InputError."""
    from ..training.export import merge_adapter

    cache = cache or _cache_folder()
    folder = cache / f"{adapter.kind}-{adapter.digest[:24]}"
    with (cache / f"{folder.name}.lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if not (folder / MANIFEST).is_file():
            draft = folder.with_name(folder.name + ".draft")
            shutil.rmtree(draft, ignore_errors=True)
            told = adapter.manifest
            merge_adapter(adapter.folder, adapter.base.folder, draft, told["trained_on"], told["licence"])
            draft.rename(folder)
    return folder


def _cache_folder() -> Path:
    """Of merged models: the user's cache, or a temporary folder where that can't be written."""
    for place in (Path.home() / ".cache" / "arc-solver", Path(tempfile.gettempdir()) / f"arc-solver-{os.getuid()}"):
        try:
            folder = place / "merged"
            folder.mkdir(parents=True, exist_ok=True)
            if os.access(folder, os.W_OK):
                return folder
        except OSError:
            continue
    raise InputError("no folder to keep merged models in: the home and the temporary folder can't be written")
