from solver.grid import *


def solve(I):
    """Cells that face each other in a row or column are joined by green lines."""
    x1 = connect_with(I, HORIZONTAL, 3)
    x2 = connect_with(I, VERTICAL, 3)
    x3 = overlay(x1, x2)
    return x3
