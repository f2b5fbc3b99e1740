"""The families of features of cells, and the source of what gives them."""

from __future__ import annotations

import numpy as np
import pytest
from scattered import SOME_GRIDS

from solver.search.words.carried import source_of
from solver.search.words.cells import neighbors
from solver.search.words.families import FAMILIES, compute, functions_of


@pytest.mark.parametrize("family", range(len(FAMILIES)))
def test_every_feature_has_a_value_for_every_cell_of_any_grid(family):
    for grid in SOME_GRIDS:
        before = grid.copy()
        found = compute(family, grid)
        assert found
        for name, values in found.items():
            assert values.shape == grid.shape, name
            assert values.dtype.kind == "i", name
            if name.startswith("color "):
                assert values.min() >= -1, name
                assert values.max() <= 9, name
        assert np.array_equal(grid, before)


def test_features_of_a_grid_are_kept_and_those_of_equal_cells_in_another_shape_are_others():
    grid = np.arange(6, dtype=np.int8).reshape(2, 3)
    family = FAMILIES.index((neighbors, None))
    first = compute(family, grid)
    assert compute(family, grid.astype(np.int64)) is first
    assert compute(family, grid.reshape(3, 2))["color up"].shape == (3, 2)
    grid[0, 0] = 9
    assert compute(family, grid)["color left"][0, 1] == 9 != first["color left"][0, 1]


@pytest.mark.parametrize("family", range(len(FAMILIES)))
def test_the_source_of_a_family_runs_by_itself(family):
    names = {"np": np}
    exec("from solver.grid import *", names)
    exec(source_of(functions_of([family])), names)
    function, parts = FAMILIES[family]
    for grid in SOME_GRIDS:
        args = (grid,) if parts is None else (grid, names[parts.__name__](grid))
        found, expected = names[function.__name__](*args), compute(family, grid)
        assert all(np.array_equal(found[name], expected[name]) for name in expected)
