from solver.grid import *


def solve(I):
    """From the dot to the right every second column is filled, with a 5 between two columns in turns at the top and at the bottom."""
    x1 = rays(I, UP)
    x2 = repeat_content(x1, RIGHT, 1)
    x3 = shift(I, RIGHT)
    x4 = paint_all(x3, 5)
    x5 = gravity(x4, UP)
    x6 = repeat_content(x5, RIGHT, 3)
    x7 = shift(x4, RIGHT)
    x8 = shift(x7, RIGHT)
    x9 = repeat_content(x8, RIGHT, 3)
    x10 = overlay(x2, x6)
    x11 = overlay(x10, x9)
    return x11
