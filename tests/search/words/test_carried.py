"""The sources that programs carry along."""

from __future__ import annotations

import numpy as np
from grids import draw
from scattered import scattered

from solver.search.lattice import lattice_places, without_lines
from solver.search.words.carried import _words, kept, source_of
from solver.search.words.cells import one_colored
from solver.search.words.descriptions import described
from solver.search.words.drawings import DRAWINGS, cut_out, painted
from solver.search.words.parts import DRAWN_DIVISIONS, stack_of


def test_the_sources_of_all_words_run_by_themselves():
    names = {"np": np}
    exec("from solver.grid import *", names)
    exec(source_of([*DRAWN_DIVISIONS, *(f for f, _, _ in DRAWINGS), stack_of, described, painted]), names)
    grid = scattered(1, 1)[0]
    labels = one_colored(grid)
    stack = names["stack_of"](grid, labels)
    for division in DRAWN_DIVISIONS:
        assert np.array_equal(names[division.__name__](grid), division(grid))
    for function, arguments, _ in DRAWINGS:
        assert np.array_equal(names[function.__name__](grid, stack, *arguments), function(grid, stack, *arguments))
    found = names["described"](grid, labels)
    assert all(np.array_equal(found[name], values) for name, values in described(grid, labels).items())


def test_the_source_of_a_word_holds_what_it_needs_in_comprehensions_too():
    for function in {*DRAWN_DIVISIONS, *(f for f, _, _ in DRAWINGS), described, cut_out}:
        names = {"np": np}
        exec("from solver.grid import *", names)
        exec(source_of([function]), names)
        used = {name for name in _words(function.__code__) if name in function.__globals__}
        assert used <= set(names)


def test_what_is_kept_is_worked_out_once_a_grid_and_carried_along_without_that():
    asked = []

    def number(grid):
        asked.append(grid.shape)
        return int(grid.sum())

    once = kept(number)
    grid = draw("12/30")
    assert [once(grid), once(grid.copy()), once(grid.astype(np.int64))] == [6, 6, 6]
    assert asked == [(2, 2)]
    assert once(draw("1230")) == 6  # the same cells in another shape
    assert asked == [(2, 2), (1, 4)]
    text = source_of([lattice_places])
    assert "def lattice_places(given):" in text
    assert "@" not in text
    assert source_of([without_lines]).count("def lattice_places(given):") == 1
