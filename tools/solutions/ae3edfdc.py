from solver.grid import *


def solve(I):
    """The 3s move to the 2 and the 7s to the 1 until they touch it."""
    x1 = drop_color(I, 7)
    x2 = drop_color(x1, 1)
    x3 = attract_cells(x2, 2)
    x4 = drop_color(I, 3)
    x5 = drop_color(x4, 2)
    x6 = attract_cells(x5, 1)
    x7 = overlay(x3, x6)
    return x7
