"""Cell rules: their features, the trees, and the programs that they are written out as."""

from __future__ import annotations

import time

import numpy as np
import pytest
from grids import draw

from solver.budget import Budget
from solver.executor import apply, input_value
from solver.fused import GridStore
from solver.grid.registry import FUNCTIONS
from solver.program import ProgramError, parse
from solver.sandbox.pool import Pool as Sandbox
from solver.search import fit_cells as module
from solver.search.cells import (
    FAMILIES,
    boxes,
    compute,
    ends,
    far_sights,
    measures,
    mirrored_within,
    nearest,
    nearest_other,
    neighbors,
    paired_colors,
    regions,
    sights,
    source_of,
    squares,
    surroundings,
    ways,
)
from solver.search.fit import build_pool
from solver.search.fit_cells import PURE_BONUS, TIME_SHARE, CellFitter, CellRules, _Asked
from solver.search.source import ProgramSource
from solver.settings import SearchSettings
from solver.tasks import Pair, Task

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


def test_a_cell_sees_beyond_the_first_colour():
    seen = far_sights(draw("0110203/0000000/1000000"))
    assert seen["color beyond right"][0].tolist() == [2, 2, 3, 3, 0, 0, 0]
    assert seen["color at the end right"][0].tolist() == [3, 3, 3, 3, 3, 3, 0]
    assert seen["color beyond left"][0].tolist() == [0, 0, 0, 0, 0, 1, 1]
    assert seen["color at the end down"][:, 0].tolist() == [1, 1, 0]


@pytest.mark.parametrize("shape", [(1, 1), (1, 30), (9, 16), (17, 8)])
def test_what_a_cell_sees_is_what_walking_from_it_finds(shape):
    for grid in noise(3, count=3, shape=shape, density=0.2):
        seen, far = sights(grid), far_sights(grid)
        for name, down, right in ways():
            for row, column in np.ndindex(shape):
                r, c, line = row + down, column + right, []
                while 0 <= r < shape[0] and 0 <= c < shape[1]:
                    line.append(int(grid[r, c]))
                    r, c = r + down, c + right
                colors = [color for color in line if color]
                first = colors[0] if colors else 0
                assert seen["color seen " + name][row, column] == first
                assert seen["steps " + name][row, column] == (line.index(first) + 1 if first else 0)
                if f"color beyond {name}" in far:
                    others = [color for color in colors if color != first]
                    assert far["color beyond " + name][row, column] == (others[0] if others else 0)
                    assert far["color at the end " + name][row, column] == (colors[-1] if colors else 0)


def test_features_of_a_grid_are_kept_and_those_of_equal_cells_in_another_shape_are_others():
    grid = np.arange(6, dtype=np.int8).reshape(2, 3)
    family = FAMILIES.index((neighbors, None))
    first = compute(family, grid)
    assert compute(family, grid.astype(np.int64)) is first
    assert compute(family, grid.reshape(3, 2))["color up"].shape == (3, 2)
    grid[0, 0] = 9
    assert compute(family, grid)["color left"][0, 1] == 9 != first["color left"][0, 1]


def test_what_is_equally_near_is_counted():
    found = nearest(draw("10002"))
    assert found["as near"].tolist() == [[1, 1, 2, 1, 1]]
    assert found["nearest mod 2"].tolist() == [[0, 1, 0, 1, 0]]
    assert list(nearest(np.zeros((2, 2), np.int8))) != []
    assert set(nearest(np.zeros((2, 2), np.int8))) == set(found)


def test_colours_are_paired_by_lying_beside_each_other_most_often():
    assert paired_colors(draw("3100/3100/0020/0320")).tolist() == [0, 3, 3, 1, 0, 0, 0, 0, 0, 0]


def test_parts_are_measured_and_ranked():
    grid = draw("1100/1100/0002")
    found = measures(grid, regions(grid))
    assert found["size"].tolist() == [[4, 4, 7, 7], [4, 4, 7, 7], [7, 7, 7, 1]]
    assert found["size rank"].tolist() == [[1, 1, 0, 0], [1, 1, 0, 0], [0, 0, 0, 2]]
    assert found["from left"][0].tolist() == [0, 1, 2, 3]
    assert surroundings(draw("111/101/111"))["color around"].tolist() == [[0, 0, 0], [0, 1, 0], [0, 0, 0]]


def test_a_cell_knows_the_ends_of_its_row_and_column():
    found = ends(draw("0120/0000/3000"))
    assert found["color first in row"].tolist() == [[1] * 4, [0] * 4, [3] * 4]
    assert found["color last in row"].tolist() == [[2] * 4, [0] * 4, [3] * 4]
    assert found["color last in column"][0].tolist() == [3, 1, 2, 0]
    assert found["color foremost in row"][:, 0].tolist() == [0, 0, 3]
    assert found["color rearmost in column"][0].tolist() == [3, 0, 0, 0]


