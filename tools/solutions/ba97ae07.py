from solver.grid import *


def solve(I):
    """Where the two bars cross, the other one is on top."""
    x1 = mask_of_color(I, 0)
    x2 = mask_grid(x1, 1)
    x3 = lines_through(x2, 1, HORIZONTAL)
    x4 = lines_through(x2, 1, VERTICAL)
    x5 = overlay(x3, x4)
    x6 = mask_of_color(x5, 0)
    x7 = mask_of_color(x3, 0)
    x8 = mask_of_color(x4, 0)
    x9 = mask_logic(x7, x8, AND)
    x10 = swap_two_colors(I)
    x11 = where(x9, x10, I)
    return x11
