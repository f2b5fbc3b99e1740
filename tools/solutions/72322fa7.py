from solver.grid import *


def solve(I):
    """Partial copies of the figures are completed."""
    x1 = complete_copies(I, 0, 0)
    return x1