def test_the_largest_square_of_one_colour_is_that_which_is_found_cell_by_cell():
    for grid in [*GRIDS, *noise(5, 4, (9, 6), 2, 0.2)]:
        side = np.ones(grid.shape, np.int64)
        for size in range(2, min(grid.shape) + 1):
            for row in range(grid.shape[0] - size + 1):
                for column in range(grid.shape[1] - size + 1):
                    square = (slice(row, row + size), slice(column, column + size))
                    if (grid[square] == grid[row, column]).all():
                        side[square] = size
        assert np.array_equal(squares(grid)["square"], side)


def test_the_nearest_content_elsewhere_is_not_of_the_cells_own_part():
    found = nearest_other(draw("11020/00001"))
    assert found["color nearest other"].tolist() == [[2, 2, 1, 1, 2], [1, 1, 1, 2, 2]]
    assert found["nearest other"][0].tolist() == [3, 2, 1, 2, 1]
    assert found["nearest of own color elsewhere"][0].tolist() == [5, 4, 99, 99, 99]


def test_a_cell_sees_itself_mirrored_within_the_box_of_its_part():
    grid = draw("1200/0110/0000")
    found = mirrored_within(grid, boxes(grid))
    assert found["color within left right"].tolist() == [[0, 2, 1, -1], [1, 1, 0, -1], [-1] * 4]
    assert found["color within up down"][0].tolist() == [0, 1, 1, -1]
    assert found["color within transposed"].max() == -1
    square = draw("12/30")
    assert mirrored_within(square, boxes(square))["color within transposed"].tolist() == [[1, 3], [2, 0]]


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


def stored(inputs, targets, others=()):
    """A store with the inputs and other grids, and a pool of it."""
    store = GridStore(targets, len(inputs))
    for cost, grids in enumerate([inputs, *others]):
        value = input_value(grids)
        value.cost = float(cost)
        store.add(value)
    return store, build_pool(store, 100, np.random.default_rng(0))


def told(fits):
    return [(fit.value.text, fit.value.key, fit.confirmed, fit.num_entries) for fit in fits]


class StopAfter:
    """Says after so many questions that time is over."""

    def __init__(self, count):
        self.left, self.asked = count, 0

    def __call__(self):
        self.asked += 1
        self.left -= 1
        return self.left < 0


def test_rules_are_sought_over_the_store_and_can_be_stopped():
    inputs = noise(9)
    targets = [between(g) for g in inputs[:4]]
    store, pool = stored(inputs, targets)
    fits, checks = CellFitter(store, targets).fits(pool, np.random.default_rng(0), never)
    assert fits[0].confirmed == 4
    assert checks > 0
    assert CellFitter(store, targets).fits(pool, np.random.default_rng(0), lambda: True) == ([], 0)


def test_large_tasks_are_left_alone():
    inputs = noise(10, count=11, shape=(30, 30))
    store, pool = stored(inputs, inputs[:10])
    assert CellFitter(store, inputs[:10]).fits(pool, np.random.default_rng(0), never) == ([], 0)


def test_a_tree_is_the_one_that_counting_every_cell_anew_gives():
    inputs = noise(11)
    targets = [np.where(g == 0, between(g)[:, ::-1], 5).astype(np.int8) for g in inputs[:4]]
    rules = CellRules(input_value(inputs), [input_value(noise(12))], targets)
    assert rules.prepare(never)
    right = rules.results[:, : len(rules.target)] == rules.target
    rng = np.random.default_rng(0)
    for number in range(20):
        use = np.flatnonzero(rng.random(len(rules.questions)) < 0.1 + 0.04 * number)
        asked = _Asked(use, rules.answers[use, : len(rules.target)], rules._all_counts[:, use])
        node = rules._grow(np.arange(len(rules.target)), asked, asked.counts, never)
        left = [] if node is None else [node]
        while left:
            node = left.pop()
            sums = right[:, node.cells].sum(1)
            assert sums[node.action] == sums.max()
            assert node.wrong == len(node.cells) - sums.max()
            if node.question >= 0:
                answers = rules.answers[np.ix_(use, node.cells)]
                yes = np.array([right[:, node.cells[answer]].sum(1) for answer in answers])
                merit = yes.max(1) + (sums - yes).max(1) + 0.0
                for half, best in ((answers.sum(1), yes.max(1)), ((~answers).sum(1), (sums - yes).max(1))):
                    merit += PURE_BONUS * half * (half == best)
                merit[answers.all(1) | ~answers.any(1)] = -1
                assert merit[np.flatnonzero(use == node.question)[0]] == pytest.approx(merit.max(), rel=1e-6)
                left += [node.yes, node.no]


def test_later_rounds_find_what_they_would_find_without_the_earlier_ones():
    inputs = noise(13)
    targets = [between(g) for g in inputs[:4]]
    store, pool = stored(inputs, targets, [noise(14), noise(15)])
    kept = CellFitter(store, targets)
    few = build_pool(store, 2, np.random.default_rng(0))
    for pool_now, seed in ((few, 1), (pool, 2), (pool, 3)):
        again, checks = kept.fits(pool_now, np.random.default_rng(seed), never)
        fresh, fresh_checks = CellFitter(store, targets).fits(pool_now, np.random.default_rng(seed), never)
        assert told(again) == told(fresh)
        assert checks == fresh_checks
    kept.forget()
    assert told(kept.fits(pool, np.random.default_rng(3), never)[0]) == told(fresh)


