from solver.grid import *


def solve(I):
    """Four copies of the grid, with 8 on the free cells diagonally next to all coloured cells."""
    x1 = tile(I, 2, 2)
    x2 = paint_all(x1, 8)
    x3 = neighbor_mask(x2, 8, 1)
    x4 = fill_mask(x1, x3, 8)
    return x4
