"""Handing out tasks, and what becomes of them when workers and lanes are lost, without processes."""

from __future__ import annotations

import time
from types import SimpleNamespace

import pytest
from fake_sources import task

from solver.answers import Findings
from solver.errors import ArcSolveError, InputError
from solver.run.deadlines import Deadlines
from solver.run.dispatch import Dispatch
from solver.run.events import Events
from solver.run.ledger import Ledger
from solver.run.losses import MAX_TRIES, Losses
from solver.run.process import Broken
from solver.run.runfolder import RunFolder
from solver.run.standing import LaneStanding
from solver.run.worker import Finished
from solver.run.workers import Worker
from solver.settings import RunSettings
from solver.sources import Lane


class Pipe:
    """Keeps what is sent; raises if it is broken."""

    def __init__(self, error=None):
        self.jobs, self.error = [], error

    def send(self, job):
        if self.error is not None:
            raise self.error
        self.jobs.append(job)


class Crew(list):
    """Workers that are no processes."""

    exit_code = -9

    def busy(self, lane=None):
        return [worker for worker in self if worker.task_id and lane in (None, worker.lane)]

    def of_lane(self, lane):
        return [worker for worker in self if worker.lane is lane]

    def bury(self, worker):
        self.remove(worker)
        return self.exit_code

    def ask_to_stop(self, worker, now):
        worker.kill_at = now + 1.0


@pytest.fixture
def make(tmp_path):
    """Makes a run of these lanes with one ready worker each, whose workers are no processes."""
    folders = []

    def made(tasks, *lanes, limits=None):
        limits = limits or RunSettings(seconds=100.0)
        folders.append(RunFolder(tmp_path / str(len(folders)), {}, resume=False, overwrite=False))
        ledger = Ledger(tasks, [], folders[-1], limits, lanes=[lane.name for lane in lanes], resume=False)
        seen, crew = [], Crew()
        events = Events(lambda _line: None, seen.append, began=time.monotonic(), num_done=0, num_tasks=len(tasks))
        standings = [LaneStanding.of(lane, ledger.todo) for lane in lanes]
        dispatch = Dispatch(standings, ledger, Deadlines(limits, time.monotonic()), events, crew, limits)
        dispatch.start_clock()
        run = SimpleNamespace(
            ledger=ledger, crew=crew, seen=seen, dispatch=dispatch, lanes=standings,
            losses=Losses(dispatch, crew, events),
        )  # fmt: skip
        for lane in standings:
            add_worker(run, lane)
        return run

    yield made
    for folder in folders:
        folder.close()


def add_worker(run, lane, ready=True, error=None):
    worker = Worker(len(run.crew), lane, 0, None, Pipe(error), ready=ready)
    lane.ever_ready |= ready
    run.crew.append(worker)
    return worker


def lane(name="lane", **values):
    return Lane(name, 1, lambda *_: (), **values)


def finish(run, worker, *, errors=(), settled=True):
    """The worker says that it is through with its task, without an answer."""
    found = {"fake": Findings(settled=settled)}
    run.dispatch.passed(worker, Finished(worker.task_id, found, errors, {}, 1.0, {}))


def kinds(run):
    return [event.kind for event in run.seen]


def test_an_idle_worker_gets_the_largest_task_and_a_busy_one_none(make):
    run = make([task("small"), task("large", side=9)], lane())
    (worker,) = run.crew
    run.dispatch.hand_out()
    run.dispatch.hand_out()
    assert [job.task.task_id for job in worker.connection.jobs] == ["large"]
    assert worker.connection.jobs[0].task.test[0].output is None
    assert worker.allowance_s == pytest.approx(worker.connection.jobs[0].seconds)
    assert kinds(run) == ["started"]


def test_with_nodes_a_task_has_no_time_and_the_queue_its_order(make):
    run = make([task("small"), task("large", side=9)], lane(judges=True), limits=RunSettings(nodes=5))
    run.dispatch.hand_out()
    (job,) = run.crew[0].connection.jobs
    assert (job.task.task_id, job.seconds, job.others) == ("large", None, ())


