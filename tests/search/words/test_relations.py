"""Drawings that relate a part to others, to what stops a ray, and to the grid's middle."""

from __future__ import annotations

import inspect

import numpy as np
import pytest
from grids import draw

from solver.executor import input_value
from solver.sandbox.pool import Pool as Sandbox
from solver.search.fit.part_rules import fit_parts
from solver.search.words import cells, divisions, moves, parts, relations
from solver.search.words.carried import source_of
from solver.search.words.divisions import DIVISIONS, one_colored
from solver.search.words.parts import stack_of
from solver.search.words.relations import RELATIONS

GRIDS = [np.zeros((1, 1), np.int8), np.full((2, 5), 3, np.int8), draw("0120/0030/4000/0005"), np.eye(30, dtype=np.int8)]


def drawn(text, function, *arguments):
    """What a drawing paints for all parts of a grid together, as rows; where several paint, the largest colour."""
    grid = draw(text)
    picture = function(grid, stack_of(grid, one_colored(grid)), *arguments).max(0)
    return "/".join("".join(map(str, row)) for row in np.maximum(picture, 0))


@pytest.mark.parametrize("relation", RELATIONS, ids=lambda one: f"{one[0].__name__}{one[1]}")
def test_a_relation_paints_colours_of_the_grids_shape_and_changes_nothing(relation):
    function, arguments, _ = relation
    for grid in GRIDS:
        for divide in DIVISIONS:
            before, stack = grid.copy(), stack_of(grid, divide(grid))
            if not len(stack):
                continue
            kept = stack.copy()
            picture = function(grid, stack, *arguments)
            assert picture.shape == stack.shape
            assert picture.dtype == np.int8
            assert picture.min() >= -1
            assert picture.max() <= 9
            assert np.array_equal(grid, before)
            assert np.array_equal(stack, kept)


def test_no_two_words_that_a_program_may_carry_have_one_name():
    files = (cells, divisions, parts, relations, moves)
    own = [n for m in files for n, f in vars(m).items() if inspect.isfunction(f) and f.__module__ == m.__name__]
    assert len(set(own)) == len(own)


@pytest.mark.parametrize(
    ("text", "function", "arguments", "picture"),
    [
        ("000/010/000", relations.star, ("diagonal", 0), "101/000/101"),
        ("1001/0000/2003", relations.connected, ("straight", "own color"), "0110/0000/0000"),
        ("1001/0000/2003", relations.connected, ("across", "other color"), "0000/0000/0330"),
        ("1000/0000/0200", relations.connected, ("straight", "border"), "0211/1200/2022"),
        ("1000/0002", relations.moved_far, (0, 1, 2), "0010/0000"),
        ("3300/0000", relations.moved_far, (0, 1, "size"), "0033/0000"),
        ("100/220/000/000", relations.fallen, (1, 0, 0), "000/000/100/220"),
        ("100/220/000/000", relations.fallen, (1, 0, 1), "100/220/000/000"),
        ("1000/0000", relations.mirrored, ("grid", "all"), "0001/1001"),
        ("00000/01200/00000", relations.mirrored, ("nearest", "left right"), "00000/20010/00000"),
        ("10001", relations.midway, ("own color",), "00100"),
        ("1020", relations.midway, ("own color",), "0000"),
        ("0100100000", relations.stepped, ("own color",), "0000000100"),
        ("0000/1000/0000", relations.joined, ("own color", "across"), "0000/0000/0000"),
        ("1000/0000/0001", relations.joined, ("own color", "upright"), "0111/1001/1110"),
        ("10000/01000/10000/00000/00000/00000", relations.continued, (1, 0), "00000/00000/00000/01000/10000/01000"),
        ("00000/05550/05050/05550/00002", relations.fitted, (0,), "00000/00000/00200/00000/00000"),
    ],
)  # fmt: skip
def test_what_a_relation_draws(text, function, arguments, picture):
    assert drawn(text, function, *arguments) == picture


