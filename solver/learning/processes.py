"""Several processes of one training run: how they are started, find each other, and what a fault of theirs comes to."""

from __future__ import annotations

import logging
import os
import sys
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path
from typing import Any

from ..devices import visible_gpus
from ..errors import ArcSolveError, InputError, first_line

COLLECTIVE_TIMEOUT = timedelta(hours=1)
"""How long a process waits for the others: while one of them evaluates or prepares to, they do."""

MAX_PORT = 65_535


def asked_to_stop(run: Path) -> bool:
    """Whether a file `stop` lies in the run's folder: whoever puts one there ends the run, whose checkpoint is kept."""
    return _stop_file(run).exists()


def refuse_stopped(run: Path) -> None:
    """Raises InputError where a run would be ended before it begins, by the file that ended the one before."""
    if asked_to_stop(run):
        raise InputError(f"{_stop_file(run)}: has ended a run, and would end this one at once; remove it")


def _stop_file(run: Path) -> Path:
    return run / "stop"


def run_processes(function: Callable[..., None], args: tuple[Any, ...], processes: int) -> None:
    """Call `function(rank, *args)`, of an importable module, in so many fresh processes, to the end of all; when one
    fails the others are ended. Raises ArcSolveError with the line of the first fault that needs no traceback, or that
    says how a process was ended by somebody else."""
    import torch.multiprocessing as mp

    logging.getLogger("torch.multiprocessing.spawn").setLevel(logging.ERROR)  # which others it ends is no news
    faults = mp.get_context("spawn").SimpleQueue()
    try:
        mp.spawn(_run, (function, args, faults), nprocs=processes)
    except (mp.ProcessExitedException, mp.ProcessRaisedException) as error:
        if not faults.empty():  # what the others raise follows from it: they have lost a process
            raise InputError(faults.get()) from error
        if isinstance(error, mp.ProcessExitedException):
            raise ArcSolveError(str(error)) from error
        raise


def _run(rank: int, function: Callable[..., None], args: tuple[Any, ...], faults: Any) -> None:
    """faults: takes the text of an error that needs no traceback."""
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(message)s", force=True)
    try:
        function(rank, *args)
    except (ArcSolveError, OSError, FloatingPointError) as error:
        faults.put(str(error))
        sys.exit(2)


def choose_device(name: str, rank: int, processes: int) -> Any:
    """The torch device of process number `rank`: its GPU of those visible, which each sees as number 0 (then compiled
    code is the same in all, and cached once). name: 'cuda' or 'cpu'. Raises InputError if it is not there."""
    import torch

    if name != "cuda":
        return torch.device(name)
    visible = visible_gpus(processes)
    if rank >= len(visible):
        raise InputError(f"{processes} processes, but CUDA_VISIBLE_DEVICES names {len(visible)} GPUs")
    os.environ["CUDA_VISIBLE_DEVICES"] = visible[rank]
    if not torch.cuda.is_available():
        raise InputError(f"no GPU number {visible[rank]} that torch can use (--device cpu trains without)")
    torch.cuda.set_device(0)
    torch.set_float32_matmul_precision("high")
    return torch.device("cuda", 0)


def join_processes(rank: int, processes: int, port: int, device: Any) -> None:
    """Make this one of several processes that average gradients. port: of this machine, where they meet. device: of
    torch. Raises InputError if the port can't be had."""
    import torch.distributed as dist

    if not 1 <= port <= MAX_PORT:
        raise InputError(f"--port {port}: must be within 1..{MAX_PORT}")
    try:
        dist.init_process_group(
            "nccl" if device.type == "cuda" else "gloo",
            init_method=f"tcp://127.0.0.1:{port}",
            rank=rank,
            world_size=processes,
            timeout=COLLECTIVE_TIMEOUT,
            device_id=device if device.type == "cuda" else None,
        )
    except RuntimeError as error:
        if not isinstance(error, dist.DistNetworkError) and "EADDRINUSE" not in str(error):  # as torch 2.6 has it
            raise
        raise InputError(f"--port {port}: {first_line(error)}") from error
