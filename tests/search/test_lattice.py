"""Lattices: panels of one colour between lines, seen as small grids, and a search in them."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw

from solver.budget import Budget
from solver.sandbox.pool import Pool as Sandbox
from solver.search import lattice as lattice_module
from solver.search import source
from solver.search.candidates import candidate_of
from solver.search.grammar import Grammar
from solver.search.lattice import (
    LATTICE_COST,
    lattice_places,
    lattice_view,
    searched_views,
    with_lines,
    without_lines,
)
from solver.search.root import ViewedTask
from solver.search.trace import Trace, seen_in, trace_head
from solver.search.views import walk
from solver.settings import SearchSettings
from solver.tasks import Pair, Task

PLAIN = draw("00500/00500/55555/22500/22500")


def lattice(small, line=5, side=2):
    """A grid of panels of `side` cells, a line of one cell between any two of them."""
    grid = np.kron(small, np.ones((side + 1, side + 1), np.int8)).astype(np.int8)
    grid[side :: side + 1] = line
    grid[:, side :: side + 1] = line
    return grid[:-1, :-1]


def noise(seed, count=4, shape=(4, 6), background=0):
    rng = np.random.default_rng(seed)
    return [rng.choice([background] * 4 + [1, 2, 3], shape).astype(np.int8) for _ in range(count)]


def task_of(inputs, outputs):
    pairs = [Pair(a, np.ascontiguousarray(b, dtype=np.int8)) for a, b in zip(inputs, outputs, strict=True)]
    return Task("made-up", tuple(pairs[:-1]), (Pair(pairs[-1].input),))


@pytest.mark.parametrize("side", [1, 2, 4])
def test_panels_become_cells_and_cells_panels(side):
    for small in noise(0):
        grid = lattice(small, 8, side)
        assert lattice_places(grid)[1:] == small.shape
        assert np.array_equal(without_lines(grid, grid), small)
        assert np.array_equal(with_lines(small, grid), grid)


def test_panels_may_differ_in_size_and_lines_lie_at_the_border():
    grid = draw("5555555/0051113/0051113/5555555/2253333")
    grid[1:3, -1] = 1
    assert without_lines(grid, grid).tolist() == [[0, 1], [2, 3]]
    assert np.array_equal(with_lines(without_lines(grid, grid), grid), grid)


def test_cells_for_other_panels_are_refused():
    with pytest.raises(ValueError, match="each panel"):
        with_lines(np.zeros((3, 2), np.int8), PLAIN)


def test_a_view_leads_there_and_back():
    for background in (0, 7):
        inputs = [lattice(small) for small in noise(1, background=background)]
        outputs = [lattice(small[:, ::-1]) for small in noise(1, background=background)]
        task = task_of(inputs, outputs)
        seen = ViewedTask.of(task, lattice_view(task))
        assert seen.start.items[0].shape == (4, 6)
        assert sum((grid == 0).sum() for grid in seen.inputs) > sum((grid == 1).sum() for grid in seen.inputs)
        assert [g.tolist() for g in walk(seen.start, seen.view.back, seen.given).items] == [g.tolist() for g in inputs]
        cut = walk(seen.start, (), seen.given)
        cut.items = tuple(item[1:] for item in cut.items)
        assert walk(cut, seen.view.back, seen.given) is None


def test_there_is_no_view_where_some_grid_is_no_lattice():
    inputs = [lattice(small) for small in noise(2)]
    assert lattice_view(task_of(inputs, inputs)) is not None
    broken = [grid.copy() for grid in inputs]
    broken[1][0, 0] = 9
    assert lattice_view(task_of(broken, inputs)) is None
    assert lattice_view(task_of(inputs, broken)) is None
    assert lattice_view(task_of(inputs, [grid[:-1] for grid in inputs])) is None
    assert lattice_view(task_of([np.zeros((9, 9), np.int8)] * 3, inputs[:3])) is None
    assert lattice_view(task_of([draw("010/555/020")] * 3, [draw("010/555/020")] * 3)) is None


@pytest.mark.parametrize("use", [True, False])
def test_what_is_said_of_panels_is_found_where_lattices_are_looked_at(use):
    def fall(small):
        out = np.zeros_like(small)
        for column in range(small.shape[1]):
            content = small[:, column][small[:, column] > 0]
            out[len(small) - len(content) :, column] = content
        return out

    sides = (2, 1, 3, 2, 4)
    inputs = noise(3, 5, (5, 6))
    task = task_of(
        [lattice(small, 5, side) for small, side in zip(inputs, sides, strict=True)],
        [lattice(fall(small), 5, side) for small, side in zip(inputs, sides, strict=True)],
    )
    settings = SearchSettings(use_mcts=False, num_views=1, use_forms=False, use_lattices=use)
    found = source.ProgramSource(settings).solve(task, Budget(nodes=10_000), 0, lambda _: None)
    wanted = lattice(fall(inputs[-1]), 5, sides[-1])
    right = [one for one in found.answers if one.exact and np.array_equal(one.outputs[0], wanted)]
    assert bool(right) == use
    if use:
        with Sandbox(size=1) as sandbox:
            outputs = sandbox.run(right[0].origin, task.inputs).outputs
        assert outputs[-1].tolist() == wanted.tolist()


def test_panels_are_looked_for_once_a_grid(monkeypatch):
    asked = []
    panels = lattice_module.panels
    monkeypatch.setattr(lattice_module, "panels", lambda grid: asked.append(grid.tobytes()) or panels(grid))
    inputs = [lattice(small) for small in noise(11, shape=(3, 4))]
    task = task_of(inputs, inputs)
    view = lattice_view(task)
    assert ViewedTask.of(task, view) is not None
    assert sorted(asked) == sorted(grid.tobytes() for grid in inputs)


@pytest.mark.parametrize("use", [True, False])
def test_a_trace_tells_the_view_of_a_task_with_lattices(use):
    inputs = [lattice(small) for small in noise(2)]
    task = task_of(inputs, inputs)
    found = searched_views(task, 3, use)
    assert [view.name == "lattice" for view in found] == [use, *[False] * 3][: len(found)]
    for number, view in enumerate(found):
        seen = seen_in(Trace(trace_head(task, number, view)), task)
        assert seen.view.name == view.name
        assert seen.start.key == ViewedTask.of(task, view).start.key


@pytest.mark.parametrize("backgrounds", [(0, 0, 0, 0), (4, 6, 7, 8)])
def test_a_background_of_ones_own_is_that_of_the_panels_and_costs_no_more(backgrounds):
    """There are more cells of lines than of any panels' colour."""
    inputs = [lattice(noise(k, 1, background=color)[0]) for k, color in enumerate(backgrounds)]
    assert all(np.bincount(grid.ravel()).argmax() == 5 for grid in inputs)
    task = task_of(inputs, inputs)
    seen = ViewedTask.of(task, lattice_view(task))
    assert [np.bincount(grid.ravel()).argmax() for grid in seen.start.items] == [0] * 4
    candidate = candidate_of(seen.start, seen.view, seen.given, Grammar.shipped())
    assert candidate.cost == pytest.approx(LATTICE_COST)
    assert [item.tolist() for item in candidate.value.items] == [grid.tolist() for grid in inputs]
    with Sandbox(size=1) as sandbox:
        assert [out.tolist() for out in sandbox.run(candidate.text, inputs).outputs] == [g.tolist() for g in inputs]
