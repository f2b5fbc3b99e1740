"""Objects family, on drawn examples; labelling and measuring against slow reference code on random grids."""

from __future__ import annotations

import numpy as np
import pytest
from grids import draw, mask

from solver import grid as g
from solver.grid.objects import _label, _measure, _no_objects, _select
from solver.grid.registry import FUNCTIONS, is_missing
from solver.grid.types import Objects, Property, Rank


def find(picture, connectivity=0, coloring=0):
    return g.find_objects(draw(picture), connectivity, coloring)


def labelled(picture, labels):
    labels = draw(labels).astype(np.int16)
    return Objects(draw(picture), labels, int(labels.max()))


def checkered():
    """65 single cells."""
    return g.find_objects(np.indices((10, 13)).sum(0) % 2, g.CONN4, g.ONE_COLOR)


def same(value, picture, labels=None):
    """Whether objects show this picture (and have these labels)."""
    check(value)
    return np.array_equal(value.grid, draw(picture)) and (labels is None or np.array_equal(value.labels, draw(labels)))


def check(value):
    """What every Objects value promises."""
    assert value.grid.dtype == np.int8
    assert value.labels.dtype == np.int16
    assert value.grid.flags.c_contiguous
    assert value.labels.flags.c_contiguous
    assert sorted(set(value.labels.ravel().tolist()) - {0}) == list(range(1, value.count + 1))
    assert not value.grid[value.labels == 0].any()


def reference_labels(grid, eight, any_color):
    h, w = grid.shape
    labels = np.zeros((h, w), int)
    count = 0
    for start in np.argwhere(grid):
        if labels[tuple(start)]:
            continue
        count += 1
        labels[tuple(start)] = count
        todo = [tuple(start)]
        while todo:
            r, c = todo.pop()
            for rr in range(max(0, r - 1), min(h, r + 2)):
                for cc in range(max(0, c - 1), min(w, c + 2)):
                    near = eight or abs(r - rr) + abs(c - cc) == 1
                    alike = grid[rr, cc] and (any_color or grid[rr, cc] == grid[r, c])
                    if near and alike and not labels[rr, cc]:
                        labels[rr, cc] = count
                        todo.append((rr, cc))
    return labels, count


def reference_measures(value):
    """Property -> values, the obvious way."""
    h, w = value.grid.shape
    rows = []
    for k in range(1, value.count + 1):
        own = value.labels == k
        places = np.argwhere(own)
        (top, left), (bottom, right) = places.min(0), places.max(0)
        box = own[top : bottom + 1, left : right + 1]
        crop = np.where(box, value.grid[top : bottom + 1, left : right + 1], -1)
        counts = np.bincount(value.grid[own], minlength=10)
        outside = np.pad(~box, 1, constant_values=True).astype(np.int8)
        holes = reference_labels(outside, False, True)[1] - 1
        images = [crop[::-1], crop[:, ::-1], crop.T, crop[::-1, ::-1].T]
        rows.append(
            {
                "SIZE": own.sum(),
                "HEIGHT": bottom - top + 1,
                "WIDTH": right - left + 1,
                "TOP": top,
                "LEFT_EDGE": left,
                "COLOR": counts.argmax(),
                "NUM_COLORS_IN": (counts > 0).sum(),
                "HOLES": holes,
                "SYMMETRY_COUNT": sum(np.array_equal(crop, image) for image in images),
                "DENSITY": own.sum() * 1000 // box.size,
                "BORDER_CELLS": sum(r in (0, h - 1) or c in (0, w - 1) for r, c in places),
                "MINORITY_CELLS": own.sum() - counts.max(),
                "shape": (box.shape, box.tobytes()),
            }
        )
    for row in rows:
        row["SHAPE_COUNT"] = sum(other["shape"] == row["shape"] for other in rows)
        row["COLOR_COUNT"] = sum(other["COLOR"] == row["COLOR"] for other in rows)
    return {prop: [row[prop.name] for row in rows] for prop in Property}


def random_grids(seed, n):
    rng = np.random.default_rng(seed)
    for _ in range(n):
        h, w = rng.integers(1, 14, 2)
        colors = rng.integers(1, 5)
        yield (rng.integers(1, 1 + colors, (h, w)) * (rng.random((h, w)) < rng.random())).astype(np.int8)


