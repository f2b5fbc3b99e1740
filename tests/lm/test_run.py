"""Runs from the command line with a language model of random weights, and what happens where it can't be used."""

from __future__ import annotations

import importlib.util
import pickle
import subprocess
import sys

import orjson
import pytest

from solver import sources
from solver.cli import main
from solver.errors import InputError, SettingsError
from solver.lm import loading
from solver.search.trace import load_trace
from solver.settings import LanguageModelSettings, load_settings
from solver.sources import own_lanes, program_sources

HAS_TORCH = all(importlib.util.find_spec(name) for name in ("torch", "transformers"))


def evaluate(out, *more, nodes=1500):
    """A run over three tasks. Random weights hardly ever end an answer themselves, so answers and rollouts are few and
    short; every worker that holds a model takes seconds to import torch, so there is one."""
    words = [
        sys.executable, "-W", "error", "-m", "solver", "evaluate", "--set", "arc-agi-1/training", "--tasks", "3",
        "--nodes", str(nodes), "--workers", "1", "--set", "vision.device=off", "--set", "search.root_share=0.3",
        "--set", "search.num_views=1", "--set", "lm.max_new_tokens=16", "--set", "lm.rollout_programs=4",
        "--out", str(out), *more,
    ]  # fmt: skip
    return subprocess.run(words, capture_output=True, text=True, timeout=300, check=False)


@pytest.fixture(scope="module")
def weights(tmp_path_factory):
    if not HAS_TORCH:
        pytest.skip("torch and transformers are not installed")
    from tiny import save_policy

    return save_policy(tmp_path_factory.mktemp("weights") / "nested" / "policy")


def notes(out):
    return [
        orjson.loads(line)["notes"].get("program", "") for line in (out / "results.jsonl").read_bytes().splitlines()
    ]


def test_a_run_with_a_language_model(weights, tmp_path):
    more = ["--policy", str(weights.folder.parents[1]), "--strict", "--set", "lm.num_samples=4", "--set", "lm.batch=2"]
    done = evaluate(tmp_path, *more)
    assert done.returncode == 0, done.stderr
    assert "going on" not in done.stderr
    summary = orjson.loads((tmp_path / "summary.json").read_bytes())
    assert summary["weights"] == {"policy": weights.digest}
    assert summary["settings"]["lm"]["num_samples"] == 4
    assert any("language model: " in note for note in notes(tmp_path)), notes(tmp_path)


@pytest.fixture(scope="module")
def ppm(weights, tmp_path_factory):
    from tiny import save_ppm

    return save_ppm(tmp_path_factory.mktemp("ppm") / "ppm")


WITHOUT_RULES = [word for name in ("part_rules", "layouts", "forms") for word in ("--set", f"search.use_{name}=false")]
"""They would take the few nodes that these runs have from the models."""


def with_both(weights, ppm, folder, *more):
    """A run with policy and preference model into `folder`, its traces beside it."""
    return evaluate(
        folder / "out", "--policy", str(weights.folder), "--ppm", str(ppm.folder), "--strict", "--set",
        "lm.num_samples=4", "--set", "lm.batch=2", "--set", "lm.ppm_weight=0.25", "--set",
        f'search.trace="{folder / "traces"}"', *WITHOUT_RULES, *more,
    )  # fmt: skip


@pytest.fixture(scope="module")
def own(weights, ppm, tmp_path_factory):
    """The folder of a run whose workers hold the models themselves."""
    folder = tmp_path_factory.mktemp("own")
    done = with_both(weights, ppm, folder)
    assert done.returncode == 0, done.stderr
    return folder


def scores_of(folder):
    trees = [load_trace(path) for path in sorted((folder / "traces").iterdir())]
    return [node.ppm for tree in trees for node in tree.nodes if node.ppm is not None]


