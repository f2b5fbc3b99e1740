"""From made-up tasks to a weights folder through the real command lines."""

from __future__ import annotations

import json
import shutil
from functools import partial
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import merge_lora  # noqa: E402
import token_histogram  # noqa: E402
import train_policy  # noqa: E402
import train_ppm  # noqa: E402
from tiny import save_policy  # noqa: E402

from solver.errors import InputError  # noqa: E402
from solver.executor import execute, input_value  # noqa: E402
from solver.lm.prompt import solution_segments  # noqa: E402
from solver.lm.prompt_format import PromptFormat  # noqa: E402
from solver.lm.template import task_text  # noqa: E402
from solver.lm.text import load_tokenizer  # noqa: E402
from solver.lm.tokenizer import encode_segments, save_tokenizer  # noqa: E402
from solver.lm.weights import read_weights  # noqa: E402
from solver.program import Program  # noqa: E402
from solver.synthesis import shards  # noqa: E402
from solver.synthesis.augment import augment, turned  # noqa: E402
from solver.synthesis.generate import ProgramSet  # noqa: E402
from solver.synthesis.scenes import draw_scenes  # noqa: E402
from solver.task_sets import load_set  # noqa: E402
from solver.training.documents import AUXILIARY, STEP, Documents, PartWriter, write_facts  # noqa: E402
from solver.training.models import load_model, new_model, quietly  # noqa: E402
from solver.training.preparation import Encoder, examples, sibling  # noqa: E402
from solver.training.settings import ModelSettings  # noqa: E402

PROGRAMS = (
    ("x1 = transform(I, FLIP_UD)",),
    ("x1 = transform(I, ROT90)", "x2 = draw_frame(x1, 4)"),
    ("x1 = mirror_concat(I, RIGHT)", "x2 = pad(x1, 3)", "x3 = transform(x2, TRANSPOSE)"),
)
SMALL = ["width=64", "num_layers=2", "num_heads=2", "num_kv_heads=1", "head_size=32", "hidden=128", "context=512"]
WORDS = [f"model.{word}" for word in SMALL] + [
    *("train.batch_tokens=1024", "train.compile=false", "train.bf16=false", "train.warmup_steps=5"),
    *("train.log_steps=1", "model.init_std=0.05"),
]


def sets() -> list[ProgramSet]:
    made = []
    for seed in range(4):
        rng = np.random.default_rng(seed)
        inputs = tuple(rng.integers(0, 9, (3, 4)).astype(np.int8) for _ in range(3))
        programs = tuple(shards.read_statements("\n".join(p)) for p in PROGRAMS)
        made.append(ProgramSet("scene/dense", inputs, programs))
    return made


@pytest.fixture(scope="session")
def made(tmp_path_factory) -> Path:
    folder = tmp_path_factory.mktemp("made")
    (folder / "settings.json").write_text("{}")
    for number in range(2):
        shards.write_shard(shards.shard_path(folder, number), sets()[2 * number : 2 * number + 2])
    return folder


@pytest.fixture(scope="session")
def documents(made, tmp_path_factory) -> Path:
    out = tmp_path_factory.mktemp("documents") / "policy"
    assert train_policy.main(["prepare", "--made", str(made), "--out", str(out), "--copies", "2"]) == 0
    return out


def command(tool, *words: object, settings: tuple[str, ...] = ()) -> int:
    chosen = [w for word in (*WORDS, *settings) for w in ("--set", word)]
    return tool.main(["train", "--device", "cpu", *map(str, words), *chosen])


def records(run: Path) -> list[dict]:
    return [json.loads(line) for line in (run / "log.jsonl").read_text().splitlines()]


def losses(run: Path) -> list[float]:
    return [record["loss"] for record in records(run) if "loss" in record]


def test_documents_are_what_a_search_shows(documents):
    loaded = Documents.load([documents])
    assert len(loaded) == 2 * 4 * len(PROGRAMS)
    tokenizer = load_tokenizer(documents / "tokenizer")
    texts = {}
    for k in range(len(loaded)):
        stored = loaded.tokens[loaded.starts[k] :][: loaded.lengths[k]]
        tokens, kinds = loaded.split(stored)
        texts[tokenizer.decode(tokens.tolist(), skip_special_tokens=True)] = tokenizer.decode(
            tokens[kinds == 1].tolist()
        )
    one = next(s for s in sets())
    program = one.programs[1]
    outputs = execute(program, input_value(one.inputs)).items
    wanted = "".join(f"input\n{text(i)}output\n{text(o)}" for i, o in zip(one.inputs[:-1], outputs[:-1]))
    wanted += f"test\n{text(one.inputs[-1])}program\nx1 = transform(I, ROT90)\n# Grid"
    (found,) = (t for t in texts if t.startswith(wanted))
    assert "solved 2/2" in found
    assert texts[found] == " transform(I, ROT90)\n draw_frame(x1, 4)\n"