def test_features_of_one_base_are_made_once(monkeypatch):
    inputs = noise(16)
    targets = [between(g) for g in inputs[:4]]
    store, _ = stored(inputs, targets, [noise(17)])
    made = []
    monkeypatch.setattr(module, "compute", lambda family, grid: made.append(family) or compute(family, grid))
    fitter = CellFitter(store, targets)
    for size in (1, 2, 2):
        fitter.fits(build_pool(store, size, np.random.default_rng(0)), np.random.default_rng(0), never)
    assert len(made) == len(FAMILIES) * len(inputs)


def test_work_that_was_stopped_goes_on_where_it_stopped(monkeypatch):
    inputs = noise(18)
    targets = [between(g) for g in inputs[:4]]
    store, pool = stored(inputs, targets)
    made = []
    monkeypatch.setattr(module, "compute", lambda family, grid: made.append(family) or compute(family, grid))
    fitter = CellFitter(store, targets)
    for _ in range(3):
        assert fitter.fits(pool, np.random.default_rng(0), StopAfter(20)) == ([], 0)
    fits, _ = fitter.fits(pool, np.random.default_rng(0), never)
    assert told(fits) == told(CellFitter(store, targets).fits(pool, np.random.default_rng(0), never)[0])
    assert len(made) == 2 * len(FAMILIES) * len(inputs)


def test_a_stop_ends_the_work_at_any_of_its_steps():
    inputs = noise(19, shape=(5, 5))
    targets = [between(g) for g in inputs[:4]]
    start = input_value(inputs)
    all_of_it = StopAfter(10**9)
    full = CellRules(start, [], targets).fits(np.random.default_rng(0), all_of_it)
    best = {fit.value.key: fit.confirmed for fit in full}
    for count in range(0, all_of_it.asked, 23):
        stop = StopAfter(count)
        fits = CellRules(start, [], targets).fits(np.random.default_rng(0), stop)
        assert stop.asked <= count + 6  # each loop asks once more, and pairs do that are not looked at
        assert all(fit.confirmed <= best[fit.value.key] for fit in fits)


def test_many_cells_are_counted_in_steps_between_which_the_clock_is_looked_at(monkeypatch):
    inputs = noise(20, shape=(12, 12))
    targets = [between(g) for g in inputs[:4]]
    whole, parts = StopAfter(10**9), StopAfter(10**9)
    first = CellRules(input_value(inputs), [], targets).fits(np.random.default_rng(0), whole)
    monkeypatch.setattr(module, "CELLS_PER_STEP", 10)
    assert told(CellRules(input_value(inputs), [], targets).fits(np.random.default_rng(0), parts)) == told(first)
    assert parts.asked > whole.asked + 50


def test_where_time_is_short_nothing_is_begun(monkeypatch):
    inputs = noise(21)
    targets = [between(g) for g in inputs[:4]]
    store, pool = stored(inputs, targets)
    fitter = CellFitter(store, targets)
    monkeypatch.setattr(module, "compute", None)
    assert fitter.fits(pool, np.random.default_rng(0), never, time.monotonic() + 0.1) == ([], 0)


def test_rules_take_a_share_of_the_time_that_is_left(monkeypatch):
    inputs = noise(22)
    targets = [between(g) for g in inputs[:4]]
    store, pool = stored(inputs, targets)
    asked = []

    class Clock:
        @staticmethod
        def monotonic():
            asked.append(1)
            return len(asked) * 0.01

    monkeypatch.setattr(module, "time", Clock)
    CellFitter(store, targets).fits(pool, np.random.default_rng(0), never, 3.0)
    assert len(asked) == pytest.approx(300 * TIME_SHARE, abs=8)


def test_where_nodes_are_counted_no_clock_is_looked_at(monkeypatch):
    inputs = noise(23)
    targets = [between(g) for g in inputs[:4]]
    store, pool = stored(inputs, targets)
    monkeypatch.setattr(module, "time", None)
    assert CellFitter(store, targets).fits(pool, np.random.default_rng(0), never)[0]


@pytest.mark.parametrize(("limit", "is_timed"), [({"nodes": 20000}, False), ({"seconds": 20.0}, True)])
def test_a_root_pass_says_when_its_time_is_over(monkeypatch, limit, is_timed):
    seen = []
    monkeypatch.setattr(CellFitter, "fits", lambda self, pool, rng, stop, deadline: (seen.append(deadline), ([], 0))[1])
    inputs, outputs = noise(24, count=4), noise(25, count=3, colors=9, density=0.9)
    pairs = tuple(Pair(a, b) for a, b in zip(inputs, outputs, strict=False))
    search = ProgramSource(SearchSettings(num_views=1, use_mcts=False, use_enumeration=not is_timed))
    now = time.monotonic()
    search.solve(Task("noise", pairs, (Pair(inputs[3]),)), Budget(**limit), 0, lambda _: None)
    assert seen
    assert all(now < deadline < time.monotonic() + 20 if is_timed else deadline is None for deadline in seen)
