from solver.grid import *


def solve(I):
    """Red cells become full columns, and blue and green cells full rows over them."""
    x1 = lines_through(I, 2, VERTICAL)
    x2 = lines_through(x1, 1, HORIZONTAL)
    x3 = lines_through(x2, 3, HORIZONTAL)
    return x3
