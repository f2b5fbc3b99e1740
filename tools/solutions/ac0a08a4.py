from solver.grid import *


def solve(I):
    """The grid is magnified by the number of its cells."""
    x1 = count_cells(I)
    x2 = upscale(I, x1)
    return x2
