from solver.grid import *


def solve(I):
    """The whole grid takes its most common colour."""
    x1 = background_color(I)
    x2 = fill_solid(I, x1)
    return x2
