from solver.grid import *


def solve(I):
    """Colours 5 and 8 change places."""
    x1 = swap_colors(I, 5, 8)
    return x1
