from solver.grid import *


def solve(I):
    """A grid of the background colour with one cell for each panel."""
    x1 = dedupe_lines(I)
    x2 = height(x1)
    x3 = add(x2, 1)
    x4 = divide(x3, 2)
    x5 = width(x1)
    x6 = add(x5, 1)
    x7 = divide(x6, 2)
    x8 = corner_color(I, UP_LEFT)
    x9 = solid(x4, x7, x8)
    return x9
