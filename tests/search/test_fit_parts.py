"""Part rules: divisions, what parts are like, drawings, the rules, and the programs that they are written out as."""

from __future__ import annotations

import itertools
import time
from dataclasses import replace

import numpy as np
import pytest
from grids import draw

from solver.executor import apply, input_value
from solver.grid.registry import FUNCTIONS, GridError
from solver.program import ProgramError, parse
from solver.sandbox.pool import Pool as Sandbox
from solver.search import parts as words
from solver.search.fit_parts import DrawingRules, PartRule, Parts, choice_rules, divided, fit_parts, vote_cost
from solver.search.grammar import Grammar
from solver.search.parts import DIVISIONS, DRAWINGS, DRAWN_DIVISIONS, described, free_steps, source_of, stack_of
from solver.search.root import RootPass, RootSettings, ViewedTask
from solver.search.views import View
from solver.tasks import Pair, Task

GRIDS = [np.zeros((1, 1), np.int8), np.full((2, 5), 3, np.int8), draw("0120/0030/4000/0005"), np.eye(30, dtype=np.int8)]


def never():
    return False


def scattered(seed, count=5, shape=(9, 10), sizes=(1, 4), number=4):
    """Grids with some rectangles of colours 1 to 3 that do not touch."""
    rng = np.random.default_rng(seed)
    grids = []
    for _ in range(count):
        grid = np.zeros(shape, np.int8)
        for _ in range(number * 4):
            high, wide = rng.integers(*sizes, 2)
            top, left = rng.integers(0, shape[0] - high), rng.integers(0, shape[1] - wide)
            around = grid[max(0, top - 1) : top + high + 1, max(0, left - 1) : left + wide + 1]
            if not around.any() and len(np.unique(grid)) <= 9:
                grid[top : top + high, left : left + wide] = rng.integers(1, 4)
        grids.append(grid)
    return grids


def largest_alone(grid):
    """The largest part stays, others become 5."""
    labels = words.one_colored(grid)
    size = described(grid, labels)["size"]
    return np.where(np.append(0, size == size.max())[labels] == 1, grid, np.where(grid > 0, 5, 0)).astype(np.int8)


def fall(grid):
    """Parts of colour 1 shoot rays to the right, the others stay."""
    labels = words.one_colored(grid)
    stack = stack_of(grid, labels)
    rays = words.rays(grid, stack, 0, 1, 0)
    choice = (described(grid, labels)["color own"] == 1) * 1
    return words.painted(grid, stack, choice, [(stack, True, None), (rays, True, None)])


@pytest.mark.parametrize("division", DRAWN_DIVISIONS)
def test_a_division_numbers_its_parts_without_gaps(division):
    for grid in [*GRIDS, *scattered(1, 2)]:
        labels = division(grid)
        assert labels.shape == grid.shape
        assert labels.dtype == np.int64
        assert sorted(set(labels.ravel()) | {0}) == list(range(labels.max() + 1))


@pytest.mark.parametrize("division", DIVISIONS)
def test_what_parts_are_like_has_the_same_names_for_all_grids(division):
    names = set()
    for grid in [*GRIDS, *scattered(1, 2)]:
        labels = division(grid)
        if labels.max():
            found = described(grid, labels)
            names.add(tuple(found))
            for name, values in found.items():
                assert values.shape == (labels.max(),), name
                assert values.dtype == np.int64, name
                if name.startswith("color "):
                    assert values.min() >= 0, name
                    assert values.max() <= 9, name
    assert len(names) == 1


@pytest.mark.parametrize("drawing", DRAWINGS, ids=lambda one: f"{one[0].__name__}{one[1]}")
def test_a_drawing_paints_colours_of_the_grids_shape_and_changes_nothing(drawing):
    function, arguments, _ = drawing
    for grid in [*GRIDS, *scattered(1, 2)]:
        before, stack = grid.copy(), stack_of(grid, words.many_colored(grid))
        picture = function(grid, stack, *arguments)
        assert picture.shape == stack.shape
        assert picture.min(initial=0) >= -1
        assert picture.max(initial=0) <= 9
        assert np.array_equal(grid, before)


