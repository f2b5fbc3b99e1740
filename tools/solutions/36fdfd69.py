from solver.grid import *


def solve(I):
    """Within the boxes of the groups of 2s, of which some cells are missing, all other cells become 4."""
    x1 = keep_color(I, 2)
    x2 = shift(x1, LEFT)
    x3 = shift(x1, RIGHT)
    x4 = shift(x1, UP)
    x5 = shift(x1, DOWN)
    x6 = shift(x2, UP)
    x7 = shift(x2, DOWN)
    x8 = overlay(x6, x7)
    x9 = overlay(x8, x2)
    x10 = combine(x3, x9, (0, 0, 0, 2, 2))
    x11 = shift(x3, UP)
    x12 = shift(x3, DOWN)
    x13 = overlay(x11, x12)
    x14 = combine(x2, x13, (0, 0, 0, 2, 2))
    x15 = shift(x4, LEFT)
    x16 = shift(x4, RIGHT)
    x17 = overlay(x15, x16)
    x18 = overlay(x17, x4)
    x19 = combine(x5, x18, (0, 0, 0, 2, 2))
    x20 = overlay(x1, x10)
    x21 = overlay(x20, x14)
    x22 = overlay(x21, x19)
    x23 = find_objects(x22, CONN8, ONE_COLOR)
    x24 = box_mask(x23)
    x25 = fill_mask(I, x24, 4)
    x26 = overlay(x25, x1)
    return x26
