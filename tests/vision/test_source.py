"""The vision model behind the contract of answer sources."""

import contextlib
import gc
import json
import math
import subprocess
import sys
import time
import weakref
from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

import solver.weights  # noqa: E402
from solver.answers import DeviceLostError, Findings, Judgement, TaskResult  # noqa: E402
from solver.budget import Budget  # noqa: E402
from solver.errors import InputError  # noqa: E402
from solver.run.results import load_results, parse_partial, to_json  # noqa: E402
from solver.settings import load_settings  # noqa: E402
from solver.sources import vision_lane, vision_sources  # noqa: E402
from solver.task_sets import load_set  # noqa: E402
from solver.tasks import Pair, Task  # noqa: E402
from solver.vision.model import LoopedModel, ModelConfig  # noqa: E402
from solver.vision.source import (  # noqa: E402
    MAX_JUDGED,
    OWN_JUDGED,
    VisionSource,
    add_run,
    answers_from,
    distinct_grids,
    limit_memory,
    shares_of,
    weight_of_run,
    whole_run_s,
)
from solver.vision.tuning import Tuned, Tuner, TuningConfig  # noqa: E402
from solver.vision.weights import save_weights  # noqa: E402
from solver.weights import file_hash, weights_digest  # noqa: E402

TINY_MODEL = ModelConfig(width=32, num_heads=2, num_loops=2, hidden=16, max_canvas=32, num_tasks=60)
TINY = TuningConfig(
    batch=4, num_samples=12, num_colorings=1, num_placements=2, compile=False, autocast=False, warmup_steps=1
)
PAIR = Pair(np.array([[1, 2]], np.int8), np.array([[2, 1]], np.int8))
TASK = Task("t", (PAIR, PAIR), (Pair(np.array([[3, 4]], np.int8)),))


@pytest.fixture(name="source")
def tiny_source(tmp_path):
    facts = {"canvas": 32, "trained_on": "nothing", "licence": "MIT-0"}
    save_weights(tmp_path, LoopedModel(TINY_MODEL).state_dict(), TINY_MODEL, facts)
    return VisionSource(tmp_path, "cpu", TINY)


def shares_from(*runs):
    shares = shares_of(None, len(runs[0]))
    for votes in runs:
        add_run(shares, Tuned(votes, 0.1, 3, 510, 1.0, 0.1, 32), 1.0)
    return shares


def test_answers_speak_of_one_test_input_each_and_weigh_their_share():
    first, second = np.array([[1]], np.uint8), np.array([[2]], np.uint8)
    answers = answers_from(shares_from([[(first, 0.5), (second, 0.25)], [(second, 0.75)]]), 1, 510)
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
    (reported,) = reports
    assert (reported.answers, reported.note, reported.judged) == (findings.answers, findings.note, ())
    assert "3 steps" in findings.note
    assert set(findings.phases) == {"tune", "predict"}
    again = source.solve(TASK, Budget(nodes=5), 1, reports.append)
    assert [a.weight for a in findings.answers] == [a.weight for a in again.answers]


@pytest.mark.parametrize("optimizer", ["muon", "adamw"])
def test_fewer_loops_than_cores_tune_the_cores_that_they_reach(tmp_path, optimizer):
    model = replace(TINY_MODEL, num_cores=2)
    facts = {"canvas": 32, "trained_on": "nothing", "licence": "MIT-0"}
    save_weights(tmp_path / "two", LoopedModel(model).state_dict(), model, facts)
    source = VisionSource(tmp_path / "two", "cpu", replace(TINY, num_loops=1, optimizer=optimizer))
    before = [p.detach().clone() for p in source.tuner.model.cores.parameters()]
    assert "3 steps" in source.solve(TASK, Budget(nodes=5), 1, lambda findings: None).note
    changed = [not torch.equal(old, new) for old, new in zip(before, source.tuner.model.cores.parameters())]
    half = len(changed) // 2
    assert all(changed[:half])
    assert not any(changed[half:])


