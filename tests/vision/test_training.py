"""Model shapes, learning, exact resume, weights folders, and the command's settings."""

import importlib.util
import json
import os
import resource
import stat
import subprocess
import sys
from dataclasses import asdict, replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import orjson
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from solver.answers import Ballot, TaskResult  # noqa: E402
from solver.errors import InputError, SettingsError  # noqa: E402
from solver.learning.checkpoint import read_facts, save_checkpoint  # noqa: E402
from solver.learning.optimizer import Optimizer, orthogonalize  # noqa: E402
from solver.learning.packing import GROUP, LEVELS, packed, unpacked  # noqa: E402
from solver.learning.steps import autocast  # noqa: E402
from solver.run.results import to_json  # noqa: E402
from solver.vision import FORMAT, KIND  # noqa: E402
from solver.vision.data import PackedPairs, TrainingData  # noqa: E402
from solver.vision.model import LoopedModel, ModelConfig, grown, rotary_table, rotate  # noqa: E402
from solver.vision.samples import MixedSampler, Pools, Sampler  # noqa: E402
from solver.vision.training import TrainConfig, Training, config_from, validate  # noqa: E402
from solver.vision.tuning import TuningConfig  # noqa: E402
from solver.vision.variants import Variants, ViewTable, change_grids, draw_variants  # noqa: E402
from solver.vision.views import SYMMETRIES, View  # noqa: E402
from solver.vision.weights import load_weights, save_weights  # noqa: E402
from solver.weights import seal  # noqa: E402

TOOL = Path(__file__).parents[2] / "tools" / "train_vision.py"
CPU = torch.device("cpu")
TINY_MODEL = ModelConfig(width=32, num_heads=2, num_loops=2, hidden=16, max_canvas=48, num_tasks=60)
TINY = TrainConfig(
    model=TINY_MODEL, canvas=32, batch=4, compile=False, autocast=False, warmup_steps=3, log_steps=2,
    validate_samples=16, save_samples=1_000_000,
)  # fmt: skip


def load_tool():
    spec = importlib.util.spec_from_file_location("train_vision", TOOL)
    tool = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(tool)
    return tool


def tiny_data():
    rng = np.random.default_rng(0)
    pairs = []
    for task in range(3):
        for _ in range(5):
            grid = rng.integers(0, 10, rng.integers(1, 8, 2), dtype=np.uint8)
            pairs.append((task, (grid, np.rot90(grid, task).copy())))
    ids = ("a", "b", "c")
    return TrainingData(PackedPairs.pack(pairs, ids), PackedPairs.pack(pairs[::5], ids))


def records_of(folder):
    return [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]


def assert_resumed_alike(whole, config, data, folder):
    """A run of 24 samples that is taken up again ends at 48 as one in one piece."""
    Training(replace(config, max_samples=24), data, CPU).run(folder)
    resumed = Training(replace(config, max_samples=48), data, CPU)
    resumed.resume(folder / "checkpoint")
    resumed.run(folder)
    for key, tensor in whole.live_state().items():
        assert torch.equal(tensor, resumed.live_state()[key]), key


def losses(folder):
    return {r["step"]: r["loss"] for r in records_of(folder) if "loss" in r}


def test_packed_pairs_round_trip(tmp_path):
    data = tiny_data()
    data.save(tmp_path)
    loaded = TrainingData.load(tmp_path).train
    assert loaded.task_ids == ("a", "b", "c")
    np.testing.assert_array_equal(loaded.padded(), data.train.padded())
    with pytest.raises(ValueError, match=r"outside 0\.\.9"):
        PackedPairs.pack([(0, (np.full((1, 1), 10, np.uint8), np.zeros((1, 1), np.uint8)))], ["x"])