def text(grid: np.ndarray) -> str:
    return "".join("".join(map(str, row)) + "\n" for row in grid.tolist())


def test_fast_encoding_is_the_tokenizers(tmp_path):
    save_tokenizer(tmp_path)
    tokenizer = load_tokenizer(tmp_path)
    encoder = Encoder(tokenizer)
    assert encoder._is_own
    for example in examples(iter(sets()), 2, 1000, [0]):
        segments = solution_segments(PromptFormat(), example.task, Program(example.prefix.statements))
        tokens, kinds = encoder.encode(segments)
        assert (tokens.tolist(), (kinds == STEP).tolist()) == encode_segments(tokenizer, segments)
        exercise = "".join(map(text, example.task.targets[1:]))
        assert tokenizer.decode(tokens[kinds == AUXILIARY].tolist()) == exercise


def test_augmentation_keeps_programs_right():
    grids = draw_scenes("objects", 4, np.random.default_rng(0))
    assert len({turned(grids[0], k).tobytes() + bytes(turned(grids[0], k).shape) for k in range(8)}) == 8
    program = shards.read_statements("x1 = keep_color(I, 3)\nx2 = replace_color(x1, 3, 0)")
    inputs, changed = augment(grids, program, np.random.default_rng(1))
    color = changed.statements[0].args[1]
    assert changed.statements[1].args[1:] == (color, 0)
    for name in range(10):  # colour classes are renamed, not mixed
        assert sum((g == name).sum() for g in grids) in [sum((g == other).sum() for g in inputs) for other in range(10)]
    assert sum((g == 0).sum() for g in grids) == sum((g == 0).sum() for g in inputs)
    assert sum((g == 3).sum() for g in grids) == sum((g == color).sum() for g in inputs)


def test_written_text_has_the_probability_it_is_given(documents):
    from solver.training.evaluation import generate, text_log_probability
    from solver.training.models import new_model
    from solver.training.settings import ModelSettings

    small = ModelSettings(width=32, num_layers=1, num_heads=2, num_kv_heads=1, head_size=16, hidden=32, init_std=0.3)
    model = new_model("policy", small, 512, 0).eval()
    tokenizer = load_tokenizer(documents / "tokenizer")
    prompts = [tokenizer.encode("input\n12\nprogram\nx1 ="), tokenizer.encode("program\nx1 =")]
    for is_drawn in (False, True):
        answers = generate(model, tokenizer, prompts * 16, "\n", is_drawn, 3)
        ended = 0
        for prompt, (answer, log_probability) in zip(prompts * 16, answers, strict=True):
            assert answer.endswith("\n")
            again = text_log_probability(model, tokenizer, prompt, answer)
            if tokenizer.decode(tokenizer.encode(answer, add_special_tokens=False)) == answer and len(answer) < 200:
                ended += again == pytest.approx(log_probability, rel=1e-3)
        assert answers == generate(model, tokenizer, prompts * 16, "\n", is_drawn, 3)
        assert ended or not is_drawn


def test_siblings_leave_the_way():
    rng = np.random.default_rng(0)
    found = 0
    for example in examples(iter(sets()), 1, 1000, [0]):
        keys = {value.key for value in example.prefix.values}
        for steps in range(1, len(example.prefix.statements) + 1):
            rival = sibling(example.prefix, steps, rng)
            if rival is not None:
                found += 1
                assert len(rival.statements) == steps
                assert rival.statements[:-1] == example.prefix.statements[: steps - 1]
                assert rival.values[-1].key not in keys
                again = execute(Program(rival.statements), example.prefix.values[0])
                assert again.key == rival.values[-1].key
    assert found > 20