def test_labelling_equals_the_reference():
    for grid in random_grids(1, 60):
        for eight in (0, 1):
            for any_color in (0, 1):
                labels, count = reference_labels(grid, eight, any_color)
                found = _label(grid, eight, any_color)
                if count:
                    check(found)
                    assert np.array_equal(found.labels, labels)
                    assert np.array_equal(found.grid, grid)
                else:
                    assert is_missing(found)


def test_measuring_equals_the_reference():
    for grid in random_grids(2, 60):
        for any_color in (0, 1):
            found = _label(grid, 1, any_color)
            for prop, values in reference_measures(found).items():
                assert _measure(found, int(prop)).tolist() == values, prop.name


@pytest.mark.parametrize(
    ("values", "chosen"),
    [
        ([3, 5, 1, 3], {"MAX": [1], "MIN": [2], "UNIQUE": [1, 2], "COMMON": [0, 3], "SECOND_MAX": [0, 3]}),
        ([1, 2, 4], {"UNIQUE": [0, 1, 2], "COMMON": [0, 1, 2], "SECOND_MAX": [1], "SECOND_MIN": [1]}),
        ([7, 7], {"MAX": [0, 1], "MIN": [0, 1], "UNIQUE": [], "SECOND_MAX": [], "SECOND_MIN": []}),
        ([9, 5, 5, 0], {"SECOND_MAX": [1, 2], "SECOND_MIN": [1, 2], "MIN": [3]}),
    ],
)
def test_ranks_choose_by_value(values, chosen):
    for name, expected in chosen.items():
        got = _select(np.array(values, np.int64), int(Rank[name]))
        assert got.dtype == np.bool_
        assert np.flatnonzero(got).tolist() == expected, name


@pytest.mark.parametrize(
    ("call", "picture", "labels"),
    [
        (lambda: find("102/120/003"), "102/120/003", "102/130/004"),
        (lambda: find("102/120/003", g.CONN8), "102/120/003", "102/120/003"),
        (lambda: find("102/120/003", g.CONN4, g.ANY_COLOR), "102/120/003", "102/110/003"),
        (lambda: find("102/120/003", g.CONN8, g.ANY_COLOR), "102/120/003", "101/110/001"),
        (lambda: g.objects_of_color(draw("1201/2021"), 2, g.CONN4), "0200/2020", "0100/2030"),
        (lambda: g.objects_of_color(draw("101/010"), 0, g.CONN8), "000/000", "010/101"),
        (lambda: g.color_layers(draw("2010/0102")), "2010/0102", "1020/0201"),
        (lambda: g.whole(draw("2010/0003")), "2010/0003", "1010/0001"),
        (lambda: g.background_regions(draw("100/010"), g.CONN4), "000/000", "011/201"),
        (
            lambda: g.enclosed_regions(draw("1111/1010/1111/0000")),
            "0000/0000/0000/0000",
            "0000/0100/0000/0000",
        ),
        (lambda: g.objects_from_mask(mask("101/010"), g.CONN4), "101/010", "102/030"),
        (lambda: g.rectangles(draw("3330/3330/0122/1022")), "3330/3330/0022/0022", "1110/1110/0022/0022"),
        (lambda: g.rectangles(draw("33300/33333/00030")), "33300/33300/00000", "11100/11100/00000"),
    ],
)
def test_extraction(call, picture, labels):
    assert same(call(), picture, labels)


THREE = "1100200/1100000/0000333/0000303/0000333"  # a square of 1, a single 2, a ring of 3


