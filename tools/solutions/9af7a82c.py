from solver.grid import *


def solve(I):
    """Each colour becomes a column that hangs from the top, as long as it has cells, longest first."""
    x1 = color_histogram(I, VERTICAL)
    x2 = transform(x1, FLIP_UD)
    return x2