def test_a_spent_budget_still_answers_at_once(source):
    budget = Budget(seconds=1e-6)
    assert "0 steps" in source.solve(TASK, budget, 0, lambda findings: None).note


def test_the_estimate_is_of_all_steps(source):
    assert 0 < source.estimate_s(32) < 60
    assert source.least_s(10) == 0.0
    source.estimate_s = lambda canvas: 9.0
    source.warm_up()
    assert source.about == "vision on cpu: about 9.0 s for a tuning run"
    assert source.least_s(10) == source.least_s(30) == pytest.approx(11.0)


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


def test_a_run_that_diverges_has_no_vote_and_the_next_one_has_another_seed(source, monkeypatch):
    """The second of three runs diverges, whenever it is made."""
    before = source.solve(TASK, Budget(nodes=1), 1, lambda findings: None)
    source.max_runs, seeds, tune = 3, [], source.tuner.tune

    def diverging(pairs, views, canvas, seed, *rest):
        seeds.append(seed)
        loss, num_steps = tune(pairs, views, canvas, seed, *rest)
        return math.nan if seed == 2 else loss, num_steps

    monkeypatch.setattr(source.tuner, "tune", diverging)
    reports = []
    findings = source.solve(TASK, Budget(seconds=60), 1, reports.append)
    assert seeds == [1, 2, 3]
    assert (findings.num_runs, findings.whole_weight, [r.num_runs for r in reports]) == (3, 2.0, [1, 3])
    alone = source.solve(TASK, Budget(nodes=1), 2, lambda findings: None)
    assert (alone.answers, alone.note, alone.num_runs) == ([], "vision: run 1, tuning diverged", 1)
    second = source.solve(TASK, Budget(nodes=1), 1, lambda findings: None, before)
    assert second.answers == before.answers
    source.solve(TASK, Budget(nodes=1), 1, lambda findings: None, second)
    assert seeds == [1, 2, 3, 2, 2, 3]


def test_runs_on_each_canvas_are_estimated_and_say_what_a_task_there_needs(tmp_path, monkeypatch):
    model = replace(TINY_MODEL, max_canvas=48)
    facts = {"canvas": 32, "trained_on": "nothing", "licence": "MIT-0", "training": {"large_canvas": 48}}
    save_weights(tmp_path, LoopedModel(model).state_dict(), model, facts)
    source, canvases = VisionSource(tmp_path, "cpu", TINY), []
    tune = source.tuner.tune_and_predict

    def fake(task, *args, **more):
        tuned = tune(task, *args, **more)
        canvases.append(tuned.canvas)
        return replace(tuned, tune_s=tuned.canvas * tuned.num_steps / 100, predict_s=0.0)

    monkeypatch.setattr(source.tuner, "tune_and_predict", fake)
    source.warm_up()
    half = len(canvases) // 2
    assert (set(canvases[:half]), set(canvases[half:])) == ({32}, {48})
    assert source.about == "vision on cpu: about 1.0 or 1.4 s for a tuning run"
    for side in (1, 15, 16, 30):
        canvas_s = 0.96 if side <= 15 else 1.44
        assert source.least_s(side) == pytest.approx(canvas_s * 1.1 / 0.9)
    source.run_s = {32: 1e6, 48: 1e-9}
    source.solve(TASK, Budget(nodes=1), 0, lambda findings: None)
    assert 0 < source.least_s(15) < 60
    assert source.run_s[48] == 1e-9


def test_a_device_that_never_has_memory_ends_the_process(source, monkeypatch):
    def out_of_memory(*_):
        raise torch.cuda.OutOfMemoryError

    monkeypatch.setattr(source.tuner.model, "loss", out_of_memory)
    for _ in range(2):
        assert "out of device memory" in source.solve(TASK, Budget(nodes=1), 0, lambda findings: None).note
    with pytest.raises(DeviceLostError, match="3 times in a row"):
        source.solve(TASK, Budget(nodes=1), 0, lambda findings: None)


