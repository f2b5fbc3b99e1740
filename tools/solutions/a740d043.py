from solver.grid import *


def solve(I):
    """Cut out the object, with 0 for the background around it."""
    x1 = background_color(I)
    x2 = replace_color(I, x1, 0)
    x3 = crop_content(x2)
    return x3
