from solver.grid import *


def solve(I):
    """Every row that has only a beginning goes on like the complete row, with its own two colours."""
    x1 = split_lines(I, HORIZONTAL)
    x2 = pick(x1, SIZE, MAX)
    x3 = height(I)
    x4 = tile(x2, x3, 1)
    x5 = split_lines(x4, VERTICAL)
    x6 = nth(x5, 0)
    x7 = width(I)
    x8 = tile(x6, 1, x7)
    x9 = difference_mask(x4, x8)
    x10 = split_lines(I, VERTICAL)
    x11 = nth(x10, 0)
    x12 = tile(x11, 1, x7)
    x13 = difference_mask(I, x12)
    x14 = apply_mask(I, x13)
    x15 = color_in_line(x14, HORIZONTAL)
    x16 = where(x9, x15, x12)
    return x16
