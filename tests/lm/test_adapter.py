"""Preference models kept as an adapter of the policy."""

from __future__ import annotations

import json
import shutil
from concurrent.futures import ThreadPoolExecutor

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
pytest.importorskip("peft")

from peft import LoraConfig, TaskType, get_peft_model  # noqa: E402
from tiny import save_policy  # noqa: E402

from solver.errors import InputError  # noqa: E402
from solver.lm import loading  # noqa: E402
from solver.lm.adapter import is_adapter, merged_folder, read_adapter, seal_adapter  # noqa: E402
from solver.lm.loading import LanguageModel, check_language_model  # noqa: E402
from solver.lm.prompt import Prompt  # noqa: E402
from solver.lm.prompt_format import PromptFormat  # noqa: E402
from solver.lm.tokenizer import save_tokenizer  # noqa: E402
from solver.lm.transformers_engine import TransformersScorer  # noqa: E402
from solver.lm.weights import read_weights  # noqa: E402
from solver.settings import LanguageModelSettings  # noqa: E402
from solver.training.models import load_model, quietly  # noqa: E402

PROMPT = Prompt("input\n12\noutput\n21\ntest\n3\nprogram\n", "x1 = transform(I, ROT90)\n")


@pytest.fixture(autouse=True)
def cache(tmp_path, monkeypatch):
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    return tmp_path / "home" / ".cache" / "arc-solver" / "merged"


@pytest.fixture
def base(tmp_path):
    return save_policy(tmp_path / "policy")


@pytest.fixture
def folder(base, tmp_path):
    """An exported adapter with weights that change the scores."""
    out = tmp_path / "ppm"
    torch.manual_seed(3)
    config = LoraConfig(task_type=TaskType.SEQ_CLS, r=4, target_modules="all-linear", init_lora_weights=False)
    with quietly():
        get_peft_model(load_model("ppm", base.folder), config).save_pretrained(out)
    facts = {"kind": "ppm", "prompt": PromptFormat().to_json(), "training": {"steps": 1}}
    (out / "training.json").write_text(json.dumps(facts))
    save_tokenizer(out / "tokenizer")
    seal_adapter(out, "ppm", base, "nothing: random weights", "MIT-0")
    return out


def settings(base, folder):
    return LanguageModelSettings(policy=str(base.folder), ppm=str(folder), engine="transformers")


def test_it_is_merged_when_it_is_loaded_and_scores_as_base_and_adapter_do(base, folder, cache):
    check_language_model(settings(base, folder))
    assert not cache.exists()  # checking loads nothing
    score = LanguageModel.load(settings(base, folder)).scorer.score([PROMPT])
    merged = merged_folder(read_adapter(folder, "ppm", base))
    assert merged.parent == cache
    assert score == TransformersScorer(merged, 2048).score([PROMPT])
    other = load_model("ppm", base.folder)
    assert score != other(torch.tensor([[1, 2, 3]])).logits.flatten().tolist()
    assert read_weights(merged, "ppm").manifest["trained_on"] == "nothing: random weights"


def test_merging_prints_nothing(base, folder, capfd):
    """It happens while a run begins: neither bars nor a report that the head is new, which the adapter replaces."""
    merged_folder(read_adapter(folder, "ppm", base))
    assert capfd.readouterr() == ("", "")


def test_an_adapter_that_needs_merging_says_so(base, folder):
    """The export of a policy that was trained by adapters has no solver.json."""
    (folder / "solver.json").unlink()
    with pytest.raises(InputError, match=r"an adapter, of which tools/merge_lora\.py makes weights"):
        check_language_model(LanguageModelSettings(policy=str(folder), engine="transformers"))


def test_it_is_made_once_however_many_ask(base, folder, cache):
    adapter = read_adapter(folder, "ppm", base)
    with ThreadPoolExecutor(3) as pool:
        found = list(pool.map(lambda _: merged_folder(adapter), range(3)))
    assert len(set(found)) == 1
    when = (found[0] / "solver.json").stat().st_mtime_ns
    assert merged_folder(adapter).joinpath("solver.json").stat().st_mtime_ns == when
    assert sorted(p.name for p in cache.iterdir()) == sorted([found[0].name, f"{found[0].name}.lock"])


def test_a_merge_that_broke_off_is_done_anew(base, folder, cache):
    adapter = read_adapter(folder, "ppm", base)
    whole = merged_folder(adapter)
    draft = whole.with_name(whole.name + ".draft")
    whole.rename(draft)
    (draft / "config.json").unlink()
    assert read_weights(merged_folder(adapter), "ppm")


def test_an_adapter_of_other_weights_is_refused_before_any_task(base, folder, tmp_path):
    other = save_policy(tmp_path / "other", seed=9)
    with pytest.raises(InputError, match="an adapter of other weights"):
        check_language_model(settings(other, folder))


def test_damage_and_what_is_missing_are_named(base, folder, tmp_path, monkeypatch):
    broken = tmp_path / "broken"
    shutil.copytree(folder, broken)
    path = broken / "adapter_model.safetensors"
    path.write_bytes(path.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match="damaged"):
        check_language_model(settings(base, broken))
    path.unlink()
    with pytest.raises(InputError, match="is missing"):
        check_language_model(settings(base, broken))
    with pytest.raises(InputError, match="a policy is needed"):
        read_adapter(folder, "policy", base)
    find_spec = loading.importlib.util.find_spec
    monkeypatch.setattr(loading.importlib.util, "find_spec", lambda n: None if n == "peft" else find_spec(n))
    with pytest.raises(InputError, match="needs peft"):
        check_language_model(settings(base, folder))


def test_a_whole_model_is_no_adapter_and_digests_tell_weights_apart(base, folder):
    assert is_adapter(folder)
    assert is_adapter(folder.parent / "ppm")
    assert not is_adapter(base.folder)
    assert not is_adapter(folder / "nowhere")
    digests = check_language_model(settings(base, folder))
    assert digests["policy"] == base.digest != digests["ppm"]
