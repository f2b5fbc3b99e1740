from solver.grid import *


def solve(I):
    """Every corner cell draws rings at every second cell of distance over all the cells that are nearest to it."""
    x1 = spread_colors(I, CONN4)
    x2 = transform(I, ROT180)
    x3 = spread_colors(x2, CONN4)
    x4 = transform(x3, ROT180)
    x5 = pair(x1, x4)
    x6 = common_cells(x5)
    x7 = rings(I)
    x8 = rings(x2)
    x9 = transform(x8, ROT180)
    x10 = combine(x7, x6, (0, 0, 0, 10, 0))
    x11 = combine(x9, x6, (0, 0, 0, 10, 0))
    x12 = overlay(x10, x11)
    return x12
