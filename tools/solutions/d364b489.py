from solver.grid import *


def solve(I):
    """Every lone cell gets 2 above, 7 to the left, 6 to the right and 8 below."""
    x1 = shift(I, UP)
    x2 = content_mask(x1)
    x3 = mask_grid(x2, 2)
    x4 = shift(I, DOWN)
    x5 = content_mask(x4)
    x6 = mask_grid(x5, 8)
    x7 = overlay(x3, x6)
    x8 = shift(I, LEFT)
    x9 = content_mask(x8)
    x10 = mask_grid(x9, 7)
    x11 = shift(I, RIGHT)
    x12 = content_mask(x11)
    x13 = mask_grid(x12, 6)
    x14 = overlay(x10, x13)
    x15 = overlay(x7, x14)
    x16 = overlay(x15, I)
    return x16
