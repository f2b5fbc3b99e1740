"""Reading tasks: the three kinds of input, every fault named by file, task and place, and the named sets."""

from __future__ import annotations

import contextlib
import hashlib
import json
import os
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.errors import InputError
from solver.task_files import load_path, read_ids
from solver.task_sets import (
    SETS,
    find_in_sets,
    in_dev,
    load_set,
    newer_tasks,
    older_tasks,
    sample,
    select,
    training_allowed,
)
from solver.tasks import Pair, pair_digest, raw_task

GOOD = {"train": [{"input": [[1, 2]], "output": [[2], [1]]}], "test": [{"input": [[0, 9]]}]}


def write(folder, content, name="tasks.json"):
    path = folder / name
    path.write_text(content if isinstance(content, str) else json.dumps(content), encoding="utf-8")
    return path


def with_grid(grid):
    return {
        "train": [{"input": [[1]], "output": [[1]]}, {"input": grid, "output": [[1]]}],
        "test": GOOD["test"],
    }


def test_challenges_file_one_task_file_and_folder_give_the_same(tmp_path):
    many = load_path(write(tmp_path, {"0a1b2c3d": GOOD}))
    one = load_path(write(tmp_path, GOOD, "0a1b2c3d.json"))
    folder = tmp_path / "folder"
    folder.mkdir()
    write(folder, GOOD, "0a1b2c3d.json")
    write(folder, "not a task", "README.txt")
    for loaded in (many, one, load_path(folder)):
        (task,) = loaded.tasks
        assert not loaded.faults
        assert task.task_id == "0a1b2c3d"
        assert task.train[0].input.dtype == np.int8
        assert task.train[0].output.tolist() == [[2], [1]]
        assert task.test[0].output is None
        assert (len(task.test), loaded.stubs) == (1, {})


def test_test_outputs_are_kept_where_given_and_null_is_hidden(tmp_path):
    raw = {**GOOD, "test": [{"input": [[1]], "output": [[3]]}, {"input": [[1]], "output": None}]}
    (task,) = load_path(write(tmp_path, {"a": raw})).tasks
    assert task.test[0].output.tolist() == [[3]]
    assert task.test[1].output is None


def test_byte_order_mark_is_accepted(tmp_path):
    path = tmp_path / "a.json"
    path.write_bytes(b"\xef\xbb\xbf" + json.dumps(GOOD).encode())
    assert len(load_path(path).tasks) == 1


