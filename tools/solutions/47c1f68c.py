from solver.grid import *


def solve(I):
    """The shape is drawn in all four mirror images in the colour of the separators."""
    x1 = split_separators(I)
    x2 = pick(x1, SIZE, MAX)
    x3 = kaleidoscope(x2)
    x4 = separator_color(I)
    x5 = paint_all(x3, x4)
    return x5
