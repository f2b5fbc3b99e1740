"""Vote: answers put together by output, the likeliest first, two different grids always."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from grids import draw
from hypothesis import given, settings
from hypothesis import strategies as st

from solver.answers import Answer, Attempt, Ballot, Findings, Judgement
from solver.plausibility import Plausibility
from solver.tasks import Pair, Task
from solver.vote import (
    EVIDENCE,
    JUDGED,
    Trust,
    all_ballots,
    ballots_of,
    choose_attempts,
    evidence,
    fallback_grids,
    keep_better,
    likeliest,
    shipped_trust,
    vote,
    without_judgements,
)

TASK = Task("t", (Pair(draw("12"), draw("21")), Pair(draw("34"), draw("43"))), (Pair(draw("56")), Pair(draw("78"))))


def answer(*pictures, weight=1.0, source="program", exact=True, origin=""):
    return Answer(tuple(p and draw(p) for p in pictures), weight, source, origin, exact)


def attempts(findings):
    return [[a.grid.tolist() for a in pair] for pair in choose_attempts(TASK, findings)]


def test_equal_outputs_add_up():
    found = Findings([answer("11", "1", weight=3), answer("22", "2", weight=2), answer("22", "3", weight=2)])
    assert attempts({"program": found}) == [[[[2, 2]], [[1, 1]]], [[[1]], [[2]]]]


def test_an_exact_answer_comes_before_any_number_of_inexact_ones():
    found = Findings([answer("11", "1", weight=9, exact=False), answer("22", "2", weight=0.001)])
    assert attempts({"program": found})[0] == [[[2, 2]], [[1, 1]]]


def test_answers_that_are_not_exact_add_nothing_to_an_exact_output():
    found = Findings([answer("11", "1", weight=2), answer("22", "2"), answer("22", "2", weight=1e9, exact=False)])
    assert attempts({"program": found})[0] == [[[1, 1]], [[2, 2]]]
    first, _ = ballots_of(found, 2)[0]
    assert (first.weight, first.share) == (2, 2 / 3)


def test_sources_count_alike_whatever_their_scale():
    big = Findings([answer("11", "1", weight=900), answer("22", "2", weight=100)])
    seen = {"source": "vision", "exact": False}
    small = Findings([answer("22", "2", weight=0.9, **seen), answer("33", "3", weight=0.1, **seen)])
    assert attempts({"program": big, "vision": small})[0] == [[[2, 2]], [[1, 1]]]


def test_an_answer_may_leave_a_test_input_open():
    found = Findings([answer("11", None), answer("22", None, weight=0.5)])
    first, second = choose_attempts(TASK, {"program": found})
    assert first[0].grid.tolist() == [[1, 1]]
    assert second[0].source == ""


def test_without_answers_the_attempts_are_plausible_and_different():
    for first, second in choose_attempts(TASK, {}):
        assert not np.array_equal(first.grid, second.grid)
        assert first.source == second.source == ""


def test_the_origin_is_the_strongest_supporter():
    found = Findings([answer("11", "1", weight=1, origin="weak"), answer("11", "1", weight=5, origin="strong")])
    assert choose_attempts(TASK, {"program": found})[0][0].origin == "strong"


def test_sources_that_agree_are_trusted_more_than_either():
    program = Findings([answer("11", "1", weight=3, exact=False), answer("22", "2", weight=3, exact=False)])
    vision = Findings(
        [answer("22", None, weight=0.3, source="vision"), answer("33", None, weight=0.3, source="vision")]
    )
    alone = {name: choose_attempts(TASK, {name: f})[0] for name, f in (("program", program), ("vision", vision))}
    both = choose_attempts(TASK, {"program": program, "vision": vision})[0][0]
    assert both.grid.tolist() == [[2, 2]]
    assert both.weight > max(a.weight for pair in alone.values() for a in pair)
    assert both.shares == {"program": 0.5, "vision": 0.5}


def test_earlier_attempts_stay_where_they_are_likelier_or_only_a_fallback_would_take_their_place():
    def attempt(picture, weight=0.0, source=""):
        return Attempt(draw(picture), source, weight=weight)

    def kept(new, old):
        ((first, second),) = keep_better((new,), (old,))
        return [(a.grid.tolist(), a.weight) for a in (first, second)]

    new = attempt("11", 0.3, "vision"), attempt("22", 0.1, "vision")
    assert kept(new, (attempt("33", 0.2, "program"), attempt("11", 0.4, "program"))) == [
        ([[1, 1]], 0.4),
        ([[3, 3]], 0.2),
    ]
    assert kept(new, (attempt("33"), attempt("44"))) == [([[1, 1]], 0.3), ([[2, 2]], 0.1)]
    half = attempt("11", 0.3, "vision"), attempt("22")
    assert kept(half, (attempt("33"), attempt("44"))) == [([[1, 1]], 0.3), ([[3, 3]], 0.0)]
    assert kept((attempt("11"), attempt("22")), (attempt("22"), attempt("33"))) == [([[2, 2]], 0.0), ([[3, 3]], 0.0)]


def test_a_share_is_of_the_whole_weight():
    few = Findings([answer("11", "1", weight=0.1, exact=False, source="vision")], whole_weight=1.0)
    assert choose_attempts(TASK, {"vision": few})[0][0].shares == {"vision": 0.1}
    cut_short = Findings(few.answers, whole_weight=0.25)
    assert choose_attempts(TASK, {"vision": cut_short})[0][0].shares == {"vision": 0.1}
    twice = Findings(few.answers, whole_weight=2.0)
    assert choose_attempts(TASK, {"vision": twice})[0][0].shares == {"vision": 0.05}


def test_a_sources_own_order_stands_whatever_it_is_trusted():
    answers = [answer(str(n) * 2, "1", weight=10.0**-n, exact=n == 3) for n in range(1, 5)]
    for source in ("program", "vision", "unheard-of"):
        first, second = choose_attempts(TASK, {source: Findings(answers)})[0]
        assert [first.grid.tolist(), second.grid.tolist()] == [[[3, 3]], [[1, 1]]]
        assert 1 > first.weight > second.weight > 0


def test_trust_rises_with_the_share_and_has_no_edges():
    trust, seen = Trust({"bias": -1.0, "share": 0.5, "exact": 2.0}), Plausibility(TASK)

    def probability(share, exact):
        return trust.probability(evidence(Ballot(draw("11"), share, share, exact, 0.0), 0, seen))

    shares = [0.0, 1e-9, 0.2, 0.5, 1.0]
    values = [probability(share, False) for share in shares]
    assert values == sorted(values)
    assert all(0 < v < probability(s, True) < 1 for v, s in zip(values, shares))
    assert {"program", "vision"} <= set(shipped_trust())
    with pytest.raises(ValueError, match="no such evidence: slope"):
        Trust({"slope": 1.0})


def test_evidence_says_what_it_is_named():
    ballot = Ballot(draw("12"), np.exp(-60.0), 0.5, True, 1.0)
    seen = dict(zip(EVIDENCE, evidence(ballot, 0, Plausibility(TASK)), strict=True))
    assert {name: round(float(seen[name]), 6) for name in EVIDENCE[:8]} == {
        "bias": 1, "share": 0, "exact": 1, "exact share": 0,
        "weight": -2, "exact weight": -2, "right": 1, "all right": 1,
    }  # fmt: skip


def test_an_output_that_breaks_what_all_pairs_have_in_common_comes_later():
    """Every training pair keeps its colours: of two answers that are worth the same that does, too, comes first."""
    same = {"exact": False, "weight": 1.0}
    found = Findings([answer("99", "9", **same), answer("65", "87", **same)])
    for first, second in choose_attempts(TASK, {"program": found})[:1]:
        assert [first.grid.tolist(), second.grid.tolist()] == [[[6, 5]], [[9, 9]]]
        assert first.weight > second.weight


def test_the_vote_over_ballots_is_the_vote_over_answers():
    found = {
        "program": Findings([answer("11", "1", weight=3, origin="a"), answer("22", None, weight=2, exact=False)]),
        "vision": Findings([answer("22", "2", weight=0.4, exact=False, source="vision")], whole_weight=1.0),
    }
    kept = {source: ballots_of(findings, len(TASK.test)) for source, findings in found.items()}
    for pair, other in zip(choose_attempts(TASK, found), vote(TASK, kept), strict=True):
        for one, two in zip(pair, other, strict=True):
            assert np.array_equal(one.grid, two.grid)
            assert (one.weight, one.source, one.origin, one.shares) == (two.weight, two.source, two.origin, two.shares)
    assert len(kept["program"][1]) == 1
    assert kept["vision"][0][0].share == 0.4


def judged(**nats):
    """Findings of a source that has no answer to the first input, but judges. nats: by the picture of a grid."""
    said = tuple(Judgement(draw(picture.lstrip("_")), value) for picture, value in nats.items())
    return Findings(judged=(said, ()))


def test_what_is_judged_likelier_goes_first_and_its_own_order_stands_for_the_rest():
    same = {"exact": False, "weight": 1.0}
    programs = Findings([answer("65", "87", **same), answer("55", "77", **same), answer("66", "88", **same)])
    alone = choose_attempts(TASK, {"program": programs})
    seen = {"program": programs, "vision": judged(_65=2.0, _55=0.01, _66=1.9)}
    (first, second), of_other_input = choose_attempts(TASK, seen)
    assert first.grid.tolist() == [[5, 5]]
    assert first.weight > second.weight
    assert [a.grid.tolist() for a in of_other_input] == [a.grid.tolist() for a in alone[1]]
    stripped = without_judgements(all_ballots(seen, 2)["program"])
    assert [(ballot.nats, ballot.behind) for ballot in stripped[0]] == [(None, 0.0)] * 3
    voted = vote(TASK, {"program": stripped})
    assert [a.grid.tolist() for a in voted[0]] == [a.grid.tolist() for a in alone[0]]


def test_how_far_behind_is_by_the_likeliest_grid_of_all_and_has_bounds():
    programs = Findings([answer("65", "87"), answer("55", "77"), answer("66", "88")])
    seen = {"program": programs, "vision": judged(_65=0.499, _55=1e9, _99=0.049)}
    of_65, of_55, of_66 = all_ballots(seen, 2)["program"][0]
    assert (of_65.nats, of_65.behind) == (0.499, pytest.approx(np.log(10)))
    assert of_55.behind == 5.0
    assert (of_66.nats, of_66.behind) == (None, 0.0)
    values = [dict(zip(EVIDENCE, evidence(b, 0, Plausibility(TASK)), strict=True)) for b in (of_65, of_66)]
    assert [values[0][name] for name in JUDGED] == pytest.approx([1.0, np.log(10), np.log(0.5)])
    assert [values[1][name] for name in JUDGED] == [0.0, 0.0, 0.0]


def test_several_judges_count_alike_and_nonsense_not_at_all():
    programs = Findings([answer("65", "87"), answer("55", "77")])
    seen = {"program": programs, "vision": judged(_65=0.1, _55=np.nan), "other": judged(_65=0.3, _55=-1.0)}
    of_65, of_55 = all_ballots(seen, 2)["program"][0]
    assert (of_65.nats, of_65.behind, of_55.nats) == (pytest.approx(0.2), 0.0, None)


def test_what_a_source_thinks_of_its_own_grids_only_says_how_far_others_are_behind():
    programs = Findings([answer("65", "87"), answer("55", "77")])
    tuned = replace(judged(_65=0.099, _66=0.009), answers=[answer("66", "88", source="vision")])
    ballots = all_ballots({"program": programs, "vision": tuned}, 2)
    of_65, of_55 = ballots["program"][0]
    assert (of_65.nats, of_65.behind) == (0.099, pytest.approx(np.log(10)))
    assert of_55.nats is None
    assert [(ballot.nats, ballot.behind) for ballot in ballots["vision"][0]] == [(None, 0.0)]


def test_the_likeliest_grids_are_those_of_the_vote_and_no_more_than_asked_for():
    programs = Findings([answer(f"{n}{n}", "1", weight=10.0**-k) for k, n in enumerate((1, 2, 9, 8, 7))])
    voted = choose_attempts(TASK, {"program": programs})
    found = likeliest(TASK, {"program": programs}, 3)
    assert [[grid.tolist() for grid in of_input][:2] for of_input in found] == [
        [attempt.grid.tolist() for attempt in voted[0]],
        [[[1]]],
    ]
    assert [len(of_input) for of_input in found] == [3, 1]
    assert likeliest(TASK, {}, 3) == ((), ())


@pytest.mark.parametrize("color", range(10))
def test_fallbacks_differ_for_any_single_colour_task(color):
    grid = np.full((2, 2), color, np.int8)
    grids = fallback_grids(Task("t", (Pair(grid, grid),), (Pair(grid),)), 0)
    assert len({g.tobytes() for g in grids}) >= 2


@settings(max_examples=50, deadline=None)
@given(st.lists(st.tuples(st.integers(0, 2), st.floats(1e-9, 1e3), st.booleans()), max_size=8))
def test_two_different_attempts_whatever_was_found(choices):
    pictures = ("11", "22", "56")
    found = Findings([answer(pictures[k], pictures[k], weight=w, exact=e) for k, w, e in choices])
    for first, second in choose_attempts(TASK, {"program": found}):
        assert not np.array_equal(first.grid, second.grid)
