from solver.grid import *


def solve(I):
    """Background rectangles of at least 2 x 2 cells, the largest taken out first, become 2."""
    x1 = invert_colors(I)
    x2 = rectangles(x1)
    x3 = objects_mask(x2)
    x4 = fill_mask(I, x3, 2)
    return x4
