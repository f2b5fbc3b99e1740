"""Made-up tasks: legal pictures, programs that mean something, files that come out the same every time."""

from __future__ import annotations

import lzma
import os
import re
import signal
import subprocess
import sys

import numpy as np
import orjson
import pytest
import synthesize as tool
from check_solutions import allowed_tasks, load_solutions
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.answers import Attempt, TaskResult
from solver.configuration import load
from solver.errors import InputError, SettingsError
from solver.executor import execute, input_value
from solver.grid.registry import FUNCTIONS
from solver.program import parse
from solver.re_arc import grid_text, read_grid, read_re_arc
from solver.run.results import to_json
from solver.synthesis import selection, shards
from solver.synthesis.generate import SynthesisSettings, draw_program_set
from solver.synthesis.growth import Pool, StepWeights
from solver.synthesis.inputs import (
    InputSettings,
    Material,
    draw_input_set,
    gather,
    grid_tokens,
)
from solver.synthesis.mutations import mutate, rename_colors
from solver.synthesis.scenes import FAMILIES, draw_scenes
from solver.task_sets import in_dev, load_set
from solver.tasks import pair_digest

SMALL = load(SynthesisSettings, None, ["growth.num_steps=300", "files.sets_per_shard=3"])


@pytest.fixture(scope="session")
def material() -> Material:
    return gather(allowed_tasks(), {i: [p] for i, p in load_solutions().items()}, None, 0)


@pytest.fixture(scope="session")
def weights(material) -> StepWeights:
    return StepWeights(material.all_programs)


def program(*statements: str):
    return shards.read_statements("\n".join(statements))


# --- scenes and inputs


@pytest.mark.parametrize("name", FAMILIES)
def test_scenes_are_grids_and_differ(name):
    seen = set()
    for seed in range(60):
        for grid in draw_scenes(name, 3, np.random.default_rng(seed)):
            assert grid.dtype == np.int8
            assert grid.flags.c_contiguous
            assert grid.ndim == 2
            assert min(grid.shape) >= 1
            assert max(grid.shape) <= 30
            assert grid.min() >= 0
            assert grid.max() <= 9
            seen.add(grid_text(grid))
    assert len(seen) > 90


@given(st.integers(1, 30), st.integers(1, 30), st.integers(0, 2**32 - 1))
@settings(max_examples=30)
def test_grid_text_round_trip(height, width, seed):
    grid = np.random.default_rng(seed).integers(0, 10, (height, width)).astype(np.int8)
    assert np.array_equal(read_grid(grid_text(grid)), grid)


@pytest.mark.parametrize("text", ["", "1/22", "1a", "/", "1//2", "²", "0" * 31])
def test_what_is_no_grid_is_refused(text):
    with pytest.raises(ValueError, match=r"no grid|must be"):
        read_grid(text)


def test_material_holds_no_held_out_and_no_evaluation_task(material):
    assert len(material.arc) > 250
    assert not [task_id for task_id in material.arc if in_dev(task_id)]
    evaluation = [*load_set("arc-agi-1/evaluation"), *load_set("arc-agi-2/evaluation")]
    forbidden = {pair_digest(p) for t in evaluation for p in (*t.train, *t.test)}
    tasks = {t.task_id: t for t in load_set("arc-agi-1/training")}
    for task_id in material.arc:
        assert forbidden.isdisjoint(map(pair_digest, (*tasks[task_id].train, *tasks[task_id].test)))
    assert set(material.solutions) <= set(material.arc)


def test_material_file_round_trip_and_damage(material, tmp_path):
    path = tmp_path / "material.json.xz"
    material.save(path)
    again = Material.load(path)
    assert again.arc == material.arc
    assert again.programs == material.programs
    assert again.outputs == {}
    path.write_bytes(path.read_bytes()[:-20])
    with pytest.raises(InputError, match=re.escape(str(path))):
        Material.load(path)


