from solver.grid import *


def solve(I):
    """All cells fall down."""
    x1 = gravity(I, DOWN)
    return x1
