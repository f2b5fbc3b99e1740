"""Fused enumerator: the same results as the executor, no duplicates, right scores, limits kept."""

from __future__ import annotations

import numpy as np
from grids import draw

from solver.executor import apply, execute, input_value
from solver.fused import GridStore, chain_steps

INPUTS = [draw("1020/0300/0003"), draw("011/220/001/003"), draw("55/05")]
TARGETS = [draw("0003/0300/1020"), draw("003/001/220/011")]
ALL = np.arange(len(chain_steps()))


def make_store(**limits):
    store = GridStore(TARGETS, len(INPUTS), **limits)
    assert store.add(input_value(INPUTS)) == 0
    return store


def test_every_chain_step_gives_what_the_executor_gives():
    store = make_store()
    start = store.value(0)
    expected = {start.key}
    for step in chain_steps():
        value = apply(step.function, step.args(start))
        if value is not None:
            expected.add(value.key)
    store.expand(0, ALL)
    assert {store.value(k).key for k in range(len(store))} == expected
    assert store.num_nodes == len(chain_steps())


def test_stored_values_are_rerun_to_the_same_grids():
    store = make_store()
    store.expand(0, ALL)
    for number in range(1, len(store), 7):
        store.expand(number, ALL[::11])
    for number in range(0, len(store), 97):
        value = store.value(number)
        again = execute(value.program(), store.value(0))
        assert again.key == value.key
        assert all(np.array_equal(a, b) for a, b in zip(store.items(number), value.items, strict=True))


def test_matches_count_sizes_pairs_and_cells():
    store = make_store()
    store.expand(0, ALL)
    exact = [k for k in range(len(store)) if store.matches[k, 1] == 0b11]
    assert len(exact) == 1
    assert store.value(exact[0]).program().render().count("transform(I, FLIP_UD)") == 1
    right = sum(int((i == t).sum()) for i, t in zip(INPUTS, TARGETS, strict=False))
    assert store.matches[0].tolist() == [0b11, 0, right]


def test_equal_values_are_stored_once():
    store = make_store()
    assert store.add(input_value(INPUTS)) == -1
    twice = apply(chain_steps()[0].function, chain_steps()[0].args(store.value(0)))
    back = apply(chain_steps()[0].function, chain_steps()[0].args(twice))
    store.expand(0, ALL)
    assert store.add(twice) == -1
    assert store.add(back) == -1


def test_a_known_value_is_found_again():
    store = make_store()
    assert store.place(input_value(INPUTS)) == (0, False)
    flipped = apply(chain_steps()[0].function, chain_steps()[0].args(store.value(0)))
    number, is_new = store.place(flipped)
    assert (number, is_new) == (1, True)
    assert store.place(flipped) == (1, False)
    assert len(store) == 2


def test_a_crowded_store_has_room_left():
    store = make_store(max_values=100)
    store.expand(0, ALL[:60])
    assert not store.crowded
    store = make_store(max_values=20)
    for step in range(len(ALL)):
        if store.crowded:
            break
        store.expand(0, ALL[step : step + 1])
    assert not store.full
    assert len(store) == 18
    few_cells = make_store(max_cells=900 * 3 + 40)
    few_cells.expand(0, ALL[:4])
    assert few_cells.full
    assert few_cells.crowded


def test_limits_end_the_growth_without_an_error():
    few = make_store(max_values=10)
    few.expand(0, ALL)
    assert len(few) == 10
    assert few.full
    small = make_store(max_cells=3 * 900 + 100)
    small.expand(0, ALL)
    assert small.full
    assert small.add(apply(chain_steps()[3].function, chain_steps()[3].args(small.value(0)))) == -1
