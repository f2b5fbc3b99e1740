"""Several processes of one training run end together, with one line where one is enough."""

from __future__ import annotations

import socket
import time
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")

import fake_processes  # noqa: E402

from solver.errors import ArcSolveError, InputError  # noqa: E402
from solver.learning.processes import choose_device, join_processes, run_processes  # noqa: E402


def test_every_process_does_its_work(tmp_path):
    run_processes(fake_processes.work, (tmp_path,), 2)
    assert {path.name for path in tmp_path.iterdir()} == {"0", "1"}


def test_a_fault_of_one_ends_all(tmp_path):
    began = time.monotonic()
    with pytest.raises(InputError) as raised:
        run_processes(fake_processes.refuse, (tmp_path,), 2)
    assert str(raised.value) == f"one fault\nand another in {tmp_path}"
    assert time.monotonic() - began < 50


def test_one_that_is_killed_ends_all(tmp_path):
    with pytest.raises(ArcSolveError, match="process 1 terminated with signal SIGKILL"):
        run_processes(fake_processes.die, (tmp_path,), 2)


def test_a_mistake_keeps_its_traceback(tmp_path):
    with pytest.raises(torch.multiprocessing.ProcessRaisedException, match=f"LookupError: a mistake in {tmp_path}"):
        run_processes(fake_processes.break_down, (tmp_path,), 1)


def test_a_port_that_is_taken_is_named():
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        with pytest.raises(InputError, match=f"--port {port}: "):
            run_processes(fake_processes.join_at, (Path(str(port)),), 2)


@pytest.mark.parametrize("port", [0, 65_536])
def test_a_port_that_cannot_be_is_refused_at_once(port):
    with pytest.raises(InputError, match=f"--port {port}: must be within"):
        join_processes(1, 2, port, torch.device("cpu"))


def test_a_gpu_that_is_not_named_is_refused(monkeypatch):
    assert choose_device("cpu", 1, 2).type == "cpu"
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "3")
    with pytest.raises(InputError, match="2 processes, but CUDA_VISIBLE_DEVICES names 1 GPUs"):
        choose_device("cuda", 1, 2)
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")  # all are hidden, on purpose
    with pytest.raises(InputError, match="1 processes, but CUDA_VISIBLE_DEVICES names 0 GPUs"):
        choose_device("cuda", 0, 1)
