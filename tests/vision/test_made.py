"""Made-up tasks as training tasks: enough pairs, right pairs, none of a set's own inputs."""

import lzma

import numpy as np
import orjson
import pytest

from solver.errors import InputError
from solver.executor import execute, input_value
from solver.re_arc import grid_text
from solver.synthesis.generate import ProgramSet
from solver.synthesis.shards import read_statements, shard_path, write_shard
from solver.vision.made import MIN_SHARE, NUM_PAIRS, gather_made_tasks, pairs_of

FLIP = read_statements("x1 = transform(I, FLIP_UD)")
TURN = read_statements("x1 = transform(I, ROT90)")
MIN_PAIRS = int(MIN_SHARE * NUM_PAIRS)
SAME = read_statements("x1 = transform(I, FLIP_UD)\nx2 = transform(x1, FLIP_UD)")


def grids(count, seed=0):
    rng = np.random.default_rng(seed)
    return [rng.integers(0, 10, (4, 5)).astype(np.int8) for _ in range(count)]


def re_arc_pairs(inputs):
    """Of a task that mirrors: left and right change places."""
    return [(grid_text(grid), grid_text(grid[:, ::-1])) for grid in inputs]


def write_re_arc(path, **inputs):
    lines = [orjson.dumps({"task": name, "pairs": re_arc_pairs(given)}) for name, given in inputs.items()]
    path.write_bytes(lzma.compress(b"\n".join(lines)))


@pytest.mark.parametrize("source", ["scene/boxes", "re-arc/known", "arc/known"])
def test_pairs_are_the_programs_and_many(source):
    known = {"known": re_arc_pairs(grids(100))}
    pairs = pairs_of(FLIP, source, known, np.random.default_rng(0))
    assert MIN_PAIRS <= len(pairs) <= NUM_PAIRS
    assert len({a.tobytes() for a, _ in pairs}) == len(pairs)
    for given, output in pairs:
        assert (given.dtype, output.dtype) == (np.uint8, np.uint8)
        expected = execute(FLIP, input_value([given.astype(np.int8)])).items[0]
        np.testing.assert_array_equal(output, expected)


@pytest.mark.parametrize(
    ("program", "source", "inputs"),
    [
        (SAME, "scene/boxes", []),  # nothing changes
        (FLIP, "arc/unknown", grids(100)),
        (FLIP, "arc/known", grids(MIN_PAIRS - 1)),
        (FLIP, "arc/known", grids(1) * 100),  # all alike
    ],
)
def test_what_gives_too_little_is_no_task(program, source, inputs):
    known = {"known": re_arc_pairs(inputs)}
    assert pairs_of(program, source, known, np.random.default_rng(0)) == []


def test_a_program_made_on_outputs_goes_on_from_where_the_task_ends():
    inputs = grids(100)
    pairs = pairs_of(TURN, "output/known", {"known": re_arc_pairs(inputs)}, np.random.default_rng(0), num_pairs=50)
    assert len(pairs) == 50
    known = {grid.tobytes() for grid in inputs}
    for given, output in pairs:
        assert given.astype(np.int8).tobytes() in known
        expected = execute(TURN, input_value([given[:, ::-1].astype(np.int8)])).items[0]
        np.testing.assert_array_equal(output, expected)


def test_a_program_that_undoes_the_task_makes_none():
    mirror = read_statements("x1 = transform(I, FLIP_LR)")
    known = {"known": re_arc_pairs(grids(100))}
    assert pairs_of(mirror, "re-arc/known", known, np.random.default_rng(0))
    assert pairs_of(mirror, "output/known", known, np.random.default_rng(0)) == []


def test_a_folder_of_made_up_tasks(tmp_path):
    own = tuple(grids(3, seed=9))
    sets = [
        ProgramSet("arc/known", own, (FLIP, SAME)),
        ProgramSet("re-arc/unknown", own, (FLIP,)),
        ProgramSet("scene/lines", own, (FLIP,)),
    ]
    write_shard(shard_path(tmp_path, 0), sets)
    write_shard(shard_path(tmp_path, 1), sets)
    re_arc = tmp_path / "re_arc.jsonl.xz"
    write_re_arc(re_arc, known=grids(50))
    packed = gather_made_tasks(tmp_path, re_arc, max_tasks=3)
    assert packed.task_ids == ("made/0/0/0", "made/0/2/0", "made/1/0/0")
    assert np.bincount(packed.tasks).min() >= MIN_PAIRS
    again = gather_made_tasks(tmp_path, re_arc, max_tasks=3)
    np.testing.assert_array_equal(packed.cells, again.cells)
    assert len(gather_made_tasks(tmp_path, re_arc, max_tasks=100).task_ids) == 4
    hidden = {grid.astype(np.uint8).tobytes() for grid in own}
    assert not any(given[:4, :5].tobytes() in hidden for given in packed.padded()[:, 0])
    with pytest.raises(InputError, match="no made-up task"):
        gather_made_tasks(tmp_path, re_arc, max_tasks=0)
    for max_tasks in (-1, 65_537):
        with pytest.raises(InputError, match=f"{max_tasks} made-up tasks"):
            gather_made_tasks(tmp_path, re_arc, max_tasks=max_tasks)
