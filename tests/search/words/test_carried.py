"""The sources that programs carry along."""

from __future__ import annotations

import inspect

import numpy as np
from scattered import scattered

from solver.search.words.carried import _words, source_of
from solver.search.words.cells import one_colored
from solver.search.words.descriptions import described
from solver.search.words.divisions import DRAWN_DIVISIONS
from solver.search.words.drawings import DRAWINGS, cut_out, painted
from solver.search.words.parts import stack_of


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
        used = {name for name in _words(inspect.unwrap(function).__code__) if name in function.__globals__}
        assert used <= set(names)
