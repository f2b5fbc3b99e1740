"""What counts of a task as lanes find more, without processes."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace

import numpy as np
import orjson
import pytest
from fake_sources import task

import solver.run.runfolder
import solver.run.standing
from solver.answers import Answer, Findings
from solver.errors import InputError
from solver.run.ledger import Ledger
from solver.run.results import load_results
from solver.run.runfolder import RunFolder
from solver.run.standing import NO_TIME
from solver.settings import RunSettings
from solver.submission import check_submission, submission_of
from solver.tasks import Pair, TaskStub

CLOCK, NODES = RunSettings(), RunSettings(nodes=10)


IDENTITY = {"version": "1", "tasks_digest": "", "task_ids": [], "settings": {}, "weights": {}}


@pytest.fixture
def open_ledger(tmp_path):
    """Makes a ledger in one folder, whose lock the one before lets go of."""
    folders = []

    def make(tasks, faulty=(), limits=CLOCK, lanes=("one",), resume=False):
        for folder in folders:
            folder.close()
        folders.append(RunFolder(tmp_path / "run", IDENTITY, resume=resume, overwrite=not resume))
        return Ledger(tasks, faulty, folders[-1], limits, lanes=lanes, resume=resume)

    yield make
    for folder in folders:
        folder.close()


def found(*grids, exact=False, source="fake", nodes=1):
    """One answer a grid, for one test input."""
    outputs = [(np.array(rows, np.int8),) for rows in grids]
    return {source: Findings([Answer(o, 1.0, source, "", exact) for o in outputs], nodes, {"search": 1.0})}


def first(ledger, task_id):
    return ledger.best[task_id].attempts[0][0].grid.tolist()


def test_at_first_every_task_has_fallbacks_and_the_folder_a_submission(open_ledger, tmp_path):
    tasks, stub = [task("b"), task("a", side=5)], TaskStub("bad", (None,), "torn")
    ledger = open_ledger(tasks, [stub])
    assert list(ledger.best) == ["b", "a", "bad"]
    assert [(r.status, r.error) for r in ledger.best.values()] == [("partial", "not reached")] * 2 + [
        ("failed", "torn")
    ]
    assert check_submission(submission_of(ledger.best), [*tasks, stub]) == []
    assert (tmp_path / "run" / "submission.json").exists()
    assert [one.task_id for one in ledger.todo] == ["a", "b"]  # the larger one first
    assert ledger.num_done == 1  # the faulty one, as far as it ever will be


def test_tasks_to_do_hide_their_outputs(open_ledger):
    ledger = open_ledger([task("t", num_tests=2)])
    assert [pair.output for pair in ledger.task("t").test] == [None, None]
    assert ledger.todo == [ledger.task("t")]


def test_what_lanes_find_is_voted_over_together(open_ledger):
    ledger = open_ledger([task("t")], lanes=("one", "two"))
    ledger.take("t", "one", found([[1]], source="weak"))
    assert (first(ledger, "t"), ledger.best["t"].error) == ([[1]], "")
    assert not ledger.is_solved(ledger.task("t"))
    ledger.take("t", "two", found([[2]], exact=True, source="strong", nodes=5))
    result = ledger.best["t"]
    assert [attempt.source for attempt in result.attempts[0]] == ["strong", "weak"]
    assert (result.num_nodes, result.num_exact) == (6, 1)
    assert ledger.is_solved(ledger.task("t"))
    assert list(ledger.found_by("t", "one")) == ["weak"]
    assert [grid.tolist() for grid in ledger.proposed_to("t", "one")[0]] == [[[2]]]
    assert ledger.promise("t", "two") == 1.0


@pytest.mark.parametrize("order", [("one", "two"), ("two", "one")])
def test_sources_of_one_name_in_several_lanes_are_voted_over_together(open_ledger, order):
    found_by = {"one": found([[1]], exact=True), "two": found([[2]])}
    ledger = open_ledger([task("t")], lanes=("one", "two", "three"))
    for lane in order:
        ledger.take("t", lane, found_by[lane])
    assert [attempt.grid.tolist() for attempt in ledger.best["t"].attempts[0]] == [[[1]], [[2]]]
    assert (ledger.best["t"].num_exact, ledger.best["t"].num_nodes) == (1, 2)
    assert [grid.tolist() for grid in ledger.proposed_to("t", "three")[0]] == [[[1]], [[2]]]
    assert [grid.tolist() for grid in ledger.proposed_to("t", "one")[0]] == [[[2]]]


def test_later_findings_of_a_lane_replace_its_own(open_ledger):
    ledger = open_ledger([task("t")])
    ledger.take("t", "one", found([[1]], exact=True))
    ledger.take("t", "one", found([[2]], exact=True))
    assert first(ledger, "t") == [[2]]
    assert ledger.best["t"].num_exact == 1


def test_a_lane_that_finds_nothing_leaves_the_attempts(open_ledger):
    ledger = open_ledger([task("t")])
    before = ledger.best["t"].attempts
    ledger.take("t", "one", {"fake": Findings(num_nodes=7)})
    assert ledger.best["t"].attempts is before
    assert ledger.best["t"].num_nodes == 7


def test_a_task_is_finished_with_its_last_lane(open_ledger):
    ledger = open_ledger([task("t"), task("u")], lanes=("one", "two"))
    ledger.take("t", "one", found([[1]]))
    ledger.spend("t", "one", 1.5)
    assert ledger.end("t", "one", "done", "") is None
    assert ledger.has_ended("t", "one")
    assert not ledger.has_ended("t", "two")
    assert ledger.num_done == 0
    ledger.spend("t", "two", 2.0)
    result = ledger.end("t", "two", "failed", "no device")
    assert (result.status, result.error, result.seconds) == ("partial", "no device", 3.5)
    assert ledger.best["t"] is result
    assert ledger.num_done == 1


@pytest.mark.parametrize("status", ["done", "failed", "partial"])
def test_a_status_of_all_lanes_is_the_tasks(open_ledger, status):
    ledger = open_ledger([task("t")], lanes=("one", "two"))
    ledger.end("t", "one", status, "a")
    result = ledger.end("t", "two", status, "b")
    assert (result.status, result.error) == (status, "a; b")


@pytest.mark.parametrize("keep", [True, False])
def test_ballots_are_kept_if_asked_for(open_ledger, keep):
    ledger = open_ledger([task("t")], limits=replace(CLOCK, keep_ballots=keep))
    ledger.take("t", "one", found([[1]]))
    assert bool(ledger.end("t", "one", "done", "").ballots) == keep


def test_a_vote_that_raises_leaves_what_was_there(open_ledger, monkeypatch, caplog):
    ledger = open_ledger([task("t")], limits=replace(CLOCK, keep_ballots=True))
    ledger.take("t", "one", found([[1]]))

    def fail(*_):
        raise RuntimeError("cannot count")

    monkeypatch.setattr("solver.run.ledger.choose_attempts", fail)
    monkeypatch.setattr(solver.run.standing, "all_ballots", fail)
    monkeypatch.setattr(solver.run.standing, "likeliest", fail)
    ledger.take("t", "one", found([[2]], nodes=9))
    assert (first(ledger, "t"), ledger.best["t"].num_nodes) == ([[1]], 9)
    assert ledger.proposed_to("t", "two") == ()
    assert ledger.end("t", "one", "done", "").ballots == {}
    assert caplog.messages == ["vote on task t"] * 3


def test_what_is_cut_short_says_how_far_it_was(open_ledger):
    ledger = open_ledger([task("t"), task("u"), task("v")])
    ledger.take("t", "one", found([[1]]))
    ledger.spend("t", "one", 2.0)
    done = ledger.end("v", "one", "done", "")
    ledger.cut_short("SIGINT")
    assert (ledger.best["t"].error, ledger.best["t"].seconds) == ("SIGINT before it was finished", 2.0)
    assert ledger.best["u"].error == "SIGINT before it was reached"
    assert ledger.best["v"] is done


def test_what_changes_is_for_the_saver_to_write(open_ledger, tmp_path):
    ledger = open_ledger([task("t")])
    ledger.saver.save()
    before = (tmp_path / "run" / "submission.json").read_bytes()
    ledger.take("t", "one", found([[1]]))
    ledger.end("t", "one", "done", "")
    ledger.saver.save(final=True)
    assert (tmp_path / "run" / "submission.json").read_bytes() != before
    assert len((tmp_path / "run" / "results.jsonl").read_bytes().splitlines()) == 1


@pytest.mark.parametrize(("limits", "kept"), [(CLOCK, [[4]]), (NODES, [[2]])])
def test_going_on_keeps_the_better_answer_by_the_clock_and_finds_all_again_by_nodes(open_ledger, limits, kept):
    ledger = open_ledger([task("t"), task("u")])
    ledger.take("t", "one", found([[4]], exact=True))
    ledger.end("u", "one", "done", "")
    ledger.saver.save(final=True)
    again = open_ledger([task("t"), task("u")], limits=limits, resume=True)
    assert [one.task_id for one in again.todo] == ["t"]
    assert again.num_done == 1
    assert first(again, "t") == [[4]]  # until more is known
    again.take("t", "one", found([[2]]))
    assert first(again, "t") == kept


def runs(number, *shares):
    """Findings of so many runs, which add up. shares: of the views that gave [[0]], [[1]], …"""
    outputs = [((np.array([[n]], np.int8),), share) for n, share in enumerate(shares)]
    answers = [Answer(output, number * share, "views", f"{share}", False) for output, share in outputs]
    return {"views": Findings(answers, num_runs=number, whole_weight=float(number))}


def test_going_on_adds_to_what_was_found_and_votes_on_it_anew(open_ledger):
    """The first run sees [[0]] ahead, two more see [[1]] and [[2]]; a program of the run that was stopped stays."""
    ledger = open_ledger([task("t"), task("u")], lanes=("one", "programs"))
    ledger.take("t", "one", runs(1, 0.9, 0.1))
    ledger.take("t", "programs", found([[5]], exact=True))
    ledger.saver.save(final=True)
    again = open_ledger([task("t"), task("u")], lanes=("one", "programs"), resume=True)
    (taken,) = again.found_by("t", "one").values()
    assert [(a.weight, a.origin) for a in taken.answers] == [(0.9, "0.9"), (0.1, "0.1")]
    assert (taken.num_runs, taken.whole_weight) == (1, 1.0)
    assert again.found_by("t", "programs") == again.found_by("u", "one") == {}
    assert [grid.tolist() for grid in again.proposed_to("t", "programs")[0]] == [[[0]], [[1]]]
    again.take("t", "one", runs(3, 0.01, 0.5, 0.4))
    grids = [attempt.grid.tolist() for attempt in again.best["t"].attempts[0]]
    assert grids == [[[5]], [[1]]]
    once_more = open_ledger([task("t"), task("u")], lanes=("one", "programs"), resume=True)
    assert once_more.found_by("t", "one")["views"].num_runs == 1  # the one that was stopped had not saved
    once_more.saver.save(final=True)
    last = open_ledger([task("t"), task("u")], lanes=("one", "programs"), resume=True)
    assert last.found_by("t", "one")["views"].num_runs == 1


def test_a_task_that_failed_before_keeps_what_is_found_of_it_now(open_ledger):
    """Although the run goes on twice, the second time without coming to it."""
    ledger = open_ledger([task("t")])
    ledger.end("t", "one", "failed", "no device")
    ledger.saver.save(final=True)
    again = open_ledger([task("t"), task("u")], resume=True)
    again.take("t", "one", runs(2, 0.9))
    again.saver.save(final=True)
    short = open_ledger([task("t"), task("u")], resume=True)
    assert short.found_by("t", "one")["views"].num_runs == 2
    short.take("u", "one", runs(1, 0.9))
    short.saver.save(final=True)
    assert open_ledger([task("t"), task("u")], resume=True).found_by("t", "one")["views"].num_runs == 2


def test_a_disk_without_room_for_another_copy_leaves_what_there_is_to_add_to(
    open_ledger, monkeypatch, tmp_path, caplog
):
    """But for lines of results it makes room."""
    ledger = open_ledger([task("t"), task("u")])
    ledger.take("t", "one", runs(2, 0.9))
    ledger.saver.save(final=True)
    again, partial = open_ledger([task("t"), task("u")], resume=True), tmp_path / "run" / "partial.jsonl"

    def disk(_path):
        return SimpleNamespace(f_frsize=4096, f_blocks=100, f_bavail=0 if partial.exists() else 100)

    monkeypatch.setattr(solver.run.runfolder.os, "statvfs", disk)
    again.take("u", "one", runs(1, 0.9))
    for _ in range(2):
        again.saver.save(final=True)
    assert caplog.messages == [f"{partial}: cannot be written: No space left on device"]
    again = open_ledger([task("t"), task("u")], resume=True)
    assert again.found_by("t", "one")["views"].num_runs == 2
    again.end("u", "one", "done", "")
    again.saver.save(final=True)
    assert not partial.exists()
    assert [one.task_id for one in open_ledger([task("t"), task("u")], resume=True).todo] == ["t"]


def test_nothing_is_added_to_by_nodes_or_of_a_task_of_other_test_inputs(open_ledger, tmp_path):
    ledger = open_ledger([task("t")], lanes=("one", "two"))
    ledger.take("t", "one", runs(1, 0.9))
    ledger.saver.save(final=True)
    assert open_ledger([task("t")], limits=NODES, lanes=("one", "two"), resume=True).found_by("t", "one") == {}
    lines = tmp_path / "run" / "partial.jsonl"
    lines.write_bytes(lines.read_bytes().replace(b'"answers":[[[[[0]]]', b'"answers":[[[[[0]],[[0]]]'))
    assert open_ledger([task("t")], lanes=("one", "two"), resume=True).found_by("t", "one") == {}


def spent(result):
    return result.seconds, result.num_nodes, {name: s for name, s in result.phases.items() if name != "vote"}


def test_going_on_adds_to_what_was_spent(open_ledger):
    """Of programs, which are searched for anew, as of runs that are added to; a third start in which nothing is begun
    loses none of it, and what is found replaces its own account, not another's."""
    tuned = runs(1, 0.9)
    tuned["views"].num_nodes, tuned["views"].phases = 7, {"tune": 4.0}
    ledger = open_ledger([task("t"), task("u")], lanes=("one", "programs"))
    ledger.take("t", "programs", found([[5]], nodes=3))
    ledger.spend("t", "programs", 1.5)
    ledger.take("t", "one", tuned, 2.5)  # and goes on
    assert spent(ledger.best["t"]) == (4.0, 10, {"search": 1.0, "tune": 4.0})
    ledger.saver.save(final=True)
    again = open_ledger([task("t"), task("u")], lanes=("one", "programs"), resume=True)
    again.cut_short("SIGINT")
    assert spent(again.best["t"]) == (4.0, 10, {"search": 1.0, "tune": 4.0})
    assert again.best["t"].error == "SIGINT before it was finished"
    assert again.best["u"].error == "SIGINT before it was reached"
    again.saver.save(final=True)
    last = open_ledger([task("t"), task("u")], lanes=("one", "programs"), resume=True)
    last.spend("t", "programs", 8.0)
    last.take("t", "programs", found([[6]], nodes=20))
    assert spent(last.best["t"]) == (12.0, 30, {"tune": 4.0, "search": 2.0})
    last.end("t", "programs", "done", "")
    more = runs(2, 0.9)
    more["views"].num_nodes, more["views"].phases = 8, {"tune": 6.0}
    last.spend("t", "one", 16.0)
    last.take("t", "one", more)
    result = last.end("t", "one", "done", "")
    assert spent(result) == (28.0, 31, {"tune": 6.0, "search": 2.0})
    assert result.phases["vote"] >= ledger.best["t"].phases["vote"] > 0.0


