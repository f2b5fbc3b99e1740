"""Weights folders: a model's files, and `solver.json` with what they are and a hash of every one of them.

`solver.json` holds the kind of weights and the version of their format, facts of the kind's own (vision/weights.py,
lm/weights.py), what they were trained on, their licence, and under "files" the SHA-256 of each file, by its path
inside the folder. Cards (*.md) and hidden files are not counted. Reading needs no network and runs nothing from the
folder. `log.jsonl` is the log of the training that gave these weights; where that went on from others', `log-1.jsonl`,
`log-2.jsonl`, … are the logs of the slices before, the first one first.
"""

from __future__ import annotations

import hashlib
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path, PurePosixPath
from typing import Any

import orjson

from .errors import InputError, first_line
from .submission import write_atomic

MANIFEST, LOG = "solver.json", "log.jsonl"


def file_hash(path: Path) -> str:
    """SHA-256 of a file, in hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()


def weights_digest(manifest: dict[str, Any]) -> str:
    """SHA-256 over the hashes of the files that a solver.json names: says which weights a result came from."""
    return hashlib.sha256(orjson.dumps(manifest["files"], option=orjson.OPT_SORT_KEYS)).hexdigest()


def seal(folder: Path, kind: str, version: int, facts: dict[str, Any]) -> None:
    """Write solver.json for the files that lie in the folder. One that is there stays until the new one is whole.

    facts: must name 'trained_on' and 'licence'.
    Raises ValueError if facts lack something, or take a name that the manifest itself uses.
    """
    missing = {"trained_on", "licence"} - facts.keys()
    if missing:
        raise ValueError(f"facts lack {sorted(missing)}")
    if taken := {"kind", "format", "files"} & facts.keys():
        raise ValueError(f"facts name {sorted(taken)}, which the manifest uses itself")
    files = {name: file_hash(folder / name) for name in _model_files(folder)}
    manifest = {"kind": kind, "format": version, **facts, "files": files}
    write_atomic(folder / MANIFEST, orjson.dumps(manifest, option=orjson.OPT_INDENT_2) + b"\n")


def add_log(folder: Path, log: str) -> None:
    """Write the text of a training's log into the folder of its weights; none where it is empty. A log that is there is
    kept as that of the slice before, unless this one begins with all of it: the run was exported before."""
    path = folder / LOG
    if not log:
        return
    if path.is_file() and not log.startswith(path.read_text()):
        path.rename(folder / f"log-{max(_logs_before(folder), default=0) + 1}.jsonl")
    path.write_text(log)


def copy_logs(source: Path, folder: Path) -> None:
    """Give a folder the logs of the weights in another one, from which its own go on."""
    for path in log_paths(source):
        if path.is_file():
            shutil.copy(path, folder)


def log_paths(folder: Path) -> list[Path]:
    """The logs of a folder of weights, those of the slices before first. The last one need not be there."""
    return [*(path for _, path in sorted(_logs_before(folder).items())), folder / LOG]


def _logs_before(folder: Path) -> dict[int, Path]:
    """By the number in the name."""
    found = {path.stem.removeprefix("log-"): path for path in folder.glob("log-*.jsonl")}
    return {int(number): path for number, path in found.items() if number.isdecimal()}


@contextmanager
def writing_tensors(folder: Path) -> Iterator[None]:
    """Around what writes files of tensors into a folder, which may be read by all who may read new files there then.
    Raises InputError where they cannot be written, as on a full disk: safetensors has an exception of its own."""
    from safetensors import SafetensorError

    try:
        yield
    except SafetensorError as error:
        raise InputError(f"{folder}: cannot be written: {first_line(error)}") from error
    follow_umask(folder)


def follow_umask(folder: Path) -> None:
    """Give the files of tensors in a folder the permissions that a new file gets there: safetensors writes them so that
    their owner alone may read them."""
    new = folder / f".{MANIFEST}.mode"
    new.touch()
    mode = new.stat().st_mode & 0o777
    new.unlink()
    for path in folder.glob("*.safetensors"):
        path.chmod(mode)


def _model_files(folder: Path) -> list[str]:
    names = []
    for path in sorted(folder.rglob("*")):
        inside = path.relative_to(folder)
        hidden = any(part.startswith(".") for part in inside.parts)
        if path.is_file() and not hidden and path.suffix != ".md" and path.name != MANIFEST:
            names.append(inside.as_posix())
    return names


def find_folder(path: Path, kind: str) -> Path:
    """The weights folder of a kind: `path` itself, or the only one of that kind below it.

    Raises InputError if there is none or more than one.
    """
    try:
        if not path.is_dir():
            raise InputError(f"{path}: no such folder")
        if (path / MANIFEST).is_file():
            return path
    except OSError as error:  # of a name that is too long it cannot even be asked
        raise InputError(f"{path}: cannot be read: {error.strerror}") from error
    found = [p.parent for p in sorted(path.rglob(MANIFEST)) if _kind_of(p) == kind]
    if not found:
        raise InputError(f"{path}: no {MANIFEST} here or below, so not a folder of {kind} weights")
    if len(found) > 1:
        raise InputError(f"{path}: several folders of {kind} weights: {', '.join(map(str, found))}")
    return found[0]


def _kind_of(manifest: Path) -> Any:
    try:
        content = orjson.loads(manifest.read_bytes())
    except (OSError, ValueError):
        return None
    return content.get("kind") if isinstance(content, dict) else None


def read_manifest(folder: Path, kind: str, version: int, needed: Iterable[str] = (), verify: bool = True) -> dict:
    """The checked solver.json. needed: facts that it must name. verify: whether to compare every file's hash.

    Raises InputError if a file is missing or damaged, or kind or version are others.
    """
    path = folder / MANIFEST
    try:
        manifest = orjson.loads(path.read_bytes())
        found, files = (manifest["kind"], manifest["format"]), dict(manifest["files"])
    except FileNotFoundError:
        raise InputError(f"{folder}: no {MANIFEST}, so not a weights folder") from None
    except (OSError, ValueError, KeyError, TypeError) as error:
        raise InputError(f"{path}: unreadable ({error})") from None
    if found != (kind, version):
        raise InputError(f"{folder}: weights of kind {found[0]!r}, format {found[1]!r}; {kind!r}, {version} needed")
    if missing := [name for name in needed if name not in manifest]:
        raise InputError(f"{path}: does not name {', '.join(missing)}")
    for name, expected in files.items():
        _check_file(folder, name, expected, verify)
    return manifest


def _check_file(folder: Path, name: str, expected: Any, verify: bool) -> None:
    inside = PurePosixPath(name)
    if inside.is_absolute() or ".." in inside.parts:
        raise InputError(f"{folder / MANIFEST}: {name} is outside the folder")
    path = folder / name
    if not path.is_file():
        raise InputError(f"{folder}: {name} is missing")
    if verify and file_hash(path) != expected:
        raise InputError(f"{path}: damaged (its hash is not the one in {MANIFEST})")
