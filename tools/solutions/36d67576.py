from solver.grid import *


def solve(I):
    """Every partial copy of the complete figure, turned or mirrored, is completed."""
    x1 = complete_copies(I, 1, 0)
    return x1
