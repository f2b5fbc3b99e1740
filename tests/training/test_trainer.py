"""The training loop: packed documents don't see one another, weights reach the loss, a resumed run is the same run."""

from __future__ import annotations

import json
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
transformers = pytest.importorskip("transformers")

from solver.configuration import load  # noqa: E402
from solver.errors import InputError  # noqa: E402
from solver.learning.checkpoint import has_checkpoint  # noqa: E402
from solver.training.attention import BlockMasks, dense_mask  # noqa: E402
from solver.training.documents import Documents, PartWriter, write_facts  # noqa: E402
from solver.training.models import POLICY, PPM, add_adapter, head_of, load_model, new_model, trunk_of  # noqa: E402
from solver.training.objectives import Completion, Preference  # noqa: E402
from solver.training.settings import TrainingSettings, faults, rate_share  # noqa: E402
from solver.training.trainer import Trainer  # noqa: E402

CPU = torch.device("cpu")
WORDS = ["model.width=32", "model.num_layers=2", "model.num_heads=2", "model.num_kv_heads=1", "model.head_size=16"]
WORDS += ["model.hidden=48", "model.context=64", "train.batch_tokens=128", "train.compile=false", "train.bf16=false"]
WORDS += ["train.warmup_steps=2", "train.log_steps=1", "train.rate=0.01", "model.init_std=0.1"]
VOCABULARY = 40


def settings_of(*words: str) -> TrainingSettings:
    return load(TrainingSettings, None, [*WORDS, *words])


def documents_of(folder, documents, group=1) -> Documents:
    write_facts(folder, VOCABULARY, group)
    writer = PartWriter(VOCABULARY)
    for document in documents:
        writer.add(*document)
    writer.write(folder, 0)
    return Documents.load([folder])


def random_documents(folder, count=40, group=1, seed=0) -> Documents:
    rng = np.random.default_rng(seed)
    lengths = rng.integers(5, 30, count)
    return documents_of(
        folder,
        [(rng.integers(4, VOCABULARY, n), rng.random(n) < 0.5, float(rng.uniform(0.5, 2))) for n in lengths],
        group,
    )


def trainer_of(documents, *words, kind=POLICY, seed=0) -> Trainer:
    settings = settings_of(*words)
    model = new_model(kind, settings.model, VOCABULARY, seed)
    objective = Completion() if kind == POLICY else Preference()
    return Trainer(model, objective, documents, settings, CPU, context=settings.model.context)


def test_packed_documents_do_not_see_one_another(tmp_path):
    documents = random_documents(tmp_path)
    trainer = trainer_of(documents)
    batch = trainer.packer.batch(0)
    with torch.no_grad():
        together = trainer.forward(batch).total
        apart = torch.zeros(())
        for k in range(batch.num_documents):
            own = np.flatnonzero(batch.documents == k)
            tokens = torch.from_numpy(batch.tokens[own])[None]
            hidden = trunk_of(trainer.model)(input_ids=tokens, use_cache=False).last_hidden_state[0]
            places = np.isin(batch.targets, own)
            logits = head_of(trainer.model)(hidden[torch.from_numpy(batch.targets[places] - own[0])])
            losses = torch.nn.functional.cross_entropy(logits, torch.from_numpy(batch.labels[places]), reduction="none")
            apart += (losses * torch.from_numpy(batch.weights[places])).sum()
    assert batch.num_documents > 3
    assert together.item() == pytest.approx(apart.item(), rel=1e-5)


@pytest.mark.parametrize("seed", range(5))
def test_block_masks_are_the_dense_mask(seed):
    rng = np.random.default_rng(seed)
    masks = BlockMasks(1024, CPU)
    for _ in range(3):
        lengths = rng.choice([1, 3, 60, 128, 129, 500], 20)
        numbers = torch.from_numpy(np.repeat(np.arange(20), lengths)[:1024])
        numbers = torch.nn.functional.pad(numbers, (0, 1024 - len(numbers)), value=20)
        mask = masks.make(numbers)
        wanted = dense_mask(numbers)[0, 0]
        blocks = wanted.view(8, 128, 8, 128).transpose(1, 2).flatten(2)
        assert torch.equal(mask.to_dense()[0, 0].bool(), blocks.any(-1))
        full = torch.zeros(8, 8, dtype=torch.bool)
        for row in range(8):
            count = int(mask.full_kv_num_blocks[0, 0, row])
            full[row, mask.full_kv_indices[0, 0, row, :count].long()] = True
        assert torch.equal(full, blocks.all(-1))
        grid = torch.arange(1024)
        assert torch.equal(mask.mask_mod(0, 0, grid[:, None], grid[None, :]), wanted)


