from solver.grid import *


def solve(I):
    """Repeated rows and columns are dropped."""
    x1 = dedupe_lines(I)
    return x1