def test_a_policy_learns_to_write_programs_that_run(made, documents, tmp_path, capsys):
    run = tmp_path / "run"
    words = ("--documents", documents, "--held-out", documents, "--held-out-tasks", made, "--run", run)
    settings = ("train.max_steps=60", "train.matrix_rate=0.02", "train.rate=0.003", "train.average=0.9")
    assert command(train_policy, *words, settings=settings) == 0
    (measured,) = [r for r in records(run) if "solved" in r]
    assert measured["held_out_loss"] < 0.2
    assert measured["steps_parsed"] > 0.95
    assert measured["solved"] > 0.7
    out = tmp_path / "weights"
    assert train_policy.main(["export", "--run", str(run), "--out", str(out), "--trained-on", "made-up tasks"]) == 0
    weights = read_weights(out, "policy")
    assert weights.context_length == 512
    assert weights.manifest["steps"] == 60
    capsys.readouterr()
    order = ["measure", "--weights", str(out), "--made", str(made), "--tasks", "12"]
    order += ["--samples", "16", "--ranks", "3", "--out", str(tmp_path / "new" / "slice-0.1")]
    assert train_policy.main(order) == 0
    table = json.loads((tmp_path / "new" / "slice-0.1.json").read_text())
    assert abs(table["at 1"]["solved"] - measured["solved"]) < 0.2  # bf16 in the folder
    assert sorted(table["at 16"]["solved_by_length"]) == ["1", "2", "3"]
    assert list(table) == ["weights", "digest", "tasks", "at 1", "at 16", "ranks", "median_rank"]
    assert (table["tasks"], table["ranks"], table["median_rank"]["all"]) == (12, 1 + 2 + 3, 1)
    assert table["at 16"]["steps_parsed"] < 1  # so that other random numbers would show
    order[-1] = str(tmp_path / "again")
    assert train_policy.main([*order, "--workers", "3"]) == 0
    assert (tmp_path / "again.json").read_text() == (tmp_path / "new" / "slice-0.1.json").read_text()
    assert (tmp_path / "new" / "slice-0.1.png").read_bytes().startswith(b"\x89PNG")
    assert train_policy.main(["export", "--run", str(run), "--out", str(out), "--trained-on", "x"]) == 2


def test_what_can_not_be_measured_is_one_line(made, tmp_path, capsys):
    weights, damaged = tmp_path / "weights", tmp_path / "damaged"
    save_policy(weights)
    shutil.copytree(weights, damaged)
    (damaged / "model.safetensors").write_bytes(b"damaged")
    empty = tmp_path / "empty"
    shards.write_shard(shards.shard_path(tmp_path, 0), [])
    empty.mkdir()
    order = ["measure", "--weights", str(weights), "--made", str(made), "--workers", "2"]
    for words, message in (
        (["--engine", "vllm"], "leave out --workers"),
        (["--device", "cuda"], "leave out --workers"),
        (["--weights", str(damaged)], "model.safetensors"),
        (["--weights", str(tmp_path / "none")], str(tmp_path / "none")),
        (["--made", str(empty)], str(empty)),
        (["--made", str(tmp_path)], "no task"),
        (["--out", str(weights / "config.json" / "table")], "config.json"),
    ):
        assert train_policy.main([*order, *words]) == 2
        told = capsys.readouterr().err
        assert message in told.splitlines()[-1], told
        assert "Traceback" not in told


def test_a_run_goes_on_where_it_stopped(documents, tmp_path):
    for run, stops in ((tmp_path / "whole", [6]), (tmp_path / "parts", [3, 6])):
        for stop in stops:
            settings = (f"train.max_steps={stop}", "train.save_steps=3")  # saving rounds moments, so both save alike
            assert command(train_policy, "--documents", documents, "--run", run, settings=settings) == 0
    assert len(losses(tmp_path / "whole")) == 6
    assert losses(tmp_path / "parts") == losses(tmp_path / "whole")


def test_a_run_that_goes_on_is_changed_by_file_and_assignments(documents, tmp_path):
    run, file = tmp_path / "run", tmp_path / "settings.toml"
    assert command(train_policy, "--documents", documents, "--run", run, settings=("train.max_steps=1",)) == 0
    file.write_text("[train]\nmax_steps = 4\nrate = 0.5\n")
    order = ["train", "--device", "cpu", "--documents", str(documents), "--run", str(run), "--settings", str(file)]
    assert train_policy.main([*order, "--set", "train.max_steps=2"]) == 0
    *_, chosen = (record["settings"] for record in records(run) if "settings" in record)
    assert (chosen["train"]["rate"], chosen["train"]["max_steps"]) == (0.5, 2)
    assert chosen["model"]["width"] == 64  # as it was begun
    assert records(run)[-1]["step"] == 2


