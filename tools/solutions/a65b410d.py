from solver.grid import *


def solve(I):
    """Above the bar rows grow by one cell each in green, and below it they shrink by one each in blue."""
    x1 = rays_diagonal(I, UP_RIGHT)
    x2 = rays(x1, LEFT)
    x3 = paint_all(x2, 3)
    x4 = rays_diagonal(I, DOWN_LEFT)
    x5 = paint_all(x4, 1)
    x6 = overlay(x3, x5)
    x7 = overlay(x6, I)
    return x7
