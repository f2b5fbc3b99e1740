"""The vision model behind the contract of answer sources."""

import math
from dataclasses import replace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from solver.budget import Budget  # noqa: E402
from solver.errors import InputError  # noqa: E402
from solver.tasks import Pair, Task  # noqa: E402
from solver.vision.model import LoopedModel, ModelConfig  # noqa: E402
from solver.vision.source import VisionSource, answers_from  # noqa: E402
from solver.vision.tuning import Tuned, TuningConfig  # noqa: E402
from solver.vision.weights import save_weights  # noqa: E402

TINY_MODEL = ModelConfig(width=32, num_heads=2, num_loops=2, hidden=16, max_canvas=32, num_tasks=60)
TINY = TuningConfig(
    batch=4, num_samples=12, num_colorings=1, placements=2, compile=False, autocast=False, warmup_steps=1
)
PAIR = Pair(np.array([[1, 2]], np.int8), np.array([[2, 1]], np.int8))
TASK = Task("t", (PAIR, PAIR), (Pair(np.array([[3, 4]], np.int8)),))


@pytest.fixture(name="source")
def tiny_source(tmp_path):
    facts = {"canvas": 32, "trained_on": "nothing", "licence": "MIT-0"}
    save_weights(tmp_path, LoopedModel(TINY_MODEL).state_dict(), TINY_MODEL, facts)
    return VisionSource(tmp_path, "cpu", TINY)


def test_answers_speak_of_one_test_input_each_and_weigh_their_share():
    first, second = np.array([[1]], np.uint8), np.array([[2]], np.uint8)
    votes = [[(first, 0.5), (second, 0.25)], [(second, 0.75)]]
    answers = answers_from([Tuned(votes, 0.1, 3, 510, 1.0, 0.1)])
    assert [(a.weight, [o is None for o in a.outputs]) for a in answers] == [
        (0.75, [True, False]),
        (0.5, [False, True]),
        (0.25, [False, True]),
    ]
    assert answers[0].outputs[1].dtype == np.int8
    assert answers[0].origin == "75.0% of 510 views"


def test_a_node_budget_tunes_in_full_and_repeats(source):
    reports = []
    findings = source.solve(TASK, Budget(nodes=5), 1, reports.append)
    assert reports == [findings]
    assert "3 steps" in findings.note
    assert set(findings.phases) == {"tune", "predict"}
    again = source.solve(TASK, Budget(nodes=5), 1, reports.append)
    assert [a.weight for a in findings.answers] == [a.weight for a in again.answers]


def test_a_spent_budget_still_answers_at_once(source):
    budget = Budget(seconds=1e-6)
    assert "0 steps" in source.solve(TASK, budget, 0, lambda findings: None).note


def test_the_estimate_is_of_all_steps(source):
    assert 0 < source.estimate_s() < 60


@pytest.mark.parametrize("fault", ["memory", "diverged"])
def test_a_task_that_fails_costs_only_itself(source, monkeypatch, fault):
    def out_of_memory(*_):
        raise torch.cuda.OutOfMemoryError

    before = source.solve(TASK, Budget(nodes=1), 0, lambda findings: None)
    with monkeypatch.context() as broken:
        if fault == "memory":
            broken.setattr(source.tuner.model, "loss", out_of_memory)
        else:
            broken.setattr(source.tuner, "tune", lambda *_: (math.nan, 3))
        failed = source.solve(TASK, Budget(nodes=1), 0, lambda findings: None)
    assert failed.answers == []
    assert ("out of device memory" in failed.note) or ("diverged" in failed.note)
    after = source.solve(TASK, Budget(nodes=1), 0, lambda findings: None)
    assert replace(after, phases={}).note == before.note
    assert [a.weight for a in after.answers] == [a.weight for a in before.answers]


def test_missing_weights_are_one_clear_error(tmp_path):
    with pytest.raises(InputError, match=r"no solver\.json"):
        VisionSource(tmp_path / "none", "cpu")


def test_several_runs_vote_where_time_allows(source):
    source.max_runs = 3
    reports = []
    findings = source.solve(TASK, Budget(seconds=60), 1, reports.append)
    assert len(reports) == 3
    assert findings.note.startswith("vision: 3, 3, 3 steps")
    assert sum(a.weight for a in findings.answers) <= 1.0
    assert findings.phases["tune"] > reports[0].phases["tune"]
    assert len(source.solve(TASK, Budget(nodes=9), 1, reports.append).note.split(",")) == 2


def test_runs_are_weighed_by_their_views():
    one, two = np.array([[1]], np.uint8), np.array([[2]], np.uint8)
    runs = [Tuned([[(one, 1.0)]], 0.1, 3, 100, 1.0, 0.1), Tuned([[(one, 0.5), (two, 0.5)]], 0.1, 3, 300, 1.0, 0.1)]
    assert [(a.outputs[0].tolist(), a.weight) for a in answers_from(runs)] == [([[1]], 0.625), ([[2]], 0.375)]
