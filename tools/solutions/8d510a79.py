from solver.grid import *


def solve(I):
    """Every 2 draws a line to the wall in the middle and every 1 one away from it to the border."""
    x1 = split_separators(I)
    x2 = nth(x1, 0)
    x3 = nth(x1, 1)
    x4 = rays_of(x2, 2, DOWN)
    x5 = rays_of(x4, 1, UP)
    x6 = rays_of(x3, 2, UP)
    x7 = rays_of(x6, 1, DOWN)
    x8 = pair(x5, x7)
    x9 = unsplit(x8, I)
    return x9
