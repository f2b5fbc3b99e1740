from solver.grid import *


def solve(I):
    """The two dots draw lines across the grid from the border they lie on, and the two lines are repeated in turns at the same distance."""
    x1 = fill_solid(I, 0)
    x2 = draw_side(x1, UP, 1)
    x3 = draw_side(x2, DOWN, 1)
    x4 = content_mask(x3)
    x5 = apply_mask(I, x4)
    x6 = rays_axis(x5, VERTICAL)
    x7 = draw_side(x1, LEFT, 1)
    x8 = draw_side(x7, RIGHT, 1)
    x9 = content_mask(x8)
    x10 = apply_mask(I, x9)
    x11 = rays_axis(x10, HORIZONTAL)
    x12 = overlay(x6, x11)
    x13 = crop_content(x12)
    x14 = width(x13)
    x15 = subtract(x14, 2)
    x16 = repeat_content(x12, RIGHT, x15)
    x17 = height(x13)
    x18 = subtract(x17, 2)
    x19 = repeat_content(x16, DOWN, x18)
    return x19
