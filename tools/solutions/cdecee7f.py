from solver.grid import *


def solve(I):
    """The colours from left to right fill three rows of three, the second one backwards."""
    x1 = gravity(I, UP)
    x2 = squeeze(x1)
    x3 = blank(1, 9)
    x4 = place(x2, x3, UP_LEFT)
    x5 = split_parts(x4, 1, 3)
    x6 = nth(x5, 0)
    x7 = nth(x5, 1)
    x8 = transform(x7, FLIP_LR)
    x9 = nth(x5, 2)
    x10 = concat(x6, x8, VERTICAL)
    x11 = concat(x10, x9, VERTICAL)
    return x11
