from solver.grid import *


def solve(I):
    """Objects with a branching turn red, of the others those with one bend blue and those with two pink."""
    x1 = shift(I, LEFT)
    x2 = shift(I, RIGHT)
    x3 = overlay(x1, x2)
    x4 = content_mask(x3)
    x5 = shift(I, UP)
    x6 = shift(I, DOWN)
    x7 = overlay(x5, x6)
    x8 = content_mask(x7)
    x9 = mask_logic(x4, x8, AND)
    x10 = content_mask(I)
    x11 = mask_logic(x9, x10, AND)
    x12 = fill_mask(I, x11, 5)
    x13 = find_objects(x12, CONN4, ANY_COLOR)
    x14 = color_objects(x13, I, MINORITY_CELLS, (0, 2, 1, 1, 2, 6, 3, 2, 4, 2, 5, 2, 6, 2))
    x15 = count_neighbors(I, 0)
    x16 = lookup(x15, (0, 0, 1, 0, 2, 0, 3, 1, 4, 1))
    x17 = content_mask(x16)
    x18 = mask_logic(x17, x10, AND)
    x19 = keep_overlapping(x13, x18)
    x20 = recolor(x19, 2)
    x21 = paint(x20, x14)
    return x21
