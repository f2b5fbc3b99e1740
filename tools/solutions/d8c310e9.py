from solver.grid import *


def solve(I):
    """The pattern goes on to the right."""
    x1 = extend_period(I, RIGHT)
    return x1
