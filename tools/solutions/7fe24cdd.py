from solver.grid import *


def solve(I):
    """The grid and its three rotations around the centre."""
    x1 = rotations(I)
    return x1