def test_re_arc_is_read_from_file_and_from_its_own_folder(tmp_path):
    pairs = [[f"0{k}/30", "11"] for k in range(5)]
    file = tmp_path / "re_arc.jsonl.xz"
    file.write_bytes(lzma.compress(orjson.dumps({"task": "abc", "pairs": pairs})))
    (tmp_path / "own" / "tasks").mkdir(parents=True)
    as_lists = [{"input": [[0, k], [3, 0]], "output": [[1, 1]]} for k in range(5)]
    (tmp_path / "own" / "tasks" / "abc.json").write_bytes(orjson.dumps(as_lists))
    wanted = [("abc", [("00/30", "11"), ("01/30", "11"), ("02/30", "11")])]
    assert list(read_re_arc(file, 3)) == list(read_re_arc(tmp_path / "own", 3)) == wanted
    rest = [("abc", [("03/30", "11"), ("04/30", "11")])]
    assert list(read_re_arc(file, None, first=3)) == list(read_re_arc(tmp_path / "own", 9, first=3)) == rest
    with pytest.raises(InputError, match=r"none\.xz"):
        list(read_re_arc(tmp_path / "none.xz", 3))
    file.write_bytes(lzma.compress(orjson.dumps({"task": "abc", "pairs": [*pairs, ["0a", "11"]]})))
    assert len(list(read_re_arc(file, 5))) == 1
    with pytest.raises(InputError, match=r"re_arc\.jsonl\.xz: not RE-ARC pairs \(no grid: '0a'\)"):
        list(read_re_arc(file, None))


def test_outputs_are_inputs_where_they_are_asked_for(tmp_path):
    file = tmp_path / "re_arc.jsonl.xz"
    name, *_ = allowed_tasks()
    pairs = [[f"0{k}/30", f"{k}1"] for k in range(9)]
    file.write_bytes(lzma.compress(orjson.dumps({"task": name, "pairs": pairs})))
    gathered = gather(allowed_tasks(), {}, file, 3, 7)
    assert gathered.outputs == {name: [output for _, output in pairs[:7]]}
    assert gathered.re_arc == {name: [given for given, _ in pairs[:3]]}
    gathered.save(tmp_path / "material")
    again = Material.load(tmp_path / "material")
    limits = InputSettings(scenes=0, arc=0, re_arc=0, outputs=1)
    drawn = draw_input_set(again, limits, np.random.default_rng(0))
    assert (drawn.source, drawn.task_id) == (f"output/{name}", None)  # no solution of the task is one here
    assert {grid_text(grid) for grid in drawn.inputs} <= set(gathered.outputs[name])
    with pytest.raises(SettingsError, match="leave no source"):
        draw_input_set(gather(allowed_tasks(), {}, file, 3), limits, np.random.default_rng(0))


def test_input_sets_keep_to_their_limits(material):
    limits = InputSettings(min_pairs=2, max_pairs=3, max_tokens=300)
    kinds = set()
    for seed in range(80):
        drawn = draw_input_set(material, limits, np.random.default_rng(seed))
        kinds.add(drawn.source.partition("/")[0])
        assert 3 <= len(drawn.inputs) <= 4
        assert sum(map(grid_tokens, drawn.inputs)) <= 300
        assert len({grid_text(g) for g in drawn.inputs}) == len(drawn.inputs)
    assert kinds == {"scene", "arc"}


@pytest.mark.parametrize(("words", "message"), [
    (("inputs.scenes=0", "inputs.arc=0"), "no source"),
    (("inputs.min_pairs=5", "inputs.max_pairs=2"), "min_pairs 5 is more than"),
    (("inputs.min_pairs=9", "inputs.max_pairs=9", "inputs.max_tokens=20"), "max_tokens 20"),
])  # fmt: skip
def test_settings_that_no_inputs_fit_are_one_line(material, tmp_path, capsys, words, message):
    source = tmp_path / "material.json.xz"
    material.save(source)
    chosen = [part for word in words for part in ("--set", word)]
    out = str(tmp_path / "made")
    assert tool.main(["make", "--material", str(source), "--out", out, "--shards", "1", *chosen]) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert message in line


# --- programs


