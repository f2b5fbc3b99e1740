"""Fitted tables, on made-up tasks whose rule is known."""

from __future__ import annotations

import numpy as np
from grids import draw
from stores import flip, flop, pool_of, store_of

from solver.executor import execute
from solver.search.fit.tables import Closer, Fitter


def fitter(store, stop=lambda: False):
    return Fitter(store, pool_of(store), stop)


def test_a_colour_map_is_fitted_and_applied_to_the_test_input():
    inputs = [draw("1203"), draw("2310"), draw("3021")]
    store = store_of(inputs, [draw("5607"), draw("6750")])
    (fit,) = fitter(store).singles()
    assert fit.confirmed == 2
    assert fit.value.items[2].tolist() == [[7, 0, 6, 5]]
    assert "lookup(I, (0, 0, 1, 5, 2, 6, 3, 7))" in fit.value.program().render()
    assert execute(fit.value.program(), store.value(0)).key == fit.value.key


def test_an_entry_seen_in_one_pair_only_is_not_confirmed():
    store = store_of([draw("12"), draw("11"), draw("11")], [draw("56"), draw("55")])
    (fit,) = fitter(store).singles()
    assert fit.confirmed == 1


def test_a_colour_that_only_the_test_has_makes_the_fit_fall():
    store = store_of([draw("12"), draw("21"), draw("13")], [draw("56"), draw("65")])
    assert fitter(store).singles() == []


def test_a_contradiction_is_no_fit():
    store = store_of([draw("11"), draw("11"), draw("11")], [draw("56"), draw("65")])
    assert fitter(store).singles() == []


def test_two_grids_combine_by_rules_without_colours():
    inputs = [draw("1200/0010"), draw("0040/5000"), draw("0700/0007")]
    targets = [np.where(g != 0, g, g[:, ::-1]) for g in inputs[:2]]
    store = store_of(inputs, targets, flip)
    fits = fitter(store).pairs()
    assert fits
    expected = np.where(inputs[2] != 0, inputs[2], inputs[2][:, ::-1])
    assert np.array_equal(fits[0].value.items[2], expected)
    assert fits[0].value.function.name == "combine"


def test_three_grids_make_a_table():
    # Parity of three pictures of the same input: no two of them are enough.
    rng = np.random.default_rng(1)
    inputs = [rng.integers(0, 2, (6, 6)).astype(np.int8) for _ in range(4)]
    targets = [(g ^ g[:, ::-1] ^ g[::-1]).astype(np.int8) for g in inputs]
    store = store_of(inputs, targets[:3], flip, flop)
    search = fitter(store)
    assert search.singles() == []
    assert search.pairs() == []
    fits = search.triples()
    assert fits
    assert np.array_equal(fits[0].value.items[3], targets[3])


def test_a_new_grid_is_closed_with_the_pool():
    inputs = [draw("1200/0010"), draw("0040/5000"), draw("0700/0007")]
    targets = [np.where(g != 0, g, g[:, ::-1]) for g in inputs[:2]]
    store = store_of(inputs, targets)
    closer = Closer(store, pool_of(store))
    number = store.add(flip(store.value(0)))
    fits = closer.close(number)
    assert fits
    assert all(f.confirmed == 2 for f in fits)


def test_searching_can_be_stopped():
    inputs = [draw("1200/0010"), draw("0040/5000"), draw("0700/0007")]
    store = store_of(inputs, [np.where(g != 0, g, g[:, ::-1]) for g in inputs[:2]], flip)
    assert fitter(store, stop=lambda: True).pairs() == []
