from solver.grid import *


def solve(I):
    """The cell climbs diagonally and is reflected by the sides."""
    x1 = zigzag(I, UP)
    return x1
