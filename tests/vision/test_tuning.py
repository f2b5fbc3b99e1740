"""Views and their undoing, size bounds, votes, and test-time training of a tiny model."""

import time
from collections import Counter
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from solver.errors import InputError  # noqa: E402
from solver.task_sets import older_tasks  # noqa: E402
from solver.tasks import Pair, Task  # noqa: E402
from solver.vision import tuning  # noqa: E402
from solver.vision.canvas import random_placement  # noqa: E402
from solver.vision.model import LoopedModel, ModelConfig  # noqa: E402
from solver.vision.tuning import Tuner, TuningConfig  # noqa: E402
from solver.vision.views import View, bound_output_size, task_views  # noqa: E402

TINY_MODEL = ModelConfig(width=32, num_heads=2, num_loops=2, hidden=16, max_canvas=32, num_tasks=60)
TINY = TuningConfig(
    canvas=32, large_canvas=0, min_scale=1, dropout=0.0, batch=4, num_samples=12, num_colorings=1, num_placements=2,
    compile=False, autocast=False, warmup_steps=1,
)  # fmt: skip


@settings(max_examples=40, deadline=None)
@given(st.integers(0, 3), st.booleans(), st.permutations(list(range(10))), st.integers(1, 6), st.integers(1, 6))
def test_undoing_a_view_gives_the_grid_back(turns, mirror, colors, height, width):
    view = View(turns, mirror, tuple(colors))
    grid = np.random.default_rng(height * 10 + width).integers(0, 10, (height, width), dtype=np.uint8)
    seen = view.apply(grid)
    assert seen.shape == view.apply_size(grid.shape)
    np.testing.assert_array_equal(view.undo(seen), grid)


def test_views_of_a_task_as_published():
    views = task_views(9, np.random.default_rng(0))
    assert len(views) == len(set(views)) == 51
    assert views[0] == View()
    assert all(view.colors[0] == 0 for view in views)
    marked = np.arange(6, dtype=np.uint8).reshape(2, 3)
    assert len({view.apply(marked).tobytes() + bytes(view.apply(marked).shape) for view in views[:6]}) == 6


@pytest.mark.parametrize(("num_symmetries", "num_colorings", "count"), [(1, 9, 1), (2, 0, 2), (3, 2, 7), (6, 9, 51)])
def test_fewer_views_are_the_first_of_all(num_symmetries, num_colorings, count):
    views = task_views(num_colorings, np.random.default_rng(0), num_symmetries)
    assert len(views) == len(set(views)) == count
    assert TuningConfig(num_symmetries=num_symmetries, num_colorings=num_colorings).num_views == count
    every = task_views(num_colorings, np.random.default_rng(0))
    assert views[:num_symmetries] == every[:num_symmetries]


def zeros(*shape):
    return np.zeros(shape, dtype=np.uint8)


@pytest.mark.parametrize(
    ("pairs", "test", "choices"),
    [
        ([((2, 3), (2, 3)), ((4, 4), (4, 4))], (7, 5), ((7, 5),)),
        ([((2, 3), (3, 3)), ((4, 4), (3, 3))], (7, 5), ((3, 3),)),
        ([((2, 3), (4, 9)), ((1, 1), (2, 3))], (5, 6), ((10, 18),)),
        ([((4, 4), (2, 2)), ((6, 8), (3, 4))], (10, 2), ((5, 1),)),
        ([((4, 4), (2, 2)), ((6, 8), (3, 4))], (9, 2), ((9, 2),)),
        ([((11, 4), (15, 4)), ((11, 6), (15, 6))], (22, 5), ((30, 5),)),
        ([((7, 14), (9, 4)), ((7, 21), (9, 6))], (21, 7), ((27, 2),)),
        ([((9, 4), (2, 3)), ((6, 8), (5, 1))], (3, 3), ((3, 3),)),
        ([((4, 4), (8, 8)), ((6, 6), (12, 12))], (20, 20), (*[(20, 20)] * 4, (30, 30))),
        ([((4, 4), (2, 9)), ((6, 8), (7, 1))], (3, 3), (*[(7, 9)] * 4, (30, 30))),
    ],
)
def test_output_sizes_are_bounded_from_what_is_shown(pairs, test, choices):
    grids = [(zeros(*a), zeros(*b)) for a, b in pairs]
    assert bound_output_size(grids, zeros(*test)).choices == choices