def test_a_judge_takes_what_others_have_been_through_in_its_own_pass(make):
    """Or what they are done with; else what they come to last."""
    tasks = [task("b", side=5), task("c", side=4), task("d", side=3)]
    run = make(tasks, lane("others"), lane("judge", judges=True), limits=RunSettings(pass_shares=(0.5, 0.5)))
    run.crew.pop(0)
    (judge,), (others, judging) = run.crew, run.lanes

    def takes():
        run.dispatch.hand_out()
        task_id = judge.task_id
        finish(run, judge, settled=False)
        return task_id

    others.passes["c"] = 1
    assert [takes(), takes(), takes()] == ["c", "d", "b"]
    others.passes |= {"b": 1, "d": 1}
    assert takes() == "d"  # all have been through all once
    assert judging.plan.pass_index == 1
    run.ledger.end("c", "others", "done", "")
    assert [takes(), takes()] == ["c", "b"]


def test_a_task_goes_through_all_lanes(make):
    run = make([task("t")], lane("one"), lane("two"))
    run.dispatch.hand_out()
    finish(run, run.crew[0])
    assert kinds(run) == ["started", "started", "ended"]
    finish(run, run.crew[1])
    assert kinds(run)[-2:] == ["ended", "finished"]
    assert run.seen[-1].num_done == 1
    assert not run.dispatch.is_waiting
    assert run.ledger.best["t"].seconds == 2.0


@pytest.mark.parametrize(("settled", "errors"), [(True, ()), (False, ("fake: it raised",)), (False, ())])
def test_a_task_that_is_not_settled_is_for_the_next_pass(make, settled, errors):
    run = make([task("t")], lane(), limits=RunSettings(seconds=100.0, pass_shares=(0.5, 0.5)))
    run.dispatch.hand_out()
    finish(run, run.crew[0], settled=settled, errors=errors)
    again = not settled and not errors
    assert run.dispatch.is_waiting == again
    run.dispatch.hand_out()
    assert len(run.crew[0].connection.jobs) == 1 + again
    assert kinds(run)[1:] == (["passed", "pass", "started"] if again else ["ended", "finished"])
    if again:
        finish(run, run.crew[0], settled=False)
        assert run.ledger.best["t"].status == "done"  # there are no more passes


def test_a_worker_that_died_before_it_was_sent_its_task_loses_none(make):
    run = make([task("t")], lane())
    run.crew.clear()
    worker = add_worker(run, run.lanes[0], error=BrokenPipeError())
    run.dispatch.hand_out()
    assert not worker.closed  # what closes it, and has it killed if it does not end, is that nothing can be read
    run.losses.bury(worker)
    assert [t.task_id for t in run.lanes[0].queue] == ["t"]


def test_a_task_whose_workers_die_is_tried_so_often_and_then_failed(make):
    run = make([task("t")], lane())
    for attempt in range(MAX_TRIES):
        assert run.dispatch.is_waiting, attempt
        run.dispatch.hand_out()
        run.losses.bury(run.crew[0])
        add_worker(run, run.lanes[0])
    result = run.ledger.best["t"]
    assert (result.status, result.error) == ("failed", "its worker died (SIGKILL), 2 times")
    assert kinds(run) == ["started", "worker_lost"] * MAX_TRIES + ["finished"]


def test_a_worker_that_overruns_is_stopped_and_its_task_not_tried_again(make):
    run = make([task("t")], lane())
    run.dispatch.hand_out()
    (worker,) = run.crew
    run.losses.overran(worker, worker.started + 12.0)
    assert worker.kill_at == worker.started + 13.0
    run.losses.bury(worker)
    assert run.ledger.best["t"].status == "partial"
    assert run.ledger.best["t"].error.startswith("stopped after 12.0 s of ")


