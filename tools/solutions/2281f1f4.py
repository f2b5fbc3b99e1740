from solver.grid import *


def solve(I):
    """Every crossing of a column marked in the first row and a row marked in the last column turns red."""
    x1 = rays(I, DOWN)
    x2 = rays(I, LEFT)
    x3 = content_mask(x1)
    x4 = content_mask(x2)
    x5 = mask_logic(x3, x4, AND)
    x6 = fill_mask(I, x5, 2)
    x7 = overlay(x6, I)
    return x7
