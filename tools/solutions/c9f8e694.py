from solver.grid import *


def solve(I):
    """Every cell of the blocks takes the colour that its row has in the first column."""
    x1 = ranked_color(I, MAX)
    x2 = drop_color(I, x1)
    x3 = color_in_line(x2, HORIZONTAL)
    x4 = mask_of_color(I, x1)
    x5 = where(x4, x3, I)
    return x5
