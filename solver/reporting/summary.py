"""summary.json: the scores of a run, and what it was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from .. import __version__
from ..run.runner import RunRecord
from ..score import Score, alone, score
from ..settings import Settings, as_dict
from ..tasks import Task


def summarize(tasks: Sequence[Task], record: RunRecord, settings: Settings, asked: dict[str, Any]) -> dict[str, Any]:
    """What summary.json holds. seconds_per_task: mean time spent on a task by all lanes, measured. wall_s: of the run;
    of one that was resumed all its parts together, as the seconds of its tasks count what was spent before, too (a part
    that was killed counts up to its last event). alone: the scores of each source without the others, where there are
    several. weights: SHA-256 of the models' weights by kind. engines: of each engine server its GPU, seconds until it
    was ready, counts since then (busy_s of wall_s seconds with a request, tokens, requests) and restarts. asked: by the
    command's name what it was given, such as set and tasks; kept among the settings."""
    scored = score(tasks, record.results)
    seconds = [result.seconds for result in record.results.values()]
    return {
        "num_tasks": len(tasks),
        **_totals(scored),
        "seconds_per_task": round(sum(seconds) / len(seconds), 3) if seconds else 0.0,
        "wall_s": round(record.wall_s, 3),
        "workers": settings.run.workers,
        "seed": settings.run.seed,
        "version": __version__,
        "alone": {name: _totals(score(tasks, own)) for name, own in alone(record.results).items()},
        "weights": dict(record.weights),
        "engines": list(record.services),
        "settings": as_dict(settings) | asked,
    }


def _totals(scored: Score) -> dict[str, float]:
    return {
        "score_task_mean": scored.task_mean,
        "score_output_mean": scored.output_mean,
        "tasks_solved": scored.num_solved,
    }
