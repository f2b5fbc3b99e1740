"""Assembled pieces: two pieces put together, and the programs that they are written out as."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw

from solver.executor import input_value
from solver.sandbox.pool import Pool as Sandbox
from solver.search.fit.assembly import assembled
from solver.search.fit.pieces import cut_pieces, fitted_pieces
from solver.search.words.assembly import filling, matching

MIRRORS = (None, "left right", "up down", "half")


def never():
    return False


def frame(high, wide):
    """Edges in two colours, open at the corners' diagonals."""
    grid = np.zeros((high, wide), np.int8)
    grid[:, 0], grid[:, -1], grid[(0, -1),] = 1, 2, 4
    return grid


def frames_and_pictures():
    """Grids with a frame and a picture, and both: int8 [14, 13] each."""
    pairs = []
    pictures = ["210/211", "20/20/11", "021/221/201", "22/10", "021/211"]
    for number, (text, times) in enumerate(zip(pictures, (2, 1, 2, 1, 1), strict=True)):
        picture = draw(text)
        around = frame(times * picture.shape[0] + 2, times * picture.shape[1] + 2)
        grid = np.zeros((14, 13), np.int8)
        grid[number % 2 : number % 2 + len(around), 1 : 1 + around.shape[1]] = around
        grid[10 : 10 + len(picture), 8 + number % 3 : 8 + number % 3 + picture.shape[1]] = picture
        pairs.append((grid, around, picture))
    return pairs


@pytest.mark.parametrize("turns", [(None,), MIRRORS])
def test_a_picture_is_put_into_a_frame(turns):
    pairs = frames_and_pictures()
    inputs = [grid for grid, _, _ in pairs]
    targets = [filling(around, picture, turns) for _, around, picture in pairs]
    found, _ = fitted_pieces(input_value(inputs), targets[:4], never)
    right = [value for value in found if all(map(np.array_equal, value.items, targets))]
    assert right
    with Sandbox(size=1) as sandbox:
        outputs = sandbox.run(right[0].program().render(), inputs).outputs
    assert [g.tolist() for g in outputs] == [g.tolist() for g in targets]


def test_a_picture_is_put_where_parts_of_it_are():
    base = frame(8, 8)[:, ::-1]
    corner = draw("30/33")
    pairs = []
    for row, column in ((1, 1), (2, 4), (4, 2), (3, 3)):
        given = base.copy()
        given[row : row + 2, column : column + 2] = 3
        grid = np.zeros((14, 8), np.int8)
        grid[:8] = given
        grid[10:12, 3:5] = corner
        pairs.append((grid, given))
    inputs, givens = [grid for grid, _ in pairs], input_value([given for _, given in pairs])
    givens.cost = 1.0
    targets = [matching(given, corner, (None,)) for _, given in pairs]
    base = input_value(inputs)
    found = assembled(base, [givens], targets[:3], never)
    assert [t.tolist() for t in targets] in [[g.tolist() for g in value.items] for value in found]


def test_nothing_is_assembled_without_a_frame_or_a_picture():
    pairs = frames_and_pictures()
    base, targets = input_value([grid for grid, _, _ in pairs]), [around for _, around, _ in pairs]
    cut, _ = cut_pieces(base, 4, never)
    assert not assembled(base, cut, targets[:4], never)  # the frame is the output
    assert not assembled(base, cut, [np.full((3, 3), 5, np.int8)] * 4, never)
    assert not assembled(base, [], targets[:4], never)
    other = [filling(around, picture, (None,)) for _, around, picture in pairs]
    assert not assembled(base, cut, other[:4], lambda: True)