def test_an_idle_worker_that_ends_costs_nothing_and_one_that_was_never_ready_a_start(make):
    run = make([task("t")], lane())
    run.losses.bury(run.crew[0])
    assert run.lanes[0].failed_starts.total() == 0
    run.losses.bury(add_worker(run, run.lanes[0], ready=False))
    assert run.lanes[0].failed_starts.total() == 1
    assert kinds(run) == []


def test_a_lane_that_never_gets_ready_is_lost_once(make, caplog):
    run = make([task("t")], lane("first"), lane("slow", required=False))
    run.lanes[1].ever_ready = False
    for _ in range(2):
        run.losses.not_ready(add_worker(run, run.lanes[1], ready=False), time.monotonic() + 60.0)
    assert kinds(run) == ["lane_lost"]
    assert not run.lanes[1].may_start(0)
    run.losses.not_ready(add_worker(run, run.lanes[0], ready=False), time.monotonic() + 60.0)
    assert run.lanes[0].may_start(0)  # others of it were ready
    assert caplog.text.count("was not ready after") == 3


@pytest.mark.parametrize("required", [True, False])
def test_what_a_user_can_act_on_ends_the_run_if_the_lane_is_required(make, required):
    run = make([task("t")], lane(required=required), lane("other"))
    run.lanes[0].ever_ready = False
    message = Broken(InputError("weights: not found"), "Traceback …")
    run.losses.broken(run.lanes[0], message)  # raises nothing itself: it may be among last words
    assert run.lanes[0].is_lost
    if required:
        with pytest.raises(InputError, match="not found"):
            run.losses.check()
        return
    run.losses.check()
    assert kinds(run) == ["lane_lost"]
    run.lanes[1].ever_ready = True
    run.losses.broken(run.lanes[1], message)  # others of it were ready
    assert not run.lanes[1].is_lost


def test_a_lane_without_workers_leaves_its_tasks_to_the_others(make):
    run = make([task("t"), task("u")], lane("good"), lane("bad", required=False))
    run.crew.remove(run.crew[1])
    run.lanes[1].ever_ready = False
    run.dispatch.hand_out()
    run.losses.give_up_lanes()
    assert not run.lanes[1].waiting
    finish(run, run.crew[0])
    result = next(event.result for event in run.seen if event.kind == "finished")
    assert (result.status, result.error) == ("partial", "no worker for bad could be started")


def test_without_any_hope_the_run_ends(make):
    run = make([task("t")], lane(required=False))
    run.crew.clear()
    run.lanes[0].ever_ready = False
    with pytest.raises(ArcSolveError, match="no worker process"):
        run.losses.give_up_lanes()
    run.lanes[0].ever_ready = True
    run.losses.give_up_lanes()  # something was found before: the run goes on to its end
    assert run.ledger.best["t"].status == "failed"


def test_a_display_that_raises_is_let_go_of_and_lines_go_on(caplog):
    lines, calls = [], []

    def display(event):
        calls.append(event)
        raise ZeroDivisionError

    events = Events(lines.append, display, began=time.monotonic(), num_done=1, num_tasks=3)
    worker = SimpleNamespace(index=4, lane=SimpleNamespace(name="lane"))
    events.tell("finished", "t", worker, message="cut", seconds=2.0)
    events.tell("end")
    assert len(calls) == 1
    assert (calls[0].num_done, calls[0].num_tasks, calls[0].worker, calls[0].task_id) == (2, 3, 4, "t")
    assert [{k: v for k, v in line.items() if k != "time_s"} for line in lines] == [
        {"kind": "finished", "num_done": 2, "num_tasks": 3, "task_id": "t", "worker": 4, "lane": "lane",
         "message": "cut", "seconds": 2.0},
        {"kind": "end", "num_done": 2, "num_tasks": 3},
    ]  # fmt: skip
    assert "going on without it" in caplog.text
