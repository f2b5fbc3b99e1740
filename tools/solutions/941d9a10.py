from solver.grid import *


def solve(I):
    """The upper left panel becomes 1, the middle one 2 and the lower right one 3."""
    x1 = cell_grid(I)
    x2 = bar(1, 1, HORIZONTAL)
    x3 = bar(1, 2, HORIZONTAL)
    x4 = bar(1, 3, HORIZONTAL)
    x5 = place(x2, x1, UP_LEFT)
    x6 = center_on(x3, x5)
    x7 = place(x4, x6, DOWN_RIGHT)
    x8 = fill_panels(x7, I)
    return x8
