from solver.grid import *


def solve(I):
    """The red shape is mirrored at the middle of the green square, to the right and down."""
    x1 = keep_color(I, 3)
    x2 = lines_through(x1, 3, VERTICAL)
    x3 = rays(x2, LEFT)
    x4 = content_mask(x3)
    x5 = drop_color(I, 3)
    x6 = apply_mask(x5, x4)
    x7 = mirror_across(x6, RIGHT)
    x8 = difference_mask(x7, x6)
    x9 = apply_mask(x7, x8)
    x10 = shift(x9, RIGHT)
    x11 = shift(x10, RIGHT)
    x12 = overlay(x11, I)
    x13 = lines_through(x1, 3, HORIZONTAL)
    x14 = rays(x13, UP)
    x15 = content_mask(x14)
    x16 = drop_color(x12, 3)
    x17 = apply_mask(x16, x15)
    x18 = mirror_across(x17, DOWN)
    x19 = difference_mask(x18, x17)
    x20 = apply_mask(x18, x19)
    x21 = shift(x20, DOWN)
    x22 = shift(x21, DOWN)
    x23 = overlay(x22, x12)
    return x23
