from solver.grid import *


def solve(I):
    """Noise is taken off the stripes, be they rows or columns."""
    x1 = majority_lines(I, VERTICAL)
    x2 = pair(I, x1)
    x3 = common_cells(x2)
    x4 = majority_lines(I, HORIZONTAL)
    x5 = pair(I, x4)
    x6 = common_cells(x5)
    x7 = pair(x3, x6)
    x8 = pick(x7, SIZE, MAX)
    x9 = fill_lines(x8, VERTICAL)
    x10 = fill_lines(x9, HORIZONTAL)
    return x10
