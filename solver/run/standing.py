"""What the runner keeps of its lanes and tasks while a run goes on. Nothing here starts, waits or writes."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Callable, Container, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import accumulate
from statistics import fmean

from ..answers import Attempts, Ballots, Findings, Found, Proposals, TaskResult
from ..settings import RunSettings
from ..sources import Lane
from ..tasks import Task
from ..vote import all_ballots, choose_attempts, likeliest
from .plan import LanePlan
from .results import Ends

MAX_FAILED_STARTS = 5
MAX_DEATHS = 5
"""So many workers of one slot that died or hung in a row, each over another task, leave it without, if another slot has
one: a device that starts and then fails would go through the whole queue."""

BLAMED_DEATHS = 2
"""So many deaths in a row count against the tasks; further ones against the slot."""

MOST_JUDGED = 24
"""Grids of other lanes that a lane which judges is told for a test input: fifty are proposed for a hard one, of which
those behind are hardly ever right."""

NO_TIME = "no time"
"""The status with which a lane ends a task that it had no time for. The task's own is 'partial' then."""

CUT_SHARE = 0.3
"""Of the time that a lane's task needs, the least with which one is begun at the end of a run."""


@dataclass
class LaneStanding:
    """A lane and what is left for it to do.

    queue: what is still to be handed out in this pass. later: what has been through it and is for the next one.
    plan: its time; known once a worker of the run is ready. failed_starts: by slot, since its last worker was ready.
    deaths: by slot, workers that died or hung over a task since one went through there. is_lost: no worker is to be
    started any more. least_s: by slot, since devices differ, seconds below which its worker should not begin a task, by
    its longest side, as it says. tries: how often a task was begun since it last went through. passes: how often it
    did.
    """

    lane: Lane
    queue: deque[Task]
    num_workers: int
    tries: dict[str, int]
    passes: dict[str, int]
    later: list[Task] = field(default_factory=list)
    plan: LanePlan | None = None
    failed_starts: Counter[int] = field(default_factory=Counter)
    deaths: Counter[int] = field(default_factory=Counter)
    ever_ready: bool = False
    is_lost: bool = False
    least_s: dict[int, Mapping[int, float]] = field(default_factory=dict)

    @classmethod
    def of(cls, lane: Lane, tasks: Sequence[Task], through: Container[str] = ()) -> LaneStanding:
        """A lane of a run that is to do these tasks. through: ids of those that this lane was through with before."""
        zeros = dict.fromkeys((task.task_id for task in tasks), 0)
        queue = deque(task for task in tasks if task.task_id not in through)
        return cls(lane, queue, min(lane.num_workers, len(tasks)), dict(zeros), dict(zeros))

    @property
    def name(self) -> str:
        return self.lane.name

    @property
    def waiting(self) -> int:
        """How many tasks are to be handed out, in this pass or the next."""
        return len(self.queue) + len(self.later)

    def may_start(self, slot: int) -> bool:
        """Whether to try another worker there. As long as none of the lane was ever ready, all slots share their tries;
        later each has its own, so that one device that is gone leaves the others."""
        return self._starts(slot) and (self.deaths[slot] < MAX_DEATHS or not self._others_live(slot))

    def _starts(self, slot: int) -> bool:
        failed = self.failed_starts[slot] if self.ever_ready else self.failed_starts.total()
        return not self.is_lost and failed < MAX_FAILED_STARTS

    def _others_live(self, slot: int) -> bool:
        """Whether another slot has workers that do not die one after the other."""
        others = (other for other in range(self.num_workers) if other != slot)
        return any(self._starts(other) and self.deaths[other] < MAX_DEATHS for other in others)

    def died(self, slot: int, task_id: str) -> bool:
        """A worker died or hung over a task. Whether that counts against the task: it may be the slot's fault."""
        self.deaths[slot] += 1
        is_blamed = self.deaths[slot] <= BLAMED_DEATHS or not self._others_live(slot)
        if not is_blamed:
            self.tries[task_id] -= 1
        if not self.may_start(slot):
            self.least_s.pop(slot, None)
        return is_blamed

    @property
    def num_alive(self) -> int:
        """Slots that have a worker or may have one again; at least one, for those who divide by it."""
        return max(1, sum(self.may_start(slot) for slot in range(self.num_workers)))

    def needs_s(self, task: Task, slot: int | None = None) -> float:
        """Seconds below which a task should not be begun in a slot; None: on average over all that have said so."""
        known = [self.least_s[slot]] if slot in self.least_s else self.least_s.values()
        return fmean(least_s.get(task.longest_side, 0.0) for least_s in known) if known else 0.0

    def allowance(
        self, task: Task, slot: int, limits: RunSettings, now: float, busy: Mapping[str, tuple[float, float]]
    ) -> float:
        """Seconds for a task that was just taken from the queue for a slot's worker. busy: of each task that is being
        worked on, since when and how many seconds it was given."""
        coming = sum(self.passes[task_id] < self.plan.pass_index for task_id in busy)
        self.plan.num_workers = self.num_alive
        fair_s = self.plan.allowance(limits, now, busy.values(), 1 + self.waiting + coming)
        return max(fair_s, min(self.needs_s(task, slot), self.plan.clock.end - now))

    def num_in_time(self, now: float) -> int:
        """How many tasks there is still time for, if each takes what it needs and those that need least come first."""
        left_s, num_workers = max(0.0, self.plan.clock.end - now), self.num_alive
        needs = sorted(map(self.needs_s, (*self.queue, *self.later)))
        ends = (end for worker in range(num_workers) for end in accumulate(needs[worker::num_workers]))
        return sum(end <= left_s for end in ends)

    def may_begin(self, task: Task, slot: int | None, now: float) -> bool:
        """Whether there is time to begin a task in a slot. A good part of what it needs is worth having where nothing
        came before."""
        share = 1.0 if self.plan.pass_index else CUT_SHARE
        return share * self.needs_s(task, slot) <= max(0.0, self.plan.clock.end - now)

    def is_too_late(self, now: float) -> bool:
        """Whether no task of the queue should be begun any more, in any slot."""
        slots = [*self.least_s] or [None]
        return not any(self.may_begin(task, slot, now) for task in self.queue for slot in slots)

    def take_next(
        self, slot: int, now: float, is_solved: Callable[[Task], bool], is_through: Callable[[Task], bool]
    ) -> Task | None:
        """The next task of the queue for a slot's worker, None where it is too late for all: is_through says whether
        all other lanes have been through a task. Where there is no time for all, one that nothing has solved yet comes
        first, and of these the smallest, since it needs no longer than the largest. A lane that judges takes those
        first that others have been through, and otherwise the last, to which the others come last."""
        places = [place for place, task in enumerate(self.queue) if self.may_begin(task, slot, now)]
        if not places:
            return None
        is_short, wanted = self.num_in_time(now) < self.waiting, []
        if self.lane.judges:
            wanted.append(lambda task: is_through(task) and not (is_short and is_solved(task)))
        if is_short:
            wanted.append(lambda task: not is_solved(task))
            places.reverse()
        otherwise = max(places) if is_short or self.lane.judges else places[0]
        place = next((place for fits in wanted for place in places if fits(self.queue[place])), otherwise)
        task = self.queue[place]
        del self.queue[place]
        return task

    def begin_pass(self, promise: Mapping[str, float]) -> bool:
        """Queue what was put off, the most promising first. Whether that begins another pass."""
        before = self.plan.pass_index
        self.plan.pass_index = max(before, min(self.passes[task.task_id] for task in self.later))
        self.queue = deque(sorted(self.later, key=lambda task: (-promise[task.task_id], task.task_id)))
        self.later = []
        return self.plan.pass_index > before