def test_a_later_run_without_memory_leaves_the_votes_of_those_before(source, monkeypatch):
    source.max_runs, reports = 3, []

    def out_of_memory(*_):
        raise torch.cuda.OutOfMemoryError

    def report(findings):
        reports.append(findings)
        monkeypatch.setattr(source.tuner.model, "loss", out_of_memory)

    findings = source.solve(TASK, Budget(seconds=60), 1, report)
    assert (findings.answers, findings.num_runs, len(reports)) == (reports[0].answers, 1, 1)
    assert findings.note == "vision: run 2, out of device memory"


def test_what_a_run_took_says_what_the_next_one_needs(source):
    source.run_s[32] = 1e6
    source.solve(TASK, Budget(nodes=1), 0, lambda findings: None)
    assert 0 < source.least_s(TASK.longest_side) < 60


def test_a_run_that_was_cut_short_says_that_the_next_one_needs_more(source, monkeypatch):
    """The estimate was a tenth of a second, a whole run takes three: tuning 2.7, predicting 0.3."""
    clock, tune, wanted = [0.0], source.tuner.tune_and_predict, source.config.num_steps
    monkeypatch.setattr("solver.vision.source.time.monotonic", lambda: clock[0])

    def slow(task, seed, deadline):
        steps = min(wanted, int((deadline - clock[0]) / 2.7 * wanted))
        clock[0] += 2.7 * steps / wanted + 0.3
        return replace(tune(task, seed, max_steps=steps), tune_s=2.7 * steps / wanted, predict_s=0.3)

    monkeypatch.setattr(source.tuner, "tune_and_predict", slow)
    source.run_s[32] = 0.1
    findings = source.solve(TASK, Budget(seconds=2.5, _started=clock[0]), 0, lambda findings: None)
    assert findings.whole_weight == pytest.approx((2 / wanted) ** 2)
    assert source.run_s[32] == pytest.approx(3.0)
    needed = source.least_s(TASK.longest_side)
    assert source.solve(TASK, Budget(seconds=needed, _started=clock[0]), 0, lambda findings: None).whole_weight == 1.0
    assert source.run_s[32] == pytest.approx(3.0)
    source.solve(TASK, Budget(seconds=0.01, _started=clock[0]), 0, lambda findings: None)
    assert source.run_s[32] == pytest.approx(3.0)  # not one step: says nothing


def test_an_accident_in_the_first_steps_does_not_count_for_all_steps():
    tuned = Tuned([], 0.1, 2, 510, 60.0, 1.0, 48)
    assert whole_run_s(tuned, 2125, 61.0) == pytest.approx(601.0)
    assert whole_run_s(replace(tuned, num_steps=1700), 2125, 61.0) == pytest.approx(76.0)
    assert whole_run_s(replace(tuned, num_steps=2125), 2125, 61.0) == 61.0


def test_missing_weights_are_one_clear_error(tmp_path):
    with pytest.raises(InputError, match=r"no solver\.json"):
        VisionSource(tmp_path / "none", "cpu")


def test_several_runs_vote_where_time_allows(source):
    source.max_runs = 3
    reports = []
    findings = source.solve(TASK, Budget(seconds=60), 1, reports.append)
    assert [r.num_runs for r in reports] == [1, 2, 3]
    assert findings.note.startswith("vision: run 3, 3 steps")
    assert findings.whole_weight == 3.0
    assert sum(a.weight for a in findings.answers) <= 3.0
    assert findings.phases["tune"] > reports[0].phases["tune"]
    assert source.solve(TASK, Budget(nodes=9), 1, reports.append).num_runs == 1


def test_a_second_pass_goes_on_from_the_first(source):
    first = source.solve(TASK, Budget(nodes=1), 1, lambda findings: None)
    second = source.solve(TASK, Budget(nodes=1), 1, lambda findings: None, first)
    source.max_runs = 2
    both = source.solve(TASK, Budget(seconds=60), 1, lambda findings: None)
    assert (second.num_runs, both.num_runs) == (2, 2)
    assert [a.weight for a in second.answers] == pytest.approx([a.weight for a in both.answers])


def grids_judged(findings, index=0):
    return {(said.grid.shape, said.grid.tobytes()): said for said in findings.judged[index]}


