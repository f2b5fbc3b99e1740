from solver.grid import *


def solve(I):
    """The inside of every rectangle becomes 2."""
    x1 = interior(I, 2)
    return x1
