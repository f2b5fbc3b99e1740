"""Pieces: what is cut out, the sizes it is brought to, and the programs that it is written out as."""

from __future__ import annotations

import numpy as np
import pytest

from solver.executor import input_value
from solver.fused import GridStore
from solver.sandbox.pool import Pool as Sandbox
from solver.search.fit.pieces import cut_pieces, fitted_pieces, output_sizes, shapes_of
from solver.search.fit.pool import build_pool
from solver.search.fit.tables import Fitter
from solver.search.words.layouts import canvas


def never():
    return False


def masks_and_colors(count=5, side=3):
    """Grids with a square picture in colour 8 left of a line of 5, and right of it a square of other colours."""
    rng = np.random.default_rng(1)
    grids = []
    for _ in range(count):
        grid = np.zeros((side, 2 * side + 1), np.int8)
        picture = grid[:, :side]
        while any(line.all() or not line.any() for line in (*picture, *picture.T)):
            picture[:] = 8 * rng.integers(0, 2, (side, side))
        grid[:, side] = 5
        grid[:, side + 1 :] = rng.choice([1, 2, 3, 4, 6, 7, 9], (side, side))
        grids.append(grid)
    return grids


def product(grid):
    """For each of the colours the picture in it."""
    side = len(grid)
    return np.kron(grid[:, side + 1 :], grid[:, :side] > 0).astype(np.int8)


def blocks(grid):
    """For each cell of the picture all of the colours."""
    side = len(grid)
    return np.kron(grid[:, :side] > 0, grid[:, side + 1 :]).astype(np.int8)


def store_of(inputs, targets):
    base = input_value(inputs)
    store = GridStore(targets, len(inputs), 1_000, 1 << 20)
    base.cost = 0.0
    store.place(base)
    found, _ = fitted_pieces(base, targets, never)
    for piece in found:
        store.place(piece)
    return base, store, found


@pytest.mark.parametrize("rule", [product, blocks])
def test_the_shape_of_one_part_in_the_colors_of_another(rule):
    inputs = masks_and_colors()
    targets = [rule(grid) for grid in inputs[:3]]
    _, store, _ = store_of(inputs, targets)
    pool = build_pool(store, 600, np.random.default_rng(0))
    fits = Fitter(store, pool, never).pairs()
    sure = [fit for fit in fits if fit.confirmed == 3]
    assert sure
    for grid, given in zip(inputs, sure[0].value.items, strict=True):
        np.testing.assert_array_equal(given, rule(grid))


def only_part(count=5):
    """Grids with one picture of squares of 3 × 3 cells, at some place."""
    rng = np.random.default_rng(4)
    grids = []
    for _ in range(count):
        small = 6 * rng.integers(0, 2, (3, 3))
        small[(0, 1, 2, 2), (0, 1, 0, 2)] = 6
        grid = np.zeros((12, 11), np.int8)
        top, left = rng.integers(0, 4), rng.integers(0, 3)
        grid[top : top + 9, left : left + 9] = np.kron(small, np.ones((3, 3)))
        grids.append(grid)
    return grids


def of_itself(grid):
    """For each square the whole picture, one cell for each of its squares."""
    rows, columns = grid.any(1), grid.any(0)
    picture = grid[rows][:, columns]
    small = picture[::3, ::3]
    return np.kron(small > 0, small).astype(np.int8)


def test_a_part_may_be_the_only_one_and_made_smaller():
    inputs = only_part()
    targets = [of_itself(grid) for grid in inputs[:3]]
    _, store, found = store_of(inputs, targets)
    pool = build_pool(store, 100, np.random.default_rng(0))
    fits = [fit for fit in Fitter(store, pool, never).pairs() if fit.confirmed == 3]
    assert any(fit.value.items[4].tolist() == of_itself(inputs[4]).tolist() for fit in fits)
    with Sandbox(size=1) as sandbox:
        for piece in found:
            outputs = sandbox.run(piece.program().render(), inputs).outputs
            assert [g.tolist() for g in outputs] == [g.tolist() for g in piece.items]


