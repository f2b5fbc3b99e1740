"""Object rules, on made-up tasks whose rule is known."""

from __future__ import annotations

from grids import draw

from solver.executor import apply, execute, input_value
from solver.grid.registry import FUNCTIONS
from solver.search.fit.object_rules import fit_objects


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
