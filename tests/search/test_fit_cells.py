"""Cell rules: their features, the trees, and the programs that they are written out as."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw

from solver.executor import apply, input_value
from solver.fused import GridStore
from solver.grid.registry import FUNCTIONS
from solver.program import ProgramError, parse
from solver.sandbox.pool import Pool as Sandbox
from solver.search.cells import FAMILIES, boxes, compute, measures, regions, sights, source_of, surroundings
from solver.search.fit import build_pool
from solver.search.fit_cells import CellRules, fit_cells

GRIDS = [np.zeros((1, 1), np.int8), np.full((2, 5), 3, np.int8), draw("0120/0030/4000/0005"), np.eye(30, dtype=np.int8)]


def never():
    return False


def noise(seed, count=5, shape=(7, 7), colors=3, density=0.3):
    rng = np.random.default_rng(seed)
    return [(rng.integers(1, colors, shape) * (rng.random(shape) < density)).astype(np.int8) for _ in range(count)]


def between(grid):
    """4 where content is seen in the row on both sides, and has one colour."""
    seen = sights(grid)
    left, right = seen["color seen left"], seen["color seen right"]
    return np.where((grid == 0) & (left == right) & (left > 0), 4, grid).astype(np.int8)


@pytest.mark.parametrize("family", range(len(FAMILIES)))
def test_every_feature_has_a_value_for_every_cell_of_any_grid(family):
    for grid in GRIDS:
        before = grid.copy()
        found = compute(family, grid)
        assert found
        for name, values in found.items():
            assert values.shape == grid.shape, name
            assert values.dtype.kind == "i", name
            if name.startswith("color "):
                assert values.min() >= -1, name
                assert values.max() <= 9, name
        assert np.array_equal(grid, before)


def test_a_cell_sees_the_first_content_in_a_direction():
    seen = sights(draw("1002/0000/3000"))
    assert seen["color seen right"].tolist() == [[2, 2, 2, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert seen["steps right"].tolist() == [[3, 2, 1, 0], [0, 0, 0, 0], [0, 0, 0, 0]]
    assert seen["color seen up"].tolist() == [[0, 0, 0, 0], [1, 0, 0, 2], [1, 0, 0, 2]]
    assert seen["steps up"].tolist() == [[0, 0, 0, 0], [1, 0, 0, 1], [2, 0, 0, 2]]


def test_parts_are_measured_and_ranked():
    grid = draw("1100/1100/0002")
    found = measures(grid, regions(grid))
    assert found["size"].tolist() == [[4, 4, 7, 7], [4, 4, 7, 7], [7, 7, 7, 1]]
    assert found["size rank"].tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 2]]
    assert found["from left"][0].tolist() == [0, 1, 2, 3]
    assert surroundings(draw("111/101/111"))["color around"].tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_a_smaller_box_lies_over_a_larger_one():
    assert boxes(draw("1111/1000/1020")).tolist() == [[1, 1, 1, 1], [1, 1, 1, 1], [1, 1, 2, 1]]


@pytest.mark.parametrize("family", range(len(FAMILIES)))
def test_the_source_of_a_family_runs_by_itself(family):
    names = {"np": np}
    exec("from solver.grid import *", names)
    exec(source_of({family}), names)
    function, parts = FAMILIES[family]
    for grid in GRIDS:
        args = (grid,) if parts is None else (grid, names[parts.__name__](grid))
        found, expected = names[function.__name__](*args), compute(family, grid)
        assert all(np.array_equal(found[name], expected[name]) for name in expected)


def test_a_rule_is_found_confirmed_and_right_on_the_test_input():
    inputs = noise(1)
    rules = CellRules(input_value(inputs), [], [between(g) for g in inputs[:4]])
    best = rules.fits(np.random.default_rng(0), never)[0]
    assert best.confirmed == 4
    assert [g.tolist() for g in best.value.items] == [between(g).tolist() for g in inputs]


def test_a_rule_is_a_program_that_gives_the_same_in_the_sandbox():
    inputs = noise(2)
    start = input_value(inputs)
    flipped = apply(FUNCTIONS["transform"], [start, 1])
    targets = [np.where(g == 0, between(g)[:, ::-1], 5).astype(np.int8) for g in inputs[:4]]
    for extra in ([], [flipped]):
        fits = CellRules(start, extra, targets).fits(np.random.default_rng(0), never)
        for fit in fits[:3]:
            final = apply(FUNCTIONS["transform"], [fit.value, 1])
            text = final.program().render()
            with pytest.raises(ProgramError):
                parse(text)
            with Sandbox(size=1) as sandbox:
                outputs = sandbox.run(text, inputs).outputs
            assert [g.tolist() for g in outputs] == [g.tolist() for g in final.items]


def test_a_rule_may_ask_for_other_grids():
    inputs = noise(3, shape=(6, 8))
    start = input_value(inputs)
    other = input_value(noise(4, shape=(6, 8)))
    targets = [np.where(o == 1, 7, g).astype(np.int8) for g, o in zip(inputs[:4], other.items, strict=False)]
    best = CellRules(start, [other], targets).fits(np.random.default_rng(0), never)[0]
    assert best.confirmed == 4
    assert best.value.parents == (start, other)
    assert best.value.items[4].tolist() == np.where(other.items[4] == 1, 7, inputs[4]).tolist()


def test_noise_is_never_confirmed():
    inputs, targets = noise(5, colors=9, density=0.9), noise(6, colors=9, density=0.9)
    fits = CellRules(input_value(inputs), [], targets[:4]).fits(np.random.default_rng(0), never)
    assert all(fit.confirmed == 0 for fit in fits)


def test_one_pair_is_confirmed_by_nothing():
    inputs = noise(7, count=2)
    fits = CellRules(input_value(inputs), [], [between(inputs[0])]).fits(np.random.default_rng(0), never)
    assert all(fit.confirmed == 0 for fit in fits)


def test_the_same_seed_gives_the_same_rules():
    inputs = noise(8)
    first, second = (
        CellRules(input_value(inputs), [], [between(g) for g in inputs[:4]]).fits(np.random.default_rng(3), never)
        for _ in range(2)
    )
    assert [f.value.text for f in first] == [f.value.text for f in second]


def test_rules_are_sought_over_the_store_and_can_be_stopped():
    inputs = noise(9)
    targets = [between(g) for g in inputs[:4]]
    store = GridStore(targets, len(inputs))
    store.add(input_value(inputs))
    pool = build_pool(store, 100, np.random.default_rng(0))
    fits, checks = fit_cells(store, pool, targets, np.random.default_rng(0), never)
    assert fits[0].confirmed == 4
    assert checks > 0
    assert fit_cells(store, pool, targets, np.random.default_rng(0), lambda: True) == ([], 0)


def test_large_tasks_are_left_alone():
    inputs = noise(10, count=11, shape=(30, 30))
    store = GridStore(inputs[:10], len(inputs))
    store.add(input_value(inputs))
    pool = build_pool(store, 100, np.random.default_rng(0))
    assert fit_cells(store, pool, inputs[:10], np.random.default_rng(0), never) == ([], 0)
