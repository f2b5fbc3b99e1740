from solver.grid import *


def solve(I):
    """The colours of the objects, the largest first."""
    x1 = color_list(I, VERTICAL)
    return x1
