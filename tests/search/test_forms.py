"""Normal forms: turns and names of colours told from a grid, the views they make, and a search in them."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from grids import draw

from solver.budget import Budget
from solver.sandbox.pool import Pool as Sandbox
from solver.search import clock, source
from solver.search import forms as words
from solver.search.forms import FORMS, MAX_FORMS, forms, lean, names_of, turn_of, turned, turned_back
from solver.search.grammar import Grammar
from solver.search.root import RootPass, ViewedTask
from solver.search.root_settings import RootSettings
from solver.search.views import walk
from solver.settings import SearchSettings
from solver.tasks import Pair, Task

GRIDS = [np.zeros((1, 1), np.int8), np.full((2, 5), 3, np.int8), draw("0120/0030/4000/0005"), np.eye(30, dtype=np.int8)]
POSES = [args for args in FORMS if args[0] is not None]
ORDERS = [how for what, how in FORMS if what is None]


def noise(seed, count=5, shape=(6, 8)):
    """Grids of background and a few of the colours 1 to 5 each, of which 1 is in all of them."""
    rng = np.random.default_rng(seed)
    grids = []
    for _ in range(count):
        colors = [0, 0, 1, *rng.permutation([2, 3, 4, 5])[:2]]
        grid = rng.choice(colors, shape).astype(np.int8)
        grid[0, 0] = 1
        grids.append(grid)
    return grids


def task_of(inputs, outputs):
    pairs = [Pair(a, np.ascontiguousarray(b, dtype=np.int8)) for a, b in zip(inputs, outputs, strict=True)]
    return Task("made-up", tuple(pairs[:-1]), (Pair(pairs[-1].input),))


@pytest.mark.parametrize("grid", GRIDS, ids=str)
def test_turns_are_the_eight_symmetries_and_are_undone(grid):
    for turn in range(8):
        assert np.array_equal(turned_back(turned(grid, turn), turn), grid)
    asymmetric = np.arange(6).reshape(2, 3)
    assert len({turned(asymmetric, turn).tobytes() + bytes(turned(asymmetric, turn).shape) for turn in range(8)}) == 8


@pytest.mark.parametrize(("what", "turns"), POSES)
def test_however_a_grid_is_turned_its_pose_leans_alike(what, turns):
    for grid in [*noise(0), *GRIDS]:
        poses = [turned(copy, turn_of(copy, what, turns)) for copy in (turned(grid, turn) for turn in turns)]
        assert len({tuple(map(int, lean(pose, what))) for pose in poses}) == 1


@pytest.mark.parametrize("how", ORDERS)
def test_colours_are_named_by_their_rank_and_others_stay(how):
    colors = [2, 3, 4, 7]
    for grid in [*noise(1), *GRIDS]:
        names = names_of(grid, colors, how)
        assert sorted(names) == list(range(10))
        assert [int(names[c]) for c in (0, 1, 5, 6, 8, 9)] == [0, 1, 5, 6, 8, 9]
    names = names_of(draw("0700/0004/0444/0000"), colors, how)
    assert (names[4], names[7]) == ((3, 2) if how == "first" else (2, 3))


def test_forms_lead_there_and_back_and_differ():
    task = task_of(noise(2), noise(3))
    found = forms(task, 20)
    seen = [ViewedTask.of(task, view) for view in found]
    assert len(seen) > MAX_FORMS
    assert len({view.name for view in found}) == len({one.start.key for one in seen}) == len(seen)
    for one in seen:
        assert walk(one.start, one.view.back, one.given).key == one.given.key
    assert [view.name for view in forms(task)] == [view.name for view in found[:MAX_FORMS]]


def test_there_are_no_forms_where_all_inputs_are_alike_or_another_colour_is_the_background():
    grid = draw("012/000/000")
    assert not forms(task_of([grid] * 4, [grid] * 4))
    filled = [np.where(grid == 0, 8, grid) for grid in noise(4, shape=(12, 12))]
    filled = [np.where(np.random.default_rng(0).random(g.shape) < 0.3, g, 8).astype(np.int8) for g in filled]
    assert not forms(task_of(filled, filled))


def hanging(rng):
    """A full line at the top and dots, from which lines of another colour go down; one dot for each of two colours."""
    before = np.zeros((7, 7), np.int8)
    before[0] = rng.choice([6, 7, 8])
    for color, column in zip((1, 2), rng.permutation(7)[:2], strict=True):
        before[rng.integers(2, 5), column] = color
    after = before.copy()
    for row, column in np.argwhere(before[2:] == 1):
        after[row + 3 :, column] = 3
    for row, column in np.argwhere(before[2:] == 2):
        after[1 : row + 2, column] = before[0, 0]
    return before, after


@pytest.mark.parametrize("args", [("border", (0, 1, 2, 3)), None])
def test_what_a_form_finds_is_a_program_that_gives_the_answer(args):
    rng = np.random.default_rng(5)
    pairs = [hanging(rng) for _ in range(5)]
    if args is None:
        view = words._view("colours", words.renamed, words.unrenamed, ((6, 7, 8), "count"))
    else:
        view = words._view("pose", words.posed, words.unposed, args)
        pairs = [(turned(a, turn), turned(b, turn)) for (a, b), turn in zip(pairs, (0, 1, 2, 1, 3), strict=True)]
    task = task_of([a for a, _ in pairs], [b for _, b in pairs])
    settings = RootSettings(rounds=source.FORM_ROUNDS)
    root = RootPass.begin(ViewedTask.of(task, view), Grammar.shipped(), settings, np.random.default_rng(0))
    root.run(lambda part, nodes: nodes >= 5_000 * part)
    found = [one for one in root.candidates if one.exact and one.confirmed == 1.0]
    assert found
    assert not root.settled
    assert any(np.array_equal(one.value.items[-1], pairs[-1][1]) for one in found)
    with Sandbox(size=1) as sandbox:
        for one in found[:1]:
            outputs = sandbox.run(one.value.program().render(), task.inputs).outputs
            assert [out.tolist() for out in outputs] == [item.tolist() for item in one.value.items]


def test_without_fits_or_where_the_first_view_settles_a_task_no_form_is_looked_at(monkeypatch):
    looked, search = [], SearchSettings(use_mcts=False)
    monkeypatch.setattr(source.ProgramSource, "_search_forms", lambda *args: looked.append(args))
    inputs = noise(6)
    easy = task_of(inputs, [grid[::-1] for grid in inputs])
    hard = task_of(inputs, noise(7))
    without = (replace(search, use_fitted=False), replace(search, use_forms=False))
    for task, settings in ((easy, search), *((hard, other) for other in without)):
        source.ProgramSource(settings).solve(task, Budget(nodes=8_000), 0, lambda _: None)
    assert not looked
    source.ProgramSource(search).solve(hard, Budget(nodes=40_000), 0, lambda _: None)
    assert looked


@pytest.mark.parametrize("num_views", range(1, 9))
def test_views_and_forms_share_the_whole_budget(num_views):
    shares = clock.view_shares(num_views, True)
    assert len(shares) == num_views
    assert min(shares) > 0
    assert sum(shares) + clock.FORMS_SHARE == pytest.approx(1.0)
    assert sum(clock.view_shares(num_views, False)) == pytest.approx(1.0)
