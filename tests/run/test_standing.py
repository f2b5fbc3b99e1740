"""What a lane may still begin, where tasks need different times."""

from __future__ import annotations

import numpy as np
import pytest

from solver.run.plan import Clock, LanePlan
from solver.run.standing import BLAMED_DEATHS, CUT_SHARE, MAX_DEATHS, LaneStanding
from solver.settings import RunSettings
from solver.sources import Lane
from solver.tasks import Pair, Task

LARGE_S, SMALL_S = 10.0, 4.0
NEEDS = {side: SMALL_S if side <= 10 else LARGE_S for side in range(1, 31)}
LIMITS = RunSettings(total_s=1000.0, min_task_s=0.01)


def task(name, side):
    grid = np.zeros((side, 1), np.int8)
    return Task(name, (Pair(grid, grid),), (Pair(grid),))


def standing(sides, *, left_s, num_workers=1, judges=False, needs=None, pass_index=0):
    """A lane with tasks of these sides, largest first as the runner has them, at second 0 of so many."""
    sides = sorted(sides, reverse=True)
    lane = Lane("lane", num_workers, lambda *_: (), judges=judges)
    found = LaneStanding.of(lane, [task(f"t{number}-{side}", side) for number, side in enumerate(sides)])
    found.least_s = dict.fromkeys(range(num_workers), NEEDS if needs is None else needs)
    clock = Clock(0.0, left_s)
    found.plan = LanePlan.of_lane(LIMITS, clock, len(sides), found.num_workers, found.num_workers, len(sides))
    found.plan.pass_index = pass_index
    return found


def never(_task):
    return False


def all_taken(lane, is_solved=never, is_through=never, slot=0):
    """Sides of the tasks in the order in which they are handed out, all at second 0."""
    taken = []
    while lane.queue and (one := lane.take_next(slot, 0.0, is_solved, is_through)) is not None:
        taken.append(one.longest_side)
    return taken


def test_the_longest_side_is_that_of_what_is_known():
    small, hidden = np.zeros((2, 3), np.int8), np.zeros((9, 9), np.int8)
    assert Task("t", (Pair(small, small),), (Pair(small, hidden),)).longest_side == 3
    assert Task("t", (Pair(small, small.repeat(4, 0)),), (Pair(small),)).longest_side == 8


@pytest.mark.parametrize(
    ("sides", "left_s", "num_workers", "number"),
    [
        ([5] * 6, 13.0, 1, 3),
        ([5] * 6, 13.0, 2, 6),
        ([20] * 6, 13.0, 1, 1),
        ([20] * 6, 13.0, 2, 2),
        ([5, 5, 20, 20], 18.0, 1, 3),  # 4 + 4 + 10
        ([5, 5, 20, 20], 17.9, 1, 2),
        ([5, 5, 20, 20], 14.0, 2, 4),
        ([5, 20], 0.0, 2, 0),
        ([5, 20], -1.0, 1, 0),
    ],
)
def test_how_many_tasks_there_is_time_for(sides, left_s, num_workers, number):
    assert standing(sides, left_s=left_s, num_workers=num_workers).num_in_time(0.0) == number


def test_a_task_is_given_what_it_needs_itself():
    lane = standing([20, 20, 5, 5], left_s=12.0)
    small, large = lane.queue.pop(), lane.queue.popleft()
    assert lane.allowance(small, 0, LIMITS, 0.0, {}) == SMALL_S  # an equal share would be the same
    assert lane.allowance(large, 0, LIMITS, 0.0, {}) == LARGE_S
    assert lane.allowance(large, 0, LIMITS, 5.0, {}) == 7.0  # no more than there is
    assert lane.allowance(small, 0, LIMITS, 5.0, {}) == SMALL_S


def test_where_nothing_is_needed_a_task_gets_an_equal_share_and_it_is_never_too_late():
    lane = standing([20, 5, 5], left_s=12.0, needs={})
    first = lane.take_next(0, 0.0, never, never)
    assert first.longest_side == 20
    assert lane.allowance(first, 0, LIMITS, 0.0, {}) == pytest.approx(4.0)
    assert lane.num_in_time(99.0) == 2
    assert not lane.is_too_late(99.0)


