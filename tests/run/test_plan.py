"""The time plan: shares of passes and lanes, and that no allowance exceeds what is left."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from solver.run.plan import Clock, LanePlan, describe, duration, normal_shares, reserve_s, start_limit_s
from solver.settings import RunSettings


def plan_of(limits, num_tasks, num_workers, first_workers=None, num_own=None):
    clock = Clock.of_run(limits, 0.0, 0.0, num_tasks, first_workers or num_workers)
    return LanePlan.of_lane(limits, clock, num_tasks, num_workers, first_workers or num_workers, num_own or num_tasks)


def test_shares_add_up_and_nodes_make_one_pass():
    assert normal_shares(RunSettings(pass_shares=(1.0, 3.0))) == (0.25, 0.75)
    assert normal_shares(RunSettings(pass_shares=(1.0, 3.0), nodes=5)) == (1.0,)


def test_a_total_ends_before_its_reserve_and_counts_the_start():
    limits = RunSettings(total_s=100.0, grace_s=10.0)
    clock = Clock.of_run(limits, began=1000.0, now=1030.0, num_tasks=7, num_workers=2)
    assert (clock.start, clock.end, clock.seconds) == (1030.0, 1088.0, 58.0)
    late = Clock.of_run(limits, began=1000.0, now=2000.0, num_tasks=7, num_workers=2)
    assert late.seconds == 0


def test_lanes_of_other_sizes_have_the_same_time():
    limits = RunSettings(total_s=112.0, grace_s=10.0, pass_shares=(0.2, 0.8))
    wide, narrow = plan_of(limits, 10, 5), plan_of(limits, 10, 1, first_workers=5)
    assert (wide.total_s, narrow.total_s) == (500.0, 100.0)
    assert [narrow.even_s(0), narrow.even_s(1)] == pytest.approx([2.0, 8.0])


@given(
    st.integers(1, 30), st.integers(1, 8), st.lists(st.floats(0.05, 1.0), min_size=1, max_size=3),
    st.lists(st.floats(0.0, 1.0), min_size=60, max_size=60),
)  # fmt: skip
def test_tasks_that_use_all_or_part_of_their_time_end_with_the_clock(num_tasks, num_workers, shares, used):
    """One worker after another, simulated: the last task of the last pass ends when the clock does, not later."""
    num_workers = min(num_workers, num_tasks)
    limits = RunSettings(total_s=1010.0, grace_s=10.0, pass_shares=tuple(shares), min_task_s=0.001)
    plan = plan_of(limits, num_tasks, num_workers)
    free = [0.0] * num_workers
    running: list[tuple[int, float, float]] = []
    for index in range(len(shares)):
        plan.pass_index = index
        for number in range(num_tasks):
            worker = min(range(num_workers), key=free.__getitem__)
            now = free[worker]
            for entry in [e for e in running if free[e[0]] <= now]:
                running.remove(entry)
                plan.pool_s -= free[entry[0]] - entry[1]
            allowed = plan.allowance(limits, now, [(e[1], e[2]) for e in running], num_tasks - number)
            running.append((worker, now, allowed))
            free[worker] = now + allowed * used[(index * num_tasks + number) % 60]
            assert now + allowed <= plan.clock.end + 0.002
    assert max(free) <= plan.clock.end + 0.002


def test_the_plan_in_words():
    limits = RunSettings(total_s=37_800.0, grace_s=60.0, pass_shares=(0.2, 0.8))
    assert describe(limits, [("program", 44, 240), ("vision", 4, 240)], 240) == [
        "plan: 240 tasks in 10.5 h, 67 s of them in reserve",
        "plan: program: 44 workers, 1383.5 s, then 5534.2 s a task",
        "plan: vision: 4 workers, 125.8 s, then 503.1 s a task",
    ]
    assert describe(RunSettings(seconds=10.0), [("program", 2, 40)], 40)[1] == "plan: program: 2 workers, 10.0 s a task"
    assert describe(RunSettings(nodes=10), [("program", 2, 40)], 40) == []
    assert describe(RunSettings(), [("program", 2, 0)], 0) == []


def test_what_is_for_one_lane_alone_has_all_of_its_time():
    """Of a run that goes on, 30 tasks of 40 for the vision model alone, and none for a third lane."""
    limits = RunSettings(total_s=1010.0, grace_s=10.0, stop_s=0.0)
    assert plan_of(limits, 40, 1, 2, num_own=30).even_s(0) == pytest.approx(4 / 3 * plan_of(limits, 40, 1, 2).even_s(0))
    assert describe(limits, [("program", 2, 10), ("vision", 1, 30), ("other", 1, 0)], 40) == [
        "plan: 40 tasks in 17 min, 11 s of them in reserve",
        "plan: program: 2 workers, 199.8 s a task",
        "plan: vision: 1 workers, 33.3 s a task",
    ]


@pytest.mark.parametrize(("seconds", "words"), [(45, "45 s"), (720, "12 min"), (37_800, "10.5 h")])
def test_durations(seconds, words):
    assert duration(seconds) == words


def test_a_total_keeps_a_reserve_for_overrunning_killing_and_writing():
    limits = RunSettings(total_s=100.0, grace_s=10.0, stop_s=2.0)
    assert reserve_s(limits) == pytest.approx(13.0)
    assert Clock.of_run(limits, 50.0, 55.0, 4, 2).end == pytest.approx(50.0 + 87.0)


def test_how_long_a_worker_may_take_to_get_ready():
    assert start_limit_s(RunSettings(start_timeout_s=900.0)) == 900.0
    assert start_limit_s(RunSettings(start_timeout_s=900.0, total_s=37_800.0)) == 900.0
    assert start_limit_s(RunSettings(start_timeout_s=900.0, total_s=100.0)) == 25.0
