from solver.grid import *


def solve(I):
    """The grid is mirrored to the left, and the result stands three times, every second time upside down."""
    x1 = mirror_concat(I, LEFT)
    x2 = transform(x1, FLIP_UD)
    x3 = mirror_concat(x2, DOWN)
    x4 = concat(x3, x2, VERTICAL)
    return x4
