from solver.grid import *


def solve(I):
    """The grid turned by half a turn."""
    x1 = transform(I, ROT180)
    return x1
