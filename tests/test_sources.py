"""Lanes made from settings, and the devices they find."""

from __future__ import annotations

import importlib.util
import os

import fake_sources
import pytest

from solver import devices
from solver.devices import list_gpus, use_gpu, visible_gpus
from solver.errors import InputError, SettingsError
from solver.settings import load_settings
from solver.sources import Lane, own_lanes


def lanes(*assignments):
    return own_lanes(load_settings(None, assignments))


@pytest.fixture
def fake_gpus(monkeypatch, tmp_path):
    """A machine with two GPUs, and with torch."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA L4, 23034 MiB'\necho 'NVIDIA L4, 23034 MiB'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name == "torch" or found(name))


def test_without_gpus_programs_alone():
    assert [(lane.name, lane.num_workers) for lane in lanes("run.workers=3", "vision.device=off")] == [("program", 3)]


def test_one_vision_worker_on_each_gpu(fake_gpus):
    program, vision = lanes()
    assert (program.required, program.num_workers) == (True, 2)
    assert (vision.name, vision.num_workers, vision.required) == ("vision", 2, False)
    assert lanes("vision.device=cuda")[1].required
    assert [lane.name for lane in lanes("search.use=false")] == ["vision"]


def test_visible_devices_are_respected(fake_gpus, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert visible_gpus(2) == ["1"]
    assert lanes()[1].num_workers == 1
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "")
    assert list_gpus() == ([], "CUDA_VISIBLE_DEVICES is empty")
    assert [lane.name for lane in lanes()] == ["program"]


@pytest.mark.parametrize(("before", "after"), [(None, "1"), ("3,5", "5")])
def test_a_worker_sees_its_own_gpu_alone(monkeypatch, before, after):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", before or "")
    if before is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    use_gpu(1)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == after
    assert visible_gpus(2) == [after]


def test_what_is_asked_for_and_missing_is_named(fake_gpus, monkeypatch, tmp_path):
    with pytest.raises(InputError, match="no weights"):
        lanes("vision.device=cuda", f"vision.weights={tmp_path}")
    monkeypatch.setattr(devices.shutil, "which", lambda name: None)
    with pytest.raises(InputError, match="no GPU"):
        lanes("vision.device=cuda")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="torch is not installed"):
        lanes("vision.device=cpu")


def test_no_source_at_all_is_refused():
    with pytest.raises(SettingsError, match="no source of answers"):
        lanes("search.use=false", "vision.device=off")


def test_a_failing_tool_is_no_gpu(fake_gpus, tmp_path):
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\nexit 9\n")
    assert list_gpus() == ([], "nvidia-smi finds no device")


def my_lanes(settings):
    return [Lane("mine", settings.run.workers + 1, fake_sources.tame, required=False)]


def test_lanes_of_ones_own():
    program, mine = lanes("vision.device=off", 'run.lanes=["test_sources:my_lanes"]')
    assert (program.name, mine.name, mine.num_workers) == ("program", "mine", 3)
    for name in ("no_such_module:f", "test_sources:no_such_function", "test_sources", ""):
        with pytest.raises(InputError, match=r"run\.lanes"):
            lanes(f'run.lanes=["{name}"]')
