from solver.grid import *


def solve(I):
    """The colour tells which row and which column of a square of three by three cells are grey."""
    x1 = ranked_color(I, MAX)
    x2 = solid(3, 3, x1)
    x3 = index_cells(x2, VERTICAL, 3)
    x4 = index_cells(x2, HORIZONTAL, 3)
    x5 = lookup2(x2, x3, (1, 0, 0, 1, 1, 5, 1, 2, 0, 2, 0, 5, 2, 1, 0, 2, 2, 0, 3, 0, 0, 3, 1, 0, 3, 2, 5))
    x6 = lookup2(x2, x4, (1, 0, 0, 1, 1, 5, 1, 2, 0, 2, 0, 0, 2, 1, 5, 2, 2, 0, 3, 0, 0, 3, 1, 0, 3, 2, 5))
    x7 = overlay(x5, x6)
    return x7
