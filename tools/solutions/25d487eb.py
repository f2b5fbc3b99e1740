from solver.grid import *


def solve(I):
    """The odd cell in the base of the triangle shoots a ray through the tip to the border."""
    x1 = ranked_color(I, MIN)
    x2 = rays_away(I, x1)
    x3 = keep_color(x2, x1)
    x4 = extend_lines(x3)
    x5 = difference_mask(x2, I)
    x6 = mask_not(x5)
    x7 = apply_mask(x4, x6)
    x8 = overlay(x7, I)
    return x8