def task_of(*cells, test=((1, 2),), truth=None):
    train = tuple(Pair(np.array(a, np.int8), np.array(b, np.int8)) for a, b in cells)
    return Task("t", train, (Pair(np.array(test, np.int8), truth),))


@pytest.fixture(name="tuner")
def tiny_tuner():
    return Tuner(LoopedModel(TINY_MODEL), TINY)


def test_predictions_come_back_through_their_views(tuner, monkeypatch):
    """A model that copies its input, border and all, votes for the test input with every view."""
    held = {}

    def copying(canvases, tokens, num_loops):
        held["count"] = held.get("count", 0) + len(canvases)
        out = canvases.clone()
        grid = canvases < 10
        for b in range(len(canvases)):
            rows, columns = grid[b].any(1).nonzero().flatten(), grid[b].any(0).nonzero().flatten()
            out[b, rows[-1] + 1, columns[0] : columns[-1] + 2] = 11
            out[b, rows[0] : rows[-1] + 2, columns[-1] + 1] = 11
        return out

    monkeypatch.setattr(tuner.model, "predict", copying)
    test = ((1, 2, 0), (3, 4, 5))
    task = task_of((((1, 2),), ((2, 1),)), (((3,), (4,)), ((4,), (3,))), test=test)
    ((grid, share), *rest) = tuner.tune_and_predict(task).votes[0]
    assert (grid.tolist(), share, rest) == ([[1, 2, 0], [3, 4, 5]], 1.0, [])
    assert held["count"] == 11 * 2


def test_tuning_learns_nothing_for_the_next_task(tuner):
    one = task_of((((1, 2),), ((2, 1),)), (((3, 4),), ((4, 3),)))
    two = task_of((((5, 5),), ((6,),)), (((1, 1),), ((7,),)))
    before = {k: v.clone() for k, v in tuner.shipped.items()}
    first = tuner.tune_and_predict(one, seed=3)
    tuner.tune_and_predict(two, seed=3)
    again = tuner.tune_and_predict(one, seed=3)
    assert first.loss == again.loss
    assert [(g.tolist(), s) for g, s in first.votes[0]] == [(g.tolist(), s) for g, s in again.votes[0]]
    assert all(torch.equal(tuner.shipped[k], v) for k, v in before.items())


def test_predictions_of_several_moments_vote_and_the_last_are_as_ever():
    task = task_of((((1, 2),), ((2, 1),)), (((3, 4),), ((4, 3),)), test=((5, 6),))
    once = Tuner(LoopedModel(TINY_MODEL), TINY).tune_and_predict(task, seed=3)
    tuned = Tuner(LoopedModel(TINY_MODEL), replace(TINY, moments=(0.3, 0.6, 1.0))).tune_and_predict(task, seed=3)

    def plain(votes):
        return [(grid.tolist(), share) for grid, share in votes]

    assert len(tuned.by_moment) == 3
    assert len(once.by_moment) == 1
    assert tuned.loss == once.loss
    assert plain(tuned.by_moment[-1][0]) == plain(once.votes[0]) == plain(once.by_moment[0][0])
    assert tuned.num_views == 3 * once.num_views
    shares = Counter()
    for (votes,) in tuned.by_moment:
        for grid, share in votes:
            shares[grid.shape, grid.tobytes()] += share / 3
    assert {(g.shape, g.tobytes()): pytest.approx(share) for g, share in tuned.votes[0]} == shares


def test_moments_that_tuning_does_not_come_to_have_no_vote(tuner):
    tuner.config = replace(tuner.config, moments=(0.4, 1.0))
    task = task_of((((1, 2),), ((2, 1),)), (((3, 4),), ((4, 3),)))
    assert len(tuner.tune_and_predict(task, max_steps=1).by_moment) == 1


