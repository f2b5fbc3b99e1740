"""What test processes of a training run do."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

from solver.errors import SettingsError


def work(rank: int, folder: Path) -> None:
    (folder / str(rank)).touch()


def refuse(rank: int, folder: Path) -> None:
    """The first is at fault; what the second raises comes of that."""
    if rank:
        time.sleep(60)
    raise SettingsError(f"one fault\nand another in {folder}")


def die(rank: int, folder: Path) -> None:
    if rank:
        os.kill(os.getpid(), signal.SIGKILL)
    time.sleep(60)


def break_down(rank: int, folder: Path) -> None:
    raise LookupError(f"a mistake in {folder}")


def join_at(rank: int, folder: Path) -> None:
    """folder: its name is a port."""
    import torch

    from solver.learning.processes import join_processes

    join_processes(rank, 2, int(folder.name), torch.device("cpu"))
