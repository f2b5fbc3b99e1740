from solver.grid import *


def solve(I):
    """The colours but the most common one are listed in a column by frequency."""
    x1 = drop_ranked_color(I, MAX)
    x2 = color_list(x1, VERTICAL)
    return x2