@pytest.mark.parametrize("moments", [(), (0.5,), (0.0, 1.0), (0.7, 0.3, 1.0), (0.5, 0.5, 1.0), (0.5, 1.0, 1.5)])
def test_moments_ascend_to_the_end(moments):
    with pytest.raises(InputError, match="moments"):
        Tuner(LoopedModel(TINY_MODEL), replace(TINY, moments=moments))


def test_grids_are_scored_by_the_model_as_it_is(tuner):
    task = task_of((((1, 2),), ((2, 1),)), (((3, 4),), ((4, 3),)))
    grids = [np.array(cells, np.uint8) for cells in (((2, 1),), ((7, 8),), ((5,), (6,)))]
    given, views = np.array(((1, 2),), np.uint8), tuner.views(3)
    tuner.reset(len(views), 3)
    before = tuner.score(given, grids, views, 32, 0)
    tuner.tune_and_predict(task, seed=3)
    weights = {key: tensor.clone() for key, tensor in tuner.model.state_dict().items()}
    after = tuner.score(given, grids, views, 32, 0)
    assert 0 < after[0] < before[0]
    assert after[0] < min(after[1:])  # what it was tuned to
    assert tuner.score(given, grids[1:], views, 32, 0) == after[1:]
    assert tuner.score(given, [], views, 32, 0) == []
    assert all(torch.equal(tensor, weights[key]) for key, tensor in tuner.model.state_dict().items())


def test_losses_of_samples_and_of_a_batch_agree(tuner):
    data = tuner._viewed([(zeros(2, 3), zeros(2, 3))], tuner.views(0))
    canvases, targets, _ = data.draw(torch.arange(4), 32, torch.Generator().manual_seed(0), scale=2)
    losses = tuner.model.losses(canvases, data.tasks[:4], targets)
    assert losses.shape == (4,)
    assert losses.mean().item() == pytest.approx(tuner.model.loss(canvases, data.tasks[:4], targets).item(), rel=1e-5)


def test_the_hidden_output_changes_nothing(tuner):
    pairs = ((((1, 2),), ((2, 1),)), (((3, 4),), ((4, 3, 3),)))
    hidden = tuner.tune_and_predict(task_of(*pairs)).votes[0]
    shown = tuner.tune_and_predict(task_of(*pairs, truth=zeros(30, 30).astype(np.int8))).votes[0]
    assert [(g.tolist(), s) for g, s in hidden] == [(g.tolist(), s) for g, s in shown]


def test_a_passed_deadline_still_predicts(tuner):
    tuned = tuner.tune_and_predict(task_of((((1, 2),), ((2, 1),))), deadline=0.0)
    assert tuned.num_steps == 0
    assert len(tuned.votes) == 1


SWAP = task_of((((1, 2),), ((2, 1),)), (((3, 4),), ((4, 3),)))


def test_without_tuning_every_view_has_the_mean_token_of_shipped_weights():
    tuner = Tuner(LoopedModel(TINY_MODEL), replace(TINY, num_samples=0))
    tuned = tuner.tune_and_predict(SWAP)
    assert (tuned.num_steps, tuned.num_views) == (0, 22)
    mean = tuner.shipped["tasks"].mean(0)
    assert torch.equal(tuner.model.tasks[:11], mean.expand(11, -1))
    assert torch.equal(tuner.model.embed.weight, tuner.shipped["embed.weight"])


def test_a_model_of_one_task_is_tuned_from_its_token():
    tuner = Tuner(LoopedModel(replace(TINY_MODEL, num_tasks=1)), replace(TINY, num_symmetries=1))
    tuner.reset(1, 0)
    assert torch.equal(tuner.model.tasks, tuner.shipped["tasks"])
    assert 0 < tuner.tune_and_predict(SWAP).loss < 9


def test_loops_and_views_are_as_many_as_asked_for(monkeypatch):
    config = replace(TINY, num_symmetries=1, num_placements=1, num_loops=1)
    tuner = Tuner(LoopedModel(TINY_MODEL), config)
    calls = []
    (core,) = tuner.model.plain_cores()
    monkeypatch.setattr(tuner.model.cores[0], "forward", lambda *args: calls.append(0) or core(*args))
    tuner.tuned_cores = tuner.model.plain_cores()
    tuned = tuner.tune_and_predict(SWAP)
    assert tuned.num_views == 1
    assert len(calls) == tuned.num_steps + 1  # one prediction
    assert tuner.model.steps.grad[1:].abs().sum() == 0


