from solver.grid import *


def solve(I):
    """The picture is made symmetric, and equal cells between the diagonals are joined by every second cell between them."""
    x1 = complete_symmetry(I, FLIP_LR)
    x2 = complete_symmetry(x1, FLIP_UD)
    x3 = width(I)
    x4 = diagonal(x3, 9)
    x5 = transform(x4, FLIP_LR)
    x6 = overlay(x4, x5)
    x7 = overlay(x2, x6)
    x8 = connect_both(x7, HORIZONTAL)
    x9 = stripe_mask(I, VERTICAL, 1)
    x10 = stripe_mask(I, HORIZONTAL, 1)
    x11 = mask_logic(x9, x10, AND)
    x12 = drop_color(x8, 9)
    x13 = apply_mask(x12, x11)
    x14 = overlay(x13, x2)
    return x14