def test_parts_are_counted_ranked_and_compared():
    grid = draw("11000/11022/00022/30000/04000")
    found = described(grid, words.one_colored(grid))
    assert found["color own"].tolist() == [1, 2, 3, 4]
    assert found["size rank"].tolist() == [1, 1, 2, 2]
    assert found["of the same shape"].tolist() == [2, 2, 2, 2]
    assert found["color seen right"].tolist() == [2, 0, 0, 0]
    assert found["steps right"].tolist() == [2, 0, 0, 0]
    assert found["touching"].tolist() == [0, 0, 1, 1]
    assert found["size mod 2"].tolist() == [0, 0, 1, 1]
    assert found["left rank mod 3"].tolist() == [1, 0, 1, 2]
    ring = draw("1110/1010/1110/0002")
    assert described(ring, words.one_colored(ring))["holes"].tolist() == [1, 0]


def test_ends_bends_and_junctions_of_a_part_are_counted():
    grid = draw("10002220/10002020/11000000/00003000/00033300/00003000")
    found = described(grid, words.one_colored(grid))
    assert [found[name].tolist() for name in ("ends", "bends", "junctions")] == [[2, 2, 4], [1, 2, 0], [0, 0, 1]]


def test_a_legend_says_what_lies_beside_a_colour_elsewhere():
    grid = draw("1200000/0000111/3400111/0000000/0330050/0330000")
    found = described(grid, words.one_colored(grid))
    color = dict(zip(found["size"].tolist(), found["color beside its own elsewhere"].tolist(), strict=True))
    assert (color[6], color[4]) == (2, 4)
    assert found["largest of its color"][found["color own"] == 1].tolist() == [6, 1]
    assert found["largest of its color"][found["color own"] == 5].tolist() == [0]


def test_cells_of_a_loose_part_may_be_one_cell_apart():
    grid = draw("1020100/0000000/1000001/0002000")
    labels = words.loose(grid)
    assert labels.tolist() == [
        [1, 0, 2, 0, 3, 0, 0],
        [0, 0, 0, 0, 0, 0, 0],
        [1, 0, 0, 0, 0, 0, 3],
        [0, 0, 0, 4, 0, 0, 0],
    ]


def test_the_rest_of_a_box_and_a_part_without_its_main_colour():
    grid = draw("1130/1200/0000")
    stack = stack_of(grid, words.one_colored(grid))
    assert np.argwhere(words.rest_of_box(grid, stack)[0] >= 0).tolist() == [[1, 1]]
    whole = stack_of(grid, words.many_colored(grid))
    assert np.argwhere(words.without_main(grid, whole)[0] >= 0).tolist() == [[0, 2], [1, 1]]


def test_panels_lie_between_lines_or_are_squares_in_a_row():
    assert words.panels(draw("1050/0150/5555/0052")).tolist() == [
        [1, 1, 0, 2],
        [1, 1, 0, 2],
        [0, 0, 0, 0],
        [3, 3, 0, 4],
    ]
    # Empty lines separate only where no content does.
    assert words.panels(draw("100/000/555/000/020")).tolist() == [[1] * 3, [1] * 3, [0] * 3, [2] * 3, [2] * 3]
    assert words.panels(draw("110/110/000/220/220"))[2].tolist() == [0, 0, 0]
    assert words.panels(draw("12/30/45/60")).tolist() == [[1, 1], [1, 1], [2, 2], [2, 2]]
    assert not words.panels(draw("12/34")).any()


def test_a_mat_lies_in_and_around_the_box():
    grid = draw("00000/02220/02020/02220/00000")
    stack = stack_of(grid, words.one_colored(grid))
    ring = draw("22222/20002/20002/20002/22222")
    assert np.maximum(words.mat(grid, stack, 0)[0], 0).tolist() == ring.tolist()
    ring[2, 2] = 2
    assert np.maximum(words.mat(grid, stack, 1)[0], 0).tolist() == ring.tolist()


