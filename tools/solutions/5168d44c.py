from solver.grid import *


def solve(I):
    """The box moves along the dotted line by one dot, to the right or down."""
    x1 = drop_color(I, 3)
    x2 = keep_color(I, 3)
    x3 = shift(x1, RIGHT)
    x4 = shift(x3, RIGHT)
    x5 = overlay(x2, x4)
    x6 = shift(x1, DOWN)
    x7 = shift(x6, DOWN)
    x8 = overlay(x2, x7)
    x9 = pair(x5, x8)
    x10 = pick(x9, DENSITY, MAX)
    return x10
