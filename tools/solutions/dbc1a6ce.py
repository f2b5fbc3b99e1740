from solver.grid import *


def solve(I):
    """Dots in one row or column are joined by 8 lines."""
    x1 = connect_with(I, HORIZONTAL, 8)
    x2 = connect_with(I, VERTICAL, 8)
    x3 = overlay(x1, x2)
    x4 = overlay(x3, I)
    return x4