@pytest.mark.parametrize(
    ("call", "picture"),
    [
        (lambda o: g.keep(o, g.SIZE, g.MAX), "0000000/0000000/0000333/0000303/0000333"),
        (lambda o: g.drop(o, g.SIZE, g.MAX), "1100200/1100000/0000000/0000000/0000000"),
        (lambda o: g.keep_objects_of_color(o, 2), "0000200/0000000/0000000/0000000/0000000"),
        (lambda o: g.drop_objects_of_color(o, 2), "1100000/1100000/0000333/0000303/0000333"),
        (lambda o: g.keep_size(o, 4), "1100000/1100000/0000000/0000000/0000000"),
        (g.drop_single_cells, "1100000/1100000/0000333/0000303/0000333"),
        (g.keep_with_holes, "0000000/0000000/0000333/0000303/0000333"),
        (g.drop_with_holes, "1100200/1100000/0000000/0000000/0000000"),
        (g.keep_solid_rectangles, "1100200/1100000/0000000/0000000/0000000"),
        (g.drop_solid_rectangles, "0000000/0000000/0000333/0000303/0000333"),
        (g.keep_squares, THREE),
        (g.keep_unique_shapes, THREE),
        (g.keep_border, THREE),
        (g.keep_symmetric, THREE),
        (lambda o: g.keep_touching(o, mask("0000000/0000000/0010000/0000000/0000000")),
         "1100000/1100000/0000000/0000000/0000000"),
        (lambda o: g.drop_touching(o, mask("0000000/0000000/0010000/0000000/0000000")),
         "0000200/0000000/0000333/0000303/0000333"),
        (lambda o: g.keep_overlapping(o, mask("0000100/0000000/0010000/0000000/0000000")),
         "0000200/0000000/0000000/0000000/0000000"),
    ],
)  # fmt: skip
def test_selection(call, picture):
    assert same(call(find(THREE)), picture)


def test_selection_renumbers_in_order():
    assert same(g.keep(find("10203"), g.SIZE, g.COMMON), "10203", "10203")
    assert same(g.drop(find("10203"), g.COLOR, g.MIN), "00203", "00102")


def test_keep_squares_goes_by_the_bounding_box():
    assert same(g.keep_squares(find("1102/1002/0002")), "1100/1000/0000")


def test_repeated_and_unique_shapes_ignore_colour():
    o = find("1102/0002/3300/0044")
    assert same(g.keep_repeated_shapes(o), "1100/0000/3300/0044")
    assert same(g.keep_unique_shapes(o), "0002/0002/0000/0000")


def test_border_and_symmetry_have_opposites():
    o = find("00000/01020/01000/01100/00003")
    assert same(g.drop_border(o), "00000/01020/01000/01100/00000")
    assert same(g.keep_border(o), "00000/00000/00000/00000/00003")
    assert same(g.drop_symmetric(o), "00000/01000/01000/01100/00000")


CANVAS = "5555/5005/5000/5555"


@pytest.mark.parametrize(
    ("call", "picture"),
    [
        (lambda: g.paint(find("1000/0000/0220/0000"), draw(CANVAS)), "1555/5005/5220/5555"),
        (lambda: g.paint_alone(g.keep(find("1022"), g.SIZE, g.MAX)), "0022"),
        (lambda: g.erase(find("1000/0000/0220/0000"), draw(CANVAS)), "0555/5005/5000/5555"),
        (lambda: g.crop_object(find("0220/1200/0000"), g.SIZE, g.MAX), "22/20"),
        (lambda: g.crop_object(find("110/000/011/300"), g.SHAPE_COUNT, g.MAX), "11"),
        (lambda: g.crop_region(find("0220/1200/0000"), draw("5678/9123/4567"), g.SIZE, g.MAX), "67/12"),
        (lambda: g.arrange(find("110/010/002/003"), g.HORIZONTAL), "1123/0100"),
        (lambda: g.arrange(find("110/010/002/003"), g.VERTICAL), "11/01/20/30"),
        (lambda: g.layout(find("11022/11022/00000/00033")), "12/03"),
        (lambda: g.layout(find("1122/1122/3344")), "12/34"),
        (
            lambda: g.fill_holes(find("3333/3003/3033/3330"), draw("3333/3073/3033/3330"), 8),
            "3333/3873/3833/3330",
        ),
        (lambda: g.fill_holes(find("333/303/300"), draw("333/303/300"), 8), "333/303/300"),
        (lambda: g.fill_box_background(find("110/010/000"), draw("110/010/000"), 4), "110/410/000"),
        (lambda: g.frame_boxes(find("1000/0000/0020"), draw("1000/0000/0020"), 4), "1400/4444/0424"),
    ],
)
def test_to_grids(call, picture):
    assert np.array_equal(call(), draw(picture))


