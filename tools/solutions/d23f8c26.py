from solver.grid import *


def solve(I):
    """Only the middle column is kept."""
    x1 = height(I)
    x2 = bar(x1, 1, VERTICAL)
    x3 = fill_solid(I, 0)
    x4 = center_on(x2, x3)
    x5 = content_mask(x4)
    x6 = apply_mask(I, x5)
    return x6