def test_a_task_that_there_is_no_time_for_any_more_keeps_what_was_spent(open_ledger):
    ledger = open_ledger([task("t"), task("u")])
    ledger.spend("t", "one", 1.5)
    ledger.saver.save(final=True)
    again = open_ledger([task("t"), task("u")], resume=True)
    assert spent(again.end("t", "one", "partial", "no time")) == (1.5, 0, {})
    assert spent(again.end("u", "one", "partial", "no time")) == (0.0, 0, {})


def test_what_was_solved_before_is_solved(open_ledger):
    """So that a run with little time left begins with other tasks, and counts it where it does not come to it."""
    tasks = [task("t"), task("u")]
    ledger = open_ledger(tasks)
    ledger.take("t", "one", found([[4]], [[5]], exact=True))
    ledger.saver.save(final=True)
    again = open_ledger(tasks, resume=True)
    assert [again.is_solved(one) for one in tasks] == [True, False]
    again.take("t", "one", found([[4]], exact=True))
    assert [again.end(i, "one", "partial", "no time").num_exact for i in "tu"] == [2, 0]
    assert again.num_exact == 1


def test_nothing_is_added_where_all_is_found_again(open_ledger):
    ledger = open_ledger([task("t")])
    ledger.take("t", "one", found([[4]]))
    ledger.spend("t", "one", 1.5)
    ledger.saver.save(final=True)
    again = open_ledger([task("t")], limits=NODES, resume=True)
    again.spend("t", "one", 0.5)
    again.take("t", "one", found([[4]]))
    assert spent(again.best["t"]) == (0.5, 1, {"search": 1.0})