def test_an_adapter_goes_on_over_the_weights_that_it_was_begun_with(documents, tmp_path):
    """Also where they are not named again: its checkpoint holds the adapter alone, which fits random weights, too."""
    base, adapter = tmp_path / "base", ("adapter.rank=2", "train.max_steps=1")
    assert command(train_policy, "--documents", documents, "--run", tmp_path / "first", settings=adapter[1:]) == 0
    export = ["export", "--run", str(tmp_path / "first"), "--out", str(base), "--trained-on", "x"]
    assert train_policy.main(export) == 0
    words = ("--documents", documents, "--run", tmp_path / "run")
    assert command(train_policy, *words, "--weights", base, settings=("train.seed=5", *adapter)) == 0
    assert train_policy.main(["train", "--device", "cpu", *map(str, words), "--set", "train.max_steps=2"]) == 0
    assert json.loads((tmp_path / "run" / "facts.json").read_text())["weights"] == str(base)
    whole = ("--documents", documents, "--run", tmp_path / "whole", "--weights", base)
    settings = ("train.seed=5", "adapter.rank=2", "train.max_steps=2", "train.save_steps=1")
    assert command(train_policy, *whole, settings=settings) == 0
    assert losses(tmp_path / "run") == losses(tmp_path / "whole")


def test_minutes_that_are_too_few_for_a_step_are_told(documents, tmp_path, caplog):
    """Else the weights that are exported then would be taken for trained ones."""
    words = ("--documents", documents, "--run", tmp_path / "run")
    assert command(train_policy, *words, "--minutes", "0.1") == 0
    assert "no step was made: the time was too short, of which 20 s are kept" in caplog.text
    assert command(train_policy, *words, settings=("train.max_steps=1",)) == 0
    assert command(train_policy, *words, settings=("train.max_steps=1",)) == 0  # no step, and nothing short
    assert caplog.text.count("no step was made") == 1


def test_a_damaged_checkpoint_is_one_line(documents, tmp_path, capsys):
    words = ("--documents", documents, "--run", tmp_path / "run")
    assert command(train_policy, *words, settings=("train.max_steps=1",)) == 0
    state = tmp_path / "run" / "checkpoint" / "state.json"
    for text in (state.read_text()[:40], "[1]", "3"):
        state.write_text(text)
        capsys.readouterr()
        assert command(train_policy, *words, settings=("train.max_steps=2",)) == 2
        assert "no readable checkpoint" in capsys.readouterr().err


def test_two_processes_are_a_larger_batch(documents, tmp_path):
    few = "train.max_steps=3"
    one = ("--documents", documents, "--run", tmp_path / "one")
    assert command(train_policy, *one, settings=(few, "train.accumulate=2")) == 0
    two = ("--documents", documents, "--run", tmp_path / "two", "--processes", 2, "--port", 29613)
    assert command(train_policy, *two, settings=(few,)) == 0
    assert losses(tmp_path / "two") == pytest.approx(losses(tmp_path / "one"), rel=1e-4)


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU")
def test_no_gpu_is_one_line(documents, tmp_path, capsys):
    order = ["train", "--documents", str(documents), "--run", str(tmp_path), "--device", "cuda"]
    assert train_policy.main(order) == 2
    assert "no GPU number 0" in capsys.readouterr().err


def test_a_ppm_learns_from_pairs_and_from_a_policy(made, documents, tmp_path):
    policy, pairs, run = tmp_path / "policy", tmp_path / "pairs", tmp_path / "run"
    assert command(train_policy, "--documents", documents, "--run", policy, settings=("train.max_steps=1",)) == 0
    start = tmp_path / "weights"
    assert train_policy.main(["export", "--run", str(policy), "--out", str(start), "--trained-on", "x"]) == 0
    assert train_ppm.main(["prepare", "--made", str(made), "--out", str(pairs), "--pairs", "3"]) == 0
    words = ("--documents", pairs, "--held-out", pairs, "--run", run, "--weights", start)
    settings = ("train.max_steps=40", "train.average=0.8", "train.rate=0.003", "train.matrix_rate=0.02")
    assert command(train_ppm, *words, settings=settings) == 0
    (measured,) = [r for r in records(run) if "held_out_right" in r]
    assert measured["held_out_right"] > 0.8
    assert train_ppm.main(["export", "--run", str(run), "--out", str(tmp_path / "ppm"), "--trained-on", "x"]) == 0
    assert read_weights(tmp_path / "ppm", "ppm").kind == "ppm"


