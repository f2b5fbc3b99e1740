"""Reading and writing models says nothing, and changes nothing of what is said otherwise."""

from __future__ import annotations

import os
import resource
import stat

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from transformers.utils import logging as transformers_logging  # noqa: E402

from solver.configuration import load  # noqa: E402
from solver.errors import InputError  # noqa: E402
from solver.training.models import POLICY, load_model, new_model, quietly, save_model  # noqa: E402
from solver.training.settings import TrainingSettings  # noqa: E402

SMALL = ["model.width=32", "model.num_layers=1", "model.num_heads=2", "model.num_kv_heads=1", "model.head_size=16"]


@pytest.fixture
def model():
    return new_model(POLICY, load(TrainingSettings, None, SMALL).model, 40, 0)


@pytest.fixture
def shows_bars():
    """Bars and warnings are shown, as where nothing has been said of them; and so they are again afterwards."""
    before = transformers_logging.is_progress_bar_enabled()
    transformers_logging.enable_progress_bar()
    yield transformers_logging.is_progress_bar_enabled
    if not before:
        transformers_logging.disable_progress_bar()


def test_bars_are_shown_again_afterwards(shows_bars):
    verbosity = transformers_logging.get_verbosity()
    with quietly():
        with quietly():
            assert not shows_bars()
        assert not shows_bars()
    assert shows_bars()
    assert transformers_logging.get_verbosity() == verbosity


def test_also_after_an_error(shows_bars):
    with pytest.raises(ZeroDivisionError), quietly():
        raise ZeroDivisionError
    assert shows_bars()


def test_bars_that_somebody_switched_off_stay_off(shows_bars):
    transformers_logging.disable_progress_bar()
    with quietly():
        pass
    assert not shows_bars()


def test_a_model_is_written_and_read_in_silence(model, shows_bars, tmp_path, capsys):
    save_model(model, tmp_path, max_shard_size="20KB")
    assert len(list(tmp_path.glob("*.safetensors"))) > 1
    again = load_model(POLICY, tmp_path)
    assert all(torch.equal(a, b) for a, b in zip(model.parameters(), again.parameters(), strict=True))
    assert capsys.readouterr() == ("", "")
    assert shows_bars()


def test_what_cannot_be_written_is_one_line(model, tmp_path):
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        with pytest.raises(InputError, match=f"{tmp_path}: cannot be written: "):
            save_model(model, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)


@pytest.mark.parametrize(("umask", "mode"), [(0o022, 0o644), (0o027, 0o640), (0o077, 0o600)])
def test_what_is_written_may_be_read_by_those_who_may_read_other_files(model, tmp_path, umask, mode):
    before = os.umask(umask)
    try:
        save_model(model, tmp_path)
    finally:
        os.umask(before)
    assert {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()} == {mode}
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".json", ".safetensors"]