@pytest.mark.parametrize("spoilt", [None, b"{}", b'{"t'])
def test_without_the_submission_what_is_not_finished_is_gone_on_with(open_ledger, tmp_path, spoilt):
    """Somebody has moved it away to submit it, say."""
    tasks = [task("t"), task("u", num_tests=2), task("v")]
    ledger = open_ledger(tasks)
    ledger.take("t", "one", runs(2, 0.9))
    ledger.take("u", "one", {"fake": Findings([Answer((np.array([[4]], np.int8),) * 2, 1.0, "fake", "", True)])})
    ledger.saver.save(final=True)
    submission, partial = (tmp_path / "run" / name for name in ("submission.json", "partial.jsonl"))
    whole = submission.read_bytes()
    submission.unlink() if spoilt is None else submission.write_bytes(spoilt)
    again = open_ledger(tasks, resume=True)
    assert submission.read_bytes() == whole
    assert again.found_by("t", "one")["views"].num_runs == 2
    again.saver.save(final=True)
    submission.unlink()
    one = task("u")  # as if partial.jsonl were of another run
    again = open_ledger([tasks[0], one], resume=True)
    assert (first(again, "t"), again.best["u"].seconds) == ([[0]], 0.0)
    assert check_submission(orjson.loads(submission.read_bytes()), [tasks[0], one]) == []
    assert partial.exists()