@dataclass
class TaskStanding:
    """What is known of a task that is not finished: the latest findings, by lane and source, and how each lane that is
    done with it ended: (status, error). through: those of these ends that a run that goes on takes over, with all that
    these lanes have found. spent_s: of workers, on it, before what they are at; running_s: at that, by lane, when it
    was last heard of. vote_s: of the runner. past_nodes, past_phases: what the run that this one goes on with has
    spent, but for what is in `found`; past_exact: how many programs that fit all pairs it knew."""

    found: dict[tuple[str, str], Findings] = field(default_factory=dict)
    ends: dict[str, tuple[str, str]] = field(default_factory=dict)
    through: Ends = field(default_factory=dict)
    spent_s: float = 0.0
    running_s: dict[str, float] = field(default_factory=dict)
    vote_s: float = 0.0
    past_nodes: int = 0
    past_phases: dict[str, float] = field(default_factory=dict)
    past_exact: int = 0

    @classmethod
    def of(cls, found: Found, before: TaskResult | None, ends: Ends) -> TaskStanding:
        """Of a task of which so much is known from a run before, whose account of it is `before`. ends: of the lanes
        that are through with it."""
        known = {(lane, source): findings for lane, own in found.items() for source, findings in own.items()}
        standing = cls(known, dict(ends), ends)
        if before is not None:
            counted = standing.phases
            standing.spent_s, standing.past_exact = before.seconds, before.num_exact
            standing.past_nodes = max(0, before.num_nodes - standing.num_nodes)
            standing.past_phases = {
                name: max(0.0, seconds - counted.get(name, 0.0)) for name, seconds in before.phases.items()
            }
        return standing

    def take(self, lane: str, findings: Mapping[str, Findings], seconds: float) -> None:
        """Take in what a lane's worker has found, seconds after it began or, if it is through, 0. findings: by
        source."""
        self.found.update({(lane, source): found for source, found in findings.items()})
        self.running_s[lane] = seconds

    def spend(self, lane: str, seconds: float) -> None:
        """A lane's worker has worked on it for so long, and does not any more."""
        self.spent_s += seconds
        self.running_s.pop(lane, None)

    @property
    def seconds(self) -> float:
        """Of workers, on it, as far as is known."""
        return self.spent_s + sum(self.running_s.values())

    @property
    def findings(self) -> dict[str, Findings]:
        """By source, of all lanes: what is voted over."""
        return _by_source(self.found)

    def of_lane(self, lane: str) -> dict[str, Findings]:
        """A lane's own, by source."""
        return {source: found for (name, source), found in self.found.items() if name == lane}

    @property
    def no_time(self) -> tuple[str, ...]:
        """The lanes that had none for it."""
        return tuple(lane for lane, (status, _) in self.ends.items() if status == NO_TIME)

    def leave(self) -> None:
        """It is for a run that goes on, whose lanes take it up that had no time for it, or failed."""
        self.through = {lane: end for lane, end in self.ends.items() if end[0] not in (NO_TIME, "failed")}

    @property
    def kept(self) -> Found:
        """By lane and source, what a run that goes on takes over: what later runs of the source add to, and all of the
        lanes that are not to search again."""
        kept: dict[str, dict[str, Findings]] = {}
        for (lane, source), found in self.found.items():
            if found.whole_weight or lane in self.through:
                kept.setdefault(lane, {})[source] = found
        return kept

    def promise(self, lane: str) -> float:
        """The greatest weight that the lane's own answers have: how near it seems to be."""
        found = self.of_lane(lane).values()
        return max((answer.weight for findings in found for answer in findings.answers), default=0.0)

    def alone(self, task: Task) -> dict[str, Attempts]:
        """What each source would submit alone; nothing if only one has answers. task: with hidden outputs."""
        found = {name: findings for name, findings in self.findings.items() if findings.answers}
        if len(found) < 2:
            return {}
        return {name: choose_attempts(task, {name: findings}) for name, findings in found.items()}

    def ballots(self, task: Task) -> dict[str, Ballots]:
        """What was voted over, by source."""
        return all_ballots(self.findings, len(task.test))

    def others(self, lane: str, task: Task) -> Proposals:
        """What other lanes than this one propose, likeliest first. task: with hidden outputs."""
        found = {key: findings for key, findings in self.found.items() if key[0] != lane}
        return likeliest(task, _by_source(found), MOST_JUDGED)

    @property
    def num_exact(self) -> int:
        return max(self.past_exact, sum(answer.exact for f in self.found.values() for answer in f.answers))

    @property
    def num_nodes(self) -> int:
        return self.past_nodes + sum(f.num_nodes for f in self.found.values())

    @property
    def phases(self) -> dict[str, float]:
        """Seconds by phase, the vote's among them."""
        phases: dict[str, float] = {}
        for spent in (*(f.phases for f in self.found.values()), self.past_phases, {"vote": self.vote_s}):
            for name, seconds in spent.items():
                phases[name] = phases.get(name, 0.0) + seconds
        return phases

    def counted(self, result: TaskResult) -> TaskResult:
        """A result of the task, with what was spent on it and said of it until now."""
        return replace(
            result,
            seconds=self.seconds,
            num_nodes=self.num_nodes,
            num_exact=self.num_exact,
            phases=self.phases,
            notes=self.notes,
        )

    @property
    def notes(self) -> dict[str, str]:
        """What the sources say, by source; those that say nothing are left out."""
        return {name: found.note for name, found in self.findings.items() if found.note}


def _by_source(found: Mapping[tuple[str, str], Findings]) -> dict[str, Findings]:
    """Findings of lanes and sources by source. Where lanes have sources of one name, in the order of the lanes' names
    (not of what came first, which a clock decides): all their answers, and the judgements of the first that judged."""
    lanes: dict[str, list[str]] = {}
    for lane, source in found:
        lanes.setdefault(source, []).append(lane)
    return {source: _together([found[lane, source] for lane in sorted(own)]) for source, own in lanes.items()}


def _together(several: Sequence[Findings]) -> Findings:
    if len(several) == 1:
        return several[0]
    return replace(
        several[0],
        answers=[answer for findings in several for answer in findings.answers],
        note="; ".join(dict.fromkeys(findings.note for findings in several if findings.note)),
        whole_weight=sum(findings.whole_weight for findings in several),
        judged=next((findings.judged for findings in several if any(findings.judged)), ()),
    )
