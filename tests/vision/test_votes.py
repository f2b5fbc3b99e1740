"""Votes, counted and added up."""

from collections import Counter

import numpy as np

from solver.answers import grid_key
from solver.vision.votes import add_votes, count_grids, in_order, shares_of_views

ONE, TWO, WIDE = np.array([[1]], np.uint8), np.array([[2]], np.uint8), np.array([[1, 1]], np.uint8)


def plain(votes):
    return [(grid.tolist(), share) for grid, share in votes]


def test_votes_are_shares_of_all_views_in_a_fixed_order():
    votes = shares_of_views(count_grids([TWO, ONE, WIDE, ONE]), num_views=8)
    assert plain(votes) == [([[1]], 0.25), ([[2]], 0.125), ([[1, 1]], 0.125)]
    assert all(grid.dtype == np.uint8 and grid.flags.writeable for grid, _ in votes)
    assert shares_of_views(Counter(), 8) == []


def test_votes_of_several_runs_add_up_whatever_integers_their_grids_have():
    shares = {grid_key(TWO): 0.25}
    add_votes(shares, [(TWO.astype(np.int8), 0.5), (ONE, 0.25)], 0.5)
    assert shares == {grid_key(TWO): 0.5, grid_key(ONE): 0.125}
    assert plain(in_order(shares)) == [([[2]], 0.5), ([[1]], 0.125)]
    assert plain(in_order(shares, 1)) == [([[2]], 0.5)]
