from solver.grid import *


def solve(I):
    """An 8 path goes along the row of the 2 to the column of the 3 and along it."""
    x1 = keep_color(I, 2)
    x2 = rays_axis(x1, HORIZONTAL)
    x3 = keep_color(I, 3)
    x4 = rays_axis(x3, VERTICAL)
    x5 = combine(x2, x4, (0, 0, 0, 8, 8))
    x6 = overlay(I, x5)
    x7 = connect_to(x6, 8)
    return x7
