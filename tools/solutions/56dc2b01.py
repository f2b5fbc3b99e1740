from solver.grid import *


def solve(I):
    """The green shape moves straight until it touches the red line, and a line of 8 parallel to the red one is drawn right behind it."""
    x1 = attract(I, 3)
    x2 = fill_content_box(x1, 3)
    x3 = outline(x2, 8, CONN4)
    x4 = neighbor_mask(x2, 2, 0)
    x5 = fill_mask(x3, x4, 0)
    x6 = keep_color(x5, 8)
    x7 = overlay(x1, x6)
    return x7