@pytest.mark.parametrize(
    ("text", "turns", "picture"),
    [
        ("0000/0000/1002/0000", ("left", "stop"), "0010/0010/0110/0000"),
        ("0000/0000/1002/0000", ("right", "stop"), "0000/0000/0110/0010"),
        ("0030/1002/0000", ("free", "stop"), "0000/0110/0010"),
        ("0000/1002/0000", ("free", "stop"), "0000/0110/0000"),
        ("0000/0100/0000/0000", ("stop", "right"), "0000/0011/0001/0001"),
        ("0000/0100/0000/0003", ("stop", "right"), "0000/0011/0001/0000"),
    ],
)
def test_a_path_to_the_right_turns_before_content_or_once_at_the_border(text, turns, picture):
    grid = draw(text)
    path = relations.turning(grid, stack_of(grid, (grid == 1) * 1), 0, 1, *turns)[0]
    assert "/".join("".join(map(str, row)) for row in np.maximum(path, 0)) == picture


def test_a_path_bounces_off_the_border():
    assert drawn("00100/00000/00000", relations.turning, 1, 1, "back", "back") == "00000/01010/10001"


def test_a_part_is_completed_in_its_own_colours():
    grid = draw("3323323/0000000/8840000/0000000/0000116")
    stack = stack_of(grid, cells.many_colored(grid))
    pictures = [np.maximum(p, 0) for p in relations.by_analogy(grid, stack)]
    assert not pictures[0].any()
    assert pictures[1].tolist() == draw("0000000/0000000/8848848/0000000/0000000").tolist()
    # What leaves the grid is lost, and what has other cells or colours than any corner is left.
    assert pictures[2][4].tolist() == [0, 0, 0, 0, 1, 1, 6]
    other = draw("3323323/0000000/8450000/0000000/0000011")
    assert (relations.by_analogy(other, stack_of(other, cells.many_colored(other))) < 0).all()


def test_a_picture_is_copied_to_where_a_mark_is():
    grid = draw("0000000/0343000/0000000/0000000/0000040")
    picture = relations.pictured(grid, stack_of(grid, cells.many_colored(grid)), "most colors", "own color")
    assert (picture[1] >= 0).sum() == 3
    assert picture[1, 4].tolist() == [-1, -1, -1, -1, 3, 4, 3]


def test_a_rule_of_relations_is_found_and_gives_the_same_in_the_sandbox():
    def connect(grid):
        stack = stack_of(grid, one_colored(grid))
        lines = relations.connected(grid, stack, "straight", "own color").max(0)
        return np.maximum(grid, lines).astype(np.int8)

    rng = np.random.default_rng(2)
    inputs = []
    for _ in range(5):
        grid = np.zeros((10, 12), np.int8)
        for row in rng.permutation(np.arange(0, 10, 2))[:3]:
            left, right = sorted(rng.choice(12, 2, replace=False))
            grid[row, [left, right]] = rng.integers(1, 4, 2)
        inputs.append(grid)
    inputs[0][0, [2, 7]] = inputs[1][4, [0, 9]] = inputs[2][6, [1, 6]] = inputs[4][4, [0, 8]] = 2
    rules, _ = fit_parts(input_value(inputs), [connect(g) for g in inputs[:4]], np.random.default_rng(0), lambda: False)
    assert rules[0].confirmed >= 3
    assert [g.tolist() for g in rules[0].value.items] == [connect(g).tolist() for g in inputs]
    with Sandbox(size=1) as sandbox:
        outputs = sandbox.run(rules[0].value.program().render(), inputs).outputs
    assert [g.tolist() for g in outputs] == [g.tolist() for g in rules[0].value.items]


def test_the_sources_of_all_relations_run_by_themselves():
    names = {"np": np}
    exec("from solver.grid import *", names)
    exec(source_of([*(f for f, _, _ in RELATIONS), stack_of]), names)
    grid = draw("0120000/0030000/4000011/0005000/0000010")
    stack = stack_of(grid, one_colored(grid))
    for function, arguments, _ in RELATIONS:
        assert np.array_equal(names[function.__name__](grid, stack, *arguments), function(grid, stack, *arguments))
