from solver.grid import *


def solve(I):
    """The rows are continued by their mirror image, and the result by its own."""
    x1 = transform(I, FLIP_UD)
    x2 = trim_side(x1, UP)
    x3 = concat(I, x2, VERTICAL)
    x4 = trim_side(x3, UP)
    x5 = concat(x3, x4, VERTICAL)
    return x5
