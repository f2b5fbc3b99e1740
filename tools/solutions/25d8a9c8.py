from solver.grid import *


def solve(I):
    """Rows of one colour become 5, all others 0."""
    x1 = roll(I, RIGHT)
    x2 = difference_mask(I, x1)
    x3 = mask_grid(x2, 1)
    x4 = count_in_line(x3, HORIZONTAL)
    x5 = lookup(x4, (0, 5, 1, 0, 2, 0, 3, 0, 4, 0, 5, 0, 6, 0, 7, 0, 8, 0, 9, 0))
    return x5
