from solver.grid import *


def solve(I):
    """Green cells beside red ones turn light blue, and those red ones vanish."""
    x1 = keep_color(I, 2)
    x2 = neighbor_mask(x1, 2, 0)
    x3 = mask_of_color(I, 3)
    x4 = mask_logic(x2, x3, AND)
    x5 = keep_color(I, 3)
    x6 = neighbor_mask(x5, 3, 0)
    x7 = mask_of_color(I, 2)
    x8 = mask_logic(x6, x7, AND)
    x9 = fill_mask(I, x4, 8)
    x10 = fill_mask(x9, x8, 0)
    return x10
