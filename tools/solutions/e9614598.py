from solver.grid import *


def solve(I):
    """A plus of colour 3 appears halfway between the two cells."""
    x1 = find_objects(I, CONN8, ONE_COLOR)
    x2 = recolor_rank(x1, TOP)
    x3 = paint_alone(x2)
    x4 = recolor_rank(x1, LEFT_EDGE)
    x5 = paint_alone(x4)
    x6 = lookup2(x3, x5, (0, 0, 0, 1, 1, 1, 1, 2, 2, 2, 1, 2))
    x7 = spread_colors(x6, CONN4)
    x8 = transform(x6, ROT180)
    x9 = spread_colors(x8, CONN4)
    x10 = transform(x9, ROT180)
    x11 = difference_mask(x7, x10)
    x12 = connect_both(I, HORIZONTAL)
    x13 = content_mask(x12)
    x14 = mask_logic(x11, x13, AND)
    x15 = mask_grid(x14, 3)
    x16 = decorate(x15, 0, 3)
    x17 = overlay(I, x16)
    return x17