def test_a_run_with_a_preference_model(weights, ppm, own):
    summary = orjson.loads((own / "out" / "summary.json").read_bytes())
    assert summary["weights"] == {"policy": weights.digest, "ppm": ppm.digest}
    assert summary["settings"]["lm"]["ppm_weight"] == 0.25
    assert summary["engines"] == []
    assert any(" states scored" in note for note in notes(own / "out")), notes(own / "out")
    scores = scores_of(own)
    assert len(set(scores)) > 1
    assert all(-1 <= score <= 1 for score in scores)


def test_a_run_whose_workers_share_a_server_finds_the_same(weights, ppm, own, tmp_path):
    done = with_both(weights, ppm, tmp_path, "--set", "lm.served=true", "--workers", "2")
    assert done.returncode == 0, done.stderr
    assert "going on" not in done.stderr
    submissions = [(folder / "out" / "submission.json").read_bytes() for folder in (own, tmp_path)]
    assert submissions[0] == submissions[1]
    assert sorted(notes(tmp_path / "out")) == sorted(notes(own / "out"))
    assert scores_of(tmp_path) == pytest.approx(scores_of(own), abs=1e-4)
    (engine,) = orjson.loads((tmp_path / "out" / "summary.json").read_bytes())["engines"]
    assert (engine["gpu"], engine["restarts"]) == (None, 0)
    assert engine["ready_s"] > 0
    assert engine["requests"] > 0 < engine["scored"]
    assert engine["generated_tokens"] > engine["requests"]
    assert engine["prompt_tokens"] > 100 * engine["requests"]
    assert 0 < engine["busy_s"] < engine["wall_s"]
    assert main(["profile", str(tmp_path / "out")]) == 0


def test_a_preference_model_that_cannot_be_used_is_named_before_the_run(weights, tmp_path):
    done = evaluate(tmp_path / "out", "--policy", str(weights.folder), "--ppm", str(weights.folder), "--strict")
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("arc-solve: ")]
    assert "ppm" in line


def test_a_preference_model_needs_a_policy():
    with pytest.raises(SettingsError, match="ppm needs a policy beside it"):
        settings(ppm='"x"')


def test_without_usable_weights_the_run_goes_on_and_says_so(tmp_path):
    plain = evaluate(tmp_path / "plain")
    assert plain.returncode == 0, plain.stderr
    done = evaluate(tmp_path / "out", "--policy", str(tmp_path / "nowhere"))
    assert done.returncode == 0, done.stderr
    (line,) = [line for line in done.stderr.splitlines() if "going on with the grammar alone" in line]
    assert "nowhere: no such folder" in line or "not installed" in line
    submissions = [(tmp_path / name / "submission.json").read_bytes() for name in ("plain", "out")]
    assert submissions[0] == submissions[1]


def test_strict_refuses_before_any_task_starts(tmp_path):
    done = evaluate(tmp_path / "out", "--policy", str(tmp_path / "nowhere"), "--strict")
    assert done.returncode == 2
    (line,) = [line for line in done.stderr.splitlines() if line.startswith("arc-solve: ")]
    assert "no such folder" in line or "not installed" in line
    results = tmp_path / "out" / "results.jsonl"
    assert not results.exists() or not results.read_bytes()


def settings(**lm):
    return load_settings(None, [f"lm.{name}={value}" for name, value in lm.items()] + ["vision.device=off"])


def test_a_missing_package_is_named_with_how_to_get_it(monkeypatch, tmp_path):
    monkeypatch.setattr(loading.importlib.util, "find_spec", lambda name: None)
    asked = settings(policy=f'"{tmp_path}"', engine="transformers")
    with pytest.raises(InputError, match=r"needs torch, transformers, not installed \(pip install 'arc-solver\[cpu\]'"):
        loading.check_language_model(asked.lm)
    with pytest.raises(InputError, match=r"vllm, not installed .*\[gpu\]"):
        loading.check_language_model(settings(policy='"x"', engine="vllm").lm)
    assert own_lanes(asked)[0].make_sources is program_sources
    with pytest.raises(InputError, match="not installed"):
        own_lanes(settings(policy=f'"{tmp_path}"', engine="transformers", strict="true"))