def test_a_whole_run_judges_the_grids_of_others_beside_its_own_likeliest(source):
    mine = source.solve(TASK, Budget(nodes=1), 1, lambda findings: None)
    assert mine.judged == ()
    proposed = np.array([[4, 3]], np.int8), np.array([[7, 7, 7], [7, 7, 7]], np.int8)
    told = source.solve(TASK, Budget(nodes=1), 1, lambda findings: None, None, (proposed,))
    assert [a.weight for a in told.answers] == [a.weight for a in mine.answers]
    assert "judge" in told.phases
    judged = grids_judged(told)
    own = [answer.outputs[0] for answer in mine.answers[:OWN_JUDGED]]
    assert set(judged) == {(grid.shape, grid.tobytes()) for grid in (*own, *proposed)}
    assert all(said.grid.dtype == np.int8 and 0 < said.nats < 50 for said in judged.values())
    views = source.tuner.views(1)
    source.tuner.tune_and_predict(TASK, 1)
    (alone,) = source.tuner.score(TASK.test[0].input.astype(np.uint8), [proposed[0].astype(np.uint8)], views, 32, 0)
    assert alone == pytest.approx(judged[proposed[0].shape, proposed[0].tobytes()].nats, rel=0.5)


def test_a_test_input_for_which_nobody_else_proposes_anything_is_not_judged(source):
    task = Task("t", TASK.train, TASK.test * 2)
    proposed = (), (np.array([[4, 3]], np.int8),)
    judged = source.solve(task, Budget(nodes=1), 1, lambda findings: None, None, proposed).judged
    assert [bool(of_input) for of_input in judged] == [False, True]


def test_the_output_that_was_learned_is_the_likelier(tmp_path, source):
    """The test input is a training input, and tuning is long enough for a tiny model to learn its output."""
    task = Task("t", (PAIR,), (Pair(PAIR.input),))
    longer = replace(TINY, num_samples=400, num_colorings=0, num_symmetries=1, warmup_steps=5)
    source = VisionSource(tmp_path, "cpu", longer)
    others = ((PAIR.output, np.array([[8, 5], [5, 8]], np.int8)),)
    judged = grids_judged(source.solve(task, Budget(nodes=1), 0, lambda findings: None, None, others))
    right, wrong = (judged[grid.shape, grid.tobytes()].nats for grid in others[0])
    assert right < wrong


def test_a_run_goes_on_from_what_was_written_as_from_what_was_known(source):
    others = ((np.array([[4, 3]], np.int8),),)
    first = source.solve(TASK, Budget(nodes=1), 1, lambda findings: None, None, others)
    line = to_json(TaskResult("t", ()), {"vision": {"vision": first}}) + b"\n"
    written = parse_partial(line)["t"].found["vision"]["vision"]
    again = [source.solve(TASK, Budget(nodes=1), 1, lambda findings: None, before) for before in (first, written)]
    ours, theirs = ([(a.weight, a.origin, a.outputs[0].tolist()) for a in found.answers] for found in again)
    assert ours == theirs
    assert [found.num_runs for found in again] == [2, 2]
    assert grids_judged(again[0]).keys() == grids_judged(again[1]).keys() == grids_judged(first).keys()
    assert [said.nats for said in again[1].judged[0]] == [said.nats for said in first.judged[0]]


def row(*cells):
    return np.array([cells], np.int8)


def keys(*grids):
    return {(grid.shape, grid.tobytes()) for grid in grids}