def test_mutations_are_programs_and_change_something(material):
    rng = np.random.default_rng(0)
    changed = total = 0
    for original in material.all_programs:
        mutant = mutate(original, rng)
        if len(mutant):
            assert parse(mutant.render()) == mutant
        changed += mutant != original
        total += 1
    assert changed > 0.6 * total


def test_renaming_colors_touches_colors_only():
    renamed = rename_colors(
        program("x1 = shift(I, RIGHT)", "x2 = replace_color(x1, 3, 0)"), [0, 2, 1, 7, *range(4, 10)]
    )
    assert shards.statements_text(renamed) == "x1 = shift(I, RIGHT)\nx2 = replace_color(x1, 7, 0)"


@pytest.fixture(scope="session")
def pool(weights) -> Pool:
    made = Pool(draw_scenes("objects", 4, np.random.default_rng(3)), weights, 6, 1500)
    made.grow(1500, np.random.default_rng(4))
    return made


def test_pool_knows_its_programs(pool):
    start = pool.start.value
    lengths = set()
    for entry in pool.entries[1:]:
        made = entry.value.program()
        value = execute(made, start)
        assert value is not None
        assert value.key == entry.value.key
        assert len(made) <= entry.length <= 6
        lengths.add(len(made))
    assert lengths == {1, 2, 3, 4, 5, 6}


def test_pool_prefers_the_shorter_program(weights):
    small = Pool([np.array([[1, 2], [0, 3]], np.int8)], weights, 6, 1500)
    twice = small.run(program("x1 = transform(I, ROT90)", "x2 = transform(x1, ROT90)"), 6)
    assert twice is not None
    assert small.is_shortest(twice)
    once = small.run(program("x1 = transform(I, ROT180)"), 6)
    assert once is not None
    assert once.length == 1
    assert once.value.key == twice.value.key
    assert small.is_shortest(once)
    assert not small.is_shortest(twice)
    assert small.run(program("x1 = transform(I, ROT90)", "x2 = transform(x1, ROT90)"), 6) is once


def test_a_longer_way_round_is_no_task(weights):
    inputs = [np.random.default_rng(k).integers(0, 5, (4, 5)).astype(np.int8) for k in range(4)]
    made = Pool(inputs, weights, 6, 1500)
    roundabout = made.run(program("x1 = transform(I, ROT90)", "x2 = transform(x1, FLIP_UD)"), 6)
    honest = made.run(program("x1 = transform(I, ROT90)", "x2 = draw_frame(x1, 7)"), 6)
    none_grown = selection.SelectionSettings(num_programs=0)
    chosen = selection.select(made, [], [roundabout, honest], none_grown, np.random.default_rng(0))
    assert chosen == [honest.value.program()]


@pytest.mark.parametrize(
    ("statements", "matters"),
    [
        (("x1 = shift(I, UP)", "x2 = draw_frame(x1, 7)"), True),
        (("x1 = draw_side(I, UP, 5)", "x2 = draw_frame(x1, 7)"), False),
        (("x1 = find_objects(I, CONN8, ANY_COLOR)", "x2 = keep_border(x1)", "x3 = paint_alone(x2)"), True),
        (("x1 = find_objects(I, CONN8, ANY_COLOR)", "x2 = sort_objects(x1, SIZE)", "x3 = paint_alone(x2)"), False),
    ],
)
def test_statements_that_change_nothing_are_noticed(statements, matters):
    start = input_value(draw_scenes("copies", 4, np.random.default_rng(12)))
    made = program(*statements)
    assert selection.every_statement_matters(made, start, execute(made, start)) is matters


def test_what_does_not_look_like_a_task():
    ins = [np.full((4, 4), k, np.int8) + np.eye(4, dtype=np.int8) for k in range(4)]
    good = [g[::-1].copy() for g in ins]
    assert selection.looks_like_a_task(good, ins, 1000)
    assert not selection.looks_like_a_task(good, ins, 100)  # too long
    assert not selection.looks_like_a_task([*good[:3], ins[3]], ins, 1000)  # an output is its input
    assert not selection.looks_like_a_task([good[0]] * 4, ins, 1000)  # constant
    assert not selection.looks_like_a_task([*good[:3], np.full((4, 4), 5)], ins, 1000)  # plain


