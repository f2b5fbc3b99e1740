"""What training pairs have in common, and what an output is that breaks it."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from solver.plausibility import FEATURES, LAWS, Plausibility
from solver.task_sets import trainable
from solver.tasks import Pair, Task

GRIDS = arrays(np.int8, st.tuples(st.integers(1, 6), st.integers(1, 6)), elements=st.integers(0, 9))


def seen(train, given, output):
    """The features of one output, by name; pairs as pictures, input and output."""
    pairs = tuple(Pair(draw(a), draw(b)) for a, b in train)
    features = Plausibility(Task("t", pairs, (Pair(draw(given)),))).features(0, draw(output))
    assert features.shape == (len(FEATURES),)
    return dict(zip(FEATURES, features.tolist(), strict=True))


MIRRORED = [("120/000", "021/000"), ("003/010", "300/010"), ("400/000", "004/000")]
"""Each row mirrored."""


def test_an_output_as_all_others_breaks_nothing():
    features = seen(MIRRORED, "400/010", "004/010")
    assert all(features[f"breaks {kind}"] == 0 for kind in LAWS)
    assert features["outside"] == features["is a training output"] == 0


@pytest.mark.parametrize(
    ("output", "kind"),
    [
        ("05/10", "size"),
        ("777/777", "palette"),
        ("555/010", "count"),
        ("500/010", "change"),
    ],
)
def test_what_is_broken_is_told_by_kind(output, kind):
    assert seen(MIRRORED, "500/010", output)[f"breaks {kind}"] > 0


def test_symmetry_is_a_law_where_all_outputs_have_it():
    train = [("12", "1221"), ("30", "3003")]
    assert seen(train, "45", "4554")["breaks symmetry"] == 0
    assert seen(train, "45", "4545")["breaks symmetry"] == 2


def test_one_pair_alone_makes_no_law_where_others_break_or_do_not_bear_it_out():
    # Colour 4 stays in the one pair that has it; nothing says that it must.
    train = [("104", "204"), ("100", "200"), ("010", "020")]
    assert seen(train, "104", "205")["breaks change"] == seen(train, "107", "205")["breaks change"]


def test_more_change_than_in_any_pair_is_outside():
    train = [("0000000000", "1000000000"), ("0000000002", "0010000002")]
    few, many = (seen(train, "0000000000", output)["outside"] for output in ("0100000000", "1111111110"))
    assert few == 0 < many


def test_windows_are_new_beyond_what_is_usual():
    stripes = [("000/000/000", "111/000/111"), ("000/000/000/000", "111/000/111/000")]
    alike, other = (seen(stripes, "000/000/000", out) for out in ("111/000/111", "101/010/101"))
    assert alike["new windows 2"] == alike["new windows 3"] == 0
    assert other["new windows 2"] > 0
    assert other["new windows 3"] > 0


def test_a_training_output_is_known_again():
    assert seen(MIRRORED, "500/010", "021/000")["is a training output"] == 1


def test_true_outputs_break_less_than_inputs_and_solid_grids():
    """Over real tasks: what is counted tells outputs from other grids."""
    names, broken = list(FEATURES), {"truth": 0.0, "input": 0.0, "solid": 0.0}
    laws = [names.index(f"breaks {kind}") for kind in LAWS]
    for task in list(trainable().values())[:40]:
        plausibility = Plausibility(task.hide())
        for index, pair in enumerate(task.test):
            grids = {"truth": pair.output, "input": pair.input, "solid": np.full_like(pair.output, 7)}
            for name, grid in grids.items():
                broken[name] += plausibility.features(index, grid)[laws].sum()
    assert 3 * broken["truth"] < min(broken["input"], broken["solid"])


@settings(max_examples=60, deadline=None)
@given(st.lists(st.tuples(GRIDS, GRIDS), min_size=1, max_size=3), GRIDS, GRIDS)
def test_any_grids_have_finite_features(pairs, given_grid, output):
    task = Task("t", tuple(Pair(a, b) for a, b in pairs), (Pair(given_grid),))
    features = Plausibility(task).features(0, output)
    assert np.isfinite(features).all()
    assert (features >= 0).all()
