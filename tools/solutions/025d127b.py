from solver.grid import *


def solve(I):
    """All rows of every object but the last move one cell to the right, without leaving its box."""
    x1 = find_objects(I, CONN8, ONE_COLOR)
    x2 = box_mask(x1)
    x3 = mask_grid(x2, 1)
    x4 = shift(x3, LEFT)
    x5 = shift(x3, UP)
    x6 = content_mask(x4)
    x7 = content_mask(x5)
    x8 = mask_logic(x6, x7, AND)
    x9 = mask_logic(x2, x8, DIFF)
    x10 = apply_mask(I, x9)
    x11 = shift(I, RIGHT)
    x12 = apply_mask(x11, x2)
    x13 = overlay(x12, x10)
    return x13