def test_drawn_tasks_are_what_they_claim(material, weights):
    num_tasks, lengths = 0, set()
    for seed in range(8):
        drawn = draw_program_set(material, weights, SMALL, np.random.default_rng(seed))
        start = input_value(drawn.inputs)
        outputs = set()
        for made in drawn.programs:
            value = execute(made, start)
            assert value is not None
            assert selection.looks_like_a_task(value.items, drawn.inputs, SMALL.selection.max_tokens)
            assert selection.every_statement_matters(made, start, value)
            outputs.add(value.key)
            lengths.add(len(made))
        assert len(outputs) == len(drawn.programs)
        num_tasks += len(drawn.programs)
    assert num_tasks > 30
    assert {1, 2, 3, 4} <= lengths


def test_a_task_brings_its_own_solution(material, weights):
    only_arc = load(SynthesisSettings, None, ["inputs.scenes=0", "growth.num_steps=1"])
    num_sets = num_own = 0
    for seed in range(40):
        drawn = draw_program_set(material, weights, only_arc, np.random.default_rng(seed))
        own = material.programs.get(drawn.source.partition("/")[2])
        if own:
            wanted = execute(own[0], input_value(drawn.inputs))
            num_sets += 1
            made = [execute(p, input_value(drawn.inputs)).key for p in drawn.programs]
            num_own += wanted is not None and wanted.key in made
    assert num_own > 0.4 * num_sets > 8


def test_programs_that_searches_found_are_checked(material, tmp_path):
    tasks = {t.task_id: t for t in load_set("arc-agi-1/training")}
    task = tasks["68b16354"]  # an up-down flip
    right = parse("def solve(I):\n    x1 = transform(I, FLIP_UD)\n    return x1")
    wrong = parse("def solve(I):\n    x1 = transform(I, FLIP_LR)\n    return x1")
    attempts = (
        (Attempt(task.test[0].output, origin=right.render()), Attempt(task.test[0].input, origin=wrong.render())),
    )
    results = tmp_path / "results.jsonl"
    results.write_bytes(to_json(TaskResult(task.task_id, attempts)) + b"\n")
    flips, turns = tmp_path / "flips.xz", tmp_path / "turns.xz"
    for path, output in ((flips, "34/12"), (turns, "12/34")):
        pairs = [["12/34", output]] * 10
        path.write_bytes(lzma.compress(orjson.dumps({"task": task.task_id, "pairs": pairs})))
    assert tool.found_programs([results], {task.task_id: task}, flips) == {task.task_id: [right]}
    assert tool.found_programs([results], {task.task_id: task}, turns) == {}
    assert tool.found_programs([results], {}, flips) == {}  # held out
    with pytest.raises(InputError, match="--re-arc"):
        tool.found_programs([results], {task.task_id: task}, None)


# --- files


def test_shards_round_trip(material, weights, tmp_path):
    sets = list(shards.draw_shard(material, weights, SMALL, 5, 0))
    path = shards.shard_path(tmp_path, 0)
    shards.write_shard(path, sets)
    again = list(shards.read_shard(path))
    assert [(s.source, s.programs) for s in again] == [(s.source, s.programs) for s in sets]
    assert all(np.array_equal(a, b) for s, t in zip(again, sets) for a, b in zip(s.inputs, t.inputs))
    path.write_bytes(path.read_bytes()[:-9])
    with pytest.raises(InputError, match="shard-00000"):
        list(shards.read_shard(path))


def test_a_shard_without_tasks_is_a_shard(tmp_path, capsys):
    path = shards.shard_path(tmp_path, 0)
    shards.write_shard(path, [])
    assert list(shards.read_shard(path)) == []
    path.write_bytes(lzma.compress(b"\n"))
    assert list(shards.read_shard(path)) == []
    assert tool.main(["show", "--out", str(tmp_path)]) == 2
    assert "no task in any shard" in capsys.readouterr().err


