"""Lanes made from settings, and the devices they find."""

from __future__ import annotations

import importlib.util
import os
import shutil

import fake_sources
import pytest

from solver import devices, sources
from solver.devices import list_gpus, use_gpu, visible_gpus
from solver.errors import InputError, SettingsError
from solver.settings import load_settings
from solver.sources import Lane, own_compile_cache, own_lanes


def lanes(*assignments):
    return own_lanes(load_settings(None, assignments))


@pytest.fixture
def fake_gpus(monkeypatch, tmp_path):
    """A machine with two GPUs, and with what the vision model needs."""
    tool = tmp_path / "nvidia-smi"
    tool.write_text("#!/bin/sh\necho 'NVIDIA L4, 23034 MiB'\necho 'NVIDIA L4, 23034 MiB'\n")
    tool.chmod(0o755)
    monkeypatch.setenv("PATH", str(tmp_path), prepend=":")
    monkeypatch.delenv("CUDA_VISIBLE_DEVICES", raising=False)
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name in sources.VISION_PACKAGES or found(name))


def test_without_gpus_programs_alone():
    (program,) = lanes("run.workers=3", "vision.device=off")
    assert (program.name, program.num_workers, program.niceness, program.required) == ("program", 3, 0, True)


def test_one_vision_worker_on_each_gpu(fake_gpus):
    program, vision = lanes()
    assert (program.required, program.num_workers) == (False, 2)
    assert lanes("lm.strict=true")[0].required
    assert program.niceness > vision.niceness == 0
    assert (vision.name, vision.num_workers, vision.required) == ("vision", 2, False)
    assert lanes("vision.device=cuda")[1].required
    assert [lane.name for lane in lanes("search.use=false")] == ["vision"]


def test_visible_devices_are_respected(fake_gpus, monkeypatch):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "1")
    assert visible_gpus(2) == ["1"]
    assert lanes()[1].num_workers == 1
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", "GPU-5a1, MIG-7c2")
    assert visible_gpus(9) == ["GPU-5a1", "MIG-7c2"]
    assert lanes()[1].num_workers == 2


@pytest.mark.parametrize(
    ("value", "count"), [("", 0), ("-1", 0), ("NoDevFiles", 0), ("2", 0), ("1,-1,0", 1), ("0,1,2", 2), ("0,2,1", 1)]
)
def test_what_names_no_device_ends_the_list_as_it_does_for_cuda(fake_gpus, monkeypatch, value, count):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", value)
    assert list_gpus() == (["NVIDIA L4, 23034 MiB"] * count, "" if count else f"CUDA_VISIBLE_DEVICES is {value!r}")
    assert [lane.num_workers for lane in lanes()[1:]] == [count] * (count > 0)


@pytest.mark.parametrize(("before", "after"), [(None, "1"), ("3,5", "5")])
def test_a_worker_sees_its_own_gpu_alone(monkeypatch, before, after):
    monkeypatch.setenv("CUDA_VISIBLE_DEVICES", before or "")
    if before is None:
        monkeypatch.delenv("CUDA_VISIBLE_DEVICES")
    use_gpu(1)
    assert os.environ["CUDA_VISIBLE_DEVICES"] == after
    assert visible_gpus(2) == [after]


def test_each_slot_compiles_into_a_folder_of_its_own(monkeypatch, tmp_path):
    monkeypatch.setattr(sources.tempfile, "gettempdir", lambda: str(tmp_path))
    found = []
    for slot in (0, 1):
        monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "")
        monkeypatch.delenv("TORCHINDUCTOR_CACHE_DIR")
        own_compile_cache(slot)
        found.append(os.environ["TORCHINDUCTOR_CACHE_DIR"])
    assert found[0] != found[1]
    assert all(path.startswith(str(tmp_path)) for path in found)
    monkeypatch.setenv("TORCHINDUCTOR_CACHE_DIR", "named")
    own_compile_cache(0)
    assert os.environ["TORCHINDUCTOR_CACHE_DIR"] == "named"


def test_what_is_asked_for_and_missing_is_named(fake_gpus, monkeypatch, tmp_path):
    with pytest.raises(InputError, match="no weights"):
        lanes("vision.device=cuda", f"vision.weights={tmp_path}")
    monkeypatch.setattr(devices.shutil, "which", lambda name: None)
    with pytest.raises(InputError, match="no GPU"):
        lanes("vision.device=cuda")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None)
    with pytest.raises(InputError, match="torch is not installed, safetensors is not installed"):
        lanes("vision.device=cpu")
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == "safetensors" else object())
    with pytest.raises(InputError, match=r"vision\.device is cpu, but safetensors is not installed$"):
        lanes("vision.device=cpu")


@pytest.mark.parametrize("spoilt", ["model.safetensors", "config.json", "solver.json"])
def test_damaged_weights_of_the_vision_model_are_named_before_anything_runs(fake_gpus, tmp_path, caplog, spoilt):
    shutil.copytree(sources.SHIPPED_WEIGHTS / "vision", tmp_path / "w")
    path = tmp_path / "w" / spoilt
    path.write_bytes(path.read_bytes()[:200])
    named = f"vision.weights={tmp_path / 'w'}"
    assert [lane.name for lane in lanes(named)] == ["program"]
    (line,) = [record.getMessage() for record in caplog.records if record.levelname == "WARNING"]
    assert line.startswith(str(path))
    assert line.endswith("; going on without the vision model")
    with pytest.raises(InputError, match=f"{spoilt}: (damaged|unreadable)"):
        lanes(named, "vision.device=cuda")


