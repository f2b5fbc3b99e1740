from solver.grid import *


def solve(I):
    """The picture stands in for each of its own filled cells."""
    x1 = fractal(I)
    return x1