def test_a_full_disk_leaves_a_folder_that_can_be_gone_on_with(tmp_path, monkeypatch):
    def full(*_):
        raise OSError(28, "No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        patch.setattr("pathlib.Path.replace", full)
        with pytest.raises(OSError, match="No space"):
            shards.open_folder(tmp_path, {"seed": 1})
        with pytest.raises(OSError, match="No space"):
            shards.write_shard(shards.shard_path(tmp_path, 0), [])
    assert list(tmp_path.iterdir()) == []
    shards.open_folder(tmp_path, {"seed": 1})


def make(*words: object) -> int:
    few = ("--set", "growth.num_steps=200", "--set", "files.sets_per_shard=2", "--set", "growth.num_solutions=4")
    return tool.main(["make", *map(str, words), *few])


def test_workers_and_interruptions_change_nothing(material, tmp_path, capsys):
    source = tmp_path / "material.json.xz"
    material.save(source)
    assert make("--material", source, "--out", tmp_path / "a", "--shards", 3, "--workers", 2) == 0
    assert make("--material", source, "--out", tmp_path / "b", "--shards", 2) == 0
    shards.shard_path(tmp_path / "b", 0).unlink()
    assert make("--material", source, "--out", tmp_path / "b", "--shards", 3) == 0
    first, second = (sorted((tmp_path / k).iterdir()) for k in "ab")
    assert [p.name for p in first] == [p.name for p in second]
    assert [p.read_bytes() for p in first] == [p.read_bytes() for p in second]
    assert tool.main(["show", "--out", str(tmp_path / "a"), "--every", "1"]) == 0
    assert "tasks on" in capsys.readouterr().out
    assert make("--material", source, "--out", tmp_path / "a", "--shards", 1, "--seed", 1) == 2
    assert "begun with another seed" in capsys.readouterr().err


def test_no_time_makes_no_half_shards(material, tmp_path, capsys):
    source = tmp_path / "material.json.xz"
    material.save(source)
    assert make("--material", source, "--out", tmp_path / "a", "--shards", 3, "--minutes", 0) == 0
    assert "out of time" in capsys.readouterr().out
    assert [p.name for p in (tmp_path / "a").iterdir()] == ["settings.json"]


def test_a_key_that_interrupts_is_one_line(material, tmp_path):
    """Of all processes together, as a terminal sends it to all of them."""
    source = tmp_path / "material.json.xz"
    material.save(source)
    words = ["make", "--material", source, "--out", tmp_path / "made", "--shards", "1000"]
    with subprocess.Popen(
        [sys.executable, tool.__file__, *map(str, words)], stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
        start_new_session=True,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),  # noqa: PLW1509 - it may be ignored
    ) as process:  # fmt: skip
        process.stdout.readline()
        os.killpg(process.pid, signal.SIGINT)
        said = process.stderr.read()
    assert process.returncode == 130
    assert said == "synthesize: interrupted; the shards begun are not kept\n"


def test_bad_input_is_one_line(tmp_path, capsys):
    assert tool.main(["show", "--out", str(tmp_path)]) == 2
    assert tool.main(["make", "--material", str(tmp_path / "no"), "--out", str(tmp_path / "x"), "--shards", "1"]) == 2
    assert [line.partition(":")[0] for line in capsys.readouterr().err.splitlines()] == ["synthesize"] * 2
    with pytest.raises(SystemExit) as ended:
        tool.main(["make", "--material", "x", "--out", str(tmp_path / "x"), "--shards", "1", "--seed", "-1"])
    assert ended.value.code == 2
    with pytest.raises(SettingsError, match=r"inputs\.max_pairs must be at most 9"):
        load(SynthesisSettings, None, ["inputs.max_pairs=99"])
    with pytest.raises(SettingsError, match=r"selection\.lengths must name"):
        load(SynthesisSettings, None, ["selection.lengths=[]"])


def test_every_function_can_be_drawn(weights):
    drawable = {f.name for functions in weights._functions.values() for f in functions}
    tables = {f.name for f in FUNCTIONS.values() if any(p.type.__name__ == "Table" for p in f.parameters)}
    constant = {"bar", "diagonal", "solid", "blank"}  # may stand on constants alone
    assert set(FUNCTIONS) - drawable <= tables | constant