def test_copies_of_a_piece_may_be_turned():
    rng = np.random.default_rng(6)
    how, inputs, mosaics = ((None, "left right", "half"),), [], []
    for _ in range(5):
        grid, picture = np.zeros((8, 9), np.int8), rng.integers(1, 5, (3, 3)).astype(np.int8)
        top, left = rng.integers(0, 6), rng.integers(0, 7)
        grid[top : top + 3, left : left + 3] = picture
        inputs.append(grid)
        mosaics.append(canvas(picture, 0, 0, how))
    targets = [np.where(grid == 1, 6, grid) for grid in mosaics[:3]]
    _, _, found = store_of(inputs, targets)
    assert any(piece.items[4].tolist() == mosaics[4].tolist() for piece in found)


def test_pieces_run_in_the_sandbox_to_the_same():
    inputs = masks_and_colors()
    base, _, found = store_of(inputs, [product(grid) for grid in inputs[:3]])
    assert ((9, 9),) * 5 in {shapes_of(piece) for piece in found}
    with Sandbox(size=1) as sandbox:
        for piece in found[::5]:
            outputs = sandbox.run(piece.program().render(), base.items).outputs
            assert [g.tolist() for g in outputs] == [g.tolist() for g in piece.items]


def test_pieces_are_told_by_one_question_and_cut_in_several_ways():
    grid = np.zeros((7, 7), np.int8)
    grid[1:3, 1:3] = 4
    grid[4:7, 3:7] = 6
    grid[5, 4:6] = 0
    other = np.rot90(grid, 2).copy()
    cut, checks = cut_pieces(input_value([grid, other]), 2, never)
    assert checks > 0
    keys = {tuple(item.tobytes() for item in piece.items) for piece in cut}
    for first, second in [
        (grid[1:3, 1:3], other[4:6, 4:6]),
        (grid[4:7, 3:7], other[0:3, 0:4]),
        (np.full((1, 1), 6, np.int8), np.full((1, 1), 6, np.int8)),
    ]:
        assert (first.tobytes(), second.tobytes()) in keys
    assert [piece.cost for piece in cut] == sorted(piece.cost for piece in cut)


def test_sizes_are_those_of_pieces_multiples_and_products():
    a = input_value([np.zeros((2, 3), np.int8), np.zeros((3, 2), np.int8), np.zeros((1, 4), np.int8)])
    b = input_value([np.zeros((2, 2), np.int8), np.zeros((1, 4), np.int8), np.zeros((5, 2), np.int8)])
    sizes = {rule.sizes for rule in output_sizes([a, b], ((4, 6), (3, 8)))}
    assert sizes == {((4, 6), (3, 8), (5, 8))}
    sizes = {rule.sizes for rule in output_sizes([a, b], ((4, 6), (6, 4)))}
    assert sizes == {((4, 6), (6, 4), (2, 8))}
    assert output_sizes([a, b], ((5, 6), (7, 4))) == []


def test_a_size_that_no_grid_can_have_is_none():
    a = input_value([np.zeros((2, 2), np.int8), np.zeros((3, 3), np.int8), np.zeros((16, 16), np.int8)])
    assert output_sizes([a], ((4, 4), (6, 6))) == []


def test_what_is_the_output_is_left_to_other_rules():
    inputs = masks_and_colors()
    targets = [grid[:, 4:] for grid in inputs[:3]]
    _, _, found = store_of(inputs, targets)
    assert not any(all(map(np.array_equal, piece.items, targets)) for piece in found)


def test_grids_without_parts_one_pair_and_a_stop_are_no_fault():
    empty = [np.zeros((3, 3), np.int8)] * 3
    found, _ = fitted_pieces(input_value(empty), [np.ones((2, 2), np.int8)] * 2, never)
    assert not any(item.any() for piece in found for item in piece.items)
    inputs = masks_and_colors()
    assert fitted_pieces(input_value(inputs), [product(inputs[0])], never) == ([], 0)
    found, _ = fitted_pieces(input_value(inputs), [product(grid) for grid in inputs[:3]], lambda: True)
    assert found == []
