from solver.grid import *


def solve(I):
    """Enclosed background becomes 1."""
    x1 = flood(I, 1, CONN4)
    return x1
