from solver.grid import *


def solve(I):
    """The grid turned a quarter to the left."""
    x1 = transform(I, ROT270)
    return x1
