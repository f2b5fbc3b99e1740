from solver.grid import *


def solve(I):
    """Every cell shoots a ray to the right in which its colour and 5 alternate."""
    x1 = index_cells(I, HORIZONTAL, 2)
    x2 = lookup(x1, (0, 1, 1, 2))
    x3 = content_mask(I)
    x4 = apply_mask(x2, x3)
    x5 = rays(x4, RIGHT)
    x6 = rays(I, RIGHT)
    x7 = pair(x2, x5)
    x8 = common_cells(x7)
    x9 = combine(x6, x8, (0, 5, 0, 10, 10))
    return x9
