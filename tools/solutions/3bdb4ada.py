from solver.grid import *


def solve(I):
    """Every second cell of the middle row of each bar is cut out."""
    x1 = shift(I, RIGHT)
    x2 = shift(I, DOWN)
    x3 = combine(I, x1, (0, 10, 0, 0, 0))
    x4 = combine(x3, x2, (0, 10, 0, 0, 0))
    x5 = index_diagonals(I, 2)
    x6 = lookup(x5, (0, 1, 1, 2))
    x7 = content_mask(x4)
    x8 = apply_mask(x6, x7)
    x9 = shift(x8, DOWN)
    x10 = rays(x9, RIGHT)
    x11 = combine(x10, x6, (0, 0, 0, 1, 0))
    x12 = interior(I, 0)
    x13 = difference_mask(I, x12)
    x14 = apply_mask(x11, x13)
    x15 = content_mask(x14)
    x16 = fill_mask(I, x15, 0)
    return x16
