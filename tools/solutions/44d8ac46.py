from solver.grid import *


def solve(I):
    """Enclosed squares are filled with 2."""
    x1 = enclosed_regions(I)
    x2 = keep_solid_rectangles(x1)
    x3 = recolor_value(x2, HEIGHT)
    x4 = paint_alone(x3)
    x5 = recolor_value(x2, WIDTH)
    x6 = paint_alone(x5)
    x7 = combine(x4, x6, (0, 0, 0, 2, 0))
    x8 = overlay(I, x7)
    return x8
