from solver.grid import *


def solve(I):
    """Cells beside the first bar are joined to it and become 4, and the rows at the same places of the other bar are filled."""
    x1 = objects_of_color(I, 2, CONN4)
    x2 = width(I)
    x3 = keep(x1, TOP, MIN)
    x4 = paint_alone(x3)
    x5 = lines_through(x4, 2, HORIZONTAL)
    x6 = whole(x5)
    x7 = keep_color(I, 8)
    x8 = crop_region(x6, x7, SIZE, MAX)
    x9 = measure(x1, TOP, MAX)
    x10 = height(I)
    x11 = subtract(x10, x9)
    x12 = height(x8)
    x13 = subtract(x11, x12)
    x14 = blank(x9, x2)
    x15 = concat(x14, x8, VERTICAL)
    x16 = blank(x13, x2)
    x17 = concat(x15, x16, VERTICAL)
    x18 = lines_through(x17, 8, HORIZONTAL)
    x19 = connect_to(I, 8)
    x20 = mask_of_color(I, 8)
    x21 = fill_mask(x19, x20, 4)
    x22 = overlay(x21, x18)
    x23 = mask_of_color(I, 2)
    x24 = fill_mask(x22, x23, 2)
    return x24