def test_flex_attention_gives_what_dense_attention_gives(tmp_path):
    documents = random_documents(tmp_path)
    trainer = trainer_of(documents)
    batch = trainer.packer.batch(0)
    with torch.no_grad():
        dense = trainer.forward(batch).total
        trainer._masks = BlockMasks(128, CPU)
        trunk_of(trainer.model).config._attn_implementation = "flex_attention"
        flex = trainer.forward(batch).total
    assert flex.item() == pytest.approx(dense.item(), rel=1e-5)


def test_only_completions_count_and_weights_reach_the_loss(tmp_path):
    tokens, flags = [1, 5, 6, 7, 8], [False, False, False, True, True]
    light = documents_of(tmp_path / "a", [(tokens, flags, 1.0), (tokens[::-1], flags, 1.0)])
    heavy = documents_of(tmp_path / "b", [(tokens, flags, 1.0), (tokens[::-1], flags, 3.0)])
    only = documents_of(tmp_path / "c", [(tokens[::-1], flags, 1.0)])
    batches = {}
    for name, documents in {"light": light, "heavy": heavy, "only": only}.items():
        trainer = trainer_of(documents)
        batch = trainer.packer.batch(0)
        assert sorted(batch.labels.tolist()) == sorted([7, 8, 5, 1] if name != "only" else [5, 1])
        batches[name] = (trainer, trainer.forward(batch).total, trainer.objective.weights(batch)[0])
    light_total, heavy_total, only_total = (batches[k][1].item() for k in ("light", "heavy", "only"))
    assert heavy_total == pytest.approx(light_total + 2 * only_total, rel=1e-5)
    assert [batches[k][2] for k in ("light", "heavy", "only")] == [4.0, 8.0, 2.0]
    # ... and the gradient of a step: prompt tokens do not move the loss, weights do.
    metrics = {name: trainer.train_step()[0][0].item() for name, (trainer, _, _) in batches.items()}
    assert metrics["heavy"] == pytest.approx(heavy_total / 8, rel=1e-5)
    grown = [dict(batches[k][0].model.named_parameters())["model.norm.weight"] for k in ("light", "heavy")]
    assert not torch.equal(*grown)


def test_accumulation_is_a_larger_batch(tmp_path):
    rng = np.random.default_rng(0)
    documents = documents_of(
        tmp_path, [(rng.integers(4, 40, 32), rng.random(32) < rng.random(), float(k + 1)) for k in range(16)]
    )
    once = trainer_of(documents, "train.batch_tokens=256", "train.clip=1e9")
    parts = trainer_of(documents, "train.batch_tokens=128", "train.accumulate=2", "train.clip=1e9")
    (loss, norm), (loss_parts, norm_parts) = once.train_step(), parts.train_step()
    assert loss.tolist() == pytest.approx(loss_parts.tolist(), rel=1e-5)
    assert norm.item() == pytest.approx(norm_parts.item(), rel=1e-4)


def read_losses(folder) -> list[float]:
    records = [json.loads(line) for line in (folder / "log.jsonl").read_text().splitlines()]
    return [r["loss"] for r in records if "loss" in r]


@pytest.mark.parametrize("words", [(), ("train.optimizer=adamw", "train.average=0"), ("adapter.rank=2",)])
def test_resumed_runs_are_the_same_run(tmp_path, words):
    documents = random_documents(tmp_path / "documents")

    def start() -> Trainer:
        trainer = trainer_of(documents, *words)
        if trainer.settings.adapter.rank:
            pytest.importorskip("peft")
            settings = trainer.settings
            model = add_adapter(POLICY, new_model(POLICY, settings.model, VOCABULARY, 0), settings.adapter, 0)
            return Trainer(model, Completion(), documents, settings, CPU, context=64)
        return trainer

    def limited(trainer: Trainer, steps: int) -> Trainer:
        trainer.settings = replace(
            trainer.settings, train=replace(trainer.settings.train, max_steps=steps, save_steps=7)
        )
        return trainer

    limited(start(), 14).run(tmp_path / "whole")
    limited(start(), 7).run(tmp_path / "parts")
    second = limited(start(), 14)
    second.resume(tmp_path / "parts" / "checkpoint")
    assert second.step == 7
    second.run(tmp_path / "parts")
    losses = read_losses(tmp_path / "whole")
    assert read_losses(tmp_path / "parts") == losses
    assert len(losses) == 14
    assert losses[-1] < losses[0]
    sizes = [p.stat().st_size for p in (tmp_path / "whole" / "checkpoint").iterdir()]
    assert max(sizes) <= 16 << 20


