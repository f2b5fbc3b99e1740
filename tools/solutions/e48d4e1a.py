from solver.grid import *


def solve(I):
    """The cross moves down and to the left by as many cells as there are of colour 5."""
    x1 = count_color(I, 5)
    x2 = drop_color(I, 5)
    x3 = height(I)
    x4 = width(I)
    x5 = subtract(x3, x1)
    x6 = blank(x5, x4)
    x7 = solid(x3, x4, 1)
    x8 = blank(x1, x4)
    x9 = concat(x7, x8, VERTICAL)
    x10 = concat(x6, x9, VERTICAL)
    x11 = whole(x10)
    x12 = concat(x2, x2, VERTICAL)
    x13 = crop_region(x11, x12, SIZE, MAX)
    x14 = blank(x3, x1)
    x15 = subtract(x4, x1)
    x16 = blank(x3, x15)
    x17 = concat(x7, x16, HORIZONTAL)
    x18 = concat(x14, x17, HORIZONTAL)
    x19 = whole(x18)
    x20 = concat(x13, x13, HORIZONTAL)
    x21 = crop_region(x19, x20, SIZE, MAX)
    return x21
