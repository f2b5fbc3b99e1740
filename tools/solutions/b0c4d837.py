from solver.grid import *


def solve(I):
    """As many light blue cells as the vessel has free rows fill three rows of three, the second one backwards."""
    x1 = keep_color(I, 5)
    x2 = crop_content(x1)
    x3 = height(x2)
    x4 = keep_color(I, 8)
    x5 = crop_content(x4)
    x6 = height(x5)
    x7 = subtract(x3, x6)
    x8 = subtract(x7, 1)
    x9 = bar(x8, 8, HORIZONTAL)
    x10 = blank(1, 9)
    x11 = place(x9, x10, UP_LEFT)
    x12 = split_parts(x11, 1, 3)
    x13 = nth(x12, 0)
    x14 = nth(x12, 1)
    x15 = transform(x14, FLIP_LR)
    x16 = nth(x12, 2)
    x17 = concat(x13, x15, VERTICAL)
    x18 = concat(x17, x16, VERTICAL)
    return x18