def test_crop_all_keeps_the_order():
    found = g.crop_all(find("0220/1200/0000"))
    assert found.shapes.tolist() == [[2, 2], [1, 1]]
    assert found.cells.shape == (2, 30, 30)
    assert found.cells[0, :2, :2].tolist() == [[2, 2], [2, 0]]
    assert found.cells[1, 0, 0] == 1
    assert found.cells.sum() == 7


def test_crop_all_regions_shows_the_canvas():
    found = g.crop_all_regions(find("0220/1200/0000"), draw("1111/9111/1111"))
    assert found.shapes.tolist() == [[2, 2], [1, 1]]
    assert found.cells[0, :2, :2].tolist() == [[1, 1], [1, 1]]
    assert found.cells.sum() == 13


def test_masks():
    o = find("110/010/000")
    assert np.array_equal(g.objects_mask(o), mask("110/010/000"))
    assert np.array_equal(g.box_mask(o), mask("110/110/000"))


def test_colours_and_numbers_of_a_pick():
    o = find("110/010/222/003", g.CONN4)
    assert g.object_color(o, g.HEIGHT, g.MAX) == 1
    assert g.object_color(find("101/022"), g.SIZE, g.MIN) == 1
    assert g.majority_color(find("101/020")) == 1
    assert g.measure(o, g.WIDTH, g.MAX) == 3
    assert g.measure(find("1011"), g.SIZE, g.SECOND_MAX) == 1


@pytest.mark.parametrize(
    ("call", "picture"),
    [
        (lambda: g.recolor(find("102/120"), 7), "707/770"),
        (lambda: g.recolor_main(find("110/210", g.CONN4, g.ANY_COLOR)), "110/110"),
        (lambda: g.recolor_rank(find("50555055"), g.SIZE), "30111022"),
        (lambda: g.recolor_value(find("50555055"), g.SIZE), "10333022"),
        (lambda: g.recolor_value(find("5555555555"), g.SIZE), "9999999999"),
        (lambda: g.recolor_from(find("5500/5500/0005"), find("0000/0000/3000")), "3300/3300/0005"),
        (lambda: g.fill_boxes(find("110/010/002")), "110/110/002"),
        (lambda: g.fill_own_holes(find("3330/3030/3330/0000")), "3330/3330/3330/0000"),
        (lambda: g.flip_objects(find("110/100/000"), g.FLIP_LR), "110/010/000"),
        (lambda: g.flip_objects(find("110/100/000"), g.ROT90), "110/010/000"),
        (lambda: g.flip_objects(find("111/100/000"), g.ROT90), "111/100/000"),
        (lambda: g.symmetrize_objects(find("111/100/000"), g.FLIP_LR), "111/101/000"),
        (lambda: g.move_objects(find("110/002"), g.RIGHT), "011/000"),
        (lambda: g.hollow(find("1111/1111/1111")), "1111/1001/1111"),
        (lambda: g.inner_cells(find("1111/1111/1111")), "0000/0110/0000"),
    ],
)
def test_changes(call, picture):
    assert same(call(), picture)


def test_recolor_from_looks_around_an_object_before_it_looks_inside():
    o = find("0330/0430/0000/0055", g.CONN4, g.ANY_COLOR)
    marker = g.objects_of_color(draw("0330/0430/5000/0055"), 4, g.CONN4)
    assert same(g.recolor_from(o, marker), "0440/0440/0000/0055")
    colors = find("122")
    assert same(g.recolor_from(g.keep(colors, g.SIZE, g.MAX), colors), "011")


def test_nested_holes_belong_to_the_inner_object():
    picture = "11111/12221/12021/12221/11111"
    assert same(g.fill_own_holes(find(picture)), "11111/12221/12221/12221/11111")


def test_order():
    o = find("1022")
    assert same(g.sort_objects(o, g.SIZE), "1022", "2011")
    assert same(g.sort_objects(find("102"), g.SIZE), "102", "102")
    assert same(g.reverse_objects(o), "1022", "2011")


def test_objects_that_vanish_are_not_counted():
    assert g.move_objects(find("10/02"), g.LEFT).count == 1
    covered = labelled("120/110/000", "120/110/000")
    assert g.flip_objects(covered, g.ROT180).count == 2
    check(g.flip_objects(labelled("101/121", "101/121"), g.FLIP_UD))


