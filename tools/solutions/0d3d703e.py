from solver.grid import *


def solve(I):
    """Every colour is replaced by its fixed partner (1 and 5, 2 and 6, 3 and 4, 8 and 9)."""
    x1 = lookup(I, (1, 5, 2, 6, 3, 4, 4, 3, 5, 1, 6, 2, 8, 9, 9, 8))
    return x1