@pytest.mark.parametrize("calls_before", [0, 1, 2])
def test_a_run_killed_while_it_saves_keeps_a_checkpoint(tmp_path, monkeypatch, calls_before):
    """Before the old checkpoint is moved away, before the new one takes its place, or after both."""
    trainer = trainer_of(random_documents(tmp_path / "documents"))
    folder, calls, rename = tmp_path / "checkpoint", [], Path.rename

    def kill(path, target):
        calls.append(path)
        if len(calls) > calls_before:
            raise KeyboardInterrupt
        return rename(path, target)

    trainer.train_step()
    trainer.save(folder)
    trainer.train_step()
    with monkeypatch.context() as patch, pytest.raises(KeyboardInterrupt) if calls_before < 2 else nullcontext():
        patch.setattr(Path, "rename", kill)
        trainer.save(folder)
    again = trainer_of(trainer.packer.documents)
    assert has_checkpoint(folder)
    again.resume(folder)
    assert again.step == (1 if calls_before == 0 else 2)
    again.save(folder)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["checkpoint", "documents"]


class _Clock:
    """A clock for the loop of a trainer, whose steps do nothing but take a second."""

    def __init__(self, monkeypatch, trainer: Trainer) -> None:
        self.now = 0.0

        def train_step():
            self.now += 1
            trainer.step += 1
            return torch.zeros(2), torch.zeros(())

        monkeypatch.setattr(trainer, "train_step", train_step)
        monkeypatch.setattr("solver.training.trainer.time", SimpleNamespace(monotonic=lambda: self.now))


@pytest.mark.parametrize(("words", "num_steps", "ends_at"), [
    (("train.reserve_s=25",), 75, 75 + 9 + 5),  # nothing was saved before: the setting decides
    (("train.reserve_s=0", "train.save_steps=10", "train.evaluate_steps=20"), 40, 40 + 4 * 9 + 2 * 5),
])  # fmt: skip
def test_a_deadline_leaves_time_for_the_last_checkpoint_and_evaluation(
    tmp_path, monkeypatch, words, num_steps, ends_at
):
    trainer = trainer_of(random_documents(tmp_path / "documents"), *words)
    clock, saved, evaluated = _Clock(monkeypatch, trainer), [], []

    def save(folder):
        clock.now += 9
        saved.append(trainer.step)

    def evaluate(model):
        clock.now += 5
        evaluated.append(trainer.step)
        return {}

    monkeypatch.setattr(trainer, "save", save)
    trainer.run(tmp_path / "run", deadline=100.0, evaluate=evaluate)
    assert trainer.step == num_steps
    assert saved[-1] == evaluated[-1] == num_steps
    assert len(set(saved)) == len(saved)
    assert clock.now == ends_at <= 100


@pytest.mark.parametrize("bad", [0, 1])
def test_what_is_not_finite_never_reaches_a_checkpoint(tmp_path, monkeypatch, bad):
    """bad: 0, the loss of step 5; 1, its gradient. Step 6 would be saved before a report is due."""
    words = ("train.log_steps=50", "train.save_steps=3", "train.max_steps=8")
    trainer = trainer_of(random_documents(tmp_path / "documents"), *words)
    train_step = trainer.train_step

    def spoilt():
        metrics, norm = train_step()
        if trainer.step == 5:
            (metrics, norm)[bad].fill_(np.nan)
        return metrics, norm

    monkeypatch.setattr(trainer, "train_step", spoilt)
    with pytest.raises(FloatingPointError, match="at step 6"):
        trainer.run(tmp_path / "run")
    trainer.resume(tmp_path / "run" / "checkpoint")
    assert trainer.step == 3


def test_a_foreign_checkpoint_is_refused(tmp_path):
    documents = random_documents(tmp_path / "documents")
    trainer = trainer_of(documents)
    trainer.save(tmp_path / "checkpoint")
    other = trainer_of(documents, "model.num_layers=1")
    with pytest.raises(InputError, match="another model"):
        other.resume(tmp_path / "checkpoint")


def test_preferences_are_learned(tmp_path):
    rng = np.random.default_rng(0)
    pairs = []
    for _ in range(60):
        common = rng.integers(10, VOCABULARY, 8)
        pairs += [([*common, 5], [False] * 9, 1.0), ([*common, 6], [False] * 9, 1.0)]
    documents = documents_of(tmp_path, pairs, group=2)
    trainer = trainer_of(documents, kind=PPM)
    steps = [trainer.train_step()[0].tolist() for _ in range(25)]
    assert steps[0][0] == pytest.approx(np.log(2), abs=0.4)
    assert steps[-1][0] < 0.1
    assert steps[-1][1] == 1.0


