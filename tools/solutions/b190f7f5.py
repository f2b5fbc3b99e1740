from solver.grid import *


def solve(I):
    """Every coloured cell of one half becomes the figure of the other half in that colour."""
    x1 = split_square(I)
    x2 = pick(x1, NUM_COLORS_IN, MAX)
    x3 = pick(x1, NUM_COLORS_IN, MIN)
    x4 = expand_cells(x2, x3, 1)
    return x4
