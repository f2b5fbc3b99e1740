from solver.grid import *


def solve(I):
    """Enclosed background turns red and the rest of it green."""
    x1 = flood(I, 2, CONN4)
    x2 = replace_color(x1, 0, 3)
    return x2
