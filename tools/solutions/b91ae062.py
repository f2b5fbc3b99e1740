from solver.grid import *


def solve(I):
    """The grid is magnified by its number of colours."""
    x1 = count_colors(I)
    x2 = upscale(I, x1)
    return x2
