from solver.grid import *


def solve(I):
    """The larger part of the object is mirrored at the side where the smaller part lies, on a green ground."""
    x1 = ranked_color(I, MAX)
    x2 = keep_color(I, x1)
    x3 = ranked_color(I, MIN)
    x4 = mask_of_color(I, x3)
    x5 = mirror_across(x2, LEFT)
    x6 = difference_mask(x5, x2)
    x7 = mask_grid(x6, 1)
    x8 = mirror_across(x2, RIGHT)
    x9 = difference_mask(x8, x2)
    x10 = fill_mask(x7, x9, 2)
    x11 = mirror_across(x2, UP)
    x12 = difference_mask(x11, x2)
    x13 = fill_mask(x10, x12, 3)
    x14 = mirror_across(x2, DOWN)
    x15 = difference_mask(x14, x2)
    x16 = fill_mask(x13, x15, 4)
    x17 = color_layers(x16)
    x18 = keep_overlapping(x17, x4)
    x19 = recolor(x18, x1)
    x20 = paint(x19, x2)
    x21 = replace_color(x20, 0, 3)
    return x21
