"""What people are told of language models' answers."""

from __future__ import annotations

from collections import Counter

import pytest

from solver.search.findings import answers_note


@pytest.mark.parametrize(
    ("counts", "left_out", "note"),
    [
        ({}, {}, ""),
        ({"steps": 2, "no step": 1, "unfinished": 3, "repeated": 1}, {}, "2 of 6 answers were steps"),
        ({"rolled out": 4, "run": 2}, {}, "0 of 0 answers were steps"),
        ({}, {"states of other steps": 3}, "0 of 0 answers were steps, 3 states of other steps"),
        (
            {"steps": 1, "scored": 7, "something too long": 9},  # is an answer's fate, whatever it is called
            {"states too long": 1, "pictures without room": 2},
            "1 of 1 answers were steps, 7 states scored, 2 pictures without room, 1 states too long",
        ),
    ],
)
def test_answers_are_counted_and_all_that_was_left_out_is_named(counts, left_out, note):
    assert answers_note(Counter(counts), Counter(left_out)) == (note and f"language model: {note}")
