from solver.grid import *


def solve(I):
    """Cells that face each other in a row or column are joined by lines."""
    x1 = connect_both(I, HORIZONTAL)
    return x1
