"""tools/check_engines.py and tools/benchmark_engine.py on small models, and tools/seal_weights.py."""

from __future__ import annotations

import errno
import json
import math

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import benchmark_engine  # noqa: E402
import check_engines  # noqa: E402
import seal_weights  # noqa: E402
from check_engines import Trace  # noqa: E402
from tiny import save_policy, save_ppm  # noqa: E402

from solver.lm.prompt import Prompt  # noqa: E402
from solver.lm.weights import read_weights  # noqa: E402


def test_engines_agree_on_a_small_model(tmp_path):
    policy, ppm = save_policy(tmp_path / "policy").folder, save_ppm(tmp_path / "ppm").folder
    report = check_engines.check(policy, ppm, ["transformers"], 6, "cpu", "float32")
    assert report["passed"]
    assert report["prompts"] == 6
    assert report["plain"]["number"] > 100
    assert report["transformers one and many"]["number"] > 20
    assert report["transformers scores, one and many"]["number"] == 6


def other(probabilities):
    """A model that gives the same probabilities everywhere."""
    return lambda prompt, tokens: torch.log(torch.tensor([probabilities] * len(tokens)))


def test_disagreement_is_found():
    prompts = [Prompt("", "")]
    trace = Trace((0, 1, 0), (math.log(0.6), math.log(0.3), math.log(0.6)), (0.7, 0.0, 0.7))
    same = check_engines.compare_log_probabilities([[trace]], prompts, other([0.6, 0.3, 0.1]))
    assert same["mean_difference"] < 1e-6
    assert check_engines.within(same)
    far = check_engines.compare_log_probabilities([[trace]], prompts, other([0.5, 0.4, 0.1]))
    assert not check_engines.within(far)
    greedy = check_engines.compare_greedy([[trace]], prompts, other([0.6, 0.3, 0.1]))
    assert greedy == {"number": 3, "differing": 1, "differing_with_a_lead": 1}
    assert not check_engines.within(greedy)
    close = check_engines.compare_greedy([[trace]], prompts, other([0.44, 0.46, 0.1]))
    assert close == {"number": 3, "differing": 2, "differing_with_a_lead": 0}
    assert check_engines.within(close)
    scores = check_engines.compare_scores([0.0, 1.0], [0.02, 1.1])
    assert scores["score_difference"] == pytest.approx(math.tanh(1.1) - math.tanh(1.0), abs=1e-5)
    assert not check_engines.within(scores)


def test_sealing_a_folder(tmp_path, capsys):
    folder = save_policy(tmp_path / "w").folder
    asked = ["--licence", "MIT", "--trained-on", "code", "--context-length"]
    assert seal_weights.main([str(folder), "--style", "few-shot", "--step-end", "\\n\\n", *asked, "512"]) == 0
    weights = read_weights(folder, "policy")
    assert weights.prompt_format.style == "few-shot"
    assert weights.prompt_format.step_end == "\n\n"
    assert weights.context_length == 512
    assert not weights.prompt_format.free_python
    free = [str(folder), "--style", "few-shot", "--free-python", *asked, "512"]
    assert seal_weights.main([*free, "--step-end", "\\n\\n"]) == 0
    assert read_weights(folder, "policy").prompt_format.free_python
    assert seal_weights.main(free) == 2
    assert "free_python needs a step_end that does not end every line" in capsys.readouterr().err
    assert seal_weights.main([str(folder), *asked, "4096"]) == 2
    assert "4096 is more than the model's 2048 positions" in capsys.readouterr().err
    assert read_weights(folder, "policy").context_length == 512
    assert seal_weights.main([str(tmp_path / "nowhere"), *asked, "512"]) == 2
    assert json.loads((folder / "solver.json").read_text())["licence"] == "MIT"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--style", "few-shot", "--thinking"], "--context-length 512: no room for a prompt beside 8192 new tokens"),
        (["--max-new-tokens", "512"], "no room for a prompt"),
        (["--max-new-tokens", "0"], "max_new_tokens must be at least 1"),
    ],
)
def test_answers_that_are_as_long_as_the_context_are_not_sealed(tmp_path, capsys, words, message):
    folder = save_policy(tmp_path / "w").folder
    before = (folder / "solver.json").read_bytes()
    asked = ["--licence", "MIT", "--trained-on", "code", "--context-length", "512"]
    assert seal_weights.main([str(folder), *asked, *words]) == 2
    assert message in capsys.readouterr().err
    assert (folder / "solver.json").read_bytes() == before


def test_a_full_disk_leaves_the_seal_of_before(tmp_path, capsys, monkeypatch):
    folder = save_policy(tmp_path / "w").folder
    before = (folder / "solver.json").read_bytes()

    def full(descriptor):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("os.fsync", full)
    capsys.readouterr()
    assert seal_weights.main([str(folder), "--licence", "A", "--trained-on", "b", "--context-length", "512"]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert "No space left" in line
    assert (folder / "solver.json").read_bytes() == before


def test_the_benchmark_runs_many_trees_and_one(tmp_path, capsys):
    policy, ppm = save_policy(tmp_path / "policy").folder, save_ppm(tmp_path / "ppm").folder
    chosen = ["lm.engine=transformers", "lm.num_samples=2", "lm.max_new_tokens=6", "search.num_views=1"]
    options = [word for assignment in chosen for word in ("--set", assignment)]
    words = ["--policy", str(policy), "--ppm", str(ppm), "--tasks", "4", "--workers", "2", "--alone", "2"]
    assert benchmark_engine.main([*words, "--seconds", "2", *options]) == 0
    many, alone, ratio = map(json.loads, capsys.readouterr().out.splitlines())
    assert (many["workers"], many["tasks"], alone["workers"], alone["tasks"]) == (2, 4, 1, 2)
    for row in (many, alone):
        assert row["trees"] >= 1
        assert row["steps_per_s"] > row["nodes_per_s"] > 0
        assert 0 < row["busy_share"] <= 1
        assert row["executor_share"] + row["policy_share"] + row["ppm_share"] <= 1
        assert row["prompt_tokens_per_s"] > 0
    assert ratio["steps_per_s_many_to_one"] == pytest.approx(many["steps_per_s"] / alone["steps_per_s"], abs=0.01)
    assert benchmark_engine.main(["--policy", str(tmp_path / "nowhere")]) == 2
    assert "no such folder" in capsys.readouterr().err


@pytest.mark.parametrize("kind", ["policy", "ppm"])
def test_random_models_are_of_the_size_that_is_asked_for(tmp_path, kind):
    benchmark_engine.save_random(tmp_path, "16M", kind)
    assert 15e6 < read_weights(tmp_path, kind).num_bytes / 2 < 17e6  # bfloat16
