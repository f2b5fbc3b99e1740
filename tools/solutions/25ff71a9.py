from solver.grid import *


def solve(I):
    """Everything moves down by one cell."""
    x1 = shift(I, DOWN)
    return x1
