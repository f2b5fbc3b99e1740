"""Divided grids: kept, numbered through all grids, and the questions about their parts."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw
from scattered import never, scattered

from solver.executor import input_value
from solver.grid.registry import GridError
from solver.search.fit.divided import MAX_PARTS, Parts, divided
from solver.search.fit.part_questions import Questions
from solver.search.words.descriptions import described
from solver.search.words.divisions import DIVISIONS, one_colored, one_colored_straight


def test_a_grid_is_divided_once_for_all_that_seek_rules_over_it():
    base = input_value([draw("0110/0000/2002"), draw("0330/0000/0004"), draw("0000/1000/0000")])
    first, again = (list(divided(base, DIVISIONS, 2, never)) for _ in range(2))
    assert [id(parts) for parts in first] == [id(parts) for parts in again]
    assert first[0].cut("region") is first[0].cut("region")
    assert [cut.tolist() for cut in first[0].cut("alone")] == [[[1, 1]], [[2]], [[2]], [[3, 3]], [[4]], [[1]]]
    alike = input_value([grid.copy() for grid in base.items])
    assert next(divided(alike, DIVISIONS, 2, never)).base is alike


def test_grids_without_parts_or_with_too_many_are_refused_and_left_out():
    empty = input_value([np.zeros((3, 3), np.int8)] * 3)
    full = input_value([np.indices((20, 20)).sum(0).astype(np.int8) % 2] * 3)
    assert one_colored_straight(full.items[0]).max() > MAX_PARTS
    for base, divide in ((empty, one_colored), (full, one_colored_straight)):
        with pytest.raises(GridError):
            Parts(base, divide, 2)
        assert list(divided(base, [divide], 2, never)) == []


def test_parts_are_numbered_through_all_grids():
    parts = Parts(input_value([draw("1020/0000"), draw("3000/0000"), draw("0404/0000")]), one_colored, 2)
    assert parts.grid_of.tolist() == [0, 0, 1, 2, 2]
    assert parts.first.tolist() == [0, 2, 3]
    assert parts.train.tolist() == [0, 1, 2]
    assert parts.of(2).tolist() == [3, 4]
    assert parts.features["color own"].tolist() == [1, 2, 3, 4, 4]


def test_nothing_is_divided_once_time_is_over():
    assert list(divided(input_value(scattered(1)), DIVISIONS, 4, lambda: True)) == []


def test_questions_divide_the_training_parts_each_in_its_own_way():
    features = {
        "color own": np.array([1, 2, 2, 5]),
        "size": np.array([1, 20, 20, 3]),  # 'size == 1' says what the colour says already
        "holes": np.array([0, 0, 1, 0]),
        "parts": np.array([3, 3, 3, 3]),
    }
    asked = Questions.about(features, np.arange(3))
    assert asked.texts == ['seen["color own"] == 1', 'seen["color own"] == 2', 'seen["holes"] == 0']
    assert asked.answers.tolist() == [
        [True, False, False, False],
        [False, True, True, False],
        [True, True, False, True],
    ]
    assert asked.shares.tolist() == [0.8, 0.8, 0.4]
    assert np.array_equal(asked.as_floats, asked.answers)


def test_parts_that_are_all_alike_leave_nothing_to_ask():
    asked = Questions.about({"size": np.array([2, 2, 7])}, np.arange(2))
    assert asked.texts == []
    assert asked.answers.shape == (0, 3)


def test_what_a_question_says_is_what_it_answers():
    parts = Parts(input_value(scattered(2)), one_colored, 4)
    asked = parts.questions
    assert len(asked.texts) == len(asked.answers) == len(asked.shares) > 50
    seen = [described(grid, labels) for grid, labels in zip(parts.base.items, parts.labels, strict=True)]
    for text, answer in zip(asked.texts, asked.answers, strict=True):
        assert np.array_equal(np.concatenate([eval(text, {"seen": one}) for one in seen]), answer), text
