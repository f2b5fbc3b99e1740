from solver.grid import *


def solve(I):
    """Every cell shoots a ray to the right, which turns down at the border."""
    x1 = rays(I, RIGHT)
    x2 = fill_solid(I, 0)
    x3 = draw_side(x2, RIGHT, 1)
    x4 = mask_of_color(x3, 1)
    x5 = rays(x1, DOWN)
    x6 = where(x4, x5, x1)
    return x6
