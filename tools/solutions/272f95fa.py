from solver.grid import *


def solve(I):
    """The panels become 2 above, 4 left, 6 in the middle, 3 right and 1 below; the corners stay empty."""
    x1 = fill_between(I, HORIZONTAL, 9)
    x2 = difference_mask(I, x1)
    x3 = objects_from_mask(x2, CONN4)
    x4 = fill_between(I, VERTICAL, 9)
    x5 = difference_mask(I, x4)
    x6 = objects_from_mask(x5, CONN4)
    x7 = recolor_rank(x3, TOP)
    x8 = paint_alone(x7)
    x9 = lookup(x8, (0, 0, 1, 1, 2, 6, 3, 2))
    x10 = recolor_rank(x6, LEFT_EDGE)
    x11 = paint_alone(x10)
    x12 = lookup(x11, (0, 0, 1, 3, 2, 6, 3, 4))
    x13 = overlay(I, x9)
    x14 = overlay(x13, x12)
    return x14