@pytest.mark.parametrize("canvas", [32, 48])
def test_the_model_scores_every_canvas_cell(canvas):
    model = LoopedModel(TINY_MODEL)
    canvases, tasks = torch.randint(0, 11, (3, canvas, canvas)), torch.tensor([0, 1, 59])
    assert model(canvases, tasks).shape == (3, (canvas // 2) ** 2, 48)
    predicted = model.predict(canvases, tasks, num_loops=1)
    assert predicted.shape == canvases.shape
    assert int(predicted.max()) <= 11


def test_both_ways_to_convolve_agree():
    model = LoopedModel(TINY_MODEL)
    other = LoopedModel(replace(TINY_MODEL, depthwise="conv"))
    for name, p in model.named_parameters():
        if name.endswith("kernel"):
            p.data.normal_()
    other.load_state_dict(model.state_dict())
    canvases, tasks = torch.randint(0, 11, (2, 32, 32)), torch.tensor([0, 1])
    torch.testing.assert_close(model(canvases, tasks), other(canvases, tasks), rtol=1e-3, atol=1e-4)


def test_bf16_is_used_where_the_device_has_it(monkeypatch):
    ones = torch.ones(2, 2)
    for wanted, dtype in ((True, torch.bfloat16), (False, torch.float32)):
        with autocast(CPU, wanted):
            assert (ones @ ones).dtype == dtype
    asked = []
    monkeypatch.setattr(torch, "autocast", lambda kind, dtype, enabled: asked.append(enabled))
    for own in (True, False):
        monkeypatch.setattr(torch.cuda, "is_bf16_supported", lambda including_emulation, own=own: own)
        autocast(torch.device("cuda"), True)
    assert asked == [True, False]


def test_rotation_depends_on_differences_of_position_alone():
    table = rotary_table(6, 16, 10_000.0)
    query, key = torch.randn(16), torch.randn(16)

    def product(a, b):
        tokens = [1 + 6 * y + x for y, x in (a, b)]
        turned = [rotate(v.view(1, 1, 1, 16), table[:, t : t + 1]) for v, t in zip((query, key), tokens)]
        return float((turned[0] * turned[1]).sum())

    assert product((1, 2), (3, 1)) == pytest.approx(product((2, 4), (4, 3)), rel=1e-4)
    assert torch.equal(rotate(query.view(1, 1, 1, 16), table[:, :1]).flatten(), query)


def test_orthogonalized_matrices_have_singular_values_near_one():
    values = torch.linalg.svdvals(orthogonalize(torch.randn(2, 24, 40)).float())
    assert float(values.min()) > 0.5
    assert float(values.max()) < 1.4


def test_muon_steps_every_map_of_a_matrix_along_its_nearest_orthogonal_one():
    """Queries, keys and values apart, value and gate apart, tall matrices as well as wide ones."""
    torch.manual_seed(0)
    model = LoopedModel(TINY_MODEL)
    optimizer = Optimizer(model, "muon", momentum=0.0)
    before = {key: p.detach().clone() for key, p in optimizer.matrices.items()}
    for p in model.parameters():
        p.grad = torch.randn_like(p)
    optimizer.step(0.0, 0.01)
    assert {key.rsplit(".", 2)[-2] for key in before} == {"qkv", "out", "enter", "leave"}
    for key, p in optimizer.matrices.items():
        parts = {"qkv": 3, "enter": 2}.get(key.rsplit(".", 2)[-2], 1)
        for step, gradient in zip((p.detach() - before[key]).chunk(parts), p.grad.chunk(parts), strict=True):
            u, _, v = torch.linalg.svd(gradient, full_matrices=False)
            scale = 0.01 * 0.2 * max(gradient.shape) ** 0.5
            along = (step * -(u @ v)).sum() / (scale * min(gradient.shape))
            assert float(along) == pytest.approx(1.0, abs=0.2)
            assert float((step / scale).norm(2)) ** 2 == pytest.approx(min(gradient.shape), rel=0.4)


@pytest.mark.parametrize("name", ["adamw", "muon"])
def test_steps_on_one_batch_lower_its_loss(name):
    torch.manual_seed(0)
    model = LoopedModel(TINY_MODEL)
    optimizer = Optimizer(model, name)
    canvases, tasks = torch.randint(0, 11, (2, 32, 32)), torch.tensor([0, 1])
    targets = (canvases + 1) % 10
    seen = []
    for _ in range(12):
        loss = model.loss(canvases, tasks, targets)
        seen.append(loss.item())
        model.zero_grad()
        loss.backward()
        optimizer.step(3e-3, 3e-3)
    assert seen[1] < seen[0]
    assert seen[-1] < 0.8 * seen[0]


def test_each_pair_comes_once_an_epoch():
    sampler = Sampler(7, seed=1)
    drawn = torch.cat([sampler.indices(first, 5) for first in range(0, 21, 5)])[:21].tolist()
    for epoch in range(3):
        assert sorted(drawn[7 * epoch : 7 * epoch + 7]) == list(range(7))
    assert Sampler(7, seed=1).indices(9, 4).tolist() == drawn[9:13]
    assert [part.tolist() for part in Sampler(7, seed=1).indices(0, 20).split(5)] == [
        drawn[i : i + 5] for i in (0, 5, 10, 15)
    ]


@pytest.mark.parametrize("optimizer", ["adamw", "muon"])
def test_a_resumed_run_goes_on_exactly(tmp_path, optimizer):
    data = tiny_data()
    config = replace(TINY, optimizer=optimizer, log_steps=1)
    whole = Training(replace(config, save_samples=24, max_samples=48), data, CPU)
    whole.run(tmp_path / "whole")

    Training(replace(config, max_samples=24), data, CPU).run(tmp_path / "parts")
    resumed = Training(replace(config, max_samples=48, seed=0), data, CPU)
    resumed.resume(tmp_path / "parts" / "checkpoint")
    assert (resumed.step, resumed.samples) == (6, 24)
    resumed.run(tmp_path / "parts")

    expected, seen = losses(tmp_path / "whole"), losses(tmp_path / "parts")
    assert list(expected) == list(range(1, 13))
    assert seen == expected
    for key, tensor in whole.live_state().items():
        assert torch.equal(tensor, resumed.live_state()[key]), key


def test_a_run_that_has_all_its_samples_makes_no_further_step(tmp_path):
    data, config = tiny_data(), replace(TINY, max_samples=16)
    whole = Training(config, data, CPU)
    whole.run(tmp_path)
    again = Training(config, data, CPU)
    again.resume(tmp_path / "checkpoint")
    again.run(tmp_path)
    assert (again.step, again.samples) == (4, 16)
    assert read_facts(tmp_path / "checkpoint")["samples"] == 16
    for key, tensor in whole.live_state().items():
        assert torch.equal(tensor, again.live_state()[key]), key


def test_a_run_goes_on_from_shipped_weights(tmp_path):
    data = tiny_data()
    config = replace(TINY, warmup_steps=4)
    shipped = LoopedModel(config.model)
    shipped.reset_parameters(torch.Generator().manual_seed(7))
    training = Training(replace(config, log_steps=1, max_samples=100 + 4 * config.batch), data, CPU)
    training.start_from(shipped, step=50, samples=100)
    assert torch.equal(training.averaged.tasks, shipped.tasks)
    assert (training.step, training.samples) == (50, 100)
    training.run(tmp_path / "run")
    records = records_of(tmp_path / "run")
    assert [r["rate_share"] for r in records if "loss" in r] == [0.5, 0.75, 1.0, 1.0]

    again = Training(config, data, CPU)
    again.resume(tmp_path / "run" / "checkpoint")
    assert (again.step, again.warm_from) == (54, 50)
    with pytest.raises(ValueError, match="weights of"):
        Training(config, data, CPU).start_from(LoopedModel(ModelConfig()), step=1, samples=1)


@pytest.mark.parametrize(("larger", "new"), [({"num_layers": 3}, "cores.0.layers.2."), ({"num_cores": 2}, "cores.1.")])
def test_weights_can_grow_and_compute_the_same_at_first(larger, new):
    data = tiny_data()
    shipped = LoopedModel(TINY_MODEL)
    shipped.reset_parameters(torch.Generator().manual_seed(7))
    training = Training(replace(TINY, model=replace(TINY_MODEL, **larger)), data, CPU)
    training.start_from(shipped, step=50, samples=100)
    canvases = torch.randint(0, 12, (3, 32, 32), generator=torch.Generator().manual_seed(0))
    tasks = torch.tensor([0, 1, 2])
    for model in (training.model, training.averaged):
        assert torch.equal(model(canvases, tasks), shipped(canvases, tasks))
    before = {key: tensor.clone() for key, tensor in training.model.named_parameters()}
    for _ in range(3):
        training.train_step()
    moved = {key for key, tensor in training.model.named_parameters() if not torch.equal(tensor, before[key])}
    assert moved == before.keys()
    assert sum(key.startswith(new) for key in moved) > 4
    with pytest.raises(ValueError, match="weights of"):
        Training(TINY, data, CPU).start_from(training.averaged, step=1, samples=1)


def test_copied_cores_part_and_each_has_its_loops():
    shipped = LoopedModel(replace(TINY_MODEL, num_cores=1, num_loops=4))
    config = replace(shipped.config, num_cores=2)
    model = LoopedModel(config)
    model.load_state_dict(grown(shipped, config))
    calls = []
    model.run_cores = [
        lambda *args, k=k, core=core: calls.append(k) or core(*args) for k, core in enumerate(model.cores)
    ]
    canvases, tasks = torch.zeros(1, 32, 32, dtype=torch.int64), torch.tensor([0])
    model(canvases, tasks)
    assert calls == [0, 1, 0, 1]
    again = replace(config, num_cores=4)
    four = grown(model, again)
    key = "layers.0.attention.qkv.weight"
    assert torch.equal(four[f"cores.3.{key}"], four[f"cores.1.{key}"])
    with pytest.raises(ValueError, match="weights of"):
        grown(model, replace(config, num_cores=3))
    with pytest.raises(ValueError, match="num_cores 5 must be within"):
        replace(config, num_cores=5)


def test_dropout_is_for_training_alone_and_resumes_exactly(tmp_path):
    data = tiny_data()
    config = replace(TINY, dropout=0.3, log_steps=1, save_samples=24)
    whole = Training(replace(config, max_samples=48), data, CPU)
    whole.run(tmp_path / "whole")
    Training(replace(config, max_samples=24), data, CPU).run(tmp_path / "parts")
    resumed = Training(replace(config, max_samples=48), data, CPU)
    resumed.resume(tmp_path / "parts" / "checkpoint")
    resumed.run(tmp_path / "parts")
    assert losses(tmp_path / "whole") == losses(tmp_path / "parts")
    plain = Training(replace(config, dropout=0.0, max_samples=48), data, CPU)
    plain.run(tmp_path / "plain")
    assert losses(tmp_path / "plain") != losses(tmp_path / "whole")
    assert all(layer.dropout == 0.0 for layer in whole.averaged.layers())


def test_a_slice_ends_with_a_decay_by_the_clock_and_either_checkpoint_goes_on(tmp_path, monkeypatch):
    data = tiny_data()
    config = replace(TINY, batch=1, log_steps=1, validate_samples=10**6)
    training = Training(config, data, CPU)
    clock = SimpleNamespace(monotonic=lambda: float(training.step))  # a step takes a second
    monkeypatch.setattr("solver.vision.training.time", clock)
    monkeypatch.setattr("solver.vision.training.CHECK_STEPS", 4)
    training.run(tmp_path, deadline=20, decay_from=6)
    before, after = (read_facts(tmp_path / name) for name in ("checkpoint-before-decay", "checkpoint"))
    assert (before["step"], before["clock_share"]) == (8, 1.0)
    assert (after["step"], after["clock_share"]) == (20, pytest.approx(1 / 3.5))
    records = records_of(tmp_path)
    shares = {r["step"]: r["rate_share"] for r in records if "loss" in r}
    middles = [shares[step] for step in (6, 10, 14, 18)]
    assert middles == pytest.approx([1.0, 3 / 3.5, 2 / 3.5, 1 / 3.5], abs=1e-4)
    assert [r["step"] for r in records if "val_loss" in r] == [before["step"], after["step"]]
    measured = validate(training.model, training.validation, config)
    assert records[-1]["raw_loss"] == pytest.approx(measured.loss, abs=1e-5)
    assert records[-1]["raw_loss"] != records[-1]["val_loss"]

    for name, warm_from in (("checkpoint-before-decay", 0), ("checkpoint", after["step"])):
        again = Training(config, data, CPU)
        again.resume(tmp_path / name)
        assert (again.clock_share, again.warm_from) == (1.0, warm_from)
        assert (again.rate_share() == 1.0) == (warm_from == 0)


def test_a_decay_needs_an_end(tmp_path, capsys):
    with pytest.raises(ValueError, match="needs a deadline"):
        Training(TINY, tiny_data(), CPU).run(tmp_path, decay_from=1.0)
    assert load_tool().main(["train", "--data", "d", "--run", "r", "--decay-share", "0.25"]) == 2
    assert "needs --minutes" in capsys.readouterr().err


@pytest.mark.parametrize(
    "words",
    [
        ["prepare", "--re-arc", "{dir}/absent", "--out", "{dir}/data"],
        ["train", "--data", "{dir}/absent", "--run", "{dir}/run", "--device", "cpu"],
        ["train", "--data", "{dir}/spoilt", "--run", "{dir}/run", "--device", "cpu"],
        ["train", "--data", "{dir}/absent", "--run", "{dir}/run", "--device", "cpu", "--set", "nothing=1"],
        ["train", "--data", "{dir}/absent", "--run", "{dir}/run", "--device", "cpu", "--resume", "{dir}/absent"],
        ["train", "--data", "{dir}/absent", "--run", "{dir}/run", "--device", "cpu", "--weights", "{dir}/absent"],
        ["choose", "--runs", "{dir}/absent"],
        ["choose", "--runs", "{dir}/spoilt"],
        ["export", "--run", "{dir}/absent", "--out", "{dir}/weights"],
        ["export", "--run", "{dir}/policy", "--out", "{dir}/weights"],
        ["plot", "--run", "{dir}/absent", "--out", "{dir}/picture.png"],
        ["plot", "--run", "{dir}/begun", "--out", "{dir}/picture.png"],
        ["plot", "--run", "{dir}/run", "--out", "{dir}/picture.txt"],
        ["tune", "--out", "{dir}/tune.jsonl", "--device", "cpu", "--weights", "{dir}/absent"],
        ["tune", "--out", "{dir}/tune.jsonl", "--device", "cpu", "--tasks-from", "{dir}/hidden.json"],
        ["tune", "--out", "{dir}/tune.jsonl", "--device", "none"],
        ["train", "--data", "{dir}/absent", "--run", "{dir}/run", "--device", "cpu", "--processes", "0"],
        *([] if torch.cuda.is_available() else [["tune", "--out", "{dir}/tune.jsonl"]]),
    ],
)
def test_bad_input_is_one_line(tmp_path, capsys, words):
    (tmp_path / "spoilt").mkdir()
    for name in ("train.npz.xz", "validation.npz.xz", "log.jsonl"):
        (tmp_path / "spoilt" / name).write_bytes(b"spoilt")
    for name, measured in (("begun", {}), ("run", {"val_loss": 1.0, "val_exact": 0.5})):
        (tmp_path / name).mkdir()
        (tmp_path / name / "log.jsonl").write_text(json.dumps({"samples": 1, "loss": 2.0, **measured}) + "\n")
    save_checkpoint(tmp_path / "policy" / "checkpoint", {"weights/x": torch.zeros(1)}, {"settings": {}})
    pair = {"input": [[1]], "output": [[1]]}
    (tmp_path / "hidden.json").write_text(json.dumps({"one": {"train": [pair], "test": [{"input": [[1]]}]}}))
    assert load_tool().main([word.replace("{dir}", str(tmp_path)) for word in words]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith("train_vision: ")


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["--set", "made_share=0.2"], "made_share is 0.2, but the data hold no made-up tasks"),
        (["--set", "model.num_tasks=2"], "3 tasks, but num_tasks is 2"),
        (["--weights", "{dir}/trained", "--set", "model.width=64"], "weights of ModelConfig"),
        (["--weights", "{dir}/foreign"], "{dir}/foreign: solver.json does not name training, steps, samples"),
        (["--resume", "{dir}/older"], "{dir}/older: no checkpoint of the vision model (unknown settings: loops)"),
        (["--resume", "{dir}/policy"], "{dir}/policy: no checkpoint of the vision model ('config')"),
        (["--run", "{dir}/ended"], "{dir}/ended/stop: has ended a run"),
    ],
)
def test_what_does_not_go_together_is_one_line(tmp_path, capsys, words, told):
    tiny_data().save(tmp_path / "data")
    facts = {"canvas": 32, "trained_on": "nothing", "licence": "MIT-0"}
    settings = {key: value for key, value in asdict(TINY).items() if key != "model"}
    own = {"training": settings, "steps": 1, "samples": 4}
    for name, more in (("foreign", {}), ("trained", own)):
        save_weights(tmp_path / name, LoopedModel(TINY_MODEL).state_dict(), TINY_MODEL, facts | more)
    (tmp_path / "ended").mkdir()
    (tmp_path / "ended" / "stop").touch()
    save_checkpoint(tmp_path / "older", {"weights/x": torch.zeros(1)}, {"config": {"loops": 6}})
    save_checkpoint(tmp_path / "policy", {"weights/x": torch.zeros(1)}, {"settings": {}})
    command = ["train", "--data", "{dir}/data", "--run", "{dir}/run", "--device", "cpu", *words]
    assert load_tool().main([word.replace("{dir}", str(tmp_path)) for word in command]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert line.startswith(f"train_vision: {told.replace('{dir}', str(tmp_path))}")


def test_a_log_is_drawn(tmp_path):
    records = [{"samples": 1000 * k, "loss": 2.0 / k, "val_loss": 2.1 / k, "val_exact": k / 10} for k in (1, 2, 3)]
    (tmp_path / "log.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    assert load_tool().main(["plot", "--run", str(tmp_path), "--out", str(tmp_path / "curve.png")]) == 0
    assert (tmp_path / "curve.png").read_bytes().startswith(b"\x89PNG")


@pytest.mark.parametrize("better", ["raw", "averaged"])
def test_what_validated_better_is_exported(tmp_path, better):
    training = Training(replace(TINY, max_samples=40), tiny_data(), CPU)
    training.run(tmp_path / "run")
    path = tmp_path / "run" / "log.jsonl"
    *earlier, last = records_of(tmp_path / "run")
    last |= {"val_loss": 1.0, "raw_loss": 0.5 if better == "raw" else 1.0}
    path.write_text("".join(json.dumps(record) + "\n" for record in [*earlier, last]))
    load_tool().main(["export", "--run", str(tmp_path / "run"), "--out", str(tmp_path / "weights")])
    exported, manifest = load_weights(tmp_path / "weights")
    expected = training.model if better == "raw" else training.averaged
    assert not torch.equal(training.model.tasks, training.averaged.tasks)
    assert torch.equal(exported.tasks, as_stored(expected.tasks))
    assert manifest["averaged"] == (better == "averaged")
    assert manifest["validation"]["val_loss"] == (0.5 if better == "raw" else 1.0)


def test_weights_can_be_exported_over_older_ones(tmp_path):
    for max_samples in (8, 16):
        training = Training(replace(TINY, max_samples=max_samples), tiny_data(), CPU)
        training.run(tmp_path / "run")
        load_tool().main(["export", "--run", str(tmp_path / "run"), "--out", str(tmp_path / "weights")])
        assert load_weights(tmp_path / "weights")[1]["samples"] == max_samples


def made_pairs(*names):
    rng = np.random.default_rng(1)
    grids = [rng.integers(0, 10, (3, 4), dtype=np.uint8) for _ in range(5)]
    return PackedPairs.pack([(task, (g, g[::-1].copy())) for task, _ in enumerate(names) for g in grids], names)


def test_made_up_samples_are_spread_evenly_and_each_set_keeps_its_order():
    mixed, whole = MixedSampler(7, 5, 0.2, seed=3), MixedSampler(7, 5, 0.2, seed=3).indices(0, 70)
    assert torch.equal(torch.cat([mixed.indices(first, 10) for first in range(0, 70, 10)]), whole)
    is_made = whole >= 7
    assert [int(part.sum()) for part in is_made.split(10)] == [2] * 7
    assert torch.equal(whole[~is_made], Sampler(7, seed=3).indices(0, 56))
    assert sorted((whole[is_made] - 7).tolist()[:5]) == list(range(5))
    assert torch.equal(MixedSampler(7, 5, 0.2, seed=3).indices(63, 1), whole[63:64])


def test_made_up_tasks_are_trained_on_resumed_with_and_not_exported(tmp_path):
    plain = tiny_data()
    data = replace(plain, made=made_pairs("m1", "m2"))
    data.save(tmp_path / "data")
    data = TrainingData.load(tmp_path / "data")
    assert (data.made.task_ids, TrainingData.load(tmp_path / "data").made.sizes.shape) == (("m1", "m2"), (10, 4))
    plain.save(tmp_path / "data")
    assert TrainingData.load(tmp_path / "data").made is None
    config = replace(TINY, made_share=0.5, log_steps=1)
    whole = Training(replace(config, save_samples=24, max_samples=48), data, CPU)
    assert whole.model.tasks.shape[0] == TINY_MODEL.num_tasks + 2
    before = whole.model.tasks.detach().clone()
    whole.run(tmp_path / "whole")
    moved = (whole.model.tasks != before).any(1).nonzero().flatten().tolist()
    assert moved == [0, 1, 2, 60, 61]

    assert_resumed_alike(whole, config, data, tmp_path / "parts")

    load_tool().main(["export", "--run", str(tmp_path / "parts"), "--out", str(tmp_path / "weights")])
    exported, manifest = load_weights(tmp_path / "weights")
    assert exported.tasks.shape[0] == TINY_MODEL.num_tasks
    assert "made-up" in manifest["trained_on"]
    with pytest.raises(InputError, match="other made-up tasks"):
        Training(replace(config, made_share=0.0), data, CPU).resume(tmp_path / "parts" / "checkpoint")
    with pytest.raises(InputError, match="other made-up tasks"):
        Training(config, replace(plain, made=made_pairs("m1", "m3")), CPU).resume(tmp_path / "parts" / "checkpoint")
    with pytest.raises(ValueError, match="hold no made-up tasks"):
        Training(config, plain, CPU)


def test_made_up_tasks_can_be_added_to_a_run_and_to_weights(tmp_path):
    plain = tiny_data()
    data = replace(plain, made=made_pairs("m1", "m2"))
    first = Training(replace(TINY, max_samples=16), plain, CPU)
    first.run(tmp_path)
    config = replace(TINY, made_share=0.5)
    resumed, started = Training(config, data, CPU), Training(config, data, CPU)
    resumed.resume(tmp_path / "checkpoint")
    started.start_from(first.averaged, step=first.step, samples=first.samples)
    for key, tensor in first.live_state().items():
        live = resumed.live_state()[key]
        assert torch.equal(live[:60] if key.endswith("/tasks") and live.ndim else live, tensor), key
    assert torch.equal(started.model.tasks[:60], first.averaged.tasks)
    for training in (resumed, started):
        fresh = training.model.tasks[60:]
        assert torch.equal(fresh, training.averaged.tasks[60:])
        assert not torch.equal(fresh[0], fresh[1])
        assert training.rate_share() == (1.0 if training is resumed else pytest.approx(1 / 3))
        training.train_step()


def padded(grid):
    out = torch.zeros(30, 30, dtype=torch.uint8)
    out[: grid.shape[0], : grid.shape[1]] = torch.from_numpy(grid.copy())
    return out


@pytest.mark.parametrize("shape", [(1, 1), (2, 5), (7, 3), (30, 30), (30, 1)])
def test_changing_on_the_device_is_what_views_do(shape):
    rng = np.random.default_rng(0)
    grid = rng.integers(0, 10, shape, dtype=np.uint8)
    views = [View(turns, mirror, tuple(rng.permutation(10).tolist())) for turns, mirror in SYMMETRIES]
    heights, widths = (torch.full((len(views),), side) for side in shape)
    changed = change_grids(
        padded(grid).expand(len(views), 30, 30), heights, widths, ViewTable(views, CPU), torch.arange(len(views))
    )
    for view, one in zip(views, changed, strict=True):
        expected = view.apply(grid)
        assert expected.shape == view.apply_size(shape)
        assert np.array_equal(one[: expected.shape[0], : expected.shape[1]].numpy(), expected), view


def test_variants_are_other_tasks_and_the_same_every_time():
    variants = draw_variants(50, 4, seed=3)
    assert variants == draw_variants(50, 4, seed=3) != draw_variants(50, 4, seed=4)
    every = [view for of_task in variants for view in of_task]
    assert len(every) == 200
    assert View() not in every
    assert all(view.colors[0] == 0 and sorted(view.colors) == list(range(10)) for view in every)
    recolored = sum(view.colors != tuple(range(10)) for view in every)
    assert 130 < recolored < 175  # three quarters, and what a draw of the identity adds


def test_a_share_of_the_samples_becomes_a_variant_with_its_own_token():
    rng = np.random.default_rng(0)
    made = [(t, (rng.integers(0, 10, (3, 5), dtype=np.uint8),) * 2) for t in range(4) for _ in range(200)]
    packed = PackedPairs.pack(made, "abcd")
    grids, sizes = torch.from_numpy(packed.padded()), torch.from_numpy(packed.sizes).long()
    tasks = torch.from_numpy(packed.tasks.astype("int64"))
    variants = Variants(3, 2, 0.25, seed=5, first_token=10, device=CPU)  # the fourth task is made up
    views = [view for of_task in draw_variants(3, 2, seed=5) for view in of_task]
    new_grids, new_sizes, tokens = variants.change(grids, sizes, tasks, torch.Generator().manual_seed(1))
    changed = tokens != tasks
    assert 100 < changed.sum() < 200
    assert not changed[tasks == 3].any()
    assert torch.equal(new_grids[~changed], grids[~changed])
    assert torch.equal(new_sizes[~changed], sizes[~changed])
    assert set(tokens[changed].tolist()) == set(range(10, 16))
    for number in changed.nonzero().flatten().tolist():
        token = int(tokens[number]) - 10
        assert token // 2 == tasks[number]
        for side in (0, 1):
            expected = views[token].apply(packed.padded()[number, side, :3, :5])
            height, width = new_sizes[number, 2 * side : 2 * side + 2].tolist()
            assert np.array_equal(new_grids[number, side, :height, :width].numpy(), expected)
    everything = Variants(3, 2, 1.0, seed=5, first_token=10, device=CPU)
    _, _, tokens = everything.change(grids, sizes, tasks, torch.Generator().manual_seed(1))
    assert (tokens[tasks < 3] >= 10).all()


def test_variants_are_trained_on_resumed_with_added_later_and_not_exported(tmp_path):
    data = replace(tiny_data(), made=made_pairs("m1", "m2"))
    config = replace(TINY, made_share=0.25, num_variants=2, log_steps=1)
    whole = Training(replace(config, save_samples=24, max_samples=48), data, CPU)
    before = whole.model.tasks.detach().clone()
    whole.run(tmp_path / "whole")
    moved = set((whole.model.tasks != before).any(1).nonzero().flatten().tolist())
    assert len(before) == 60 + 2 + 120
    assert {0, 1, 2, 60, 61} <= moved
    assert moved & {62, 63, 64, 65, 66, 67}
    assert max(moved) < 68

    assert_resumed_alike(whole, config, data, tmp_path / "parts")
    load_tool().main(["export", "--run", str(tmp_path / "parts"), "--out", str(tmp_path / "weights")])
    assert load_weights(tmp_path / "weights")[0].tasks.shape[0] == TINY_MODEL.num_tasks
    for other in (replace(config, num_variants=3), replace(config, num_variants=0)):
        with pytest.raises(InputError, match="2 variants a task"):
            Training(other, data, CPU).resume(tmp_path / "parts" / "checkpoint")

    plain, made = (replace(TINY, max_samples=16, made_share=share) for share in (0.0, 0.25))
    for name, one, known in (("plain", plain, 60), ("made", made, 62)):
        first = Training(one, data, CPU)
        first.run(tmp_path / name)
        added = Training(config, data, CPU)
        added.resume(tmp_path / name / "checkpoint")
        assert torch.equal(added.model.tasks[:known], first.model.tasks)
        own = first.model.tasks[:60].repeat_interleave(2, dim=0)
        assert torch.equal(added.model.tasks[62:], own)
        assert torch.equal(added.averaged.tasks[62:], own)
        added.train_step()


def with_large(data):
    """The data with two pairs in three of a side above 15, which fit a canvas of 32 at scale 1 only."""
    rng = np.random.default_rng(1)
    pairs = [
        (task, (grid, np.rot90(grid, task).copy()))
        for task in range(3)
        for side in (5, 16, 20, 4, 18, 22)
        for grid in [rng.integers(0, 10, (side, 3), dtype=np.uint8)]
    ]
    packed_pairs = PackedPairs.pack(pairs, data.train.task_ids)
    return replace(data, train=packed_pairs, validation=PackedPairs.pack(pairs[::2], data.train.task_ids))


def test_pools_take_turns_and_each_goes_through_all_its_pairs():
    sizes = torch.tensor([[side, 3, 3, 3] for side in (5, 16, 20, 4, 18, 22, 15, 30, 2)])
    pools = Pools(sizes, 9, 32, 48, 0.0, 0)
    seen, samples = {32: [], 48: []}, 0
    for _ in range(27):
        pool, before = pools.next(samples, 3)
        assert before == len(seen[pool.canvas])
        seen[pool.canvas] += pool.indices(before, 3).tolist()
        samples += 3
    assert {side: sorted(numbers) for side, numbers in seen.items()} == {
        32: sorted([0, 3, 6, 8] * 9),
        48: sorted([1, 2, 4, 5, 7] * 9),
    }
    (only,) = Pools(sizes, 9, 32, 0, 0.0, 0).pools
    assert only.indices(4, 20).tolist() == Sampler(9, 0).indices(4, 20).tolist()


def test_large_pairs_can_be_drawn_more_often():
    sizes = torch.tensor([[side, 3, 3, 3] for side in (5, 16, 20, 4, 3)])
    pools = Pools(sizes, 5, 32, 48, 0.0, 0, large_weight=3.0)
    drawn = []
    for samples in range(0, 90, 2):
        pool, before = pools.next(samples, 2)
        drawn += pool.indices(before, 2).tolist()
    assert [drawn.count(number) for number in range(5)] == [10, 30, 30, 10, 10]


@pytest.mark.parametrize(("sides", "canvas"), [((5, 4, 3), 32), ((16, 20, 30), 48)])
def test_a_pool_without_pairs_is_none(sides, canvas):
    sizes = torch.tensor([[side, 3, 3, 3] for side in sides])
    pools = Pools(sizes, 3, 32, 48, 0.0, 0)
    assert [pools.next(samples, 3) for samples in (0, 3, 6)] == [(pools.pools[0], samples) for samples in (0, 3, 6)]
    (only,) = pools.pools
    assert (only.canvas, sorted(only.indices(0, 3).tolist())) == (canvas, [0, 1, 2])


def test_made_up_pairs_on_a_canvas_of_no_other_are_left_out():
    sizes = torch.tensor([[side, 3, 3, 3] for side in (5, 4, 16, 3, 20)])
    pools = Pools(sizes, 2, 32, 48, 0.5, 0)
    (only,) = pools.pools
    assert pools.next(8, 4) == (only, 8)
    assert sorted(only.indices(0, 8).tolist()) == [0, 0, 1, 1, 3, 3, 3, 3]


def test_made_up_pairs_are_mixed_into_both_pools():
    sizes = torch.tensor([[side, 3, 3, 3] for side in (5, 16, 4, 18, 3, 20, 2, 17)])
    for pool, own, others in zip(Pools(sizes, 4, 32, 48, 0.25, 0).pools, ((0, 2), (1, 3)), ((4, 6), (5, 7))):
        drawn = pool.indices(0, 80).tolist()
        assert {number: drawn.count(number) for number in set(drawn)} == dict.fromkeys(own, 30) | dict.fromkeys(
            others, 10
        )


def test_two_canvases_are_trained_on_validated_and_resumed_with(tmp_path, monkeypatch):
    data = with_large(tiny_data())
    config = replace(TINY, large_canvas=48, min_scale=2)
    whole = Training(replace(config, save_samples=24, max_samples=48), data, CPU)
    sides = []
    forward = whole.model.forward
    monkeypatch.setattr(whole.model, "forward", lambda c, *rest: sides.append(c.shape[1]) or forward(c, *rest))
    whole.run(tmp_path / "whole")
    assert (sides.count(32), sides.count(48)) == (4, 8)
    assert_resumed_alike(whole, config, data, tmp_path / "parts")
    averaged = validate(whole.averaged, whole.validation, config)
    assert averaged == validate(whole.averaged, whole.validation, config)
    assert averaged != validate(whole.averaged, whole.validation, replace(config, large_canvas=0))
    tool = load_tool()
    assert tool.main(["export", "--run", str(tmp_path / "whole"), "--out", str(tmp_path / "weights")]) == 0
    _, manifest = load_weights(tmp_path / "weights", "cpu")
    tuning = TuningConfig().for_weights(manifest)
    assert (tuning.canvas, tuning.large_canvas, tuning.min_scale) == (32, 48, 2)


@pytest.mark.parametrize("batch", [32, 3])
def test_validation_pairs_may_all_be_of_one_canvas(batch):
    """Small ones alone, so that the large canvas changes nothing; and large ones alone."""
    config, data = replace(TINY, batch=batch), tiny_data()
    model, small = LoopedModel(TINY_MODEL), Training(config, data, CPU).validation
    assert validate(model, small, replace(config, large_canvas=48)) == validate(model, small, config)
    grid = np.ones((20, 4), np.uint8)
    data = replace(data, validation=PackedPairs.pack([(0, (grid, grid))] * 4, data.train.task_ids))
    large = Training(config, data, CPU).validation
    measured = validate(model, large, replace(config, large_canvas=48))
    assert measured == validate(model, large, replace(config, canvas=48))


def test_several_processes_share_a_batch_of_one_canvas(monkeypatch):
    drawn = {}
    monkeypatch.setattr("solver.vision.training.average_gradients", lambda *args: None)
    monkeypatch.setattr(
        "solver.vision.samples.Pool.indices",
        lambda pool, first, count: drawn[rank].append((pool.canvas, first)) or pool.numbers[:count],
    )
    for rank in (0, 1):
        drawn[rank] = []
        training = Training(replace(TINY, large_canvas=48), with_large(tiny_data()), CPU, rank=rank, world=2)
        for _ in range(6):
            training.train_step()
    assert [first for canvas, first in drawn[0] if canvas == 32] == [0, 2 * TINY.batch]
    assert [first for canvas, first in drawn[0] if canvas == 48] == [0, 2 * TINY.batch, 4 * TINY.batch, 6 * TINY.batch]
    assert drawn[1] == [(canvas, first + TINY.batch) for canvas, first in drawn[0]]


def test_a_run_from_before_large_canvases_goes_on_with_one(tmp_path):
    """By the settings of its checkpoint, and those that are changed."""
    data = with_large(tiny_data())
    training = Training(TINY, data, CPU)
    for _ in range(3):
        training.train_step()
    training.save(tmp_path / "checkpoint")
    facts = read_facts(tmp_path / "checkpoint")
    old = {name: value for name, value in facts["config"].items() if name not in ("large_canvas", "min_scale")}
    assert config_from(old) == TINY
    larger = Training(load_tool().changed_config(config_from(old), ["large_canvas=48", "min_scale=2"]), data, CPU)
    larger.resume(tmp_path / "checkpoint")
    assert larger.samples == training.samples
    for key, tensor in training.live_state().items():
        assert torch.equal(tensor, larger.live_state()[key]), key
    larger.train_step()
    assert larger.samples == training.samples + TINY.batch


def test_a_damaged_or_foreign_checkpoint_is_refused(tmp_path):
    data = tiny_data()
    training = Training(TINY, data, CPU)
    training.save(tmp_path / "checkpoint")
    with pytest.raises(InputError, match="another model or optimizer"):
        Training(replace(TINY, optimizer="adamw"), data, CPU).resume(tmp_path / "checkpoint")
    others = replace(data, train=replace(data.train, task_ids=("a", "c", "b")))
    with pytest.raises(InputError, match="other tasks"):
        Training(TINY, others, CPU).resume(tmp_path / "checkpoint")
    shard = next((tmp_path / "checkpoint").glob("*.safetensors"))
    shard.write_bytes(shard.read_bytes()[:-1] + b"x")
    with pytest.raises(InputError, match="damaged"):
        training.resume(tmp_path / "checkpoint")


def test_no_weights_are_exported_of_a_damaged_checkpoint(tmp_path, capsys):
    training = Training(TINY, tiny_data(), CPU)
    training.save(tmp_path / "checkpoint")
    (tmp_path / "log.jsonl").touch()
    shard = next((tmp_path / "checkpoint").glob("*.safetensors"))
    whole = shard.read_bytes()
    for spoilt in (whole[:-1] + bytes([whole[-1] ^ 1]), whole[: len(whole) // 2]):
        shard.write_bytes(spoilt)
        assert load_tool().main(["export", "--run", str(tmp_path), "--out", str(tmp_path / "weights")]) == 2
        (line,) = capsys.readouterr().err.splitlines()
        assert line == f"train_vision: {shard}: missing or damaged"
    assert not (tmp_path / "weights").exists()


@pytest.mark.parametrize("place", ["loss", "gradient"])
@pytest.mark.parametrize("save_samples", [8, 10**6])
def test_no_checkpoint_of_spoilt_weights_replaces_a_sound_one(tmp_path, place, save_samples):
    config = replace(TINY, log_steps=10**6, save_samples=save_samples, max_samples=16)
    training = Training(replace(config, max_samples=8), tiny_data(), CPU)
    training.run(tmp_path)
    training = Training(config, tiny_data(), CPU)
    training.resume(tmp_path / "checkpoint")

    def spoil(tensor):
        return tensor * float("nan") if training.step == 3 else tensor

    if place == "gradient":
        training.model.head.bias.register_hook(spoil)
    else:
        loss = training.model.loss
        training.model.loss = lambda *inputs: spoil(loss(*inputs))
    with pytest.raises(FloatingPointError, match=f"{'loss is nan' if place == 'loss' else 'norm nan'}.* at step 4"):
        training.run(tmp_path)
    sound = Training(config, tiny_data(), CPU)
    sound.resume(tmp_path / "checkpoint")
    assert sound.step == 2
    assert all(tensor.isfinite().all() for tensor in sound.live_state().values())


def test_a_full_disk_is_one_line_and_keeps_what_was_saved(tmp_path, capsys):
    """As far as a limit of the size of files is like one."""
    tiny_data().save(tmp_path / "data")
    Training(replace(TINY, max_samples=16), tiny_data(), CPU).run(tmp_path / "run")
    export = ["export", "--run", str(tmp_path / "run"), "--out", str(tmp_path / "weights")]
    assert load_tool().main(export) == 0
    with (tmp_path / "run" / "log.jsonl").open("a") as file:
        file.write(json.dumps({"samples": 16, "step": 4, "val_loss": 1.0, "val_exact": 0.5}) + "\n")
    command = ["train", "--data", str(tmp_path / "data"), "--run", str(tmp_path / "run"), "--device", "cpu"]
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (10_000, limits[1]))
    try:
        assert load_tool().main([*command, "--set", "max_samples=32"]) == 2
        assert load_tool().main(export) == 2
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
    lines = capsys.readouterr().err.splitlines()
    assert [line.partition(": cannot be written: ")[0] for line in lines] == [
        f"train_vision: {tmp_path / 'run' / 'checkpoint.new'}", f"train_vision: {tmp_path / 'weights'}",
    ]  # fmt: skip
    assert read_facts(tmp_path / "run" / "checkpoint")["samples"] == 16
    assert load_weights(tmp_path / "weights")[1]["samples"] == 16


def test_weights_keep_the_logs_of_the_slices_before(tmp_path, capsys):
    """An export of the same run once more, which went on, is no other slice."""
    weights = tmp_path / "weights"

    def trained(seed, max_samples):
        run = tmp_path / str(seed)
        config = replace(TINY, log_steps=500, validate_samples=8, max_samples=max_samples, seed=seed)
        training = Training(config, tiny_data(), CPU)
        if (run / "checkpoint").exists():
            training.resume(run / "checkpoint")
        training.run(run)
        return run

    def exported(run):
        assert load_tool().main(["export", "--run", str(run), "--out", str(weights)]) == 0
        assert load_weights(weights)[0] is not None
        return {path.name: path.read_text() for path in weights.glob("log*.jsonl")}

    first = exported(trained(1, 8))
    assert list(first) == ["log.jsonl"]
    assert exported(tmp_path / "1") == first
    longer = exported(trained(1, 16))
    assert longer.keys() == first.keys()
    assert longer["log.jsonl"].startswith(first["log.jsonl"])
    assert longer != first
    second = exported(trained(2, 8))
    assert second == {"log.jsonl": second["log.jsonl"], "log-1.jsonl": longer["log.jsonl"]}
    third = exported(trained(3, 8))
    assert third == {**second, "log.jsonl": third["log.jsonl"], "log-2.jsonl": second["log.jsonl"]}
    assert json.loads((weights / "solver.json").read_text())["files"].keys() > third.keys()
    assert load_tool().main(["plot", "--run", str(weights), "--out", str(tmp_path / "curve.png")]) == 0
    (weights / "log-1.jsonl").write_text("torn")
    assert load_tool().main(["plot", "--run", str(weights), "--out", str(tmp_path / "curve.png")]) == 2
    assert f"{weights / 'log-1.jsonl'}: no log of a training run" in capsys.readouterr().err


def test_the_full_size_checkpoint_travels(tmp_path):
    model = LoopedModel(ModelConfig(num_cores=3))
    optimizer = Optimizer(model, "muon")
    state = {f"{kind}/{k}": p.detach() for k, p in model.named_parameters() for kind in ("weights", "ema")}
    save_checkpoint(tmp_path / "checkpoint", state | optimizer.state(), {})
    sizes = [path.stat().st_size for path in (tmp_path / "checkpoint").glob("*.safetensors")]
    assert max(sizes) < 16 * 2**20
    assert sum(sizes) < 64 * 2**20


def test_matrices_are_packed_in_eight_bits():
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(6, 50, generator=generator) * torch.tensor([1.0, 1e-3, 1e3, 1.0, 1.0, 0.0])[:, None]
    tensors = {"a": matrix, "b/c": torch.randn(3, 3, 4, generator=generator), "d": torch.tensor(1.5)}
    stored = packed(tensors)
    assert stored["a"].dtype == torch.int8
    assert stored["b/c"].dtype == torch.bfloat16
    back = unpacked(stored)
    assert back.keys() == tensors.keys()
    assert ((back["a"] - matrix).abs() <= matrix.abs().amax(1, keepdim=True) / 254 * 1.0001).all()
    assert torch.equal(back["b/c"], tensors["b/c"].bfloat16().float())
    again = unpacked(packed(back))  # what was read is written as it is
    assert all(torch.allclose(again[key], back[key], rtol=1e-6, atol=0) for key in back)
    del stored["a/scale"]
    with pytest.raises(KeyError):
        unpacked(stored)


def test_matrices_of_cores_are_packed_in_four_bits_where_asked():
    generator = torch.Generator().manual_seed(0)
    matrix = torch.randn(48, 128, generator=generator) * torch.logspace(-4, 3, 48)[:, None]
    tensors = {"cores.0.a": matrix, "cores.0.odd": torch.randn(3, 7, generator=generator), "tasks": matrix}
    stored = packed(tensors, bits=4)
    assert {key: t.dtype for key, t in stored.items() if not key.endswith("/scale")} == {
        "cores.0.a": torch.uint8, "cores.0.odd": torch.int8, "tasks": torch.int8,
    }  # fmt: skip
    assert sum(t.nbytes for key, t in stored.items() if key.startswith("cores.0.a")) == matrix.numel() * 4.25 / 8
    back = unpacked(stored)
    error = (back["cores.0.a"] - matrix).view(-1, GROUP).norm(dim=1) / matrix.view(-1, GROUP).norm(dim=1)
    assert 0.05 < error.mean() < 0.1
    assert error.max() < 0.16
    assert back["cores.0.a"].unique().numel() <= 16 * matrix.numel() // GROUP
    assert torch.equal(back["tasks"], unpacked(packed({"tasks": matrix}))["tasks"])
    # what lies on levels already is kept, in its place
    drawn = torch.bucketize(torch.randn(6, 64, generator=generator), (LEVELS[1:] + LEVELS[:-1]) / 2)
    exact = LEVELS[drawn] * torch.tensor([[0.5], [1], [2], [4], [0.25], [1]])
    kept = unpacked(packed({"cores.0.a": exact}, bits=4))["cores.0.a"]
    assert torch.isclose(kept, exact, rtol=2e-3, atol=0).all(1).sum() >= 5
    del stored["cores.0.a/scale"]
    with pytest.raises(KeyError):
        unpacked(stored)


def test_zeros_and_large_weights_stay_finite_in_four_bits():
    matrix = torch.zeros(2, 64)
    matrix[1, 5] = 1e4
    back = unpacked(packed({"cores.0.a": matrix}, bits=4))["cores.0.a"]
    assert back.isfinite().all()
    assert back[0].abs().max() < 1e-3
    assert back[1, 5] == pytest.approx(1e4, rel=0.15)


def as_stored(tensor):
    """What a weights folder keeps of a matrix."""
    return unpacked(packed({"": tensor}))[""]


def test_weights_folder_round_trip_and_faults(tmp_path):
    model = LoopedModel(TINY_MODEL)
    facts = {"canvas": 32, "trained_on": "nothing", "licence": "MIT-0"}
    save_weights(tmp_path, model.state_dict(), TINY_MODEL, facts)
    loaded, manifest = load_weights(tmp_path)
    assert manifest["canvas"] == 32
    assert loaded.config == TINY_MODEL
    assert torch.equal(loaded.tasks, as_stored(model.tasks))
    assert torch.equal(loaded.head.bias, model.head.bias.bfloat16().float())
    (tmp_path / "config.json").write_text("{}")
    with pytest.raises(InputError, match="damaged"):
        load_weights(tmp_path)
    (tmp_path / "config.json").unlink()
    with pytest.raises(InputError, match="missing"):
        load_weights(tmp_path)
    with pytest.raises(InputError, match=r"no solver\.json"):
        load_weights(tmp_path / "nowhere")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("config.json", "{"),
        ("config.json", "[1]"),
        ("config.json", '{"num_heads": 0}'),
        ("config.json", '{"width": "512"}'),
        ("config.json", '{"widht": 512}'),
        ("config.json", "{}"),  # the defaults, which these tensors do not fit
        ("config.json", None),
        ("model.safetensors", "damaged"),
        ("model.safetensors", None),
    ],
)
def test_weights_that_were_sealed_as_they_should_not_be_are_one_line(tmp_path, name, content):
    facts = {"canvas": 32, "trained_on": "nothing", "licence": "MIT-0"}
    save_weights(tmp_path, LoopedModel(TINY_MODEL).state_dict(), TINY_MODEL, facts)
    (tmp_path / name).unlink()
    if content is not None:
        (tmp_path / name).write_text(content)
    seal(tmp_path, KIND, FORMAT, facts)
    with pytest.raises(InputError, match=str(tmp_path)) as raised:
        load_weights(tmp_path)
    assert "\n" not in str(raised.value)


def test_weights_and_checkpoints_may_be_read_by_those_who_may_read_other_files(tmp_path):
    model = LoopedModel(TINY_MODEL)
    state = {f"weights/{name}": tensor.detach() for name, tensor in model.named_parameters()}
    before = os.umask(0o027)
    try:
        facts = {"canvas": 32, "trained_on": "nothing", "licence": "MIT-0"}
        save_weights(tmp_path / "weights", model.state_dict(), TINY_MODEL, facts)
        save_checkpoint(tmp_path / "checkpoint", state, {})
    finally:
        os.umask(before)
    files = [path for path in tmp_path.rglob("*") if path.is_file()]
    assert {path.suffix for path in files} == {".json", ".safetensors"}
    assert {stat.S_IMODE(path.stat().st_mode) for path in files} == {0o640}


@pytest.mark.parametrize("scored", [True, False])
def test_the_tool_tunes_and_records_what_calibration_reads(tmp_path, scored):
    config = replace(TINY_MODEL, max_canvas=32)
    model = LoopedModel(config)
    save_weights(
        tmp_path / "w", model.state_dict(), config, {"canvas": 32, "trained_on": "nothing", "licence": "MIT-0"}
    )
    grids = [[[1, 2], [2, 1]], [[3, 3], [3, 4]]]
    pair = {"input": grids[0], "output": grids[1]}
    (tmp_path / "tasks.json").write_text(json.dumps({"one": {"train": [pair, pair], "test": [pair]}}))
    words = ["--weights", str(tmp_path / "w"), "--tasks-from", str(tmp_path / "tasks.json"), "--device", "cpu"]
    words += ["--samples", "80", "--batch", "8", "--no-compile", "--no-graph", *([] if scored else ["--no-score"])]
    given = [Ballot(np.array(grid, np.int8), 0.5, 0.5, False, 0.0) for grid in grids]
    result = TaskResult("one", (), ballots={"program": (tuple(given),), "vision": ((),)})
    (tmp_path / "results.jsonl").write_bytes(to_json(result) + b"\n")
    words += ["--ballots", str(tmp_path / "results.jsonl")]
    load_tool().main(["tune", *words, "--out", str(tmp_path / "new" / "tune.jsonl")])
    (record,) = map(json.loads, (tmp_path / "new" / "tune.jsonl").read_text().splitlines())
    assert record["steps"] == 10
    assert len(record["candidates"]) == len(record["place_of_truth"]) == 1
    for share, right, score, text in (candidate for of_input in record["candidates"] for candidate in of_input):
        assert 0 < share <= 1
        assert right == (text == "33/34")
        assert (score is not None) == scored
    ((of_input, of_output),) = record["scores_of_programs"]
    assert of_output == record["loss_of_truth"][0] < of_input


def words_to_tune(folder):
    """Of the command line, for a tiny model and one task, which it writes into the folder."""
    config = replace(TINY_MODEL, max_canvas=32)
    facts = {"canvas": 32, "trained_on": "nothing", "licence": "MIT-0"}
    save_weights(folder / "w", LoopedModel(config).state_dict(), config, facts)
    pair = {"input": [[1, 2]], "output": [[2, 1]]}
    (folder / "tasks.json").write_text(json.dumps({"one": {"train": [pair], "test": [pair]}}))
    return ["--weights", str(folder / "w"), "--tasks-from", str(folder / "tasks.json"), "--device", "cpu"]


def test_the_tool_tunes_several_times(tmp_path):
    words = words_to_tune(tmp_path)
    words += ["--samples", "8", "--batch", "8", "--no-compile", "--no-score", "--seed", "3", "--runs", "2"]
    path = tmp_path / "tune.jsonl"
    load_tool().main(["tune", *words, "--out", str(path)])
    records = [json.loads(line) for line in path.read_text().splitlines()]
    assert [record["seed"] for record in records] == [3, 4]
    assert records[0]["loss"] != records[1]["loss"]


def test_records_of_runs_without_a_step_are_json(tmp_path):
    words = words_to_tune(tmp_path)
    words += ["--samples", "0", "--no-compile", "--out", str(tmp_path / "tune.jsonl")]
    assert load_tool().main(["tune", *words]) == 0
    record = orjson.loads((tmp_path / "tune.jsonl").read_bytes())
    assert (record["steps"], record["loss"]) == (0, None)


def test_every_wrong_setting_is_named():
    tool = load_tool()
    with pytest.raises(SettingsError) as caught:
        tool.changed_config(TINY, ["widht=3", "batch=x", "compile=maybe", "model.=1"])
    faults = str(caught.value).splitlines()
    assert [f.split(":")[0] for f in faults] == ["widht", "batch", "compile", "model."]
    with pytest.raises(SettingsError, match=r"canvas 31.*optimizer 'sgd'"):
        tool.changed_config(TINY, ["canvas=31", "optimizer=sgd"])
    with pytest.raises(SettingsError, match=r"large_canvas 32 must be larger.*min_scale 0.*large_weight 0"):
        tool.changed_config(TINY, ["large_canvas=32", "min_scale=0", "large_weight=0"])
    with pytest.raises(SettingsError, match=r"num_heads 0 must.*patch 0 must"):
        tool.changed_config(TINY, ["model.num_heads=0", "model.patch=0"])
    with pytest.raises(SettingsError, match=r"rate nan must.*warmup_steps -1 must.*clip 0\.0 must"):
        tool.changed_config(TINY, ["warmup_steps=-1", "rate=nan", "clip=0"])
    assert tool.changed_config(TINY, ["canvas=48", "model.num_loops=4"]).model.num_loops == 4


def test_a_fault_of_one_of_several_processes_is_one_line(tmp_path):
    paths = ["--data", str(tmp_path / "absent"), "--run", str(tmp_path / "run"), "--device", "cpu"]
    command = [sys.executable, str(TOOL), "train", *paths, "--processes", "2", "--port", "29531"]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 2
    told = [line for line in done.stderr.splitlines() if not line.startswith("[Gloo]")]
    assert len(told) == 1, done.stderr[-2000:]
    assert told[0].startswith("train_vision: ")
    assert "absent" in told[0]


@pytest.mark.slow
def test_the_command_trains_on_two_processes(tmp_path):
    tiny_data().save(tmp_path / "data")
    settings = [
        "model.width=32", "model.num_heads=2", "model.num_loops=2", "model.hidden=16", "canvas=32", "batch=4",
        "compile=false", "autocast=false", "log_steps=1", "max_samples=16",
    ]  # fmt: skip
    paths = ["--data", str(tmp_path / "data"), "--run", str(tmp_path / "run"), "--device", "cpu"]
    command = [sys.executable, str(TOOL), "train", *paths, "--processes", "2", "--set", *settings]
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    facts = json.loads((tmp_path / "run" / "checkpoint" / "state.json").read_text())
    assert (facts["step"], facts["samples"]) == (2, 16)
