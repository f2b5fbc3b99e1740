"""Functions that keep what they gave."""

from __future__ import annotations

import inspect

import numpy as np
from grids import draw
from scattered import scattered

from solver.search.lattice import lattice_places, without_lines
from solver.search.words.carried import source_of
from solver.search.words.cells import ways
from solver.search.words.descriptions import described
from solver.search.words.divisions import DRAWN_DIVISIONS
from solver.search.words.drawings import DRAWINGS, rays
from solver.search.words.kept import MAX_ARGUMENTS, kept_by_cells, kept_by_identity
from solver.search.words.parts import crops, extents, free_steps, main_colors, stack_of
from solver.search.words.relations import RELATIONS


def test_what_is_kept_is_worked_out_once_a_grid_and_carried_along_without_that():
    asked = []

    def number(grid):
        asked.append(grid.shape)
        return int(grid.sum())

    once = kept_by_cells(number)
    grid = draw("12/30")
    assert [once(grid), once(grid.copy()), once(grid.astype(np.int64))] == [6, 6, 6]
    assert asked == [(2, 2)]
    assert once(draw("1230")) == 6  # the same cells in another shape
    assert asked == [(2, 2), (1, 4)]
    text = source_of([lattice_places])
    assert "def lattice_places(given):" in text
    assert "@" not in text
    assert source_of([without_lines]).count("def lattice_places(given):") == 1


def test_what_is_kept_by_identity_is_worked_out_once_for_the_same_arguments():
    asked = []

    @kept_by_identity
    def total(stack, more):
        asked.append(more)
        return int(stack.sum()) + more

    stack = np.ones((2, 3), np.int8)
    assert [total(stack, 1), total(stack, 1), total(stack, 2)] == [7, 7, 8]
    assert asked == [1, 2]
    assert total(stack.copy(), 1) == 7  # equal, but another one
    assert asked == [1, 2, 1]


def test_only_the_last_arguments_are_held():
    asked = []
    once = kept_by_identity(lambda stack: asked.append(stack) or len(asked))
    stacks = [np.zeros(1, np.int8) for _ in range(MAX_ARGUMENTS + 1)]
    assert [once(stack) for stack in stacks] == list(range(1, MAX_ARGUMENTS + 2))
    assert once(stacks[-1]) == MAX_ARGUMENTS + 1
    assert once(stacks[0]) == MAX_ARGUMENTS + 2  # the first made room


def test_nothing_that_is_drawn_changes_what_is_kept():
    functions = (crops, extents, main_colors)
    for grid in scattered(2, 3):
        for divide in DRAWN_DIVISIONS:
            stack = stack_of(grid, divide(grid))
            for given in (grid, stack):
                given.flags.writeable = False
            for function, arguments, _ in (*DRAWINGS, *RELATIONS):
                function(grid, stack, *arguments)
            described(grid, divide(grid))
            for function in functions:
                expected, found = inspect.unwrap(function)(stack), function(stack)
                assert all(map(np.array_equal, found, expected)), function.__name__
            for _, down, right in ways()[:4]:
                expected = inspect.unwrap(free_steps)(grid, stack, down, right)
                assert all(map(np.array_equal, free_steps(grid, stack, down, right), expected))
                expected = inspect.unwrap(rays)(grid, stack, down, right, False)
                assert np.array_equal(rays(grid, stack, down, right, False), expected)
