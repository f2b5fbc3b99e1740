from solver.grid import *


def solve(I):
    """The nested corners continue with the same sequence of colours in a square of ten."""
    x1 = crop_content(I)
    x2 = split_lines(x1, HORIZONTAL)
    x3 = nth(x2, 0)
    x4 = tile(x3, 10, 1)
    x5 = blank(10, 10)
    x6 = place(x4, x5, UP_LEFT)
    x7 = extend_period(x6, RIGHT)
    x8 = transform(x7, TRANSPOSE)
    x9 = diagonal(10, 1)
    x10 = rays(x9, RIGHT)
    x11 = content_mask(x10)
    x12 = where(x11, x7, x8)
    return x12