def test_what_is_judged_is_not_judged_again_until_more_is_proposed(source, monkeypatch):
    """Four runs in two passes: the first of each pass judges. All that the vote compares is of one run."""
    source.max_runs, seeds = 2, []
    score = source.tuner.score

    def counted(test_input, grids, views, canvas, seed):
        seeds.append((seed, len(grids)))
        return score(test_input, grids, views, canvas, seed)

    monkeypatch.setattr(source.tuner, "score", counted)
    first = source.solve(TASK, Budget(seconds=60), 1, lambda findings: None, None, ((row(4, 3),),))
    assert (first.num_runs, len(seeds)) == (2, 1)
    told = ((row(4, 3), row(7, 7)),)
    second = source.solve(TASK, Budget(seconds=60), 1, lambda findings: None, first, told)
    assert (second.num_runs, len(seeds)) == (4, 2)
    assert keys(row(4, 3), row(7, 7)) | set(grids_judged(first)) <= set(grids_judged(second))
    third = source.solve(TASK, Budget(nodes=1), 1, lambda findings: None, replace(first, judged=()), told)
    key = (1, 2), row(4, 3).tobytes()
    assert grids_judged(third)[key].nats == pytest.approx(grids_judged(second)[key].nats, rel=1e-4)
    assert grids_judged(second)[key].nats != grids_judged(first)[key].nats
    again = source.solve(TASK, Budget(nodes=1), 1, lambda findings: None, second, ((row(7, 7),),))
    assert again.judged == second.judged
    assert len(seeds) == 3


def test_a_run_that_judges_leaves_time_for_as_many_runs_as_before(source, monkeypatch):
    """A run takes 10 s and judging 5, of 36: three runs, since judging is needed once."""
    clock, tune = [0.0], source.tuner.tune_and_predict
    monkeypatch.setattr("solver.vision.source.time.monotonic", lambda: clock[0])
    monkeypatch.setattr("solver.budget.time.monotonic", lambda: clock[0])

    def pass_time(seconds, work):
        def slow(*args):
            clock[0] += seconds
            return work(*args)

        return slow

    monkeypatch.setattr(source.tuner, "tune_and_predict", pass_time(10.0, lambda task, seed, _: tune(task, seed)))
    monkeypatch.setattr(source.tuner, "score", pass_time(5.0, source.tuner.score))
    source.max_runs = 9
    findings = source.solve(TASK, Budget(seconds=36.5, _started=0.0), 1, lambda _: None, None, ((row(4, 3),),))
    assert (findings.num_runs, clock[0]) == (3, 35.0)
    assert source.run_s[32] == 10.0