def test_preference_loss_is_bradley_terry():
    from solver.training.packing import Batch

    empty = np.zeros(0, np.int64)
    batch = Batch(
        empty, empty, empty, empty, empty, empty.astype(np.float32), empty.astype(bool), np.array([0, 1, 2, 3]),
        np.array([2, 9, 1, 9], np.float32),
    )  # fmt: skip
    hidden = torch.tensor([[1.0], [0.5], [-1.0], [1.0]])
    objective = Preference()
    loss = objective.loss(hidden, lambda h: h, *objective.arrays(batch))
    expected = 2 * -np.log(1 / (1 + np.exp(-0.5))) - np.log(1 / (1 + np.exp(2.0)))
    assert loss.total.item() == pytest.approx(expected, rel=1e-5)
    assert loss.right.item() == 2.0
    assert objective.weights(batch) == (3.0, 3.0)


def test_a_head_over_a_policy_is_the_same_in_every_process(tmp_path):
    new_model(POLICY, settings_of().model, VOCABULARY, 3).save_pretrained(tmp_path)
    heads = [load_model(PPM, tmp_path, seed=seed).score.weight for seed in (1, 1, 2)]
    assert torch.equal(heads[0], heads[1])
    assert not torch.equal(heads[0], heads[2])


@pytest.mark.parametrize("kind", [POLICY, PPM])
def test_what_is_trained_over_a_bf16_base_is_float32(tmp_path, kind):
    pytest.importorskip("peft")
    settings = settings_of("adapter.rank=2")
    new_model(POLICY, settings.model, VOCABULARY, 3).save_pretrained(tmp_path)
    model = add_adapter(kind, load_model(kind, tmp_path, bf16=True), settings.adapter, 0)
    kinds = {p.requires_grad: p.dtype for p in model.parameters()}
    assert kinds == {True: torch.float32, False: torch.bfloat16}
    assert any("score" in name for name, p in model.named_parameters() if p.requires_grad) == (kind == PPM)
    group = 2 if kind == PPM else 1
    documents = random_documents(tmp_path / "documents", group=group)
    objective = Preference() if kind == PPM else Completion()
    settings = settings_of("adapter.rank=2", "train.bf16=true")
    trainer = Trainer(model, objective, documents, settings, CPU, context=64)
    loss, norm = trainer.train_step()
    assert torch.isfinite(loss).all()
    assert norm > 0


@pytest.mark.parametrize("drops", ["adapter", "attention"])
def test_nothing_is_dropped_while_held_out_documents_are_measured(tmp_path, drops):
    """Neither by adapters nor by the model that they are over; and training goes on as it was."""
    pytest.importorskip("peft")
    documents = random_documents(tmp_path)
    settings = settings_of("adapter.rank=2", f"adapter.dropout={0.5 * (drops == 'adapter')}")
    base = new_model(POLICY, settings.model, VOCABULARY, 0)
    for layer in base.model.layers:
        layer.self_attn.attention_dropout = 0.5 * (drops == "attention")
    model = add_adapter(POLICY, base, settings.adapter, 0)
    for name, p in model.named_parameters():
        if "lora_B" in name:
            torch.nn.init.normal_(p)  # as if it had learned something: at first an adapter gives 0 of all
    trainer = Trainer(model, Completion(), documents, settings, CPU, context=64)
    model.train()
    batch = trainer.packer_of(documents).batch(0)
    _, total = trainer.objective.weights(batch)
    with trainer.averaged_weights(), torch.no_grad():
        wanted = trainer.forward(batch).shown.item() / total
        found = [trainer.measure(documents, 1)[0] for _ in range(2)]
        assert not model.training
    assert found == pytest.approx([wanted] * 2, rel=1e-5)
    assert model.training
    dropped = [trainer.forward(batch).shown.item() / total for _ in range(4)]  # one alone may come close by chance
    assert dropped != pytest.approx([wanted] * 4, rel=1e-3)


def test_close_scores_stay_apart_under_autocast():
    head = torch.nn.Linear(2, 1, bias=False)
    torch.nn.init.ones_(head.weight)
    hidden = torch.tensor([[8.0, 0.01], [8.0, 0.0]])
    ends = torch.tensor([0]), torch.tensor([1])
    with torch.autocast("cpu", torch.bfloat16):
        loss = Preference().loss(hidden, head, *ends, torch.ones(1))
    assert loss.right.item() == 1.0
    assert loss.total.item() == pytest.approx(-np.log(1 / (1 + np.exp(-0.01))), abs=1e-4)


