from solver.grid import *


def solve(I):
    """Cells of colour 2 get 4 at their corners, cells of colour 1 get 7 at their sides."""
    x1 = neighbor_mask(I, 2, 1)
    x2 = fill_mask(I, x1, 4)
    x3 = neighbor_mask(I, 1, 0)
    x4 = fill_mask(x2, x3, 7)
    return x4
