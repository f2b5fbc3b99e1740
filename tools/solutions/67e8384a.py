from solver.grid import *


def solve(I):
    """The grid is mirrored to the right and downwards."""
    x1 = kaleidoscope(I)
    return x1
