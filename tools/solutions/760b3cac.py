from solver.grid import *


def solve(I):
    """The light blue shape is mirrored to the side to which the yellow one leans."""
    x1 = keep_color(I, 4)
    x2 = crop_content(x1)
    x3 = corner_color(x2, UP_LEFT)
    x4 = fill_solid(I, x3)
    x5 = content_mask(x4)
    x6 = keep_color(I, 8)
    x7 = mirror_across(x6, LEFT)
    x8 = mirror_across(x6, RIGHT)
    x9 = where(x5, x7, x8)
    x10 = overlay(I, x9)
    return x10