def test_a_part_moves_up_to_content_or_the_border():
    grid = draw("1000/0000/1020/0000")
    stack = stack_of(grid, words.one_colored(grid))
    steps, stopped = free_steps(grid, stack, 1, 0)
    assert steps.tolist() == [1, 1, 1]
    assert stopped.tolist() == [True, False, False]
    steps, stopped = free_steps(grid, stack, 0, 1)
    assert steps.tolist() == [3, 1, 1]
    assert stopped.tolist() == [False, True, False]


def test_rays_are_those_of_going_on_cell_by_cell():
    for grid in scattered(5, count=4):
        stack = stack_of(grid, words.many_colored(grid))
        for (_, down, right), through in itertools.product(words.ways(), (0, 1)):
            wanted = np.full(stack.shape, -1, np.int8)
            for k, row, column in np.argwhere(stack >= 0):
                r, c = row + down, column + right
                while 0 <= r < grid.shape[0] and 0 <= c < grid.shape[1] and stack[k, r, c] < 0:
                    if grid[r, c] and not through:
                        break
                    wanted[k, r, c] = stack[k, row, column]
                    r, c = r + down, c + right
            assert np.array_equal(words.rays(grid, stack, down, right, through), wanted)


def test_the_most_common_colour_of_no_part_and_the_lowest_of_equally_common_ones():
    assert len(words.main_colors(np.zeros((0, 3, 3), np.int8))) == 0
    stack = np.full((2, 2, 2), -1, np.int8)
    stack[0, 0], stack[1, 1] = (7, 3), (9, 9)
    assert words.main_colors(stack).tolist() == [3, 9]


def test_free_steps_are_those_of_moving_step_by_step():
    for grid in scattered(2, 20, (7, 6), (1, 3), 6):
        stack = stack_of(grid, words.one_colored(grid))
        for _, down, right in words.ways()[:4]:
            steps, _ = free_steps(grid, stack, down, right)
            for part, far in zip(stack, steps, strict=True):
                for step in range(1, 9):
                    moved = words.pushed(part[None], down * step, right * step)[0]
                    whole = (moved >= 0).sum() == (part >= 0).sum()
                    if not whole or ((moved >= 0) & (grid > 0) & (part < 0)).any():
                        assert far == step - 1
                        break


@pytest.mark.parametrize("rule", [largest_alone, fall])
def test_a_drawing_rule_is_found_confirmed_and_right_on_the_test_input(rule):
    inputs = scattered(3)
    rules, checks = fit_parts(input_value(inputs), [rule(g) for g in inputs[:4]], np.random.default_rng(0), never)
    assert checks > 0
    assert rules[0].confirmed == 4
    assert [g.tolist() for g in rules[0].value.items] == [rule(g).tolist() for g in inputs]


def test_a_choice_rule_is_found_confirmed_and_right_on_the_test_input():
    inputs, cut = [], []
    for grid in scattered(4, count=40, sizes=(2, 5)):
        labels = words.one_colored(grid)
        size = described(grid, labels)["size"]
        if (size == size.max()).sum() == 1:
            inputs.append(grid)
            cut.append(words.cut_out(grid, labels, int(size.argmax()), "region"))
    rules, _ = choice_rules(
        Parts(input_value(inputs[:6]), words.one_colored, 5), cut[:5], np.random.default_rng(0), never
    )
    assert rules[0].confirmed >= 4
    assert rules[0].value.items[5].tolist() == cut[5].tolist()


def test_a_rule_is_a_program_that_gives_the_same_in_the_sandbox():
    inputs = scattered(5)
    start = apply(FUNCTIONS["transform"], [input_value(inputs), 1])
    with Sandbox(size=1) as sandbox:
        for rule in (largest_alone, fall):
            rules, _ = fit_parts(start, [rule(g) for g in start.items[:4]], np.random.default_rng(0), never)
            assert rules
            for found in rules[:3]:
                final = apply(FUNCTIONS["transform"], [found.value, 1])
                text = final.program().render()
                with pytest.raises(ProgramError):
                    parse(text)
                outputs = sandbox.run(text, inputs).outputs
                assert [g.tolist() for g in outputs] == [g.tolist() for g in final.items]