@pytest.mark.parametrize(
    "call",
    [
        lambda: find("00/00"),
        lambda: g.objects_of_color(draw("11"), 2, g.CONN4),
        lambda: g.color_layers(draw("00")),
        lambda: g.whole(draw("00")),
        lambda: g.background_regions(draw("11"), g.CONN4),
        lambda: g.enclosed_regions(draw("11")),
        lambda: g.enclosed_regions(draw("101")),
        lambda: g.rectangles(draw("111")),
        lambda: g.objects_from_mask(mask("00"), g.CONN4),
        lambda: g.find_objects(np.indices((30, 30)).sum(0) % 2 + 1, g.CONN4, g.ONE_COLOR),
        lambda: g.keep(find("11"), g.SIZE, g.SECOND_MAX),
        lambda: g.drop(find("11"), g.SIZE, g.MAX),
        lambda: g.drop_single_cells(find("10")),
        lambda: g.keep_touching(find("10"), mask("100")),
        lambda: g.keep_touching(find("100"), mask("001")),
        lambda: g.paint(find("10"), draw("100")),
        lambda: g.erase(find("10"), draw("100")),
        lambda: g.crop_object(find("102"), g.SIZE, g.MAX),
        lambda: g.crop_region(find("102"), draw("345"), g.SIZE, g.MAX),
        lambda: g.crop_region(find("102"), draw("34"), g.COLOR, g.MAX),
        lambda: g.crop_all(checkered()),
        lambda: g.arrange(checkered(), g.HORIZONTAL),
        lambda: g.layout(find("11")),
        lambda: g.layout(find("1110/0010/2010")),
        lambda: g.object_color(find("102"), g.SIZE, g.MAX),
        lambda: g.majority_color(find("102")),
        lambda: g.measure(g.whole(np.ones((10, 10), np.int8)), g.SIZE, g.MAX),
        lambda: g.measure(find("1011"), g.SIZE, g.UNIQUE),
        lambda: g.recolor_rank(g.find_objects(np.eye(10, dtype=np.int8), g.CONN4, g.ONE_COLOR), g.TOP),
        lambda: g.move_objects(find("10"), g.LEFT),
        lambda: g.inner_cells(find("11/11")),
        lambda: g.fill_holes(find("10"), draw("1"), 3),
    ],
)  # fmt: skip
def test_not_applicable_is_an_error_for_people(call):
    with pytest.raises(g.GridError):
        call()


def test_no_function_trips_over_objects_that_are_not_applicable():
    nothing = _no_objects()
    empty = np.empty((0, 0), np.int8)
    given = {g.Grid: empty, g.Mask: empty.astype(np.bool_), g.Objects: nothing}
    for function in FUNCTIONS.values():
        if function.family == "objects" and any(p.type is g.Objects for p in function.parameters):
            args = [given.get(p.type, 1) for p in function.parameters]
            assert is_missing(function.kernel(*args)), function.name


def test_arguments_are_not_changed():
    rng = np.random.default_rng(3)
    grid = (rng.integers(1, 4, (8, 8)) * (rng.random((8, 8)) < 0.6)).astype(np.int8)
    before = grid.copy()
    found = _label(grid, 0, 0)
    kept = Objects(found.grid.copy(), found.labels.copy(), found.count)
    given = {g.Grid: grid, g.Mask: grid > 1, g.Objects: found}
    for function in FUNCTIONS.values():
        if function.family != "objects":
            continue
        result = function.kernel(*[given.get(p.type, 1) for p in function.parameters])
        assert np.array_equal(grid, before), function.name
        assert np.array_equal(found.grid, kept.grid), function.name
        assert np.array_equal(found.labels, kept.labels), function.name
        parts = result if isinstance(result, tuple) else (result,)
        for part in parts:
            if isinstance(part, np.ndarray):
                assert part.flags.c_contiguous, function.name
                assert not np.shares_memory(part, grid), function.name
                assert not any(np.shares_memory(part, array) for array in found[:2]), function.name
        if isinstance(result, Objects) and not is_missing(result):
            check(result)