def test_what_does_not_go_together_is_one_line(made, documents, tmp_path, capsys):
    """Each ends with exit code 2 and one line that names what is wrong."""
    weights, long, damaged = tmp_path / "weights", tmp_path / "long", tmp_path / "made"
    weights.mkdir()
    new_model("policy", ModelSettings(width=48, num_layers=1), 512, 0).save_pretrained(weights)
    (weights / "model.safetensors").write_bytes(b"damaged")
    write_facts(long, 459, 1)
    facts = json.loads((documents / "facts.json").read_text())
    (long / "facts.json").write_text(json.dumps(facts))
    writer = PartWriter(459)
    writer.add([5] * 2000, [1] * 2000, 1.0)
    writer.write(long, 0)
    damaged.mkdir()
    (damaged / "settings.json").write_text("")
    words = ("--documents", documents, "--run", tmp_path / "run")
    few = ("train.max_steps=1",)
    orders = {
        "no document fits a batch of 16": lambda: command(train_policy, *words, settings=("train.batch_tokens=16",)),
        "groups of 1, but 2 needed": lambda: command(train_ppm, *words, settings=few),
        "a preference model writes no programs": lambda: command(
            train_ppm, *words, "--held-out-tasks", made, settings=few
        ),
        "adapter.modules=none": lambda: command(
            train_policy, *words, settings=("adapter.rank=2", "adapter.modules=none", *few)
        ),
        f"{weights}: no model": lambda: command(train_policy, *words, "--weights", weights, settings=few),
        f"{long}: no document fits": lambda: command(train_policy, *words, "--held-out", long, settings=few),
        "settings.json: damaged": lambda: train_policy.main(
            ["prepare", "--made", str(damaged), "--out", str(tmp_path / "out")]
        ),
    }
    for message, order in orders.items():
        assert order() == 2
        assert message in capsys.readouterr().err.splitlines()[-1]
    assert not (tmp_path / "run" / "log.jsonl").exists()
    with pytest.raises(SystemExit) as ended:
        train_policy.main(["prepare", "--made", str(made), "--out", str(tmp_path / "out"), "--seed", "-1"])
    assert ended.value.code == 2


def test_documents_of_another_vocabulary_are_refused(documents, tmp_path, capsys):
    """Weights, or a run to go on with, whose tokenizer numbers two words the other way round."""
    run, weights, few = tmp_path / "run", tmp_path / "weights", ("train.max_steps=1",)
    assert command(train_policy, "--documents", documents, "--run", run, settings=few) == 0
    assert train_policy.main(["export", "--run", str(run), "--out", str(weights), "--trained-on", "x"]) == 0
    words = ("--documents", documents, "--run")
    assert command(train_policy, *words, tmp_path / "other", "--weights", weights, settings=few) == 0
    for folder in (weights, run / "tokenizer"):
        content = json.loads((folder / "tokenizer.json").read_text())
        known = content["model"]["vocab"]
        first, second = list(known)[100:300:199]
        known[first], known[second] = known[second], known[first]
        (folder / "tokenizer.json").write_text(json.dumps(content))
    capsys.readouterr()
    assert command(train_policy, *words, tmp_path / "new", "--weights", weights, settings=few) == 2
    assert command(train_policy, *words, run, settings=few) == 2
    lines = [line for line in capsys.readouterr().err.splitlines() if "other tokens than" in line]
    assert [folder in line for folder, line in zip((str(weights), str(run)), lines, strict=True)] == [True, True]


def test_an_error_of_one_of_several_processes_is_one_line(documents, tmp_path, capfd):
    words = ("--documents", documents, "--run", tmp_path / "run", "--processes", 2, "--port", 29617)
    assert command(train_policy, *words, settings=("train.batch_tokens=16",)) == 2
    told = capfd.readouterr().err
    assert "no document fits a batch of 16" in told
    assert "Traceback" not in told


def test_a_loss_that_is_not_finite_is_one_line(documents, tmp_path, capsys):
    settings = ("train.max_steps=30", "train.rate=10", "train.optimizer=adamw", "train.clip=1e9")
    words = ("--documents", documents, "--run", tmp_path / "run")
    assert command(train_policy, *words, settings=(*settings, "model.init_std=1.0")) == 2
    assert "nan at step" in capsys.readouterr().err.splitlines()[-1]