@pytest.mark.parametrize(
    ("raw", "line"),
    [
        (with_grid([[1] * 5, [1] * 5, [1] * 4]), "train[1].input row 2: 4 cells where row 0 has 5"),
        (with_grid([]), "train[1].input: empty grid: no rows"),
        (with_grid([[]]), "train[1].input row 0: empty row"),
        (with_grid([[1, 10]]), "train[1].input row 0 column 1: cell is 10, not an integer 0..9"),
        (with_grid([[1], [-1]]), "train[1].input row 1 column 0: cell is -1, not an integer 0..9"),
        (with_grid([[True]]), "train[1].input row 0 column 0: cell is true, not an integer 0..9"),
        (with_grid([[1.0]]), "train[1].input row 0 column 0: cell is 1.0, not an integer 0..9"),
        (with_grid([["1"]]), 'train[1].input row 0 column 0: cell is "1", not an integer 0..9'),
        (with_grid([[None]]), "train[1].input row 0 column 0: cell is null, not an integer 0..9"),
        (with_grid([[[1]]]), "train[1].input row 0 column 0: cell is a list, not an integer 0..9"),
        (with_grid([[1] * 31]), "train[1].input: 1×31 grid where at most 30×30 is allowed"),
        (with_grid([[1]] * 31), "train[1].input: 31×1 grid where at most 30×30 is allowed"),
        (with_grid(7), "train[1].input: a grid must be a list of rows, not a number"),
        (with_grid([1, 2]), "train[1].input row 0: a row must be a list of cells, not a number"),
        ({"test": GOOD["test"]}, "no 'train'"),
        ({"train": GOOD["train"]}, "no 'test'"),
        ({**GOOD, "train": []}, "train: no pairs"),
        ({**GOOD, "test": []}, "test: no pairs"),
        ({**GOOD, "train": {}}, "train: must be a list of pairs, not an object"),
        ({**GOOD, "train": [{"input": [[1]]}]}, "train[0]: no 'output'"),
        ({**GOOD, "train": [{"input": [[1]], "output": None}]}, "train[0]: no 'output'"),
        ({**GOOD, "train": [{"output": [[1]]}]}, "train[0]: no 'input'"),
        ({**GOOD, "test": [{}]}, "test[0]: no 'input'"),
        ({**GOOD, "test": [[[1]]]}, "test[0]: must be an object with 'input', not a list"),
        ({**GOOD, "test": [{"input": [[1]], "output": [[11]]}]}, "test[0].output row 0 column 0: cell is 11"),
        ([GOOD], "a task must be an object with 'train' and 'test', not a list"),
        (None, "a task must be an object with 'train' and 'test', not null"),
    ],
)
def test_a_fault_names_file_task_and_place_and_costs_others_nothing(tmp_path, raw, line):
    path = write(tmp_path, {"good0001": GOOD, "0a1b2c3d": raw, "good0002": GOOD})
    loaded = load_path(path)
    assert [task.task_id for task in loaded.tasks] == ["good0001", "good0002"]
    (fault,) = loaded.faults
    assert str(fault).startswith(f"{path}: task 0a1b2c3d: {line}")
    assert "\n" not in str(fault)
    assert loaded.stubs["0a1b2c3d"].error == str(fault)
    assert loaded.stubs["0a1b2c3d"].num_tests >= 1


def test_what_can_be_saved_of_a_bad_task_is_saved(tmp_path):
    raw = {**with_grid([[10]]), "test": [{"input": [[4]]}, {"input": [[44]]}, {"input": [[5, 5]]}]}
    stub = load_path(write(tmp_path, {"a": raw, "b": GOOD})).stubs["a"]
    assert stub.num_tests == 3
    assert [None if grid is None else grid.tolist() for grid in stub.inputs] == [[[4]], None, [[5, 5]]]


def test_an_id_given_twice_is_a_fault_although_json_keeps_the_last(tmp_path):
    text = f'{{"a": {json.dumps(GOOD)}, "b": {json.dumps(GOOD)}, "a": {json.dumps(GOOD)}}}'
    loaded = load_path(write(tmp_path, text))
    assert [task.task_id for task in loaded.tasks] == ["b"]
    assert str(loaded.faults[0]).endswith("task a: this id is given twice")


def test_a_name_given_twice_inside_a_task_is_a_fault(tmp_path):
    loaded = load_path(write(tmp_path, '{"a": {"train": [], "train": [], "test": []}}'))
    assert str(loaded.faults[0]).endswith("task a: 'train' is given twice")
    text = '{"train": [{"input": [[1]], "input": [[2]], "output": [[1]]}], "test": [{"input": [[1]]}]}'
    loaded = load_path(write(tmp_path, text))
    assert str(loaded.faults[0]).endswith("train[0]: 'input' is given twice")


def test_the_same_id_twice_in_a_folder_is_a_fault(tmp_path):
    for name in ("a.json", "a.JSON", "b.json"):
        write(tmp_path, GOOD, name)
    loaded = load_path(tmp_path)
    assert [task.task_id for task in loaded.tasks] == ["b"]
    assert "given twice" in str(loaded.faults[0])


