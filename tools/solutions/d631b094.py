from solver.grid import *


def solve(I):
    """The answer is one row with as many cells as the input has, in its colour."""
    x1 = count_cells(I)
    x2 = ranked_color(I, MAX)
    x3 = bar(x1, x2, HORIZONTAL)
    return x3