def test_what_is_finished_leaves_no_partial_file(open_ledger, tmp_path):
    """Although the run was killed after it had written the last line of results."""
    ledger, partial = open_ledger([task("t")]), tmp_path / "run" / "partial.jsonl"
    ledger.take("t", "one", runs(1, 0.9))
    ledger.saver.save(final=True)
    lines = partial.read_bytes()
    ledger.end("t", "one", "done", "")
    ledger.saver.save(final=True)
    assert not partial.exists()
    partial.write_bytes(lines)
    open_ledger([task("t")], resume=True).saver.save(final=True)
    assert not partial.exists()


def test_a_line_that_cannot_be_read_is_spoken_of_once(open_ledger, tmp_path, caplog):
    ledger = open_ledger([task("t"), task("u")])
    ledger.take("t", "one", runs(1, 0.9))
    ledger.take("u", "one", runs(1, 0.9))
    ledger.saver.save(final=True)
    lines = tmp_path / "run" / "partial.jsonl"
    lines.write_bytes(lines.read_bytes().replace(b"{", b"", 1))
    again = open_ledger([task("t"), task("u")], resume=True)
    assert [bool(again.found_by(task_id, "one")) for task_id in "tu"] == [False, True]
    (said,) = caplog.messages
    assert said.startswith("partial.jsonl: line 1 is left out: ")