def test_vllm_is_taken_where_it_is_installed_and_there_is_a_gpu(monkeypatch):
    monkeypatch.setattr(loading.importlib.util, "find_spec", lambda name: name)
    for gpus, wanted in (([], "transformers"), (["Some GPU, 4096 MiB"], "vllm")):
        monkeypatch.setattr(loading, "list_gpus", lambda gpus=gpus: (gpus, "none"))
        assert loading.engine_name(LanguageModelSettings()) == wanted
    assert loading.engine_name(LanguageModelSettings(engine="transformers")) == "transformers"


def test_vllm_without_a_gpu_or_with_too_small_a_one_is_refused(monkeypatch, tmp_path):
    from test_weights import make

    make(tmp_path)
    monkeypatch.setattr(loading.importlib.util, "find_spec", lambda name: name)
    asked = settings(policy=f'"{tmp_path}"', engine="vllm").lm
    monkeypatch.setattr(loading, "list_gpus", lambda: ([], "no nvidia-smi"))
    with pytest.raises(InputError, match="engine vllm needs a GPU: no nvidia-smi"):
        loading.check_language_model(asked)
    monkeypatch.setattr(loading, "list_gpus", lambda: (["Some GPU, 4096 MiB"], ""))
    with pytest.raises(InputError, match=r"needs about 4\.5 GiB of GPU memory.*there are 4\.0 GiB"):
        loading.check_language_model(asked)
    monkeypatch.setattr(loading, "list_gpus", lambda: (["NVIDIA L4, 23034 MiB"], ""))
    loading.check_language_model(asked, beside_bytes=8 << 30)
    with pytest.raises(InputError, match=r"there are 2\.5 GiB .*beside 20 GiB for the vision model"):
        loading.check_language_model(asked, beside_bytes=20 << 30)


@pytest.mark.parametrize("num_gpus", [1, 4])
def test_a_server_on_each_gpu_and_as_many_workers_as_asked_for(monkeypatch, tmp_path, num_gpus):
    from test_weights import make

    make(tmp_path)
    monkeypatch.setattr(loading.importlib.util, "find_spec", lambda name: name)
    for module in (loading, sources):
        monkeypatch.setattr(module, "list_gpus", lambda: (["NVIDIA L4, 23034 MiB"] * num_gpus, ""))
    asked = load_settings(None, [f'lm.policy="{tmp_path}"', "run.workers=24", "lm.silence_s=7", "vision.device=off"])
    (lane,) = own_lanes(asked)
    assert (lane.num_workers, lane.make_sources) == (24, sources.served_model_sources)
    assert [service.facts["gpu"] for service in lane.services] == list(range(num_gpus))
    assert [service.args[-1] for service in lane.services] == list(range(num_gpus))
    assert {(service.silence_s, service.max_restarts, service.required) for service in lane.services} == {(7, 1, False)}
    assert pickle.loads(pickle.dumps(lane)) == lane


def test_settings_say_otherwise_than_the_weights(monkeypatch):
    from solver.lm.engine import Sampling

    asked = settings(temperature=0.5, top_k=7).lm
    chosen = loading._sampling(Sampling(num_samples=9, temperature=1.0, top_p=0.9), asked)
    assert (chosen.num_samples, chosen.temperature, chosen.top_p, chosen.top_k) == (9, 0.5, 0.9, 7)
    schedule = loading._schedule(chosen, settings(schedule="linear", temperature_high=1.5, num_rollouts=4).lm)
    assert [schedule.at(k) for k in (0, 2, 4)] == [0.5, 1.0, 1.5]


def test_a_mixture_of_nothing_is_refused():
    with pytest.raises(SettingsError, match="must not all be 0"):
        settings(weight=0, grammar_weight=0, uniform_weight=0)
