"""The time plan: how a run's wall clock is shared over lanes, passes and tasks.

All lanes run side by side for the whole time. A lane's worker-seconds are shared over its passes, and a pass's over the
tasks that are still to be handed out in it: what a task leaves over goes to those after it.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from ..errors import SettingsError
from ..settings import RunSettings

WRITE_SHARE = 0.1
"""Time to write the last results in a run with a total, as a part of the grace before it."""

START_SHARE = 0.25
"""The part of a total after which a worker that is still not ready is given up."""

COMPILE_SHARE = 0.6
"""The part of the time until something must be ready that compiling may take: doing without takes time, too."""


def reserve_s(limits: RunSettings) -> float:
    """Seconds kept at the end of a run with a total: for tasks that overrun, killing their workers, writing."""
    return (1 + WRITE_SHARE) * limits.grace_s + limits.stop_s


def check_total(limits: RunSettings) -> None:
    """Raises SettingsError if a total is all reserve: its run would end before a worker is ready."""
    if limits.nodes is None and limits.total_s is not None and limits.total_s <= reserve_s(limits):
        kept = f"{reserve_s(limits):g} s of them are in reserve (run.grace_s, run.stop_s)"
        raise SettingsError(f"run.total_s: {limits.total_s:g} s leave no time for tasks, since {kept}")


def start_limit_s(limits: RunSettings) -> float:
    """How long a worker may take to get ready, in seconds."""
    if limits.total_s is None:
        return limits.start_timeout_s
    return min(limits.start_timeout_s, max(1.0, START_SHARE * limits.total_s))


def first_start_limit_s(limits: RunSettings) -> float:
    """How long after its begin a run by the clock waits for its first worker, compiling ahead included, in seconds."""
    total_s = math.inf if limits.total_s is None else limits.total_s - reserve_s(limits)
    return min(limits.start_timeout_s, total_s)


def compile_limit_s(limits: RunSettings, ready_s: float) -> float:
    """How long may be compiled for what must be ready within so many seconds. Without end where nodes are counted."""
    return math.inf if limits.nodes is not None else COMPILE_SHARE * ready_s


def normal_shares(limits: RunSettings) -> tuple[float, ...]:
    """Part of the time for each pass; they add up to 1. Where nodes are counted there is one pass."""
    shares = (1.0,) if limits.nodes is not None else limits.pass_shares
    return tuple(share / sum(shares) for share in shares)


@dataclass(frozen=True)
class Clock:
    """When the tasks' time began and when it ends: seconds of time.monotonic()."""

    start: float
    end: float

    @classmethod
    def of_run(cls, limits: RunSettings, began: float, now: float, num_tasks: int, num_workers: int) -> Clock:
        """began: when the run did; now: when its first worker was ready; num_workers: of its first lane."""
        if limits.total_s is None:
            return cls(now, now + limits.seconds * math.ceil(num_tasks / num_workers))
        return cls(now, max(now, began + limits.total_s - reserve_s(limits)))

    @property
    def seconds(self) -> float:
        return self.end - self.start


@dataclass
class LanePlan:
    """A lane's worker-seconds. total_s: in all. pool_s: not spent yet. pass_index: of the pass that it is in."""

    clock: Clock
    shares: Sequence[float]
    num_workers: int
    num_tasks: int
    total_s: float
    pool_s: float
    pass_index: int = 0

    @classmethod
    def of_lane(
        cls, limits: RunSettings, clock: Clock, num_tasks: int, num_workers: int, first_workers: int, num_own: int
    ) -> LanePlan:
        """num_tasks: of the run. first_workers: workers of the first lane, of which `seconds` speaks. num_own: tasks
        that are for this lane."""
        seconds = limits.seconds * num_tasks / first_workers if limits.total_s is None else clock.seconds
        total_s = seconds * num_workers
        return cls(clock, normal_shares(limits), num_workers, num_own, total_s, total_s)

    def even_s(self, pass_index: int) -> float:
        """Seconds for each task of a pass, if all tasks are in it and take the same time."""
        return self.shares[pass_index] * self.total_s / max(1, self.num_tasks)

    def allowance(self, limits: RunSettings, now: float, busy: Iterable[tuple[float, float]], num_queued: int) -> float:
        """Seconds for the next task of the pass. busy: (since when, allowed seconds) of each task being worked on."""
        running = [(max(allowed, now - started), max(0.0, allowed - (now - started))) for started, allowed in busy]
        after = 1.0 - sum(self.shares[: self.pass_index + 1])  # the part of the passes that are still to come
        in_pool = self.pool_s - after * self.total_s - sum(whole for whole, _ in running)
        pass_end = self.clock.end - after * self.clock.seconds
        on_clock = (pass_end - now) * self.num_workers - sum(left for _, left in running)
        longest = min(limits.max_stretch * self.even_s(self.pass_index), self.clock.end - now)
        return max(limits.min_task_s, min(min(in_pool, on_clock) / num_queued, longest))


def describe(limits: RunSettings, lanes: Iterable[tuple[str, int, int]], num_tasks: int) -> list[str]:
    """The plan in words, a line each, before the run begins. lanes: name, number of workers and of tasks that are for
    it, the first one first; those that no task is for are left out."""
    lanes = list(lanes)
    if not num_tasks or limits.nodes is not None:
        return []
    first_workers = max(1, min(lanes[0][1], num_tasks))
    clock = Clock.of_run(limits, 0.0, 0.0, num_tasks, first_workers)
    reserve = f", {reserve_s(limits):.0f} s of them in reserve" if limits.total_s is not None else ""
    whole = limits.total_s if limits.total_s is not None else clock.seconds
    lines = [f"plan: {num_tasks} tasks in {duration(whole)}{reserve}"]
    for name, count, num_own in lanes:
        if not num_own:
            continue
        num_workers = min(count, num_tasks)
        plan = LanePlan.of_lane(limits, clock, num_tasks, num_workers, first_workers, num_own)
        passes = ", then ".join(f"{plan.even_s(index):.1f} s" for index in range(len(plan.shares)))
        lines.append(f"plan: {name}: {num_workers} workers, {passes} a task")
    return lines


def duration(seconds: float) -> str:
    """'45 s', '12 min', '10.5 h'."""
    if seconds < 120:
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 7200 else f"{seconds / 3600:.1f} h"