def test_a_line_of_other_test_inputs_counts_for_nothing(open_ledger, tmp_path):
    """It was damaged: the submission must not become one of too few outputs."""
    tasks = [task("t", num_tests=2), task("u")]
    ledger = open_ledger(tasks)
    for one in tasks:
        ledger.end(one.task_id, "one", "done", "")
    ledger.saver.save(final=True)
    lines = tmp_path / "run" / "results.jsonl"
    first, second = map(orjson.loads, lines.read_bytes().splitlines())
    del first["attempts"][1]
    lines.write_bytes(orjson.dumps(first) + b"\n" + orjson.dumps(second) + b"\n")
    again = open_ledger(tasks, resume=True)
    assert [todo.task_id for todo in again.todo] == ["t"]
    again.saver.save(final=True)
    assert check_submission(orjson.loads((tmp_path / "run" / "submission.json").read_bytes()), tasks) == []


def test_failed_tasks_are_done_again(open_ledger):
    ledger = open_ledger([task("t"), task("u")])
    ledger.end("t", "one", "failed", "it died")
    ledger.end("u", "one", "partial", "")
    ledger.saver.save(final=True)
    assert [one.task_id for one in open_ledger([task("t"), task("u")], resume=True).todo] == ["t"]


BOTH = ("programs", "one")