def test_small_tasks_are_begun_where_it_is_too_late_for_large_ones():
    left_s = CUT_SHARE * LARGE_S - 0.1
    lane = standing([20, 5, 20, 6], left_s=left_s)
    assert not lane.is_too_late(0.0)
    assert all_taken(lane) == [5, 6]
    assert lane.is_too_late(0.0)
    assert lane.take_next(0, 0.0, never, never) is None
    assert len(lane.queue) == 2
    assert standing([5], left_s=CUT_SHARE * SMALL_S - 0.1).is_too_late(0.0)


def test_a_later_pass_begins_no_task_that_would_be_cut():
    lane = standing([20, 5], left_s=LARGE_S - 0.1, pass_index=1)
    assert all_taken(lane) == [5]
    assert standing([5], left_s=SMALL_S - 0.1, pass_index=1).is_too_late(0.0)


def test_with_time_for_all_the_large_ones_come_first_and_without_the_small_ones():
    assert all_taken(standing([5, 20, 7], left_s=100.0)) == [20, 7, 5]
    assert all_taken(standing([5, 20, 7], left_s=12.0))[0] == 5


def test_with_time_for_some_the_unsolved_come_first():
    def is_solved(one):
        return one.longest_side < 8

    lane = standing([5, 7, 9, 20], left_s=12.0)
    assert [lane.take_next(0, 0.0, is_solved, never).longest_side for _ in range(2)] == [9, 20]
    late = standing([5, 7, 20], left_s=CUT_SHARE * LARGE_S - 0.1)
    assert all_taken(late, is_solved) == [5, 7]  # solved, but the other one it is too late for


def test_a_judge_takes_what_others_have_been_through():
    def is_through(one):
        return one.longest_side in (20, 7)

    assert all_taken(standing([5, 20, 7], left_s=100.0, judges=True), never, is_through) == [20, 7, 5]
    assert all_taken(standing([5, 20, 7], left_s=100.0, judges=True)) == [5, 7, 20]
    short = standing([5, 20, 7], left_s=12.0, judges=True)
    assert short.take_next(0, 0.0, never, is_through).longest_side == 7
    solved = standing([5, 20, 7], left_s=12.0, judges=True)
    assert solved.take_next(0, 0.0, lambda one: one.longest_side == 7, is_through).longest_side == 20


def test_a_slow_slot_is_given_what_it_needs_and_begins_nothing_that_it_cannot_end():
    lane = standing([20, 5, 5], left_s=12.0, num_workers=2)
    lane.least_s[1] = {side: 3 * needs_s for side, needs_s in NEEDS.items()}
    small, large = lane.queue[1], lane.queue[0]
    assert [lane.needs_s(task, slot) for task in (small, large) for slot in (0, 1)] == [4.0, 12.0, 10.0, 30.0]
    assert lane.needs_s(small) == 8.0
    assert [lane.allowance(small, slot, LIMITS, 0.0, {}) for slot in (0, 1)] == [6.0, 12.0]
    lane.plan.pass_index = 1
    assert [lane.may_begin(large, slot, 0.0) for slot in (0, 1)] == [True, False]
    assert lane.take_next(1, 0.0, never, never).longest_side == 5
    assert lane.take_next(1, 0.1, never, never) is None
    assert [lane.is_too_late(now) for now in (0.1, 8.1)] == [False, True]
    lane.least_s[0] = lane.least_s[1]
    assert lane.is_too_late(0.1)


def test_what_a_slot_that_is_given_up_needed_counts_no_more():
    lane = standing([5] * 9, left_s=12.0, num_workers=2)
    lane.least_s[1] = {5: 100.0}
    blamed = [lane.died(1, task.task_id) for task in [*lane.queue][:MAX_DEATHS]]
    assert blamed == [True] * BLAMED_DEATHS + [False] * (MAX_DEATHS - BLAMED_DEATHS)
    assert not lane.may_start(1)
    assert lane.needs_s(lane.queue[0]) == SMALL_S
