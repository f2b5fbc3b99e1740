from solver.grid import *


def solve(I):
    """The gaps in the sides of the rectangle and in its dividing line turn red."""
    x1 = fill_content_box(I, 2)
    x2 = whole(x1)
    x3 = inner_cells(x2)
    x4 = objects_mask(x3)
    x5 = apply_mask(I, x4)
    x6 = count_in_line(x5, HORIZONTAL)
    x7 = lookup(x6, (0, 0, 1, 0, 2, 1, 3, 1, 4, 1, 5, 1, 6, 1, 7, 1, 8, 1, 9, 1))
    x8 = count_in_line(x5, VERTICAL)
    x9 = lookup(x8, (0, 0, 1, 0, 2, 1, 3, 1, 4, 1, 5, 1, 6, 1, 7, 1, 8, 1, 9, 1))
    x10 = overlay(x7, x9)
    x11 = content_mask(x10)
    x12 = mask_not(x11)
    x13 = mask_logic(x4, x12, AND)
    x14 = content_mask(I)
    x15 = mask_logic(x13, x14, DIFF)
    x16 = fill_mask(x1, x15, 0)
    return x16