def without_time(open_ledger, status="done"):
    """A run of t and u in which the lane `one` has no time for t. The result of t."""
    ledger = open_ledger([task("t"), task("u")], lanes=BOTH)
    ledger.take("t", "programs", found([[5]], exact=True, nodes=3))
    ledger.spend("t", "programs", 1.5)
    for task_id in "tu":
        ledger.end(task_id, "programs", status, "")
    ledger.end("u", "one", "done", "")
    result = ledger.end("t", "one", NO_TIME, "no time for one")
    ledger.saver.save(final=True)
    return result


def test_what_a_lane_had_no_time_for_is_for_that_lane_again(open_ledger, tmp_path):
    """And what the others have found of it is as it was; although the run that goes on is stopped, too."""
    result = without_time(open_ledger)
    assert (result.status, result.error, result.no_time) == ("partial", "no time for one", ("one",))
    assert load_results(tmp_path / "run" / "results.jsonl")["t"].no_time == ("one",)
    for num_runs in (0, 1):
        again = open_ledger([task("t"), task("u")], lanes=BOTH, resume=True)
        assert [one.task_id for one in again.todo] == ["t"]
        assert (again.ended_by("programs"), again.ended_by("one"), again.num_done) == ({"t"}, set(), 1)
        assert again.is_solved(again.task("t"))
        assert spent(again.best["t"]) == (1.5, 3 + num_runs, {"search": 1.0})
        assert list(again.found_by("t", "programs")["fake"].answers[0].outputs[0][0]) == [5]
        again.take("t", "one", {"views": replace(runs(1, 0.9)["views"], num_nodes=1)})
        again.cut_short("SIGINT")
        again.saver.save(final=True)
    last = open_ledger([task("t"), task("u")], lanes=BOTH, resume=True)
    assert last.found_by("t", "one")["views"].num_runs == 1
    result = last.end("t", "one", "done", "")
    last.saver.save(final=True)
    assert (result.status, result.error, result.no_time, result.num_exact) == ("done", "", (), 1)
    assert [attempt.grid.tolist() for attempt in result.attempts[0]] == [[[5]], [[0]]]
    assert result.alone.keys() == {"fake", "views"}
    assert not (tmp_path / "run" / "partial.jsonl").exists()
    assert open_ledger([task("t"), task("u")], lanes=BOTH, resume=True).todo == []


def test_what_no_lane_of_a_run_had_no_time_for_is_finished(open_ledger):
    """Until the lane is among its lanes again: its GPU was lost for a while."""
    result = without_time(open_ledger)
    less = open_ledger([task("t"), task("u")], lanes=BOTH[:1], resume=True)
    assert (less.todo, less.num_done) == ([], 2)
    assert less.best["t"].error == result.error
    less.saver.save(final=True)
    assert open_ledger([task("t"), task("u")], lanes=BOTH, resume=True).ended_by("programs") == {"t"}


@pytest.mark.parametrize("status", ["failed", "done"])
@pytest.mark.parametrize("lost", ["", "partial.jsonl", "results.jsonl"])
def test_a_lane_that_failed_or_whose_findings_are_lost_does_such_a_task_again(open_ledger, tmp_path, status, lost):
    result = without_time(open_ledger, status)
    assert result.status == "partial"
    if lost:
        (tmp_path / "run" / lost).write_bytes(b"")
    again = open_ledger([task("t"), task("u")], lanes=BOTH, resume=True)
    assert "t" in [one.task_id for one in again.todo]
    assert again.ended_by("programs") == ({"t"} if (status, lost) == ("done", "") else set())
    assert (first(again, "t"), again.best["t"].seconds, again.best["t"].num_exact) == ([[5]], 1.5, 1)
    lanes = [lane for lane in BOTH if "t" not in again.ended_by(lane)]
    finished = [again.end("t", lane, "done", "") is not None for lane in lanes]
    assert finished == [False] * (len(lanes) - 1) + [True]


def test_without_room_for_a_first_submission_there_is_no_ledger(open_ledger, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("solver.run.runfolder.write_submission", full)
    with pytest.raises(InputError, match="No space left"):
        open_ledger([task("t")])


def test_outputs_that_are_known_change_no_order(open_ledger):
    loud = replace(task("z"), test=(Pair(np.zeros((2, 2), np.int8), np.zeros((30, 30), np.int8)),))
    assert [one.task_id for one in open_ledger([loud, task("a")]).todo] == ["a", "z"]
