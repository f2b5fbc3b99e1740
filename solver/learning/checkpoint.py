"""Checkpoints that travel: everything a run needs to go on exactly where it stopped, in shards of at most 16
MiB.

Weights and second moments are float32, first moments bf16; momenta and the averaged weights are stored as exported
weights are, matrices in eight bits (packing.py). Saving rounds the live tensors in the same way, so that the run that
goes on and the run that resumes stay equal.
"""

from __future__ import annotations

import json
import shutil
from contextlib import suppress
from pathlib import Path

import torch
from safetensors.torch import load_file, save_file
from torch import Tensor

from ..errors import InputError
from ..weights import file_hash, writing_tensors
from .packing import packed, unpacked

SHARD_LIMIT_BYTES = 15 * 2**20
PACKED_KINDS = ("momentum", "ema")
HALVED_KINDS = ("first",)


def _shards(tensors: dict[str, Tensor]) -> list[dict[str, Tensor]]:
    shards: list[dict[str, Tensor]] = [{}]
    room = SHARD_LIMIT_BYTES
    for key, tensor in tensors.items():
        size = tensor.nbytes
        if shards[-1] and size > room:
            shards.append({})
            room = SHARD_LIMIT_BYTES
        shards[-1][key] = tensor
        room -= size
    return shards


def _as_stored(key: str, tensor: Tensor) -> dict[str, Tensor]:
    """What the files hold of the tensor 'kind/name'."""
    kind = key.partition("/")[0]
    if kind in PACKED_KINDS:
        return packed({key: tensor})
    stored = tensor.detach().cpu().contiguous()
    return {key: stored.bfloat16() if kind in HALVED_KINDS else stored}


@torch.no_grad()
def round_as_saved(tensors: dict[str, Tensor]) -> dict[str, Tensor]:
    """Rounds the live tensors to what a checkpoint keeps of them; returns what its files hold."""
    stored = {}
    for key, tensor in tensors.items():
        part = _as_stored(key, tensor)
        if part[key].dtype != tensor.dtype:
            tensor.copy_(unpacked(part)[key])
        stored |= part
    return stored


@torch.no_grad()
def save_checkpoint(folder: Path, tensors: dict[str, Tensor], facts: dict) -> None:
    """Writes the folder anew; an older one stays until the new one is complete. tensors: live, by
    'kind/name', and rounded in place (`round_as_saved`). facts: JSON values, kept in state.json. Raises InputError or
    OSError where it cannot be written."""
    stored = round_as_saved(tensors)
    _finish_save(folder)
    new, old = _beside(folder)
    for leftover in (new, old):
        shutil.rmtree(leftover, ignore_errors=True)
    new.mkdir(parents=True)
    files = {}
    with writing_tensors(new):
        for i, shard in enumerate(_shards(stored)):
            path = new / f"state-{i:02d}.safetensors"
            save_file(shard, path)
            files[path.name] = file_hash(path)
    (new / "state.json").write_text(json.dumps({**facts, "files": files}, indent=1) + "\n")
    if folder.exists():
        folder.rename(old)
    new.rename(folder)
    shutil.rmtree(old, ignore_errors=True)


def _beside(folder: Path) -> tuple[Path, Path]:
    """Where a checkpoint is written, and where the one before it waits until that is done."""
    return folder.with_name(folder.name + ".new"), folder.with_name(folder.name + ".old")


def _finish_save(folder: Path) -> None:
    """What a process that was killed in save_checkpoint left undone: the old checkpoint was moved away, so the new one
    is complete, but not in its place yet."""
    new, old = _beside(folder)
    if not folder.exists() and old.exists():
        with suppress(FileNotFoundError):  # another process of the run was quicker
            new.rename(folder)


def has_checkpoint(folder: Path) -> bool:
    """Whether there is a checkpoint to go on from."""
    _finish_save(folder)
    return (folder / "state.json").is_file()


def read_facts(folder: Path) -> dict:
    """What state.json says. Raises InputError."""
    _finish_save(folder)
    try:
        return dict(json.loads((folder / "state.json").read_text()))
    except (OSError, ValueError, TypeError) as error:
        raise InputError(f"{folder}: no readable checkpoint ({error})") from None


def read_tensors(folder: Path, facts: dict, kinds: tuple[str, ...] = ()) -> dict[str, Tensor]:
    """A checkpoint's tensors by 'kind/name', in float32. facts: its own. kinds: only these (none named: all). Raises
    InputError."""
    stored: dict[str, Tensor] = {}
    for name, expected in facts["files"].items():
        path = folder / name
        if not path.is_file() or file_hash(path) != expected:
            raise InputError(f"{path}: missing or damaged")
        stored |= {k: v for k, v in load_file(path).items() if not kinds or k.partition("/")[0] in kinds}
    return unpacked(stored)


@torch.no_grad()
def load_checkpoint(folder: Path, tensors: dict[str, Tensor], kinds: tuple[str, ...] = ()) -> dict:
    """Copies a checkpoint into live tensors of the same names and shapes; returns its facts. kinds: only these of the
    checkpoint's kinds of tensors (none named: all). Raises InputError."""
    facts = read_facts(folder)
    stored = read_tensors(folder, facts, kinds)
    odd = sorted(stored.keys() ^ tensors.keys())
    odd += sorted(key for key in stored.keys() & tensors.keys() if stored[key].shape != tensors[key].shape)
    if odd:
        raise InputError(f"{folder}: another model or optimizer; differing tensors: {odd[:5]}")
    for key, tensor in tensors.items():
        tensor.copy_(stored[key])
    return facts
