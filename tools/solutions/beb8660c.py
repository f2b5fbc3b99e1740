from solver.grid import *


def solve(I):
    """The bars are moved to the right and sorted by length, shortest on top."""
    x1 = gravity(I, RIGHT)
    x2 = sort_lines(x1, HORIZONTAL)
    return x2
