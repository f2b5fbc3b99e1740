from solver.grid import *


def solve(I):
    """One colour gives a 5 bar at the top, two the main diagonal, three the other diagonal."""
    x1 = count_colors(I)
    x2 = subtract(x1, 1)
    x3 = width(I)
    x4 = blank(x3, x3)
    x5 = fill_first(x4, x3, 5)
    x6 = diagonal(x3, 5)
    x7 = transform(x6, FLIP_LR)
    x8 = concat(x5, x6, HORIZONTAL)
    x9 = concat(x8, x7, HORIZONTAL)
    x10 = split_square(x9)
    x11 = nth(x10, x2)
    return x11
