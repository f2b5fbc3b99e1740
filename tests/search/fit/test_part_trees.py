"""Trees over parts: how they are grown, written out, and how they vote."""

from __future__ import annotations

import numpy as np
from scattered import scattered

from solver.executor import input_value
from solver.search.fit.divided import Parts
from solver.search.fit.part_questions import Questions
from solver.search.fit.part_trees import MAX_LEAVES, PartTree, grow, vote
from solver.search.words.cells import one_colored


def questions(*answers):
    """Questions 'q0', 'q1', … with these answers, all asked always."""
    table = np.array(answers, bool)
    return Questions([f"q{k}" for k in range(len(table))], table, np.ones(len(table)))


def right_for(wanted, num_actions):
    """bool [parts, actions]: each part's action alone is right."""
    return np.array(wanted)[:, None] == np.arange(num_actions)


def test_a_tree_asks_until_nothing_is_wrong_and_is_python_that_chooses_the_same():
    asked = questions([1, 1, 0, 0, 1], [1, 0, 1, 0, 0])
    right = right_for([0, 1, 2, 2, 0], 3)
    tree = grow(asked, np.arange(4), right, np.arange(2), {})
    assert tree.num_leaves == 3
    assert tree.choose(asked.answers).tolist() == [0, 1, 2, 2, 1]
    given = eval(tree.text(asked.texts), {"np": np, "q0": asked.answers[0], "q1": asked.answers[1]})
    assert given.tolist() == tree.choose(asked.answers).tolist()


def test_where_one_action_is_right_for_all_a_tree_is_a_leaf():
    asked = questions([1, 0, 0])
    tree = grow(asked, np.arange(3), right_for([1, 1, 1], 2), np.arange(1), {})
    assert (tree.num_leaves, tree.text(asked.texts)) == (1, "1")
    assert tree.choose(asked.answers).tolist() == [1, 1, 1]


def test_there_is_no_tree_without_questions_that_tell_or_with_too_many_leaves():
    right = right_for([0, 1], 2)
    assert grow(questions([1, 1]), np.arange(2), right, np.arange(1), {}) is None
    assert grow(questions([1, 0]), np.arange(2), right, np.arange(0), {}) is None
    many = MAX_LEAVES + 1
    each = questions(*np.eye(many))
    assert grow(each, np.arange(many), right_for(np.arange(many), many), np.arange(many), {}) is None
    few = grow(each, np.arange(MAX_LEAVES), right_for(np.arange(many), many), np.arange(many), {})
    assert few.num_leaves == MAX_LEAVES


def test_a_vote_finds_what_tells_parts_and_every_pair_confirms_it():
    parts = Parts(input_value(scattered(3, count=6)), one_colored, 5)
    wanted = (parts.features["color own"] == 1) * 1
    counts = lambda choice, pair: np.array_equal(choice[parts.of(pair)], wanted[parts.of(pair)])  # noqa: E731
    voted, confirmed = vote(parts, right_for(wanted, 2), np.random.default_rng(0), counts)
    assert confirmed == 5
    tree, choice = voted[0]
    assert isinstance(tree, PartTree)
    assert choice.tolist() == wanted.tolist() == tree.choose(parts.questions.answers).tolist()


def test_of_actions_for_one_part_of_a_grid_the_vote_chooses_one():
    parts = Parts(input_value(scattered(4, count=6)), one_colored, 5)
    size = parts.features["size"]
    largest = (size == np.maximum.reduceat(size, parts.first)[parts.grid_of]) * 1
    seen = []

    def counts(choice, pair):
        seen.append(choice)
        return True

    _, confirmed = vote(parts, right_for(largest, 2), np.random.default_rng(0), counts, one=True)
    assert confirmed == 5
    assert all(np.maximum.reduceat(choice, parts.first).all() for choice in seen)


def test_a_vote_that_the_first_two_pairs_doubt_ends_there():
    parts = Parts(input_value(scattered(3, count=6)), one_colored, 5)
    wanted, pairs = (parts.features["color own"] == 1) * 1, []

    def counts(choice, pair):
        pairs.append(pair)
        return False

    assert vote(parts, right_for(wanted, 2), np.random.default_rng(0), counts) == ([], 0)
    assert pairs == [0, 1]