def test_no_source_at_all_is_refused():
    with pytest.raises(SettingsError, match="no source of answers"):
        lanes("search.use=false", "vision.device=off")


def test_a_failing_tool_is_no_gpu(fake_gpus, tmp_path, monkeypatch):
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\nexit 9\n")
    assert list_gpus() == ([], "nvidia-smi finds no device")
    (tmp_path / "nvidia-smi").write_text("#!/bin/sh\nexec sleep 9\n")
    monkeypatch.setattr(devices, "TIMEOUT_S", 0.2)
    assert list_gpus() == ([], "nvidia-smi does not answer (TimeoutExpired)")


def my_lanes(settings):
    return [Lane("mine", settings.run.workers + 1, fake_sources.tame, required=False)]


def no_lanes(settings):
    return None if settings.run.seed else ["lane"]


def test_lanes_of_ones_own():
    program, mine = lanes("vision.device=off", 'run.lanes=["test_sources:my_lanes"]')
    assert (program.name, mine.name, mine.num_workers) == ("program", "mine", 3)
    for name in ("no_such_module:f", "..:f", "fake_preload:f", "test_sources:no_such_function", "test_sources", ""):
        with pytest.raises(InputError, match=r"run\.lanes"):
            lanes(f'run.lanes=["{name}"]')
    for seed, said in ((0, "returned str, not a Lane"), (1, "TypeError")):
        with pytest.raises(InputError, match=said):
            lanes("vision.device=off", f"run.seed={seed}", 'run.lanes=["test_sources:no_lanes"]')


def test_two_lanes_of_one_name_are_refused():
    """What each is through with is kept by its name."""
    with pytest.raises(InputError, match="two lanes have the name mine"):
        lanes("vision.device=off", 'run.lanes=["test_sources:my_lanes", "test_sources:my_lanes"]')


def test_a_folder_for_traces_is_tried_before_anything_runs(tmp_path):
    (tmp_path / "file").touch()
    wanted = load_settings(None, ["vision.device=off", f'search.trace="{tmp_path}/new/deeper"'])
    own_lanes(wanted)
    assert [path.name for path in tmp_path.iterdir()] == ["file"]  # a run that is refused makes none
    sources.make_trace_folder(wanted)
    assert list((tmp_path / "new" / "deeper").iterdir()) == []
    for place in (tmp_path / "file", tmp_path / "file" / "below", "/proc/nowhere", "a" * 300):
        with pytest.raises(InputError, match=r"search\.trace: .*: cannot be written"):
            lanes("vision.device=off", f'search.trace="{place}"')


@pytest.fixture
def models_installed(monkeypatch, tmp_path):
    """As if torch and all were there, and weights shipped."""
    for kind in ("policy", "ppm"):
        (tmp_path / kind).mkdir()
        (tmp_path / kind / "solver.json").write_text("{}")
    monkeypatch.setattr(sources, "SHIPPED_WEIGHTS", tmp_path)
    monkeypatch.setattr(sources.importlib.util, "find_spec", lambda name: object())
    return tmp_path


def models_of(*assignments):
    lm = sources.with_models(load_settings(None, assignments)).lm
    return lm.policy, lm.ppm


def test_the_shipped_language_models_are_used_where_there_is_time_for_them(models_installed):
    shipped = str(models_installed / "policy"), str(models_installed / "ppm")
    assert models_of("run.seconds=100") == shipped
    assert models_of("run.seconds=99") == (None, None)
    assert models_of("run.seconds=160", "run.nodes=1000") == (None, None)
    assert models_of("run.seconds=160", "run.total_s=600") == (None, None)
    assert models_of("run.seconds=160", "lm.shipped=false") == (None, None)


def test_named_models_are_used_whatever_the_time_and_bring_no_shipped_one(models_installed):
    assert models_of("run.seconds=1", 'lm.policy="mine"') == ("mine", None)
    assert models_of("run.nodes=10", 'lm.policy="mine"', 'lm.ppm="my-ppm"') == ("mine", "my-ppm")


def test_without_packages_or_weights_the_grammar_goes_on_alone(models_installed, monkeypatch, caplog):
    monkeypatch.setattr(sources.importlib.util, "find_spec", lambda name: None if name == "peft" else object())
    with caplog.at_level("INFO"):
        assert models_of("run.seconds=160") == (None, None)
    assert "peft is not installed" in caplog.text
    monkeypatch.setattr(sources.importlib.util, "find_spec", lambda name: object())
    (models_installed / "policy" / "solver.json").unlink()
    assert models_of("run.seconds=160") == (None, None)


@pytest.mark.parametrize("error", [InputError("damaged"), ImportError("no AttentionInterface"), RuntimeError("other")])
def test_models_that_do_not_load_cost_no_worker_unless_it_is_strict(error, caplog):
    def load():
        raise error

    (source,) = sources._guided(load_settings(None, ["lm.strict=false"]), load)
    assert source.language_model is None
    assert f"{error}; going on with the grammar alone" in caplog.text
    assert ("Traceback" in caplog.text) == (not isinstance(error, InputError))
    with pytest.raises(type(error)):
        sources._guided(load_settings(None, ["lm.strict=true"]), load)
