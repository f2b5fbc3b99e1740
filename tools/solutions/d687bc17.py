from solver.grid import *


def solve(I):
    """Cells in the colour of a side fly to that side, and all others vanish."""
    x1 = split_lines(I, VERTICAL)
    x2 = split_lines(I, HORIZONTAL)
    x3 = nth(x1, 0)
    x4 = nth(x1, -1)
    x5 = nth(x2, 0)
    x6 = nth(x2, -1)
    x7 = ranked_color(x3, MAX)
    x8 = ranked_color(x4, MAX)
    x9 = ranked_color(x5, MAX)
    x10 = ranked_color(x6, MAX)
    x11 = keep_color(I, x7)
    x12 = keep_color(I, x8)
    x13 = keep_color(I, x9)
    x14 = keep_color(I, x10)
    x15 = gravity(x11, LEFT)
    x16 = gravity(x12, RIGHT)
    x17 = gravity(x13, UP)
    x18 = gravity(x14, DOWN)
    x19 = overlay(x15, x16)
    x20 = overlay(x17, x18)
    x21 = overlay(x19, x20)
    return x21
