"""Folders of language-model weights: what is read, and one clear line for everything that can be wrong."""

from __future__ import annotations

import json

import pytest

from solver.errors import InputError
from solver.lm.engine import Sampling
from solver.lm.prompt_format import PromptFormat
from solver.lm.weights import check_memory, read_weights, seal_weights
from solver.weights import add_log, copy_logs, log_paths


def make(folder, kind="policy", vocab_size=8, positions=64, context=64, architecture=None, **config):
    """Everything but a model that runs: these checks look at files alone."""
    folder.mkdir(parents=True, exist_ok=True)
    names = {"policy": "LlamaForCausalLM", "ppm": "LlamaForSequenceClassification"}
    settings = {"architectures": [architecture or names[kind]], "vocab_size": vocab_size}
    settings |= {"max_position_embeddings": positions, **config}
    (folder / "config.json").write_text(json.dumps(settings))
    words = {"model": {"vocab": {"a": 0, "b": 6}}, "added_tokens": [{"id": 7, "content": "<s>"}]}
    (folder / "tokenizer.json").write_text(json.dumps(words))
    (folder / "model.safetensors").write_bytes(b"tensors")
    (folder / "README.md").write_text("card")
    return seal_weights(folder, kind, PromptFormat(), context, "made-up tasks", "MIT-0", Sampling(temperature=0.7))


def test_what_was_sealed_is_read(tmp_path):
    made = make(tmp_path / "w")
    assert made.prompt_format == PromptFormat()
    assert made.sampling.temperature == 0.7
    assert made.context_length == 64
    assert set(made.manifest["files"]) == {"config.json", "tokenizer.json", "model.safetensors"}
    assert made.num_bytes == 7
    assert len(made.digest) == 64


def test_nested_folders_are_found_and_ambiguous_ones_named(tmp_path):
    make(tmp_path / "dataset" / "version" / "policy")
    make(tmp_path / "dataset" / "version" / "ppm", "ppm", id2label={"0": "value"})
    assert read_weights(tmp_path, "policy").folder == tmp_path / "dataset" / "version" / "policy"
    assert read_weights(tmp_path, "ppm").kind == "ppm"
    make(tmp_path / "other")
    with pytest.raises(InputError, match=r"several folders of policy weights: .*dataset.*other"):
        read_weights(tmp_path, "policy")


def test_a_card_may_change(tmp_path):
    make(tmp_path)
    (tmp_path / "README.md").write_text("another card")
    read_weights(tmp_path, "policy")


def spoil(folder, name, **changes):
    """Change a JSON file and hash it anew, so that only its content is at fault."""
    from solver.weights import file_hash

    content = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps(content | changes))
    if name != "solver.json":
        manifest = json.loads((folder / "solver.json").read_text())
        manifest["files"][name] = file_hash(folder / name)
        (folder / "solver.json").write_text(json.dumps(manifest))


FAULTS = {
    "missing file": (lambda f: (f / "model.safetensors").unlink(), r"model\.safetensors is missing"),
    "damaged file": (lambda f: (f / "model.safetensors").write_bytes(b"tensorz"), r"model\.safetensors: damaged"),
    "no manifest": (lambda f: (f / "solver.json").unlink(), r"no solver\.json here or below"),
    "broken manifest": (lambda f: (f / "solver.json").write_text("{"), r"solver\.json: unreadable"),
    "manifest is a list": (lambda f: (f / "solver.json").write_text("[]"), r"solver\.json: unreadable"),
    "other kind": (lambda f: spoil(f, "solver.json", kind="vision"), "kind 'vision'"),
    "newer format": (lambda f: spoil(f, "solver.json", format=2), "format 2"),
    "unknown prompt": (lambda f: spoil(f, "solver.json", prompt={"style": "x"}), r"solver\.json: prompt: style 'x'"),
    "wrong sampling": (lambda f: spoil(f, "solver.json", sampling={"top_p": 2.0}), r"sampling: top_p must be"),
    "no licence": (lambda f: (f / "solver.json").write_text(
        (f / "solver.json").read_text().replace('"licence"', '"license"')), "does not name licence"),
    "context too long": (lambda f: spoil(f, "solver.json", context_length=65), "65 is more than the model's 64"),
    "context no number": (lambda f: spoil(f, "solver.json", context_length="x"), "must be a whole number"),
    "wrong vocabulary": (lambda f: spoil(f, "config.json", vocab_size=7), r"vocabulary \(8\) does not fit .* \(7\)"),
    "no vocabulary": (lambda f: spoil(f, "tokenizer.json", model={}), "no vocabulary"),
    "another architecture": (lambda f: spoil(f, "config.json", architectures=["BertModel"]), "BertModel; a policy"),
    "outside": (lambda f: spoil(f, "solver.json", files={"../x": "0"}), "outside the folder"),
    "unlisted config": (lambda f: spoil(f, "solver.json", files={"model.safetensors": "0"}), "damaged|is missing"),
}  # fmt: skip


