from solver.grid import *


def solve(I):
    """At the corners of every square stand 1, 2, 3 and 4."""
    x1 = mark_corners(I, 9)
    x2 = keep_color(x1, 9)
    x3 = content_mask(x2)
    x4 = shift(I, UP)
    x5 = shift(I, DOWN)
    x6 = shift(x4, LEFT)
    x7 = content_mask(x6)
    x8 = mask_logic(x3, x7, AND)
    x9 = fill_mask(I, x8, 1)
    x10 = shift(x4, RIGHT)
    x11 = content_mask(x10)
    x12 = mask_logic(x3, x11, AND)
    x13 = fill_mask(x9, x12, 2)
    x14 = shift(x5, LEFT)
    x15 = content_mask(x14)
    x16 = mask_logic(x3, x15, AND)
    x17 = fill_mask(x13, x16, 3)
    x18 = shift(x5, RIGHT)
    x19 = content_mask(x18)
    x20 = mask_logic(x3, x19, AND)
    x21 = fill_mask(x17, x20, 4)
    return x21