def test_no_run_judges_more_than_its_time_bears(source, monkeypatch):
    """What is proposed now comes before what was judged once."""
    before = Findings(num_runs=0, judged=(tuple(Judgement(row(n // 10, n % 10, 9), 1.0) for n in range(80)),))
    findings = source.solve(TASK, Budget(nodes=1), 1, lambda _: None, before, ((row(0, 7, 9), row(4, 3)),))
    judged = grids_judged(findings)
    assert len(judged) == len(findings.judged[0]) == MAX_JUDGED
    assert keys(row(0, 7, 9), row(4, 3), row(0, 0, 9)) <= set(judged)
    assert not keys(row(7, 9, 9)) & set(judged)
    assert [grid.tolist() for grid in distinct_grids([row(1), row(2), row(1)])] == [[[1]], [[2]]]


def test_judging_ends_with_the_time_and_keeps_what_is_there(source, monkeypatch):
    """The clock stands still but while a grid is judged, which takes longer than the whole task may."""
    now = [time.monotonic()]
    monkeypatch.setattr("solver.vision.source.time.monotonic", lambda: now[0])
    score = source.tuner.score

    def slow(*args):
        now[0] += 100.0
        return score(*args)

    monkeypatch.setattr(source.tuner, "score", slow)
    task = Task("t", (PAIR, PAIR), (Pair(np.array([[3, 4]], np.int8)),) * 3)
    others = ((np.array([[4, 3]], np.int8),),) * 3
    findings = source.solve(task, Budget(seconds=60), 1, lambda findings: None, None, others)
    assert [bool(of_input) for of_input in findings.judged] == [True, False, False]
    assert findings.num_runs == 1


@pytest.mark.parametrize("fault", ["cut short", "untuned", "memory"])
def test_what_is_no_whole_run_judges_nothing_and_keeps_what_was_said(tmp_path, source, monkeypatch, fault):
    said = ((Judgement(np.array([[4, 3]], np.int8), 0.5),),)
    before = Findings(num_runs=1, whole_weight=1.0, judged=said)
    if fault == "untuned":
        source = VisionSource(tmp_path, "cpu", replace(TINY, num_samples=0))
    elif fault == "cut short":
        tune = source.tuner.tune
        monkeypatch.setattr(source.tuner, "tune", lambda *args: (tune(*args)[0], 1))
    else:

        def out_of_memory(*_):
            raise torch.cuda.OutOfMemoryError

        monkeypatch.setattr(source.tuner.model, "losses", out_of_memory)
    others = ((np.array([[3, 3]], np.int8),),)
    findings = source.solve(TASK, Budget(nodes=1), 0, lambda findings: None, before, others)
    ((kept,),) = findings.judged
    assert (kept.grid.tolist(), kept.nats) == ([[4, 3]], 0.5)
    assert findings.num_runs == 2


def test_runs_are_summed_and_one_that_was_cut_short_counts_less():
    one, two = np.array([[1]], np.uint8), np.array([[2]], np.uint8)
    answers = answers_from(shares_from([[(one, 1.0)]], [[(one, 0.25), (two, 0.5)]]), 2.0, 1020)
    assert [(a.outputs[0].tolist(), a.weight) for a in answers] == [([[1]], 1.25), ([[2]], 0.5)]
    assert answers[0].origin == "62.5% of 1020 views"
    again = shares_of(Findings(answers, num_runs=2, whole_weight=2.0), 1)
    assert sorted(again[0].values()) == [0.5, 1.25]
    whole, half = Tuned([[(one, 0.4)]], 0.1, 8, 10, 1.0, 0.1, 32), Tuned([[(two, 1.0)]], 0.1, 4, 10, 1.0, 0.1, 32)
    shares = shares_of(None, 1)
    for tuned in (half, whole):
        add_run(shares, tuned, weight_of_run(tuned, 8))
    assert [a.outputs[0].tolist() for a in answers_from(shares, 1.25, 20)] == [[[1]], [[2]]]
    assert [weight_of_run(tuned, 0) for tuned in (half, whole)] == [1.0, 1.0]


def test_a_run_that_the_clock_ends_weighs_as_much_as_it_was_tuned(source, monkeypatch):
    tune = source.tuner.tune
    monkeypatch.setattr(source.tuner, "tune", lambda *args: (tune(*args)[0], 1))
    findings = source.solve(TASK, Budget(nodes=1), 0, lambda findings: None)
    assert findings.whole_weight == pytest.approx((1 / source.config.num_steps) ** 2)
    assert sum(a.weight for a in findings.answers) <= findings.whole_weight


def test_where_nothing_can_be_compiled_it_goes_on_uncompiled_and_says_so(source, tmp_path, monkeypatch):
    warm_up, tried, may_record = VisionSource.warm_up, [], True

    def no_compiler(self):
        tried.append((self.config.compile, self.config.graph))
        if self.config.compile or (self.config.graph and not may_record):
            raise RuntimeError("Failed to find C compiler")
        warm_up(self)

    monkeypatch.setattr(VisionSource, "warm_up", no_compiler)
    slow = VisionSource.ready(tmp_path, "cpu", replace(TINY, compile=True), 1)
    assert slow.about.endswith("not compiled (RuntimeError)")
    assert tried == [(True, True), (False, True)]
    assert slow.solve(TASK, Budget(nodes=1), 0, lambda findings: None).answers is not None
    may_record = False
    slower = VisionSource.ready(tmp_path, "cpu", replace(TINY, compile=True), 1)
    assert tried[2:] == [(True, True), (False, True), (False, False)]
    assert slower.about.endswith("not compiled (RuntimeError)")
    monkeypatch.setattr(VisionSource, "warm_up", lambda self: 1 / 0)
    with pytest.raises(ZeroDivisionError):
        VisionSource.ready(tmp_path, "cpu", TINY, 1)


def test_what_failed_holds_no_memory_while_the_next_attempt_needs_it(source, tmp_path, monkeypatch):
    """Neither by circles of references, which nobody may look for in time, nor by the traceback of its error."""
    made, alive = [], []

    def failing(self):
        alive.append([ref() is not None for ref in made])
        scratch = torch.zeros(9)
        made.extend(map(weakref.ref, (self.tuner.model, scratch)))
        if self.config.compile or self.config.graph:
            raise torch.cuda.OutOfMemoryError(f"no room for {len(scratch)} more")

    monkeypatch.setattr(VisionSource, "warm_up", failing)
    monkeypatch.setattr("solver.vision.source.logger.exception", lambda *_: None)  # pytest keeps what is logged
    gc.disable()
    try:
        VisionSource.ready(tmp_path, "cpu", replace(TINY, compile=True), 1)
    finally:
        gc.enable()
    assert alive == [[], [False, False], [False] * 4]


def test_settings_that_the_model_cannot_serve_are_not_taken_for_a_missing_compiler(source, tmp_path, caplog):
    with pytest.raises(InputError, match="canvas 96"):
        VisionSource.ready(tmp_path, "cpu", replace(TINY, canvas=96, compile=True), 1)
    assert not caplog.records


def test_a_compiler_that_hangs_costs_time_and_not_the_source(source, tmp_path, monkeypatch):
    """Also where recording, which compiles first, takes it for a step that cannot be recorded."""
    monkeypatch.setattr("solver.run.process.AGAIN_S", 0.5)
    backward, tried = Tuner.backward, []

    def compiling(self, *batch):
        if self.config.compile:
            tried.append(self)
            time.sleep(60)
        return backward(self, *batch)

    def record(self):
        with contextlib.suppress(TimeoutError):
            self.backward()
        return ""

    with monkeypatch.context() as hanging:
        hanging.setattr(Tuner, "backward", compiling)
        hanging.setattr(Tuner, "record", lambda self: record(self) if self.config.compile else "")
        began = time.monotonic()
        slow = VisionSource.ready(tmp_path, "cpu", replace(TINY, compile=True), 1, 0.5)
    assert time.monotonic() - began < 30.0
    assert len(tried) >= 2
    assert slow.about.endswith("not compiled (TimeoutError)")
    assert slow.run_s[32] > 0


def test_without_a_compiler_to_wait_for_a_source_takes_the_time_that_it_needs(source, tmp_path, monkeypatch):
    monkeypatch.setattr(VisionSource, "warm_up", lambda self: time.sleep(0.2))
    assert VisionSource.ready(tmp_path, "cpu", TINY, 1, 0.1).about == ""


def test_a_task_too_large_for_memory_is_tuned_in_parts_and_says_so(tmp_path, source, monkeypatch):
    source = VisionSource(tmp_path, "cpu", replace(TINY, batch=16, num_samples=32, predict_batch=16))
    model = source.tuner.model
    for name in ("loss", "predict"):
        whole = getattr(model, name)

        def limited(canvases, *rest, whole=whole):
            if len(canvases) > 8:
                raise torch.cuda.OutOfMemoryError("injected")
            return whole(canvases, *rest)

        monkeypatch.setattr(model, name, limited)
    note = source.solve(TASK, Budget(nodes=1), 0, lambda findings: None).note
    assert note.endswith("tuned in parts of 8, predicted in parts of 8")
    assert "out of device memory" not in note


def test_peak_memory_is_told(source, monkeypatch):
    tune_and_predict = source.tuner.tune_and_predict
    monkeypatch.setattr(
        source.tuner, "tune_and_predict", lambda *args: replace(tune_and_predict(*args), peak_bytes=3 * 2**30)
    )
    assert source.solve(TASK, Budget(nodes=1), 0, lambda findings: None).note.endswith("peak 3.0 GiB")


@pytest.mark.parametrize(("memory_gib", "share"), [(6.0, 0.25), (48.0, 1.0)])
def test_device_memory_is_capped_by_a_share_of_what_there_is(monkeypatch, memory_gib, share):
    monkeypatch.setattr(torch.cuda, "get_device_properties", lambda _: SimpleNamespace(total_memory=24 * 2**30))
    seen = []
    monkeypatch.setattr(torch.cuda, "set_per_process_memory_fraction", seen.append)
    limit_memory(memory_gib)
    assert seen == [share]


def test_every_setting_reaches_the_tuner(source, tmp_path, monkeypatch):
    where = ["vision.device=cpu", f"vision.weights={tmp_path}"]
    with pytest.raises(InputError, match="num_loops 3"):
        vision_sources(load_settings(None, [*where, "vision.num_loops=3"]), 0)
    monkeypatch.setattr(VisionSource, "ready", lambda *args: args)
    given = {
        "canvas": 32, "batch": 3, "num_samples": 7, "num_symmetries": 2, "num_colorings": 3, "num_placements": 4,
        "num_loops": 1, "optimizer": "adamw", "rate": 0.1, "matrix_rate": 0.2,
    }  # fmt: skip
    assignments = [f"vision.{name}={value}" for name, value in given.items()]
    ((weights, device, config, max_runs, compile_s),) = vision_sources(
        load_settings(None, [*where, "vision.max_runs=5", "run.start_timeout_s=100", *assignments]), 0
    )
    assert (weights, device, max_runs, compile_s) == (tmp_path, "cpu", 5, 60.0)
    assert config == TuningConfig(**given, compile=False, autocast=False)
    ((_, _, default, *_),) = vision_sources(load_settings(None, where), 0)
    assert default == TuningConfig(compile=False, autocast=False)


def test_a_run_reads_its_weights_hashes_once_before_any_worker(source, tmp_path, monkeypatch):
    hashed = []
    monkeypatch.setattr(solver.weights, "file_hash", lambda path, own=file_hash: hashed.append(path.name) or own(path))
    monkeypatch.setattr(VisionSource, "warm_up", lambda self: None)
    settings = load_settings(None, ["vision.device=cpu", f"vision.weights={tmp_path}"])
    lane = vision_lane(settings)
    assert sorted(hashed) == ["config.json", "model.safetensors"]
    manifest = json.loads((tmp_path / "solver.json").read_text())
    assert lane.weights == {"vision": weights_digest(manifest)}
    (made,) = lane.make_sources(settings, 0)
    assert isinstance(made, VisionSource)
    assert len(hashed) == 2
    VisionSource(tmp_path, "cpu")
    assert len(hashed) == 4  # by those who compare none before


def test_untuned_answers_name_no_loss(source, tmp_path):
    source = VisionSource(tmp_path, "cpu", replace(TINY, num_samples=0))
    findings = source.solve(TASK, Budget(nodes=1), 0, lambda findings: None)
    assert findings.note == "vision: run 1, 0 steps"
    assert source.estimate_s(32) > 0


@pytest.mark.slow
@pytest.mark.parametrize("lanes", ["vision", "both"])
def test_one_command_evaluates_vision_alone_or_beside_programs(source, tmp_path, lanes):
    task_id = load_set("arc-agi-1/training")[0].task_id
    settings = [
        "vision.device=cpu", f"vision.weights={tmp_path}", "vision.num_samples=4", "vision.num_symmetries=2",
        "vision.num_colorings=0", f"search.use={'false' if lanes == 'vision' else 'true'}",
    ]  # fmt: skip
    command = [
        sys.executable, "-m", "solver", "evaluate", "--set", "arc-agi-1/training", "--tasks", task_id,
        "--nodes", "1000", "--out", str(tmp_path / "out"), *(word for value in settings for word in ("--set", value)),
    ]  # fmt: skip
    done = subprocess.run(command, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-2000:]
    (result,) = load_results(tmp_path / "out" / "results.jsonl").values()
    assert result.notes["vision"].startswith("vision: run 1, 1 steps, loss ")
    assert (result.num_nodes > 0) == (lanes == "both")
    summary = json.loads((tmp_path / "out" / "summary.json").read_text())
    assert summary["settings"]["vision"]["num_symmetries"] == 2
    assert summary["num_tasks"] == 1
