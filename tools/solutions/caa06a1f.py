from solver.grid import *


def solve(I):
    """The pattern moves one cell to the left and is continued over the area it does not cover."""
    x1 = corner_color(I, DOWN_RIGHT)
    x2 = trim_side(I, LEFT)
    x3 = height(I)
    x4 = bar(x3, x1, VERTICAL)
    x5 = concat(x2, x4, HORIZONTAL)
    x6 = fill_hole_period(x5, x1)
    return x6
