"""Folders of language-model weights, and what is checked of them before any task starts.

A folder (../weights.py) holds a Hugging Face model (config.json, *.safetensors, tokenizer.json) and a solver.json:

    {"kind": "policy", "format": 1,              or "ppm": a process preference model
     "prompt": {"style": "short", ...},          PromptFormat
     "sampling": {"temperature": 0.9, ...},      Sampling; what is not named has its default
     "context_length": 4096,                     tokens of prompt and answer together, at most
     "trained_on": "...", "licence": "...",
     "files": {"config.json": "SHA-256", ...}}

A policy is a causal language model, a preference model a sequence classifier with one output. Nothing here needs
torch, and no code of the folder is ever run.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import orjson

from ..errors import InputError
from ..weights import MANIFEST, find_folder, read_manifest, seal, weights_digest
from .engine import Sampling
from .prompt_format import PromptFormat

POLICY, PPM = KINDS = ("policy", "ppm")
FORMAT = 1
ARCHITECTURES = {POLICY: "ForCausalLM", PPM: "ForSequenceClassification"}

OVERHEAD_BYTES = 3 << 29
"""What an engine takes on a GPU beside the weights and before any cache: the driver's context, graphs, activations."""


@dataclass(frozen=True, eq=False)
class LanguageModelWeights:
    """A checked folder. num_bytes: of its tensor files."""

    folder: Path
    kind: str
    prompt_format: PromptFormat
    sampling: Sampling
    context_length: int
    num_bytes: int
    manifest: dict[str, Any]

    @property
    def digest(self) -> str:
        """`weights_digest` of its manifest."""
        return weights_digest(self.manifest)


def seal_weights(
    folder: Path,
    kind: str,
    prompt_format: PromptFormat,
    context_length: int,
    trained_on: str,
    licence: str,
    sampling: Sampling | None = None,
    **facts: Any,
) -> LanguageModelWeights:
    """Write solver.json beside a saved model and tokenizer, and read it back. facts: more to record, such as steps.

    Raises InputError if the folder would not load; its solver.json is then as it was.
    """
    path = folder / MANIFEST
    before = path.read_bytes() if path.is_file() else None
    defaults = asdict(sampling or Sampling())
    own = {name: value for name, value in defaults.items() if name not in ("stop", "seed")}
    told = {"prompt": prompt_format.to_json(), "sampling": own, "context_length": context_length}
    try:
        seal(folder, kind, FORMAT, {**told, "trained_on": trained_on, "licence": licence, **facts})
        return read_weights(folder, kind)
    except InputError:
        if before is None:
            path.unlink()
        else:
            path.write_bytes(before)
        raise


def read_weights(path: Path, kind: str, verify: bool = True) -> LanguageModelWeights:
    """The checked weights at `path` or in the one folder of that kind below it.

    verify: whether to compare hashes. Raises InputError, one line, if anything is missing, damaged or inconsistent.
    """
    folder = find_folder(path, kind)
    needed = ("prompt", "sampling", "context_length", "trained_on", "licence")
    manifest = read_manifest(folder, kind, FORMAT, needed, verify)
    try:
        prompt_format = PromptFormat.from_json(manifest["prompt"])
        sampling = Sampling.from_json(manifest["sampling"])
    except InputError as error:
        raise InputError(f"{folder / 'solver.json'}: {error}") from None
    context_length = manifest["context_length"]
    if type(context_length) is not int or context_length < 1:
        raise InputError(f"{folder / 'solver.json'}: context_length must be a whole number above 0")
    tensors = [name for name in manifest["files"] if name.endswith(".safetensors")]
    for name in ("config.json", "tokenizer.json"):
        if name not in manifest["files"]:
            raise InputError(f"{folder}: {name} is missing")
    if not tensors:
        raise InputError(f"{folder}: no *.safetensors file")
    _check_shards(folder, manifest["files"])
    _check_model(folder, kind, context_length)
    num_bytes = sum((folder / name).stat().st_size for name in tensors)
    return LanguageModelWeights(folder, kind, prompt_format, sampling, context_length, num_bytes, manifest)


def _json_object(path: Path) -> dict[str, Any]:
    try:
        content = orjson.loads(path.read_bytes())
    except (OSError, ValueError) as error:
        raise InputError(f"{path}: unreadable ({error})") from None
    if not isinstance(content, dict):
        raise InputError(f"{path}: not a JSON object")
    return content


def _check_shards(folder: Path, files: dict[str, str]) -> None:
    """Every shard that an index names is there."""
    index = folder / "model.safetensors.index.json"
    if index.is_file():
        shards = _json_object(index).get("weight_map")
        if not isinstance(shards, dict):
            raise InputError(f"{index}: no weight_map")
        if missing := sorted({name for name in shards.values() if name not in files}):
            raise InputError(f"{folder}: {', '.join(map(str, missing))} is missing")


def _check_model(folder: Path, kind: str, context_length: int) -> None:
    """config.json against the kind, the tokenizer and the context length."""
    config = _json_object(folder / "config.json")
    names = config.get("architectures") or []
    if not any(str(name).endswith(ARCHITECTURES[kind]) for name in names):
        shown = ", ".join(map(str, names)) or "no architecture"
        raise InputError(f"{folder / 'config.json'}: {shown}; a {kind} needs *{ARCHITECTURES[kind]}")
    labels = config.get("id2label")
    if kind == PPM and not (isinstance(labels, dict) and len(labels) == 1):
        raise InputError(f"{folder / 'config.json'}: a {kind} needs one output (num_labels 1)")
    longest = config.get("max_position_embeddings")
    if isinstance(longest, int) and context_length > longest:
        raise InputError(f"{folder}: context_length {context_length} is more than the model's {longest} positions")
    size, largest = config.get("vocab_size"), _largest_token(folder / "tokenizer.json")
    if not isinstance(size, int) or largest >= size:
        raise InputError(f"{folder}: the tokenizer's vocabulary ({largest + 1}) does not fit the model's ({size})")


def _largest_token(path: Path) -> int:
    content = _json_object(path)
    try:
        words = content["model"]["vocab"]
        ids = list(words.values()) if isinstance(words, dict) else [len(words) - 1]
        return max(ids + [token["id"] for token in content.get("added_tokens", [])])
    except (KeyError, TypeError, ValueError) as error:
        raise InputError(f"{path}: no vocabulary ({type(error).__name__}: {error})") from None


def check_memory(models: Sequence[LanguageModelWeights], device: str, cache_bytes: int, beside_bytes: int) -> None:
    """Raises InputError if the models don't fit on a GPU together. device: a line of `devices.list_gpus`, such as
    'NVIDIA H100 80GB HBM3, 81559 MiB'; one that names no memory passes. cache_bytes: for the keys and values of each.
    beside_bytes: of the GPU's memory, what others need there."""
    found = re.search(r"(\d+) MiB\s*$", device)
    if not found:
        return
    room = int(found.group(1)) * 2**20 - beside_bytes
    needed = sum(weights.num_bytes + OVERHEAD_BYTES + cache_bytes for weights in models)
    if needed > room:
        folders = ", ".join(str(weights.folder) for weights in models)
        beside = f", beside {beside_bytes / 2**30:.0f} GiB for the vision model" if beside_bytes else ""
        raise InputError(
            f"{folders}: needs about {needed / 2**30:.1f} GiB of GPU memory, {cache_bytes / 2**30:.1f} GiB a model of "
            f"them for the cache (lm.cache_gib), and there are {room / 2**30:.1f} GiB ({device}{beside})"
        )