def test_what_is_left_open_is_as_the_weights_were_trained():
    manifest = {"canvas": 40, "training": {"dropout": 0.2, "large_canvas": 64, "min_scale": 2}}
    named = TuningConfig(canvas=32, large_canvas=0, min_scale=1, dropout=0.0)

    def left_open(config):
        return config.canvas, config.large_canvas, config.min_scale, config.dropout

    assert left_open(TuningConfig().for_weights(manifest)) == (40, 64, 2, 0.2)
    assert left_open(TuningConfig().for_weights({"canvas": 40})) == (40, 0, 1, 0.0)
    assert left_open(TuningConfig(canvas=48).for_weights(manifest)) == (48, 64, 2, 0.2)
    assert left_open(TuningConfig(canvas=64).for_weights(manifest)) == (64, 0, 2, 0.2)
    assert named.for_weights(manifest) == named
    tuner = Tuner(LoopedModel(TINY_MODEL), replace(TINY, dropout=0.2))
    assert {layer.dropout for layer in tuner.model.layers()} == {0.2}


@pytest.mark.parametrize(
    ("manifest", "said"),
    [
        ({"canvas": "48"}, "canvas '48' is of"),
        ({"canvas": None}, "canvas None is of"),
        ({"canvas": 32.0}, r"canvas 32\.0 is of"),
        ({"canvas": 32, "training": None}, "training None is no object"),
        ({"canvas": 32, "training": {"large_canvas": "64"}}, "large_canvas '64' is of"),
        ({"canvas": 32, "training": {"min_scale": True}}, "min_scale True is of"),
        ({"canvas": 32, "training": {"dropout": "0"}}, "dropout '0' is of"),
    ],
)
def test_weights_that_do_not_say_how_they_were_trained_are_refused_in_one_line(manifest, said):
    with pytest.raises(InputError, match=rf"^vision: solver\.json: {said}"):
        TuningConfig(canvas=None).for_weights(manifest)


def test_what_the_model_cannot_do_is_named():
    config = TuningConfig(canvas=33, large_canvas=0, min_scale=1, dropout=0.0, num_loops=3, num_colorings=20)
    with pytest.raises(InputError, match=r"canvas 33.*32\.\.32.*num_loops 3.*1\.\.2.*106 views.*60"):
        Tuner(LoopedModel(TINY_MODEL), config)
    with pytest.raises(InputError, match=r"canvas is not named.*dropout is not named.*num_loops 3"):
        Tuner(LoopedModel(TINY_MODEL), TuningConfig(num_loops=3))
    with pytest.raises(InputError, match=r"large_canvas 32 must be larger than canvas 32"):
        Tuner(LoopedModel(TINY_MODEL), replace(TINY, large_canvas=32))
    with pytest.raises(InputError, match=r"vision: large_canvas 64 must be within 32\.\.32.*min_scale 0"):
        Tuner(LoopedModel(TINY_MODEL), replace(TINY, large_canvas=64, min_scale=0))
    with pytest.raises(InputError, match=r"vision: batch 0 must.*num_samples -1 must.*dropout 1\.5 must"):
        Tuner(LoopedModel(TINY_MODEL), replace(TINY, batch=0, num_samples=-1, dropout=1.5))


def solid(height, width, color=1):
    return np.full((height, width), color, np.int8)


