"""arc-solve profile: where a run's time went."""

from __future__ import annotations

import json

import fake_sources
import matplotlib.image
import pytest
from fake_sources import GOOD, KILLED, task

from solver.cli import main
from solver.errors import InputError
from solver.reporting.profile import read_profile
from solver.run.runner import run
from solver.settings import RunSettings, Settings
from solver.sources import Lane


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """Six tasks, one of which kills its worker, through two lanes in two passes."""
    out = tmp_path_factory.mktemp("run") / "out"
    tasks = [task(f"t{n}", KILLED if n == 3 else GOOD, n) for n in range(6)]
    limits = RunSettings(seconds=0.4, workers=2, grace_s=0.5, min_task_s=0.05, pass_shares=(1.0, 1.0))
    lanes = [Lane("quick", 2, fake_sources.fake), Lane("slow", 1, fake_sources.patient)]
    run(tasks, Settings(run=limits), out, lanes=lanes)
    return out


def test_lanes_workers_and_losses(folder):
    profile = read_profile(folder)
    assert set(profile.lanes()) == {"quick", "slow"}
    assert (profile.num_done, profile.num_tasks) == (6, 6)
    assert profile.num_lost == 2
    assert profile.bottleneck == "slow"
    assert profile.busy_share("slow") > 0.5  # of a machine that may be busy with other things
    assert 0 < profile.busy_share("quick") < profile.busy_share("slow")
    assert all(20 < facts["peak_mib"] < 4096 for facts in profile.facts_of_lanes().values())
    for worker in profile.workers.values():
        ends = [0.0, *(moment for begin, end, _ in worker.spans for moment in (begin, end))]
        assert ends == sorted(ends)
        assert not worker.spans or worker.spans[0][0] >= worker.start_s
        assert ends[-1] <= profile.wall_s
    assert sum(t == "t1" for w in profile.lanes()["slow"] for _, _, t in w.spans) == 2
    assert set(profile.phases) == {"search", "vote"}
    assert len(profile.slowest) == 5


def test_the_command_prints_and_draws(folder, capsys):
    assert main(["profile", str(folder)]) == 0
    printed = capsys.readouterr().out
    for words in ("quick", "slow", "of their time", "peak MiB", "2 workers lost", "slow would have run out first"):
        assert words in printed
    assert matplotlib.image.imread(folder / "profile.png").shape[1] == 1000
    assert main(["profile", str(folder), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    assert facts["lanes"]["slow"]["workers"] == 1
    assert facts["bottleneck"] == "slow"


def test_a_picture_that_cannot_be_written_costs_no_table(folder, tmp_path, capsys):
    for name in ("events.jsonl", "results.jsonl"):
        (tmp_path / name).write_bytes((folder / name).read_bytes())
    (tmp_path / "profile.png").mkdir()
    for words in (["profile", str(tmp_path)], ["profile", str(tmp_path), "--json"]):
        assert main(words) == 2
        printed = capsys.readouterr()
        assert "bottleneck" in printed.out or "slow would have run out first" in printed.out
        assert "profile.png: cannot be written" in printed.err


def test_a_torn_last_line_and_an_unfinished_run_are_read(folder, tmp_path):
    lines = (folder / "events.jsonl").read_bytes().splitlines(keepends=True)
    cut = next(n for n, line in enumerate(lines) if b'"started"' in line) + 1
    (tmp_path / "events.jsonl").write_bytes(b"".join(lines[:cut]) + lines[cut][:20])
    profile = read_profile(tmp_path)
    assert profile.num_done == 0
    assert sum(len(worker.spans) for worker in profile.workers.values()) == 1


def test_of_a_resumed_run_only_the_last_part_is_counted(folder, tmp_path):
    lines = (folder / "events.jsonl").read_bytes()
    stopped = b'{"time_s": 9.5, "kind": "stopping", "num_done": 2, "num_tasks": 6, "message": "SIGINT"}\n'
    (tmp_path / "events.jsonl").write_bytes(lines + stopped + lines)
    profile, whole = read_profile(tmp_path), read_profile(folder)
    assert (profile.interrupted, profile.num_lost, profile.wall_s) == ("", 2, whole.wall_s)
    assert profile.workers == whole.workers


def test_bad_input(tmp_path, capsys):
    with pytest.raises(InputError, match=r"events\.jsonl: cannot be read"):
        read_profile(tmp_path)
    whole = '{"time_s": 1, "kind": "started", "num_done": 0, "num_tasks": 0, "worker": 0, "task_id": "t"}'
    less = ("nonsense", "[]", '{"time_s": 1, "kind": "end"}', whole.replace("task_id", "task"))
    for line in (*less, whole.replace('"worker": 0', '"worker": []')):
        (tmp_path / "events.jsonl").write_text(f"{line}\n{whole}\n")
        assert main(["profile", str(tmp_path)]) == 2
        assert "line 1 is no event" in capsys.readouterr().err