@pytest.mark.parametrize("name", FAULTS)
def test_every_fault_is_one_clear_line(tmp_path, name):
    make(tmp_path / "w")
    fault, message = FAULTS[name]
    fault(tmp_path / "w")
    with pytest.raises(InputError, match=message) as error:
        read_weights(tmp_path / "w", "policy")
    assert "\n" not in str(error.value)


def test_a_missing_shard_is_named(tmp_path):
    make(tmp_path)
    (tmp_path / "model.safetensors.index.json").write_text('{"weight_map": {"a": "model-2.safetensors"}}')
    with pytest.raises(InputError, match=r"model-2\.safetensors is missing"):
        seal_weights(tmp_path, "policy", PromptFormat(), 64, "x", "y")


def test_no_folder_at_all(tmp_path):
    with pytest.raises(InputError, match="no such folder"):
        read_weights(tmp_path / "nowhere", "policy")


def test_a_preference_model_has_one_output(tmp_path):
    with pytest.raises(InputError, match="one output"):
        make(tmp_path, "ppm", id2label={"0": "a", "1": "b"})


def test_weights_that_cannot_fit_a_gpu(tmp_path):
    weights = make(tmp_path)
    cache, beside = 3 << 30, 8 << 30
    check_memory([weights, weights], "NVIDIA L4, 23034 MiB", cache, beside)
    check_memory([weights], "a GPU that tells nothing", cache, beside)
    with pytest.raises(InputError, match=r"needs about 4\.5 GiB of GPU memory.*lm\.cache_gib.*there are 4\.0 GiB"):
        check_memory([weights], "Small GPU, 4096 MiB", cache, 0)
    with pytest.raises(InputError, match=r"needs about 9\.0 GiB.*there are 8\.0 GiB .*beside 8 GiB for the vision"):
        check_memory([weights, weights], "Middling GPU, 16384 MiB", cache, beside)


def test_logs_of_the_slices_before_stay(tmp_path):
    def logs():
        return {path.name: path.read_text() for path in tmp_path.glob("log*")}

    (tmp_path / "log-old.jsonl").write_text("a stranger's\n")
    for log in ("", "a\n", "a\nb\n", "", "a\nb\n"):
        add_log(tmp_path, log)
    assert logs() == {"log-old.jsonl": "a stranger's\n", "log.jsonl": "a\nb\n"}
    for log in ("c\n", "d\n", "d\ne\n"):
        add_log(tmp_path, log)
    assert logs() == {
        "log-old.jsonl": "a stranger's\n", "log.jsonl": "d\ne\n", "log-1.jsonl": "a\nb\n", "log-2.jsonl": "c\n",
    }  # fmt: skip
    assert [path.name for path in log_paths(tmp_path)] == ["log-1.jsonl", "log-2.jsonl", "log.jsonl"]
    (tmp_path / "log-1.jsonl").unlink()
    (tmp_path / "next").mkdir()
    copy_logs(tmp_path, tmp_path / "next")
    add_log(tmp_path / "next", "f\n")
    assert (tmp_path / "next" / "log-3.jsonl").read_text() == "d\ne\n"
    copy_logs(tmp_path / "absent", tmp_path)
    assert (tmp_path / "log.jsonl").read_text() == "d\ne\n"
