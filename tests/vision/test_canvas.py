"""Drawing grids on a canvas and reading them back."""

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("safetensors")

from hypothesis import given, settings  # noqa: E402
from hypothesis import strategies as st  # noqa: E402

from solver.vision.canvas import (  # noqa: E402
    BACKGROUND,
    BORDER,
    IGNORE,
    choose_canvas,
    draw_inputs,
    draw_targets,
    max_scale,
    patchify,
    random_placement,
    read_canvas,
    unpatchify,
)

sizes = st.tuples(st.integers(1, 30), st.integers(1, 30))


def padded(grid):
    out = np.zeros((1, 30, 30), dtype=np.uint8)
    out[0, : grid.shape[0], : grid.shape[1]] = grid
    return torch.from_numpy(out)


def drawn(size, other_size, canvas, seed):
    """A random grid, its size tensors, and a placement that also fits the other size."""
    (height, width), (other_height, other_width) = size, other_size
    rng = np.random.default_rng(seed)
    grid = rng.integers(0, 10, (height, width), dtype=np.uint8)
    h, w = torch.tensor([height]), torch.tensor([width])
    generator = torch.Generator().manual_seed(seed)
    bound_h, bound_w = torch.tensor([max(height, other_height)]), torch.tensor([max(width, other_width)])
    return grid, h, w, random_placement(bound_h, bound_w, canvas, generator)


@settings(max_examples=60, deadline=None)
@given(sizes, sizes, st.sampled_from([32, 48, 64]), st.integers(0, 1000))
def test_a_target_reads_back_as_the_grid(size, other_size, canvas, seed):
    (height, width), (grid, h, w, place) = size, drawn(size, other_size, canvas, seed)
    target = draw_targets(padded(grid), h, w, place, canvas)
    read = read_canvas(torch.where(target == IGNORE, BACKGROUND, target), place)
    assert bool(read.valid)
    assert (int(read.heights), int(read.widths)) == grid.shape
    np.testing.assert_array_equal(read.grids[0, :height, :width], grid)
    scale = int(place.scale)
    assert int((target == BORDER).sum()) == scale * (height + width) + 1
    assert int((target != IGNORE).sum()) == (scale * height + 1) * (scale * width + 1)


@settings(max_examples=60, deadline=None)
@given(sizes, st.sampled_from([32, 48, 64]), st.integers(1, 5), st.integers(0, 1000))
def test_scales_begin_at_the_least_one_where_it_fits(size, canvas, min_scale, seed):
    height, width = (torch.full((200,), side) for side in size)
    place = random_placement(height, width, canvas, torch.Generator().manual_seed(seed), min_scale=min_scale)
    largest = max(1, (canvas - 2) // max(size))
    drawn = set(place.scale.tolist())
    assert min(drawn) >= min(min_scale, largest)
    assert max(drawn) <= largest
    if largest - min_scale < 8:
        assert drawn == set(range(min(min_scale, largest), largest + 1))


def test_grids_that_fit_at_the_smallest_scale_only_go_to_the_large_canvas():
    assert [choose_canvas(side, 48, 64) for side in (1, 23, 24, 30)] == [48, 48, 64, 64]
    assert [choose_canvas(side, 48, 0) for side in (23, 24, 30)] == [48, 48, 48]
    assert max_scale(torch.tensor([24, 30]), 64).tolist() == [2, 2]


@settings(max_examples=40, deadline=None)
@given(sizes, sizes, st.sampled_from([32, 48, 64]), st.integers(0, 1000))
def test_an_input_shows_the_whole_grid_scaled(size, other_size, canvas, seed):
    (height, width), (grid, h, w, place) = size, drawn(size, other_size, canvas, seed)
    shown = draw_inputs(padded(grid), h, w, place, canvas)[0].numpy()
    s, r, c = int(place.scale), int(place.row), int(place.column)
    expected = np.full((canvas, canvas), BACKGROUND)
    expected[r : r + s * height, c : c + s * width] = np.kron(grid, np.ones((s, s), dtype=np.uint8))
    np.testing.assert_array_equal(shown, expected)


def test_placements_use_every_scale_and_offset_that_fits():
    count = 4000
    size = torch.full((count,), 20)
    place = random_placement(size, size, 48, torch.Generator().manual_seed(0))
    assert set(place.scale.tolist()) == {1, 2}
    doubled = place.scale == 2
    assert set(place.row[doubled].tolist()) == set(range(8))
    assert set(place.column[~doubled].tolist()) == set(range(28))
    fixed = random_placement(size, size, 48, torch.Generator().manual_seed(0), scale=5)
    assert set(fixed.scale.tolist()) == {2}


def _damage(canvas, place, kind):
    s, r, c = int(place.scale), int(place.row), int(place.column)
    if kind == "no border":
        canvas[canvas == BORDER] = 0
    elif kind == "background inside":
        canvas[0, r : r + s, c : c + s] = BACKGROUND
    elif kind == "size not a multiple of the scale":
        canvas[0, r, c + 1] = BORDER
    elif kind == "empty":
        canvas[0, r, c] = BORDER


@pytest.mark.parametrize("kind", ["no border", "background inside", "size not a multiple of the scale", "empty"])
def test_malformed_canvases_are_discarded(kind):
    grid = np.arange(6, dtype=np.uint8).reshape(2, 3)
    h, w = torch.tensor([2]), torch.tensor([3])
    place = random_placement(h, w, 48, torch.Generator().manual_seed(1))
    assert int(place.scale) > 1
    canvas = draw_targets(padded(grid), h, w, place, 48)
    canvas[canvas == IGNORE] = BACKGROUND
    assert bool(read_canvas(canvas, place).valid)
    _damage(canvas, place, kind)
    assert not bool(read_canvas(canvas, place).valid)


def test_a_cell_is_the_commonest_symbol_of_its_block():
    grid = np.array([[3, 4]], dtype=np.uint8)
    h, w = torch.tensor([1]), torch.tensor([2])
    place = random_placement(h, w, 48, torch.Generator().manual_seed(1))
    assert int(place.scale) >= 3
    canvas = draw_targets(padded(grid), h, w, place, 48)
    canvas[canvas == IGNORE] = BACKGROUND
    canvas[0, int(place.row) + 1, int(place.column) + 1] = 7
    np.testing.assert_array_equal(read_canvas(canvas, place).grids[0, :1, :2], grid)


def test_patches_round_trip():
    cells = torch.randint(0, 12, (2, 32, 32))
    patches = patchify(cells, 2)
    assert patches.shape == (2, 256, 4)
    assert patches[0, 1].tolist() == [*cells[0, 0, 2:4].tolist(), *cells[0, 1, 2:4].tolist()]
    assert torch.equal(unpatchify(patches, 2), cells)
