from solver.grid import *


def solve(I):
    """The cell disappears and leaves 3, 6, 8 and 7 at its four corners."""
    x1 = shift(I, UP)
    x2 = shift(I, DOWN)
    x3 = shift(x1, LEFT)
    x4 = content_mask(x3)
    x5 = mask_grid(x4, 3)
    x6 = shift(x1, RIGHT)
    x7 = content_mask(x6)
    x8 = mask_grid(x7, 6)
    x9 = overlay(x5, x8)
    x10 = shift(x2, LEFT)
    x11 = content_mask(x10)
    x12 = mask_grid(x11, 8)
    x13 = shift(x2, RIGHT)
    x14 = content_mask(x13)
    x15 = mask_grid(x14, 7)
    x16 = overlay(x12, x15)
    x17 = overlay(x9, x16)
    return x17
