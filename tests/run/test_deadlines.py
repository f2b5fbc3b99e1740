"""What is late, by moments that are made up."""

from __future__ import annotations

import math
from dataclasses import replace
from types import SimpleNamespace

import pytest

from solver.run.deadlines import END_SHARE, MOST_WAIT_S, Deadlines
from solver.run.process import KILL_S
from solver.settings import RunSettings

BEGAN = 100.0
TOTAL = RunSettings(total_s=60.0, grace_s=4.0, stop_s=1.0, min_task_s=0.5, start_timeout_s=30.0)
"""54.6 s are for tasks: the rest is in reserve."""
END = BEGAN + 60.0 - 5.4


def worker(started=BEGAN, allowance_s=10.0, *, waiting=1, ready=True, spawned=BEGAN, kill_at=None):
    lane = SimpleNamespace(waiting=waiting)
    return SimpleNamespace(
        started=started, allowance_s=allowance_s, lane=lane, ready=ready, spawned=spawned, kill_at=kill_at
    )


def started(limits=TOTAL, num_tasks=4):
    deadlines = Deadlines(limits, BEGAN)
    deadlines.start(BEGAN, num_tasks, 2)
    return deadlines


def test_a_run_by_the_clock_ends_with_its_total_or_when_all_tasks_had_their_seconds():
    assert started().clock.end == pytest.approx(END)
    assert started(RunSettings(seconds=5.0), num_tasks=7).clock.end == BEGAN + 4 * 5.0


@pytest.mark.parametrize(
    ("limits", "seconds"),
    [
        (RunSettings(start_timeout_s=900.0), 540.0),
        (RunSettings(start_timeout_s=900.0, total_s=37_800.0), 540.0),
        (replace(TOTAL, start_timeout_s=900.0), 0.6 * 54.6),
        (RunSettings(nodes=10, total_s=60.0), math.inf),
    ],
)
def test_compiling_ahead_leaves_time_to_do_without(limits, seconds):
    assert Deadlines(limits, BEGAN).compile_end == pytest.approx(BEGAN + seconds)


def test_a_task_is_late_a_grace_after_its_time():
    deadlines, one = started(), worker(started=110.0, allowance_s=10.0)
    assert not deadlines.is_task_late(one, 123.9)
    assert deadlines.is_task_late(one, 124.0)
    assert not deadlines.is_task_late(worker(110.0, kill_at=125.0), 124.0)  # it is being stopped already


def test_the_last_tasks_are_late_just_before_the_run_ends():
    deadlines, last = started(), worker(started=END - 5.0, allowance_s=10.0, waiting=0)
    limit = END + END_SHARE * TOTAL.grace_s
    assert not deadlines.is_task_late(last, limit - 0.01)
    assert deadlines.is_task_late(last, limit)
    assert limit < END + TOTAL.grace_s


@pytest.mark.parametrize(("limits", "most_s"), [(TOTAL, 15.0), (RunSettings(start_timeout_s=30.0), 30.0)])
def test_a_worker_has_so_long_to_get_ready(limits, most_s):
    deadlines, one = Deadlines(limits, BEGAN), worker(ready=False, spawned=200.0)
    assert not deadlines.is_start_late(one, 200.0 + most_s)
    assert deadlines.is_start_late(one, 200.1 + most_s)
    assert not deadlines.is_start_late(worker(spawned=200.0), 300.0)
    assert not deadlines.is_start_late(worker(ready=False, spawned=200.0, kill_at=1.0), 300.0)


@pytest.mark.parametrize(
    ("limits", "most_s"), [(TOTAL, 30.0), (RunSettings(total_s=20.0, grace_s=4.0, stop_s=1.0), 14.6)]
)
def test_without_a_ready_worker_a_run_is_over_after_a_while(limits, most_s):
    deadlines = Deadlines(limits, BEGAN)
    assert not deadlines.is_run_over(BEGAN + most_s - 0.1, True)
    assert deadlines.is_run_over(BEGAN + most_s + 0.1, True)


def test_a_run_is_over_a_grace_after_its_time_and_later_if_only_workers_are_to_end():
    deadlines, last = started(), END + TOTAL.grace_s
    assert [deadlines.is_run_over(last + s, True) for s in (-0.1, 0.1)] == [False, True]
    killed = TOTAL.stop_s + KILL_S
    assert [deadlines.is_run_over(last + s, False) for s in (0.1, killed - 0.1, killed + 0.1)] == [False, False, True]


def test_a_task_is_taken_up_again_only_if_it_would_get_the_least_time():
    deadlines = started()
    assert deadlines.may_begin(END - 0.6)
    assert not deadlines.may_begin(END - 0.5)


def test_waiting_ends_with_what_is_due_first():
    deadlines, now = started(), 120.0
    assert deadlines.wait_s(now, [], True, []) == MOST_WAIT_S
    assert deadlines.wait_s(now, [worker(started=106.5)], True, []) == pytest.approx(0.5)
    assert deadlines.wait_s(now, [worker(started=106.5)], True, [120.2]) == pytest.approx(0.2)
    assert deadlines.wait_s(now, [worker(started=90.0)], True, []) == 0.0
    assert deadlines.wait_s(END + TOTAL.grace_s - 0.3, [], True, []) == pytest.approx(0.3)


def test_waiting_sleeps_where_nothing_more_can_be_done_about_what_is_late():
    """A worker that has been asked to stop, and workers that are killed after the end."""
    deadlines, late = started(), worker(started=90.0, kill_at=121.0)
    assert deadlines.wait_s(120.5, [late], True, [late.kill_at]) == 0.5
    assert deadlines.wait_s(END + TOTAL.grace_s + 0.1, [late], False, []) == MOST_WAIT_S


def test_with_nodes_nothing_is_ever_late():
    for deadlines in (Deadlines(RunSettings(nodes=9), BEGAN), started(RunSettings(nodes=9, total_s=60.0))):
        assert not deadlines.are_set
        assert not deadlines.is_start_late(worker(ready=False), 1e9)
        assert not deadlines.is_task_late(worker(), 1e9)
        assert not deadlines.is_run_over(1e9, True)
        assert deadlines.wait_s(1e9, [worker()], True, []) == MOST_WAIT_S