def test_bad_input_is_one_line(made, documents, tmp_path, capsys):
    run = ("--run", tmp_path / "run")
    assert command(train_policy, "--documents", tmp_path, *run) == 2
    assert command(train_policy, "--documents", documents, *run, "--resume", tmp_path) == 2
    assert command(train_policy, "--documents", documents, *run, settings=("train.schedule=cosine",)) == 2
    assert command(train_policy, "--documents", documents, *run, "--weights", tmp_path) == 2
    (tmp_path / "ended").mkdir()
    (tmp_path / "ended" / "stop").touch()
    assert command(train_policy, "--documents", documents, "--run", tmp_path / "ended") == 2
    assert "stop: has ended a run" in capsys.readouterr().err
    assert train_policy.main(["prepare", "--made", str(made), "--out", str(documents)]) == 2
    assert train_policy.main(["export", "--run", str(tmp_path), "--out", str(tmp_path / "w"), "--trained-on", "x"]) == 2
    lines = capsys.readouterr().err.strip().splitlines()
    assert sum("InputError" in line or "Traceback" in line for line in lines) == 0


def test_a_folder_that_is_not_there_is_not_looked_for_on_the_network(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    for folder in (Path("somebody/model"), Path("model")):
        for load in (load_tokenizer, partial(load_model, "policy"), partial(load_model, "ppm")):
            with pytest.raises(InputError, match="no such folder"):
                load(folder)


@pytest.mark.parametrize("kind", ["policy", "ppm"])
def test_an_adapter_is_merged_into_its_base(kind, made, documents, tmp_path, capsys):
    from peft import PeftModel

    tool = {"policy": train_policy, "ppm": train_ppm}[kind]
    learned = documents
    if kind == "ppm":
        learned = tmp_path / "pairs"
        assert tool.main(["prepare", "--made", str(made), "--out", str(learned)]) == 0
    first, second, base, adapter, merged = (tmp_path / k for k in ("first", "second", "base", "adapter", "merged"))
    assert command(tool, "--documents", learned, "--run", first, settings=("train.max_steps=1",)) == 0
    assert tool.main(["export", "--run", str(first), "--out", str(base), "--trained-on", "x"]) == 0
    settings = ("train.max_steps=8", "train.rate=0.01", "train.average=0", "adapter.rank=4")
    words = ("--documents", learned, "--run", second, "--weights", base)
    assert command(tool, *words, settings=settings) == 0
    assert losses(second)[-1] < losses(second)[0]
    assert tool.main(["export", "--run", str(second), "--out", str(adapter), "--trained-on", "x"]) == 0
    order = ["--adapter", str(adapter), "--base", str(base), "--out", str(merged), "--trained-on", "x"]
    assert merge_lora.main(order) == 0
    tokens = torch.randint(4, 40, (32, 36), generator=torch.Generator().manual_seed(0))  # one alone may change little
    with torch.no_grad(), quietly():
        apart = PeftModel.from_pretrained(load_model(kind, base), adapter)(tokens).logits
        whole = load_model(kind, read_weights(merged, kind).folder)(tokens).logits
        before = load_model(kind, base)(tokens).logits
    assert torch.allclose(whole, apart, atol=0.05)
    assert not torch.allclose(whole, before, atol=0.05)
    assert merge_lora.main(order) == 2  # is there already
    assert merge_lora.main([*order[:1], str(base), *order[2:]]) == 2  # no adapter
    (adapter / "training.json").write_text("[1]")
    assert merge_lora.main([*order[:5], str(tmp_path / "other"), *order[6:]]) == 2
    assert "no exported adapter" in capsys.readouterr().err
    words = ("--documents", learned, "--weights", base, "--adapter", adapter, "--run")
    assert command(tool, *words, tmp_path / "third", settings=settings) == 0
    assert losses(tmp_path / "third")[0] < losses(second)[0]  # begins with what the adapter has learned
    assert command(tool, *words, tmp_path / "fourth", settings=(*settings, "adapter.rank=2")) == 2
    assert command(tool, *words, tmp_path / "fourth", settings=(*settings, "adapter.alpha=8")) == 2
    assert command(tool, *words, tmp_path / "fourth", settings=settings[:3]) == 2  # whole
    assert "Traceback" not in capsys.readouterr().err


def test_a_head_is_fitted_again_over_a_base_that_has_learned(made, documents, tmp_path, capsys):
    from solver.lm.adapter import read_adapter
    from solver.training.head import fit_head, measure_head

    pairs, ppm_run, adapter, out = (tmp_path / name for name in ("pairs", "run", "adapter", "out"))
    bases = [tmp_path / "base", tmp_path / "later"]
    for base, seed in zip(bases, (0, 1)):
        settings = ("train.max_steps=2", f"train.seed={seed}")
        assert command(train_policy, "--documents", documents, "--run", tmp_path / f"r{seed}", settings=settings) == 0
        order = ["export", "--run", str(tmp_path / f"r{seed}"), "--out", str(base), "--trained-on", "x"]
        assert train_policy.main(order) == 0
    assert train_ppm.main(["prepare", "--made", str(made), "--out", str(pairs)]) == 0
    settings = ("train.max_steps=4", "adapter.rank=2")
    words = ("--documents", pairs, "--run", ppm_run, "--weights", bases[0])
    assert command(train_ppm, *words, settings=settings) == 0
    assert train_ppm.main(["export", "--run", str(ppm_run), "--out", str(adapter), "--trained-on", "x"]) == 0
    order = ["head", "--adapter", adapter, "--weights", bases[1], "--documents", pairs, "--ridge", "1e-4"]
    order = [*map(str, order), "--trained-on", "x", "--out"]
    capsys.readouterr()
    assert train_ppm.main([*order, str(out)]) == 0
    facts = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert facts["loss"] < facts["loss_before"]
    assert facts["right"] >= facts["right_before"]
    assert json.loads((out / "training.json").read_text())["head"] == facts
    assert (out / "log.jsonl").read_text() == (ppm_run / "log.jsonl").read_text()
    assert len({path.stat().st_mode for folder in (adapter, out) for path in folder.glob("*.*")}) == 1  # as new files
    merged = read_adapter(out, "ppm", read_weights(bases[1], "policy"))
    assert merged.manifest["base"] == read_weights(bases[1], "policy").digest
    assert train_ppm.main([*order, str(out)]) == 2  # is there already
    assert train_ppm.main([*order, str(tmp_path / "short"), "--max-tokens", "1"]) == 2
    assert train_ppm.main([*order[:2], str(bases[0]), *order[3:], str(tmp_path / "none")]) == 2  # no adapter
    assert train_ppm.main([*order, str(tmp_path / "none"), "--documents", str(documents)]) == 2
    assert capsys.readouterr().err.splitlines()[-1].endswith("groups of 1, but 2 needed: preference pairs")
    with pytest.raises(SystemExit) as ended:
        train_ppm.main([*order, str(tmp_path / "none"), "--seed", "-1"])
    assert ended.value.code == 2
    foreign = tmp_path / "foreign"
    shutil.copytree(pairs, foreign)
    content = json.loads((foreign / "tokenizer" / "tokenizer.json").read_text())
    known = content["model"]["vocab"]
    first, second = list(known)[100:300:199]
    known[first], known[second] = known[second], known[first]
    (foreign / "tokenizer" / "tokenizer.json").write_text(json.dumps(content))
    for words in (["--documents", str(foreign)], ["--held-out", str(foreign)]):
        assert train_ppm.main([*order, str(tmp_path / "none"), *words]) == 2
        assert f"{foreign}: other tokens than {bases[1]}" in capsys.readouterr().err.splitlines()[-1]
    (adapter / "adapter_model.safetensors").write_bytes(b"damaged")
    assert train_ppm.main([*order, str(tmp_path / "none")]) == 2
    words = ["--adapter", adapter, "--base", bases[0], "--out", tmp_path / "none", "--trained-on", "x"]
    assert merge_lora.main(list(map(str, words))) == 2
    assert not (tmp_path / "none").exists()
    assert "Traceback" not in capsys.readouterr().err
    torch.manual_seed(0)
    truth, features = torch.randn(8), torch.randn(400, 2, 8)
    better = ((features[:, 0] - features[:, 1]) @ truth > 0).long()
    features = torch.stack([features[torch.arange(400), 1 - better], features[torch.arange(400), better]], dim=1)
    fitted = fit_head(features, torch.zeros(8), 1e-3)
    assert measure_head(features, fitted)["right"] > 0.95
    assert torch.allclose(fit_head(features, truth, 1e6), truth, atol=1e-3)  # held where it was


def test_a_preference_model_learns_on_over_a_policy_that_has_learned_on(made, documents, tmp_path, capsys):
    """As the cards of the shipped weights say: the exported adapter over the policy's next weights, the rate falling to
    0; a run that stops on the way goes on from its own checkpoint, with nothing named again."""
    from solver.lm.adapter import read_adapter

    pairs = tmp_path / "pairs"
    policies, ppms = [tmp_path / "policy1", tmp_path / "policy2"], [tmp_path / "ppm1", tmp_path / "ppm2"]

    def exported(tool, run, out):
        assert tool.main(["export", "--run", str(run), "--out", str(out), "--trained-on", "x"]) == 0
        return out

    fast = ("train.average=0", "train.rate=0.003", "train.matrix_rate=0.02")
    for out, words in ((policies[0], ()), (policies[1], ("--weights", policies[0]))):
        run, settings = tmp_path / f"run-{out.name}", ("train.max_steps=4", "train.decay_steps=2", *fast)
        assert command(train_policy, "--documents", documents, "--run", run, *words, settings=settings) == 0
        assert [r["rate_share"] for r in records(run) if "rate_share" in r] == [0.4, 0.6, 0.4, 0]
        exported(train_policy, run, out)
    assert train_ppm.main(["prepare", "--made", str(made), "--out", str(pairs), "--pairs", "3"]) == 0
    first = ("--documents", pairs, "--run", tmp_path / "run1", "--weights", policies[0])
    assert command(train_ppm, *first, settings=("train.max_steps=40", "adapter.rank=4", *fast)) == 0
    exported(train_ppm, tmp_path / "run1", ppms[0])
    run = tmp_path / "run2"
    over = ("--documents", pairs, "--held-out", pairs, "--run", run, "--weights", policies[1], "--adapter", ppms[0])
    settings = ("train.max_steps=3", "adapter.rank=4", "train.decay_steps=3", *fast)
    assert command(train_ppm, *over, settings=settings) == 0
    assert command(train_ppm, *over[:4], "--run", tmp_path / "new", *over[6:8], settings=settings) == 0
    begun, new = ([r for r in records(folder) if "held_out_loss" in r][-1] for folder in (run, tmp_path / "new"))
    assert begun["held_out_loss"] < 0.8 * new["held_out_loss"]
    order = ["train", "--device", "cpu", "--documents", str(pairs), "--run", str(run), "--set", "train.max_steps=6"]
    assert train_ppm.main(order) == 0
    assert records(run)[-1]["step"] == 6
    ppm = read_adapter(exported(train_ppm, run, ppms[1]), "ppm", read_weights(policies[1], "policy"))
    assert ppm.manifest["base"] == read_weights(policies[1], "policy").digest
    for (before, after), own in ((policies, tmp_path / "run-policy2"), (ppms, run)):
        assert (after / "log.jsonl").read_text() == (own / "log.jsonl").read_text()
        assert (after / "log-1.jsonl").read_text() == (before / "log.jsonl").read_text()
        assert [len([*folder.glob("log-*.jsonl")]) for folder in (before, after)] == [0, 1]
        assert "log-1.jsonl" in json.loads((after / "solver.json").read_text())["files"]
    assert "run1" not in (ppms[1] / "training.json").read_text()
    with pytest.raises(InputError, match="of other weights"):
        read_adapter(ppms[1], "ppm", read_weights(policies[0], "policy"))
    for wrong, message in ((policies[0], "no adapter"), (tmp_path / "none", "no adapter")):
        words = (*over[:4], "--run", tmp_path / "run3", "--weights", policies[1], "--adapter", wrong)
        assert command(train_ppm, *words, settings=settings) == 2
        assert message in capsys.readouterr().err.splitlines()[-1]


def test_token_histogram(made, tmp_path, capsys):
    out = tmp_path / "tokens.png"
    assert token_histogram.main(["--made", str(made), "--context", "100", "--out", str(out)]) == 0
    assert out.read_bytes().startswith(b"\x89PNG")
    told = capsys.readouterr().out
    assert told.startswith("12 tasks")
    tokenizer = load_tokenizer_of(tmp_path)
    sizes = [len(tokenizer.encode(task_text(e.task))) for e in examples(iter(sets()), 1, 1000, [0])]
    assert f"100%: {max(sizes)}" in told
    assert token_histogram.main(["--set", "arc-agi-1/evaluation", "--out", str(out)]) == 2
    assert token_histogram.main(["--made", str(made), "--out", str(tmp_path / "tokens.txt")]) == 2
    assert "tokens.txt: Format 'txt' is not supported" in capsys.readouterr().err


def test_token_histogram_counts_no_evaluation_task(tmp_path, capsys):
    """The ARC-AGI-2 training set holds most of ARC-AGI-1's: they are evaluated on under another name."""
    assert token_histogram.main(["--set", "arc-agi-2/training", "--out", str(tmp_path / "tokens.png")]) == 0
    evaluated = {task.task_id for task in load_set("arc-agi-1/evaluation")}
    ids = {task.task_id for task in load_set("arc-agi-2/training")}
    told = int(capsys.readouterr().out.partition(" tasks")[0])
    assert 600 < told <= len(ids - evaluated) < len(ids)


def load_tokenizer_of(folder: Path):
    save_tokenizer(folder / "tokenizer")
    return load_tokenizer(folder / "tokenizer")
