from solver.grid import *


def solve(I):
    """Cells that face the green block draw lines of their colour to it."""
    x1 = rays_of(I, 3, LEFT)
    x2 = difference_mask(I, x1)
    x3 = rays(I, RIGHT)
    x4 = where(x2, x3, I)
    x5 = rays_of(I, 3, RIGHT)
    x6 = difference_mask(I, x5)
    x7 = rays(I, LEFT)
    x8 = where(x6, x7, x4)
    x9 = rays_of(I, 3, UP)
    x10 = difference_mask(I, x9)
    x11 = rays(I, DOWN)
    x12 = where(x10, x11, x8)
    x13 = rays_of(I, 3, DOWN)
    x14 = difference_mask(I, x13)
    x15 = rays(I, UP)
    x16 = where(x14, x15, x12)
    return x16