@pytest.mark.parametrize(
    ("train", "test", "canvas"),
    [
        ([(solid(15, 15), solid(15, 15))], solid(15, 15), 32),
        ([(solid(3, 3), solid(3, 3))], solid(2, 16), 48),  # the test input
        ([(solid(3, 3), solid(16, 3))], solid(3, 3), 48),  # an output
        ([(solid(16, 3), solid(3, 3))], solid(3, 3), 48),  # an input
        ([(solid(4, 4), solid(8, 8)), (solid(3, 3), solid(6, 6))], solid(9, 9), 48),  # twice the test input
        ([(solid(4, 4), solid(9, 5)), (solid(3, 3), solid(6, 6))], solid(9, 9), 32),  # no rule says what to expect
    ],
)
def test_a_task_that_fits_only_at_the_smallest_scale_is_drawn_on_the_large_canvas(train, test, canvas):
    task = Task("t", tuple(Pair(*pair) for pair in train), (Pair(test),))
    assert replace(TINY, large_canvas=48).canvas_of(task) == canvas
    assert TINY.canvas_of(task) == 32


def test_tuning_predictions_and_scores_are_on_the_canvas_of_the_task(monkeypatch):
    tuner = Tuner(LoopedModel(replace(TINY_MODEL, max_canvas=48)), replace(TINY, large_canvas=48, min_scale=2))
    sides, scales = [], []
    forward, place = tuner.model.forward, random_placement
    monkeypatch.setattr(tuner.model, "forward", lambda c, *rest: sides.append(c.shape[1]) or forward(c, *rest))
    for module in ("tuning", "samples"):
        monkeypatch.setattr(
            f"solver.vision.{module}.random_placement",
            lambda *args, **more: scales.append(drawn := place(*args, **more)) or drawn,
        )
    for side, canvas in ((5, 32), (20, 48)):
        grid = (np.arange(side * side).reshape(side, side) % 10).astype(np.int8)
        tuned = tuner.tune_and_predict(Task("t", (Pair(grid, grid.T),), (Pair(grid),)))
        given = grid.astype(np.uint8)
        tuner.score(given, [given], tuner.views(0), tuned.canvas, 0)
        assert tuned.canvas == canvas
        assert set(sides) == {canvas}
        assert min(int(drawn.scale.min()) for drawn in scales) == 2
        sides.clear()
        scales.clear()


@pytest.mark.parametrize(("min_scale", "smallest"), [(1, 1), (2, 2), (4, 1)])
def test_no_room_is_left_for_outputs_at_a_scale_that_is_not_tuned_at(monkeypatch, min_scale, smallest):
    """Where no rule says how large an output is, some views leave room for 30×30, which fits at scale 1 alone; not
    where grids begin at 2. At 4 outputs as large as the others do not fit, either, and all views are as they were."""
    tuner, scales = Tuner(LoopedModel(TINY_MODEL), replace(TINY, min_scale=min_scale, num_placements=5)), []
    place = random_placement
    monkeypatch.setattr(
        "solver.vision.tuning.random_placement",
        lambda *args, **more: scales.append(drawn := place(*args, **more)) or drawn,
    )
    sizes = ((2, 2), (9, 5)), ((3, 3), (4, 9))
    pairs = [tuple(np.ones(size, np.uint8) for size in pair) for pair in sizes]
    tuner.predict(pairs, np.ones((2, 2), np.uint8), tuner.views(0), 32, 0)
    (drawn,) = scales
    assert int(drawn.scale.min()) == smallest


def limited(function, limit):
    """The function of a device whose memory holds no batch larger than the limit."""

    def run(canvases, *rest):
        if len(canvases) > limit:
            raise torch.cuda.OutOfMemoryError("injected")
        return function(canvases, *rest)

    return run


def test_a_batch_in_parts_has_the_gradient_of_the_whole(tuner, monkeypatch):
    generator = torch.Generator().manual_seed(0)
    canvases = torch.randint(0, 11, (32, 32, 32), generator=generator)
    targets = torch.where(torch.rand(32, 32, 32, generator=generator) < torch.rand(32, 1, 1), canvases % 10, -100)
    tokens = torch.arange(32) % 11
    tuner.tune_batch = 32
    whole = tuner.backward(canvases, tokens, targets)
    gradients = [p.grad for p in tuner.model.parameters()]
    monkeypatch.setattr(tuner.model, "loss", limited(tuner.model.loss, 12))
    parts = tuner.backward(canvases, tokens, targets)
    assert tuner.tune_batch == 8
    torch.testing.assert_close(parts, whole)
    for p, gradient in zip(tuner.model.parameters(), gradients, strict=True):
        torch.testing.assert_close(p.grad, gradient, rtol=1e-4, atol=1e-6)
    monkeypatch.setattr(tuner.model, "loss", limited(tuner.model.loss, 0))
    with pytest.raises(torch.cuda.OutOfMemoryError):
        tuner.backward(canvases, tokens, targets)


