"""The GPUs of this machine, found without importing any GPU library."""

from __future__ import annotations

import os
import shutil
import subprocess
from itertools import takewhile

TIMEOUT_S = 60.0
"""Of nvidia-smi. A run that does not wait for it has no vision model at all."""


def list_gpus() -> tuple[list[str], str]:
    """Name and memory of each NVIDIA GPU that this process may use, and '' or why there are none.

    Asks nvidia-smi, slow where no process keeps the driver awake; CUDA_VISIBLE_DEVICES limits the list to
    as many as it names before one that is not there.
    """
    tool = shutil.which("nvidia-smi")
    if tool is None:
        return [], "no nvidia-smi"
    try:
        query = [tool, "--query-gpu=name,memory.total", "--format=csv,noheader"]
        done = subprocess.run(query, capture_output=True, text=True, timeout=TIMEOUT_S, check=False)
    except (OSError, subprocess.TimeoutExpired) as error:
        return [], f"nvidia-smi does not answer ({type(error).__name__})"
    names = [line.strip() for line in done.stdout.splitlines() if line.strip()]
    if done.returncode or not names:
        return [], "nvidia-smi finds no device"
    named = visible_gpus(len(names))
    there = list(takewhile(lambda word: not word.isdecimal() or int(word) < len(names), named))
    return names[: len(there)], "" if there else f"CUDA_VISIBLE_DEVICES is {os.environ.get('CUDA_VISIBLE_DEVICES')!r}"


def visible_gpus(count: int) -> list[str]:
    """What CUDA_VISIBLE_DEVICES lets a process use of a machine's `count` GPUs, in CUDA's order. What names no GPU (-1,
    NoDevFiles) ends the list, as it does for CUDA."""
    value = os.environ.get("CUDA_VISIBLE_DEVICES")
    if value is None:
        return [str(number) for number in range(count)]
    words = [word.strip() for word in value.split(",") if word.strip()]
    return list(takewhile(lambda word: word.isdecimal() or word.startswith(("GPU-", "MIG-")), words))[:count]


def use_gpu(number: int) -> None:
    """Let this process see only that one of the GPUs that it may use, from now on, as number 0. Before CUDA starts."""
    os.environ["CUDA_VISIBLE_DEVICES"] = visible_gpus(number + 1)[number]