def test_a_broken_file_of_a_folder_is_one_fault(tmp_path):
    write(tmp_path, GOOD, "a.json")
    write(tmp_path, '{"train": [}', "b.json")
    write(tmp_path, {"x": GOOD}, "c.json")
    loaded = load_path(tmp_path)
    assert [task.task_id for task in loaded.tasks] == ["a"]
    broken, many = map(str, loaded.faults)
    assert broken.startswith(f"{tmp_path / 'b.json'}: task b: line 1 column 12: not JSON")
    assert "give this file itself" in many
    assert {name: stub.num_tests for name, stub in loaded.stubs.items()} == {"b": 1, "c": 1}


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "the file is empty"),
        ("  \n", "the file is empty"),
        ('{"a": {\n"train": [1,]', "line 2 column 13: not JSON"),
        ('{"a": 1} x', "line 1 column 10: not JSON"),
        ("[]", "not a list"),
        ("3", "not a number"),
        ("{}", "no tasks"),
        ("[" * 100_000, "nested too deeply"),
        ('{"a": ' + "9" * 5000 + "}", "not JSON that can be read"),
        ('{"\\ud800": {}}', "not text that can be written"),
    ],
)
def test_a_useless_file_is_one_line(tmp_path, text, message):
    path = write(tmp_path, text)
    with pytest.raises(InputError) as caught:
        load_path(path)
    assert message in str(caught.value)
    assert str(caught.value).startswith(str(path))
    assert "\n" not in str(caught.value)


def test_no_file_empty_folder_and_bad_bytes(tmp_path):
    with pytest.raises(InputError, match="no such file or folder"):
        load_path(tmp_path / "absent.json")
    with pytest.raises(InputError, match="no task files"):
        load_path(tmp_path)
    path = tmp_path / "a.json"
    path.write_bytes(b'{"a\xff')
    with pytest.raises(InputError, match="not UTF-8 text at byte 3"):
        load_path(path)


def test_ids_of_strangers_stay_on_one_line(tmp_path):
    loaded = load_path(write(tmp_path, {"a\nb": {}, "\x1b[31m": {}, "": {}, "x" * 5000: {}}))
    assert len(loaded.faults) == 4
    for fault in loaded.faults:
        assert str(fault).isprintable()
        assert len(str(fault)) < 300 + len(str(tmp_path))


def test_an_id_that_cannot_be_written_is_refused_wherever_it_comes_from(tmp_path):
    """No submission could hold an answer under it."""
    file = tmp_path / "tasks.json"
    file.write_text('{"\\ud800": {}}')
    named = Path(os.fsdecode(os.fsencode(tmp_path) + b"/\xff.json"))
    named.write_text(json.dumps(GOOD))
    for path in (file, named, tmp_path):
        with pytest.raises(InputError, match="not text that can be written again"):
            load_path(path)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 12) | st.floats(allow_nan=False) | st.sampled_from(["", "train"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["train", "test", "input", "output", "a"]), inner, max_size=3)
    ),
    max_leaves=12,
)


@settings(max_examples=150, deadline=None)
@given(json_values)
def test_any_json_is_either_tasks_or_faults(tmp_path_factory, value):
    path = write(tmp_path_factory.getbasetemp(), {"good": GOOD, "bad": value})
    loaded = load_path(path)
    assert {task.task_id for task in loaded.tasks} | loaded.stubs.keys() == {"good", "bad"}
    with contextlib.suppress(InputError):
        load_path(write(tmp_path_factory.getbasetemp(), value))


def test_named_sets_have_their_sizes_and_known_truths():
    sizes = {name: len(load_set(name)) for name in SETS}
    assert list(sizes.values()) == [400, 400, 90, 120, 1000]
    dev = load_set("arc-agi-1/dev")
    assert all(int(hashlib.sha256(task.task_id.encode()).hexdigest(), 16) % 5 == 0 for task in dev)
    assert {task.task_id for task in dev} < {task.task_id for task in load_set("arc-agi-1/training")}
    assert all(pair.output is not None for task in dev for pair in task.test)
    with pytest.raises(InputError, match="unknown set 'arc-agi-3'; sets: arc-agi-1/evaluation"):
        load_set("arc-agi-3")


def test_what_may_be_trained_on_is_decided_by_content():
    first = {task.task_id for task in load_set("arc-agi-1/training")}
    evaluation = [*load_set("arc-agi-1/evaluation"), *load_set("arc-agi-2/evaluation")]
    allowed = training_allowed()
    ids = {task.task_id for task in allowed}
    assert (len(ids & first), len(ids - first)) == (399, 233)
    assert ids.isdisjoint(task.task_id for task in evaluation)
    digests = {pair_digest(pair) for task in evaluation for pair in (*task.train, *task.test)}
    assert not any(pair_digest(pair) in digests for task in allowed for pair in (*task.train, *task.test))


