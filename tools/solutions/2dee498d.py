from solver.grid import *


def solve(I):
    """The first third of the grid."""
    x1 = split_parts(I, 1, 3)
    x2 = nth(x1, 0)
    return x2
