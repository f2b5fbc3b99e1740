from solver.grid import *


def solve(I):
    """Every rectangle moves up by its own height."""
    x1 = split_colors(I)
    x2 = nth(x1, 0)
    x3 = mirror_across(x2, UP)
    x4 = difference_mask(x3, x2)
    x5 = apply_mask(x3, x4)
    x6 = nth(x1, 1)
    x7 = mirror_across(x6, UP)
    x8 = difference_mask(x7, x6)
    x9 = apply_mask(x7, x8)
    x10 = nth(x1, 2)
    x11 = mirror_across(x10, UP)
    x12 = difference_mask(x11, x10)
    x13 = apply_mask(x11, x12)
    x14 = overlay(x5, x9)
    x15 = overlay(x14, x13)
    return x15
