"""Fitted steps and stacking, on made-up tasks whose rule is known."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw

from solver.executor import apply, execute, input_value
from solver.fused import GridStore
from solver.grid.registry import FUNCTIONS
from solver.search.decide import Decider
from solver.search.fit import Closer, Fitter, build_pool
from solver.search.fit_objects import fit_objects
from solver.search.stack import stack


def store_of(inputs, targets, *extra):
    """A store with the input and some values over it; extra: functions of the start value."""
    store = GridStore(targets, len(inputs))
    start = input_value(inputs)
    store.add(start)
    for make in extra:
        assert store.add(make(start)) > 0
    return store


def pool_of(store):
    return build_pool(store, 100, np.random.default_rng(0))


def fitter(store, stop=lambda: False):
    return Fitter(store, pool_of(store), stop)


def flip(start):
    return apply(FUNCTIONS["transform"], [start, 1])


def flop(start):
    return apply(FUNCTIONS["transform"], [start, 0])


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


def test_a_pool_needs_values_of_the_right_size():
    assert pool_of(store_of([draw("12"), draw("3")], [draw("1/2")])) is None


def test_pieces_that_never_contradict_are_stacked():
    inputs = [draw("1000/0020"), draw("0300/0004"), draw("0050/6000")]
    targets = [g | np.ascontiguousarray(g[:, ::-1]) for g in inputs[:2]]
    store = store_of(inputs, targets, flip, flop)
    best = stack(store, pool_of(store))[0]
    assert best.covered == 1.0
    assert np.array_equal(best.value.items[2], inputs[2] | inputs[2][:, ::-1])
    assert execute(best.value.program(), store.value(0)).key == best.value.key


def test_a_stack_may_cover_a_part_only():
    inputs = [draw("1000"), draw("0300"), draw("0050")]
    targets = [draw("1021"), draw("0332")]
    store = store_of(inputs, targets, flip)
    (pile,) = stack(store, pool_of(store))
    assert pile.covered == pytest.approx(4 / 6)


@pytest.mark.parametrize("target", ["0000", "1111"])
def test_nothing_to_stack(target):
    store = store_of([draw("1000"), draw("0300")], [draw(target)])
    assert stack(store, pool_of(store)) == []


def test_an_objects_fate_follows_from_a_property():
    pictures = ["1100/1100/0000/0020", "3000/0000/0440/0440", "0550/0000/0000/6000"]
    inputs = [draw(p) for p in pictures]
    targets = [draw("7700/7700/0000/0020"), draw("3000/0000/0770/0770")]
    start = input_value(inputs)
    objects = apply(FUNCTIONS["find_objects"], [start, 1, 0])
    fits = fit_objects([objects], start, targets, 50)
    assert fits
    best = [f for f in fits if f.confirmed == 2]
    assert best
    assert any(f.value.items[2].tolist() == draw("0770/0000/0000/6000").tolist() for f in best)
    for fit in fits:
        assert [g.tolist() for g in fit.value.items[:2]] == [t.tolist() for t in targets]
        assert execute(fit.value.program(), start).key == fit.value.key


def test_a_fate_is_confirmed_only_if_the_others_alone_would_choose_it():
    """Both pairs allow colour 2, and the first one alone leaving the object as it is, which would be chosen."""
    inputs, targets = [draw("2200"), draw("5500")], [draw("2200"), draw("2200")]
    start = input_value(inputs)
    objects = apply(FUNCTIONS["find_objects"], [start, 0, 0])
    fits = fit_objects([objects], start, targets, 50)
    assert all(fit.confirmed < 2 for fit in fits)


def test_objects_that_stay_as_they_are_make_no_rule():
    inputs = [draw("10/02"), draw("30/04")]
    start = input_value(inputs)
    objects = apply(FUNCTIONS["find_objects"], [start, 0, 0])
    assert fit_objects([objects], start, inputs, 50) == []


def test_a_decision_tree_asks_more_than_three_values():
    rng = np.random.default_rng(7)
    inputs = [rng.integers(0, 2, (8, 8)).astype(np.int8) for _ in range(5)]

    def rule(g):
        # 3 where all four mirror images are set, else the cell itself
        images = [np.rot90(g, 2), g[::-1], g[:, ::-1], g.T]
        return np.where(np.all(images, axis=0), 3, g).astype(np.int8)

    targets = [rule(g) for g in inputs[:4]]

    def image(symmetry):
        return lambda start: apply(FUNCTIONS["transform"], [start, symmetry])

    store = store_of(inputs, targets, image(0), image(1), image(3), image(5))
    fits = Decider(store, pool_of(store)).fits(lambda: False)
    assert fits
    assert fits[0].confirmed == 4
    assert np.array_equal(fits[0].value.items[4], rule(inputs[4]))
    assert execute(fits[0].value.program(), store.value(0)).key == fits[0].value.key


def test_noise_has_no_small_decision_tree():
    rng = np.random.default_rng(8)
    inputs = [rng.integers(0, 4, (8, 8)).astype(np.int8) for _ in range(3)]
    store = store_of(inputs, [rng.integers(0, 4, (8, 8)).astype(np.int8) for _ in range(2)], flip, flop)
    assert Decider(store, pool_of(store)).fits(lambda: False) == []
