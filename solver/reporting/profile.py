"""Where a run's time went, read from its events.jsonl: by lane, worker and phase, and what would have run out first.

Of a run that was resumed the time since then; phases and the longest tasks are of all its results.
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from ..errors import InputError
from ..run.results import RESULTS, load_results
from ..run.runfolder import EVENTS
from .figures import new_figure, save_figure


@dataclass
class WorkerTime:
    """A worker process. start_s: until it was ready. spans: (from, to, task) of each task, seconds of the run.
    peak_mib: the most memory that it took."""

    index: int
    lane: str
    start_s: float = 0.0
    peak_mib: int = 0
    spans: list[tuple[float, float, str]] = field(default_factory=list)

    @property
    def busy_s(self) -> float:
        return sum(end - begin for begin, end, _ in self.spans)


@dataclass
class Profile:
    """wall_s: of the run. workers: by their index. phases: seconds by phase over all tasks. slowest: (task, seconds)
    of the tasks that took longest. num_lost: tasks whose worker was lost. num_done of num_tasks. services: what the
    runner says of each at the run's end (`Services.facts`)."""

    wall_s: float
    workers: dict[int, WorkerTime]
    phases: dict[str, float]
    slowest: list[tuple[str, float]]
    num_done: int
    num_tasks: int
    num_lost: int
    interrupted: str
    services: list[dict[str, Any]] = field(default_factory=list)

    def lanes(self) -> dict[str, list[WorkerTime]]:
        found: dict[str, list[WorkerTime]] = defaultdict(list)
        for worker in self.workers.values():
            found[worker.lane].append(worker)
        return dict(found)

    def busy_share(self, lane: str) -> float:
        """Part of the time after its workers were ready in which they worked on tasks, 0..1."""
        workers = self.lanes()[lane]
        ready = sum(max(0.0, self.wall_s - worker.start_s) for worker in workers)
        return min(1.0, sum(worker.busy_s for worker in workers) / ready) if ready else 0.0

    def facts_of_lanes(self) -> dict[str, dict[str, Any]]:
        """For every lane: workers, start_s (until the last was ready), tasks begun, busy_s and busy_share of all,
        peak_mib (the most memory that one of them took)."""
        return {
            name: {
                "workers": len(workers),
                "start_s": round(max(worker.start_s for worker in workers), 2),
                "tasks": sum(len(worker.spans) for worker in workers),
                "busy_s": round(sum(worker.busy_s for worker in workers), 2),
                "busy_share": round(self.busy_share(name), 4),
                "peak_mib": max(worker.peak_mib for worker in workers),
            }
            for name, workers in self.lanes().items()
        }

    @property
    def bottleneck(self) -> str:
        """The lane whose workers were busiest: with more tasks, its time would have run out first."""
        return max(self.lanes(), key=self.busy_share, default="")


def read_profile(run: Path) -> Profile:
    """Raises InputError if the folder holds no run's events."""
    try:
        lines = (run / EVENTS).read_bytes().splitlines()
    except OSError as error:
        raise InputError(f"{run / EVENTS}: cannot be read: {error.strerror}") from error
    open_since: dict[int, tuple[float, str]] = {}
    profile = Profile(0.0, {}, {}, [], 0, 0, 0, "")
    for number, line in enumerate(lines, 1):
        try:
            _add_event(profile, open_since, orjson.loads(line))
        except (KeyError, TypeError, ValueError):
            if number == len(lines):
                break  # torn by a crash
            raise InputError(f"{run / EVENTS}: line {number} is no event") from None
    for index, (since, task_id) in open_since.items():
        profile.workers[index].spans.append((since, profile.wall_s, task_id))
    _add_results(profile, run)
    return profile


def _add_event(profile: Profile, open_since: dict[int, tuple[float, str]], event: dict[str, Any]) -> None:
    """open_since: what workers are at, (from, task) by worker; changed. Raises KeyError, TypeError and ValueError for
    what is no event."""
    time_s, kind = float(event["time_s"]), event["kind"]
    if kind == "begin":  # a resumed run appends to its events
        profile.workers.clear()
        open_since.clear()
        profile.num_lost, profile.interrupted, profile.services = 0, "", []
    profile.wall_s = time_s
    profile.num_done, profile.num_tasks = event["num_done"], event["num_tasks"]
    if kind == "end":
        profile.services = event.get("services", [])
    if kind == "stopping":
        profile.interrupted = event.get("message", "")
    if "worker" not in event:
        return
    worker = profile.workers.setdefault(event["worker"], WorkerTime(event["worker"], event.get("lane", "")))
    if kind == "ready":
        worker.start_s = time_s
    elif kind == "started":
        open_since[worker.index] = (time_s, event["task_id"])
    elif kind in ("passed", "ended", "worker_lost"):
        profile.num_lost += kind == "worker_lost"
        worker.peak_mib = max(worker.peak_mib, int(event.get("peak_mib", 0)))
        if worker.index in open_since:
            since, task_id = open_since.pop(worker.index)
            worker.spans.append((since, time_s, task_id))


def _add_results(profile: Profile, run: Path) -> None:
    results = load_results(run / RESULTS).values() if (run / RESULTS).is_file() else ()
    phases: dict[str, float] = defaultdict(float)
    for result in results:
        for name, seconds in result.phases.items():
            phases[name] += seconds
    profile.phases = dict(sorted(phases.items(), key=lambda item: -item[1]))
    profile.slowest = sorted(((r.task_id, r.seconds) for r in results), key=lambda item: -item[1])[:5]


def draw_profile(profile: Profile, path: Path) -> None:
    """A bar for each worker over the run's time: starting, then task after task. Raises InputError if the picture
    cannot be written."""
    workers = [worker for lane in profile.lanes().values() for worker in lane]
    figure = new_figure(10, 1.2 + 0.28 * max(1, len(workers)))
    axes = figure.subplots()
    shades = ("#2f6f9f", "#7fb2d6")
    for row, worker in enumerate(workers):
        axes.broken_barh([(0.0, worker.start_s)], (row - 0.4, 0.8), color="#d0d4d9")
        bars = [(begin, end - begin) for begin, end, _ in worker.spans]
        axes.broken_barh(bars, (row - 0.4, 0.8), color=[shades[n % 2] for n in range(len(bars))])
    axes.set_yticks(range(len(workers)), [f"{worker.lane} {worker.index}" for worker in workers])
    axes.invert_yaxis()
    axes.set(xlabel="seconds since the run began (grey: starting)", xlim=(0.0, max(profile.wall_s, 1e-3)))
    save_figure(figure, path, dpi=100)
