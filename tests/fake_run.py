"""A run over fake tasks as a program of its own, to be killed by tests.

python fake_run.py OUT BEHAVIOUR NUM_TASKS [group.name=value …] [--resume]; prints what became of it as JSON.
"""

from __future__ import annotations

import json
import signal
import sys
from pathlib import Path

import fake_sources

from solver.settings import load_settings


def main() -> None:
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # outside of the run, which takes and gives back SIGINT
    words = [word for word in sys.argv[1:] if word != "--resume"]
    out, behaviour, num_tasks, *assignments = words
    tasks = [fake_sources.task(f"t{n:02}", int(behaviour), n % 10, side=2 + n % 3) for n in range(int(num_tasks))]
    record = fake_sources.run_fake(
        tasks,
        load_settings(None, assignments),
        Path(out),
        resume="--resume" in sys.argv,
        on_event=lambda event: print(event.kind, flush=True),
    )
    print(json.dumps({"interrupted": record.interrupted, "wall_s": record.wall_s}))


if __name__ == "__main__":
    main()
