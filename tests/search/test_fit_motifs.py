"""Motif rules: what marks a copy, how copies lie, the rules, and the programs that they are written out as."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw

from solver.executor import input_value
from solver.sandbox.pool import Pool as Sandbox
from solver.search.cells import many_colored
from solver.search.fit_motifs import fit_motifs, images, marking_colors, motifs_of, with_copies
from solver.search.grammar import Grammar
from solver.search.root import RootPass, RootSettings, ViewedTask
from solver.search.views import View
from solver.tasks import Pair, Task

MOTIF = draw("2110/0100/0113")


def never():
    return False


def copied(text, marking="minor", turn=False, max_scale=1, alone=True, within=False, erased=False):
    grid = draw(text)
    return with_copies(grid, many_colored(grid), marking, turn, max_scale, alone, within, erased)


def scene(rng, turn, scale=1):
    """A motif, the marks of a copy, and the output."""
    given = np.zeros((14, 20), np.int8)
    given[1:4, 1:5] = MOTIF
    output = given.copy()
    image = np.kron(np.rot90(MOTIF, rng.integers(4)) if turn else MOTIF, np.ones((scale, scale), np.int8))
    top, left = rng.integers(0, 14 - image.shape[0] + 1), rng.integers(6, 20 - image.shape[1] + 1)
    there = (slice(top, top + image.shape[0]), slice(left, left + image.shape[1]))
    given[there], output[there] = np.where(image > 1, image, 0), image
    return given, output


def test_which_colours_mark():
    cells = draw("1112/2330")[:, :3].ravel()
    assert cells.tolist() == [1, 1, 1, 2, 3, 3]
    assert marking_colors(cells, "minor").tolist() == [2, 3]
    assert marking_colors(cells, "rarest").tolist() == [2]
    assert marking_colors(cells, (3, 5)).tolist() == [3]
    assert marking_colors(cells, (5,)).tolist() == []


def test_a_part_without_marks_or_without_other_cells_is_no_motif():
    grid = draw("110/000/220/000/021")
    found = motifs_of(grid, many_colored(grid), (2,), False)
    assert [own.tolist() for own, _ in found] == [(draw("000/000/000/000/011") > 0).tolist()]
    assert motifs_of(grid, many_colored(grid), (5,), False) == []
    assert motifs_of(draw("00"), many_colored(draw("00")), "minor", False) == []


def test_marks_outside_of_the_box_may_be_left_to_others():
    grid = draw("21100/01200")
    labels = many_colored(grid)
    ((own, _),) = motifs_of(grid, labels, (2,), True)
    assert own.tolist() == [[False, True, True, False, False], [False, True, True, False, False]]


def test_images_are_all_turns_and_sizes_once():
    assert [image.shape for image in images(draw("12"), False, 2)] == [(2, 4), (1, 2)]
    turns = list(images(draw("12"), True, 1))
    assert sorted(str(t.tolist()) for t in turns) == sorted(["[[1, 2]]", "[[2, 1]]", "[[1], [2]]", "[[2], [1]]"])
    assert turns[0].tolist() == [[1, 2]]


@pytest.mark.parametrize(
    ("text", "options", "output"),
    [
        ("2110000/0000000/0000200", {}, "2110000/0000000/0000211"),
        # What leaves the grid is lost; what is not background stays in the way.
        ("2110000/0000000/0000020", {}, "2110000/0000000/0000021"),
        ("2110000/0000000/0002030", {}, "2110000/0000000/0002030"),
        ("2110000/0000000/0002000", {"erased": True}, "0000000/0000000/0002110"),
        # Marks that touch others of their colour.
        ("2110000/0000000/0022000", {}, "2110000/0000000/0022000"),
        ("2110000/0000000/0022000", {"max_scale": 2, "alone": False}, "2110000/0000000/0022110"),
        ("2110000/0000000/0220000/0220000", {"max_scale": 2}, "2110000/0000000/0221111/0221111"),
        ("2113000/0000000/2000300", {}, "2113000/0000000/2000300"),
        ("2113000/0000000/2003000", {}, "2113000/0000000/2113000"),
        ("2113000/0000000/3002000", {}, "2113000/0000000/3002000"),
        ("2113000/0000000/3002000", {"turn": True}, "2113000/0000000/3112000"),
    ],
)
def test_copies_lie_where_marks_do(text, options, output):
    before = draw(text)
    assert copied(text, **options).tolist() == draw(output).tolist()
    assert before.tolist() == draw(text).tolist()


@pytest.mark.parametrize(("turn", "scales"), [(False, (1,)), (True, (1,)), (False, (1, 2, 3))])
def test_a_rule_is_found_and_gives_the_same_in_the_sandbox(turn, scales):
    rng = np.random.default_rng(4)
    scenes = [scene(rng, turn, scales[k % len(scales)]) for k in range(5)]
    inputs, outputs = [given for given, _ in scenes], [output for _, output in scenes]
    rules, checks = fit_motifs(input_value(inputs), outputs[:4], rng, never)
    assert checks
    assert rules[0].confirmed >= 3
    assert np.array_equal(rules[0].value.items[4], outputs[4])
    with Sandbox(size=1) as sandbox:
        given = sandbox.run(rules[0].value.program().render(), inputs).outputs
    assert [g.tolist() for g in given] == [g.tolist() for g in rules[0].value.items]


def test_a_task_is_settled_by_a_rule():
    rng = np.random.default_rng(7)
    scenes = [scene(rng, False, k) for k in (1, 2, 3, 2)]
    task = Task("motif", tuple(Pair(*s) for s in scenes[:3]), (Pair(scenes[3][0]),))
    seen = ViewedTask.of(task, View("plain"))
    root = RootPass.begin(seen, Grammar.shipped(), RootSettings(rounds=((0.15, 200, 4),)), rng)
    root.run(lambda part, nodes: nodes > 20_000 * part)
    exact = [c for c in root.candidates if c.exact]
    assert any(np.array_equal(c.value.items[3], scenes[3][1]) for c in exact)


def test_other_shapes_grids_without_motifs_and_noise_have_no_rule():
    rng = np.random.default_rng(1)
    grids = [rng.integers(0, 4, (6, 6)).astype(np.int8) for _ in range(4)]
    targets = [rng.integers(0, 4, (6, 6)).astype(np.int8) for _ in range(3)]
    assert fit_motifs(input_value(grids), targets, rng, never)[0] == []
    assert fit_motifs(input_value(grids), [t[:3] for t in targets], rng, never) == ([], 0)
    blank = [np.zeros((3, 3), np.int8)] * 3
    assert fit_motifs(input_value(blank), blank[:2], rng, never) == ([], 0)
    assert fit_motifs(input_value(grids), targets, rng, lambda: True) == ([], 0)


def test_one_pair_confirms_nothing():
    rng = np.random.default_rng(3)
    (given, output), (other, _) = scene(rng, False), scene(rng, False)
    rules, _ = fit_motifs(input_value([given, other]), [output], rng, never)
    assert all(rule.confirmed == 0 for rule in rules)