def test_documents_must_suit_the_objective(tmp_path):
    documents = random_documents(tmp_path)
    with pytest.raises(ValueError, match="groups of 1, but 2 needed"):
        trainer_of(documents, kind=PPM)


def test_average_is_what_is_evaluated_and_leaves_no_trace(tmp_path):
    trainer = trainer_of(random_documents(tmp_path), "train.average=0.9")
    for _ in range(3):
        trainer.train_step()
    before = {k: v.clone() for k, v in trainer.live_state().items()}
    with trainer.averaged_weights() as model:
        for name, p in model.named_parameters():
            assert torch.equal(p, before[f"ema/{name}"])
            assert not torch.equal(p, before[f"weights/{name}"]) or p.ndim == 1
    assert all(torch.equal(v, before[k]) for k, v in trainer.live_state().items())


def test_models_load_from_folders(tmp_path):
    settings = settings_of().model
    model = new_model(POLICY, settings, VOCABULARY, 3)
    assert torch.equal(
        model.model.layers[0].mlp.up_proj.weight,
        new_model(POLICY, settings, VOCABULARY, 3).model.layers[0].mlp.up_proj.weight,
    )
    model.save_pretrained(tmp_path)
    again = load_model(POLICY, tmp_path)
    assert torch.equal(again.model.norm.weight, model.model.norm.weight)
    (tmp_path / "empty").mkdir()
    for name, words in (("none", "no such folder"), ("empty", "no model that can be trained")):
        with pytest.raises(InputError, match=words):
            load_model(POLICY, tmp_path / name)


def test_padding_has_no_position_that_a_model_lacks(tmp_path):
    """As the models have that learn their positions: one beyond is no index."""
    documents = random_documents(tmp_path, count=5)
    config = transformers.GPT2Config(vocab_size=VOCABULARY, n_positions=32, n_embd=32, n_layer=1, n_head=2)
    model = transformers.GPT2LMHeadModel(config)
    settings = settings_of("train.batch_tokens=512")
    trainer = Trainer(model, Completion(), documents, settings, CPU, context=config.n_positions)
    assert trainer.packer.batch(0).positions.max() == 31
    assert trainer.forward(trainer.packer.batch(0)).total > 0


def test_settings_that_do_not_go_together_are_all_named():
    bad = settings_of("model.num_heads=3", "model.num_kv_heads=2", "train.schedule=cosine", "train.decay_steps=5")
    assert len(faults(bad)) == 4
    assert faults(settings_of("model.num_heads=3", "model.num_kv_heads=1")) == [
        "model.width 32 is no multiple of num_heads 3"
    ]


def test_schedules():
    constant = settings_of("train.warmup_steps=10", "train.max_steps=100", "train.decay_steps=20").train
    shares = [rate_share(constant, step, 0) for step in (0, 9, 50, 80, 90, 100)]
    assert shares == pytest.approx([0.1, 1, 1, 1, 0.5, 0])
    cosine = settings_of("train.warmup_steps=10", "train.max_steps=110", "train.schedule=cosine").train
    assert [rate_share(cosine, step, 0) for step in (4, 10, 60, 110)] == pytest.approx([0.5, 1, 0.5, 0])
    assert rate_share(constant, 50, 50) == pytest.approx(0.1)  # a new optimizer warms up again


def test_exercises_move_the_loss_but_not_the_log(tmp_path):
    documents = documents_of(tmp_path, [([1, 5, 6, 7, 8], [0, 2, 2, 1, 1], 2.0)])
    found = {}
    for auxiliary in (0.0, 0.5):
        trainer = trainer_of(documents)
        trainer.objective = Completion(auxiliary)
        batch = trainer.packer.batch(0)
        loss = trainer.forward(batch)
        found[auxiliary] = loss
        assert trainer.objective.weights(batch) == (4.0 + 4.0 * auxiliary, 4.0)
        assert trainer.train_step()[0][0].item() == pytest.approx(loss.shown.item() / 4.0, rel=1e-5)
    plain, with_exercise = found[0.0], found[0.5]
    assert plain.total.item() == pytest.approx(plain.shown.item())
    assert with_exercise.shown.item() == pytest.approx(plain.shown.item(), rel=1e-5)
    both = Completion(1.0)
    trainer = trainer_of(documents)
    trainer.objective = both
    everything = trainer.forward(trainer.packer.batch(0)).total.item()
    exercise = everything - plain.total.item()
    assert exercise > 1
    assert with_exercise.total.item() == pytest.approx(plain.total.item() + 0.5 * exercise, rel=1e-5)
