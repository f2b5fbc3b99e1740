from solver.grid import *


def solve(I):
    """Equal cells at one place of the two outer panels of a row or column of panels appear in the middle panel, too."""
    x1 = drop_color(I, 1)
    x2 = shift(x1, RIGHT)
    x3 = shift(x2, RIGHT)
    x4 = shift(x3, RIGHT)
    x5 = shift(x1, LEFT)
    x6 = shift(x5, LEFT)
    x7 = shift(x6, LEFT)
    x8 = pair(x4, x7)
    x9 = common_cells(x8)
    x10 = shift(x1, DOWN)
    x11 = shift(x10, DOWN)
    x12 = shift(x11, DOWN)
    x13 = shift(x1, UP)
    x14 = shift(x13, UP)
    x15 = shift(x14, UP)
    x16 = pair(x12, x15)
    x17 = common_cells(x16)
    x18 = overlay(x9, x17)
    x19 = overlay(I, x18)
    return x19