def test_predictions_do_not_depend_on_how_many_are_made_at_a_time(tuner, monkeypatch):
    views = task_views(1, np.random.default_rng(0))
    pairs = [(p.input.astype(np.uint8), p.output.astype(np.uint8)) for p in SWAP.train]

    def copying(canvases, tokens, num_loops):
        out = canvases.clone()
        out[:, 1::3], out[:, :, 1::3] = 11, 11
        return out

    monkeypatch.setattr(tuner.model, "predict", copying)
    grid = np.arange(9, dtype=np.uint8).reshape(3, 3)
    whole = tuner.predict(pairs, grid, views, 32, 5)
    assert whole
    monkeypatch.setattr(tuner.model, "predict", limited(copying, 10))
    parts = tuner.predict(pairs, grid, views, 32, 5)
    assert tuner.predict_batch == 8
    assert [g.tolist() for g in parts] == [g.tolist() for g in whole]


def test_tokens_have_a_rate_and_a_spread_of_their_own():
    still = Tuner(LoopedModel(TINY_MODEL), replace(TINY, token_rate=0.0, token_spread=0.0))
    still.tune_and_predict(SWAP)
    assert torch.equal(still.model.tasks[:11], still.shipped["tasks"].mean(0).expand(11, -1))
    assert not torch.equal(still.model.embed.weight, still.shipped["embed.weight"])
    moved = Tuner(LoopedModel(TINY_MODEL), replace(TINY, rate=0.0, matrix_rate=0.0, token_rate=0.1))
    moved.tune_and_predict(SWAP)
    assert torch.equal(moved.model.embed.weight, moved.shipped["embed.weight"])
    assert float((moved.model.tasks.detach()[:11] - moved.shipped["tasks"].mean(0)).abs().max()) > 0.1


@pytest.mark.parametrize("failing", [(), (32,), (48,), (32, 48)])
def test_a_canvas_on_which_steps_cannot_be_recorded_goes_on_without(monkeypatch, failing):
    """What is recorded here only counts how often it is played."""
    recorded, played = [], []

    def record(step, examples, num_rates):
        canvases, tokens, targets = examples
        side = canvases.shape[-1]
        assert canvases.shape == targets.shape == (len(tokens), side, side) == (4, side, side)
        recorded.append(side)
        if side in failing:
            raise torch.cuda.OutOfMemoryError("none left")

        def play(inputs, rates):
            assert len(rates) == num_rates
            played.append(side)
            return step(inputs, rates)

        return play

    tuner = Tuner(LoopedModel(replace(TINY_MODEL, max_canvas=48)), replace(TINY, large_canvas=48))
    monkeypatch.setattr(tuning, "GraphedStep", record)
    tuner.to_record = tuner.config.canvases
    assert tuner.record() == ", ".join(f"OutOfMemoryError on a canvas of {side}" for side in failing)
    large = Task("t", (Pair(solid(20, 2), solid(20, 2)),), (Pair(solid(20, 2)),))
    assert [tuner.tune_and_predict(task).num_steps for task in (SWAP, large)] == [3, 3]
    assert played == [side for side in (32, 48) if side not in failing for _ in range(3)]
    assert tuner.record() == ""
    assert recorded == [32, 48]  # once, whatever came of it


def test_recording_that_is_not_done_in_time_leaves_the_device_usable_and_is_told(tuner, monkeypatch):
    def record(*_):
        raise TimeoutError("not done in time")

    recovered = []
    monkeypatch.setattr(tuning, "GraphedStep", record)
    monkeypatch.setattr(tuner, "_recover", lambda: recovered.append(True))
    tuner.to_record = (32,)
    with pytest.raises(TimeoutError):
        tuner.record()
    assert recovered == [True]


