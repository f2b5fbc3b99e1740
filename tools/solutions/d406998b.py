from solver.grid import *


def solve(I):
    """In every second column, counted from the last, the cells become 3."""
    x1 = transform(I, FLIP_LR)
    x2 = stripe_mask(x1, VERTICAL, 0)
    x3 = content_mask(x1)
    x4 = mask_logic(x2, x3, AND)
    x5 = fill_mask(x1, x4, 3)
    x6 = transform(x5, FLIP_LR)
    return x6
