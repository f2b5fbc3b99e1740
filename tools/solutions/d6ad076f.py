from solver.grid import *


def solve(I):
    """A bridge of colour 8, one cell narrower on both sides, joins the two rectangles."""
    x1 = fill_between(I, HORIZONTAL, 8)
    x2 = mask_of_color(x1, 8)
    x3 = mask_grid(x2, 8)
    x4 = fill_between(I, VERTICAL, 8)
    x5 = mask_of_color(x4, 8)
    x6 = mask_grid(x5, 8)
    x7 = shift(x3, UP)
    x8 = shift(x3, DOWN)
    x9 = pair(x7, x8)
    x10 = common_cells(x9)
    x11 = shift(x6, LEFT)
    x12 = shift(x6, RIGHT)
    x13 = pair(x11, x12)
    x14 = common_cells(x13)
    x15 = overlay(x10, x14)
    x16 = overlay(I, x15)
    return x16
