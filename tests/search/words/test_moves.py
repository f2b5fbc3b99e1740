"""Moves put together from two halves: how far each is, where parts are found again, and the rules that use them."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw

from solver.executor import input_value
from solver.sandbox.pool import Pool as Sandbox
from solver.search.fit.part_rules import fit_parts
from solver.search.words import moves as words
from solver.search.words.carried import source_of
from solver.search.words.cells import one_colored
from solver.search.words.moves import PLAIN, REFERENCES, found_again, half_shift, moved_as, moves, reference
from solver.search.words.parts import stack_of

GRIDS = [np.zeros((1, 1), np.int8), np.full((2, 5), 3, np.int8), draw("0120/0030/4000/0005"), np.eye(30, dtype=np.int8)]
HALVES = [*PLAIN, *((what, which) for which in (*REFERENCES, 1) for what in words.AXIS_WORDS)]
DOTS = draw("100000/000000/002200/002200/000000/000003")


def never():
    return False


def stack_in(grid):
    return stack_of(grid, one_colored(grid))


def gathered(grid):
    """All dots come up to the square beside which they are, in a corner too."""
    stack = stack_in(grid)
    near = ("beside", "larger")
    out = np.where(grid == 2, 2, 0)
    for picture in moved_as(grid, stack, near, near):
        out = np.where(picture >= 0, picture, out)
    return out.astype(np.int8)


def dotted(seed, count):
    """Grids with a square of colour 2 and a few dots of other colours that come to rest in different cells."""
    rng = np.random.default_rng(seed)
    grids = []
    while len(grids) < count:
        grid = np.zeros((9, 9), np.int8)
        row, column = rng.integers(2, 6, 2)
        grid[row : row + 2, column : column + 2] = 2
        for color in rng.permutation([3, 4, 5, 6])[:3]:
            grid[tuple(rng.integers(0, 9, 2))] = color
        if len(stack_in(grid)) == 4 and (gathered(grid) > 0).sum() == 7 and not np.array_equal(gathered(grid), grid):
            grids.append(grid)
    return grids


@pytest.mark.parametrize("half", HALVES, ids=str)
def test_a_half_is_a_number_of_cells_for_every_part(half):
    for grid in GRIDS:
        stack = stack_in(grid)
        for axis in (0, 1) if len(stack) else ():
            shift = half_shift(grid, stack, axis, *half)
            assert shift.shape == (len(stack),)
            assert np.issubdtype(shift.dtype, np.integer)


@pytest.mark.parametrize(
    ("half", "down", "across"),
    [
        (("by", -2), -2, -2),
        (("side", 1), 1, 1),
        (("side", -2), -2, -2),
        (("border", 1), 5, 5),
        (("content", 1), words.NOWHERE, words.NOWHERE),
        (("beside", "largest"), 1, 1),
        (("into", "largest"), 2, 2),
        (("first", "largest"), 2, 2),
        (("last", "largest"), 3, 3),
        (("middle", 2), 2, 2),
        (("before", "nearest"), 1, 1),
        (("behind", "nearest"), 4, 4),
        (("step", "nearest"), 1, 1),
        (("over", "nearest"), 4, 4),
        (("away", "nearest"), 0, 0),
        (("mirror", "nearest"), 5, 5),
        (("beside", "own color"), words.NOWHERE, words.NOWHERE),
        (("beside", 3), 4, 4),
    ],
)
def test_how_far_the_upper_left_dot_moves(half, down, across):
    stack = stack_in(DOTS)
    assert [int(half_shift(DOTS, stack, axis, *half)[0]) for axis in (0, 1)] == [down, across]


def test_a_reference_is_another_part_or_none():
    grid = draw("10200/00000/11022/11000/00001")
    stack = stack_in(grid)
    color = [int(part.max()) for part in stack]
    for which in (*REFERENCES, 1, 2, 7):
        other = reference(stack, which)
        assert all(-1 <= j < len(stack) and j != k for k, j in enumerate(other))
    assert [color[j] for j in reference(stack, "larger of own color") if j >= 0] == [1, 2, 1]
    assert set(reference(stack, 7)) == {-1}


def test_a_part_that_has_nowhere_to_go_is_not_drawn():
    drawn = moved_as(DOTS, stack_in(DOTS), ("by", 0), ("beside", "larger"))
    assert [int((part >= 0).sum()) for part in drawn] == [1, 0, 1]


def test_a_part_is_found_again_where_the_output_has_it_and_did_not_before():
    before, after = draw("1100/0000/0011"), draw("0000/1100/0011")
    where = found_again(stack_in(before)[0], before, after)
    assert np.argwhere(where).tolist() == [[3 + 1, 4 + 0]]


@pytest.mark.parametrize("seed", range(3))
def test_a_move_is_found_confirmed_right_on_the_test_input_and_the_same_in_the_sandbox(seed):
    inputs = dotted(seed, 5)
    rules, _ = fit_parts(input_value(inputs), [gathered(g) for g in inputs[:4]], np.random.default_rng(0), never)
    sure = [rule for rule in rules if rule.confirmed == 4]
    assert any(np.array_equal(rule.value.items[4], gathered(inputs[4])) for rule in sure[:2])
    with Sandbox(size=1) as sandbox:
        outputs = sandbox.run(sure[0].value.program().render(), inputs).outputs
    assert [out.tolist() for out in outputs] == [item.tolist() for item in sure[0].value.items]


def test_moves_differ_explain_something_in_two_pairs_and_are_few():
    inputs = dotted(7, 5)
    stacks = [stack_in(grid) for grid in inputs]
    found = moves(inputs, stacks, [gathered(grid) for grid in inputs[:4]])
    assert 0 < len(found) <= words.MAX_MOVES
    pictures = [b"".join(f(g, s, *args).tobytes() for g, s in zip(inputs, stacks, strict=True)) for f, args, _ in found]
    assert len(set(pictures)) == len(pictures)
    assert moves(inputs, stacks, inputs[:4]) == []
    noise = [np.full((9, 9), 9, np.int8)] * 4
    assert moves(inputs, stacks, noise) == []


def test_the_source_of_a_move_runs_by_itself():
    names = {"np": np}
    exec("from solver.grid import *", names)
    exec(source_of([moved_as]), names)
    stack = stack_in(DOTS)
    for half in HALVES:
        arguments = (half, HALVES[0])
        assert np.array_equal(names["moved_as"](DOTS, stack, *arguments), moved_as(DOTS, stack, *arguments))