def test_nothing_is_recorded_without_a_gpu(tuner, monkeypatch):
    monkeypatch.setattr(tuning, "GraphedStep", lambda *_: pytest.fail("recorded on a CPU"))
    assert tuner.record() == ""
    assert tuner.tune_and_predict(SWAP).num_steps == 3


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_recorded_steps_are_those_that_are_not(optimizer):
    config = replace(TINY, num_samples=200, optimizer=optimizer, autocast=True, token_rate=3e-3)
    found = []
    for graph in (False, True):
        tuner = Tuner(LoopedModel(TINY_MODEL).cuda(), replace(config, graph=graph))
        tuner.tune_and_predict(task_of((((5, 5),), ((6,),)), (((1, 1),), ((7,),))))
        tuned = tuner.tune_and_predict(SWAP)
        assert bool(tuner.graphed) == graph
        assert tuned.num_steps == 50
        found.append((tuned.loss, tuner.model.state_dict()))
    (plain_loss, plain), (loss, weights) = found
    assert loss == pytest.approx(plain_loss, rel=1e-2)
    for key, tensor in plain.items():
        torch.testing.assert_close(weights[key], tensor, rtol=0.05, atol=5e-3)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_steps_are_recorded_on_both_canvases():
    config = replace(TINY, large_canvas=48, num_samples=40, autocast=True)
    large = Task("t", (Pair(solid(20, 3), solid(20, 3, 2)),), (Pair(solid(20, 3)),))
    found = []
    for graph in (False, True):
        tuner = Tuner(LoopedModel(replace(TINY_MODEL, max_canvas=48)).cuda(), replace(config, graph=graph))
        found.append([tuner.tune_and_predict(task).loss for task in (SWAP, large, SWAP)])
        assert set(tuner.graphed) == ({32, 48} if graph else set())
    assert found[1] == pytest.approx(found[0], rel=1e-2)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="needs a GPU")
def test_recorded_steps_end_at_the_deadline():
    tuner = Tuner(
        LoopedModel(ModelConfig()).cuda(),
        TuningConfig(canvas=48, large_canvas=0, min_scale=1, dropout=0.0, batch=64, num_samples=10**6, compile=False),
    )
    tuner.tune_and_predict(SWAP, max_steps=1)
    began = time.monotonic()
    tuned = tuner.tune_and_predict(SWAP, deadline=began + 2.0)
    assert tuned.tune_s < 3.0
    assert tuned.num_steps > 10


def test_dropout_is_for_tuning_alone_and_repeats():
    found = []
    for dropout in (0.0, 0.5, 0.5):
        tuner = Tuner(LoopedModel(TINY_MODEL), replace(TINY, dropout=dropout))
        tuned = tuner.tune_and_predict(SWAP, seed=1)
        found.append((tuned.loss, [(g.tolist(), s) for g, s in tuned.votes[0]]))
        assert not tuner.model.training
    plain, first, second = found
    assert first == second
    assert first[0] != plain[0]


def test_pairs_of_trained_tasks_are_replayed_with_their_own_tokens():
    num_views = TINY.num_views
    model = LoopedModel(replace(TINY_MODEL, num_tasks=400))
    tuner = Tuner(model, replace(TINY, replay_share=0.5, num_samples=200))
    before = tuner.shipped["tasks"].clone()
    tuner.tune_and_predict(SWAP, seed=1)
    moved = (model.tasks != before).any(1).nonzero().flatten().tolist()
    assert set(range(num_views)) <= set(moved)
    assert 40 < len([token for token in moved if token >= num_views]) <= 100  # of 100 samples, some of one task
    replayed = tuner._replayed(num_views)
    assert int(replayed.tasks.min()) == num_views
    assert int(replayed.tasks.max()) == len(older_tasks()) - 1
    number = len(replayed) - 1
    pair = older_tasks()[-1].train[-1]
    height, width = replayed.sizes[number, :2].tolist()
    assert np.array_equal(replayed.grids[number, 0, :height, :width].numpy(), pair.input)
    with pytest.raises(InputError, match="replay needs a token of each of 399 tasks"):
        Tuner(LoopedModel(TINY_MODEL), replace(TINY, replay_share=0.5))
