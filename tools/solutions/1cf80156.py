from solver.grid import *


def solve(I):
    """The grid is cropped to its content."""
    x1 = crop_content(I)
    return x1