def test_older_and_newer_tasks_are_all_that_is_allowed():
    older, newer = older_tasks(), newer_tasks()
    assert (len(older), len(newer)) == (399, 233)
    ids = [task.task_id for task in (*older, *newer)]
    assert sorted(ids) == [task.task_id for task in training_allowed()]
    seen = {pair_digest(pair) for task in load_set("arc-agi-1/training") for pair in (*task.train, *task.test)}
    assert not any(pair_digest(pair) in seen for task in newer for pair in (*task.train, *task.test))


def test_a_task_is_written_as_it_is_read(tmp_path):
    task = load_set("arc-agi-1/training")[0]
    loaded = load_path(write(tmp_path, {"shown": raw_task(task), "hidden": raw_task(task.hide())})).tasks
    assert [t.task_id for t in loaded] == ["shown", "hidden"]
    for again in loaded:
        for before, after in zip((*task.train, *task.test), (*again.train, *again.test), strict=True):
            assert np.array_equal(before.input, after.input)
            assert after.output is None or np.array_equal(before.output, after.output)
    assert [pair.output is None for t in loaded for pair in t.test] == [False, True]


def test_pair_digest_tells_shapes_apart():
    grid = np.arange(6, dtype=np.int8)
    digests = {
        pair_digest(Pair(grid.reshape(shape), grid.reshape(out)))
        for shape in ((2, 3), (3, 2)) for out in ((2, 3), (6, 1))
    }  # fmt: skip
    assert len(digests) == 4


def test_sample_is_fixed_and_nested():
    tasks = load_set("arc-agi-1/training")
    small, large = (sample(tasks, n) for n in (10, 40))
    assert large[:10] == small
    assert [task.task_id for task in small[:2]] == [task.task_id for task in sample(tasks[::-1], 2)]
    assert len(sample(tasks, 400)) == 400


def test_select_by_number_ids_or_all():
    tasks = load_set("arc-agi-1/training")
    assert select(tasks, "all") == tasks
    assert select(tasks, "3") == sample(tasks, 3)
    assert [task.task_id for task in select(tasks, "0ca9ddb6, 007bbfb7,0ca9ddb6")] == ["0ca9ddb6", "007bbfb7"]
    digits = next(task for task in load_set("arc-agi-2/training") if task.task_id.isdecimal())
    assert select([*tasks, digits], digits.task_id) == (digits,)
    bad = [("0", "1 to 400"), ("401", "1 to 400"), ("9" * 5000, "1 to 400"), ("nope", "nope"), (",", "no task ids")]
    for wanted, message in bad:
        with pytest.raises(InputError, match=message):
            select(tasks, wanted)


def test_read_ids(tmp_path):
    assert read_ids(write(tmp_path, "# mine\n007bbfb7\n\n 0ca9ddb6 # good\n", "ids.txt")) == [
        "007bbfb7",
        "0ca9ddb6",
    ]
    assert read_ids(write(tmp_path, "\ufeff007bbfb7\n", "ids.txt")) == ["007bbfb7"]  # as Windows saves it
    assert read_ids(write(tmp_path, {"a": GOOD, "b": GOOD})) == ["a", "b"]
    assert read_ids(write(tmp_path, ["a"])) == ["a"]
    for path in (write(tmp_path, "3", "n.json"), tmp_path / "absent", write(tmp_path, "[1]", "m.json")):
        with pytest.raises(InputError, match=path.name):
            read_ids(path)
    with pytest.raises(InputError, match="not a file"):
        read_ids(tmp_path)


def test_find_in_sets_and_dev_rule():
    assert find_in_sets("007bbfb7").task_id == "007bbfb7"
    assert find_in_sets("zzzz") is None
    assert sum(in_dev(task.task_id) for task in load_set("arc-agi-1/training")) == 90
