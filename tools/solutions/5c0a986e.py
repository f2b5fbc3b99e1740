from solver.grid import *


def solve(I):
    """The 1 block leaves a diagonal trail to the upper left and the 2 block one to the lower right."""
    x1 = keep_color(I, 1)
    x2 = shift(x1, RIGHT)
    x3 = shift(x1, DOWN)
    x4 = combine(x1, x2, (0, 10, 0, 0, 0))
    x5 = combine(x4, x3, (0, 10, 0, 0, 0))
    x6 = rays_diagonal(x5, UP_LEFT)
    x7 = keep_color(I, 2)
    x8 = shift(x7, LEFT)
    x9 = shift(x7, UP)
    x10 = combine(x7, x8, (0, 10, 0, 0, 0))
    x11 = combine(x10, x9, (0, 10, 0, 0, 0))
    x12 = rays_diagonal(x11, DOWN_RIGHT)
    x13 = overlay(x6, x12)
    x14 = overlay(x13, I)
    return x14