def test_the_sources_of_all_words_run_by_themselves():
    names = {"np": np}
    exec("from solver.grid import *", names)
    exec(source_of([*DRAWN_DIVISIONS, *(f for f, _, _ in DRAWINGS), stack_of, described, words.painted]), names)
    grid = scattered(1, 1)[0]
    labels = words.one_colored(grid)
    stack = names["stack_of"](grid, labels)
    for division in DRAWN_DIVISIONS:
        assert np.array_equal(names[division.__name__](grid), division(grid))
    for function, arguments, _ in DRAWINGS:
        assert np.array_equal(names[function.__name__](grid, stack, *arguments), function(grid, stack, *arguments))
    found = names["described"](grid, labels)
    assert all(np.array_equal(found[name], values) for name, values in described(grid, labels).items())


def test_the_source_of_a_word_holds_what_it_needs_in_comprehensions_too():
    for function in {*DRAWN_DIVISIONS, *(f for f, _, _ in DRAWINGS), described, words.cut_out}:
        names = {"np": np}
        exec("from solver.grid import *", names)
        exec(source_of([function]), names)
        used = {name for name in words._words(function.__code__) if hasattr(words, name)}
        assert used <= set(names)


def test_stamps_are_read_off_the_outputs():
    inputs = scattered(6, sizes=(2, 3), shape=(12, 12), number=2)
    targets = []
    for grid in inputs[:4]:
        stack = stack_of(grid, words.one_colored(grid))
        stamp = words.stamped(grid, stack, ((-1, -1, 7), (2, 2, 8)))
        targets.append(words.painted(grid, stack, np.zeros(len(stack), int), [(stamp, True, None)]))
    rules, _ = fit_parts(input_value(inputs), targets, np.random.default_rng(0), never)
    assert rules[0].confirmed == 4
    assert "stamped" in rules[0].value.text


def test_stamps_lie_around_the_middle_of_parts_of_any_size():
    rng = np.random.default_rng(5)
    inputs, outputs = [], []
    for far in (1, 3, 2, 4, 2):
        grid = np.zeros((9, 11), np.int8)
        row, middle = rng.integers(1, 8), rng.integers(4, 7)
        grid[row, [middle - far, middle + far]] = 1
        inputs.append(grid)
        outputs.append(grid.copy())
        for down, right in ((0, 0), (1, 0), (-1, 0)):
            outputs[-1][row + down, middle + right] = 3
    rules, _ = fit_parts(input_value(inputs), outputs[:4], np.random.default_rng(0), never)
    assert rules[0].confirmed == 4
    assert "stamped_in_middle" in rules[0].value.text
    assert np.array_equal(rules[0].value.items[4], outputs[4])
    with Sandbox(size=1) as sandbox:
        given = sandbox.run(rules[0].value.program().render(), inputs).outputs
    assert [g.tolist() for g in given] == [g.tolist() for g in rules[0].value.items]


def test_nothing_is_stamped_around_a_middle_between_cells():
    grid = draw("0110/0000")
    stack = stack_of(grid, words.one_colored(grid))
    assert (words.stamped_in_middle(grid, stack, ((0, 0, 5),)) < 0).all()


def test_noise_is_never_confirmed():
    rng = np.random.default_rng(5)
    inputs = scattered(7)
    targets = [rng.integers(0, 9, g.shape).astype(np.int8) for g in inputs[:4]]
    rules, _ = fit_parts(input_value(inputs), targets, rng, never)
    assert not rules
    small = [rng.integers(0, 9, (3, 3)).astype(np.int8) for _ in range(4)]
    assert not fit_parts(input_value(inputs), small, rng, never)[0]


def test_one_pair_is_confirmed_by_nothing():
    inputs = scattered(8, count=2)
    rules, _ = fit_parts(input_value(inputs), [fall(inputs[0])], np.random.default_rng(0), never)
    assert all(rule.confirmed == 0 for rule in rules)


def test_outputs_that_are_the_inputs_have_no_rule():
    inputs = scattered(9)
    assert not fit_parts(input_value(inputs), inputs[:4], np.random.default_rng(0), never)[0]


def test_grids_without_parts_or_with_too_many_have_no_rules():
    empty = input_value([np.zeros((3, 3), np.int8)] * 3)
    with pytest.raises(GridError):
        Parts(empty, words.one_colored, 2)
    with pytest.raises(GridError):
        Parts(input_value([np.indices((20, 20)).sum(0).astype(np.int8) % 2] * 3), words.one_colored_straight, 2)
    targets = [np.ones((3, 3), np.int8)] * 2
    assert fit_parts(empty, targets, np.random.default_rng(0), never)[0] is not None


def test_the_same_seed_gives_the_same_rules_and_stop_ends_the_search():
    inputs = scattered(10)
    targets = [largest_alone(g) for g in inputs[:4]]
    first, second = (fit_parts(input_value(inputs), targets, np.random.default_rng(3), never)[0] for _ in range(2))
    assert [rule.value.text for rule in first] == [rule.value.text for rule in second]
    assert fit_parts(input_value(inputs), targets, np.random.default_rng(3), lambda: True) == ([], 0)
    parts = Parts(input_value(inputs), words.one_colored, 4)
    assert DrawingRules(parts, targets, lambda: True).fits(np.random.default_rng(0)) == []


def test_rules_in_doubt_stand_before_programs_that_do_not_fit_and_behind_confirmed_ones():
    sure, unsure, worse = (PartRule(None, confirmed, 3.0) for confirmed in (4, 3, 0))
    assert vote_cost(sure, 4) == 3.0
    assert vote_cost(unsure, 4) < vote_cost(worse, 4) < 0


def test_rules_are_sought_once_in_a_view_and_in_a_third_of_the_time():
    inputs = [np.eye(5, dtype=np.int8) * k for k in (1, 2, 3)]
    pairs = tuple(Pair(grid, np.rot90(grid).copy()) for grid in inputs[:2])
    seen = ViewedTask.of(Task("t", pairs, (Pair(inputs[2]),)), View("plain"))
    asked, rules = [], {}

    def search(base, targets, rng, stop):
        asked.append(stop())
        return [], 7

    def begin():
        return RootPass.begin(seen, Grammar.shipped(), RootSettings(), np.random.default_rng(0), rules=rules)

    for expected in (7, 0):
        root = begin()
        assert not root._keep_rules(search, root.store.value(0), lambda: False, 5)
        assert root.num_checks == expected
    assert asked == [False]
    rules.clear()
    for _ in range(2):  # what the clock cut short is sought again
        root = begin()
        root._keep_rules(search, root.store.value(0), lambda: True, 5)
        assert root.num_checks == 7
    stops = []
    root._fit_layout = lambda stop: stops.append(stop) or True
    root.settings = replace(root.settings, use_part_rules=False)
    assert root._fit_parts(None, lambda: False, time.monotonic() - 1.0)
    assert root._fit_parts(None, lambda: False, time.monotonic() + 100.0)
    assert root._fit_parts(None, lambda: False, None)
    assert [stop() for stop in stops] == [True, False, False]


def test_a_grid_is_divided_once_for_all_that_seek_rules_over_it():
    base = input_value([draw("0110/0000/2002"), draw("0330/0000/0004"), draw("0000/1000/0000")])
    first, again = (list(divided(base, DIVISIONS, 2, never)) for _ in range(2))
    assert [id(parts) for parts in first] == [id(parts) for parts in again]
    assert first[0].cut("region") is first[0].cut("region")
    assert [cut.tolist() for cut in first[0].cut("alone")] == [[[1, 1]], [[2]], [[2]], [[3, 3]], [[4]], [[1]]]
    alike = input_value([grid.copy() for grid in base.items])
    assert next(divided(alike, DIVISIONS, 2, never)).base is alike
