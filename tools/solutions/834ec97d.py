from solver.grid import *


def solve(I):
    """The cell sinks by one, and above it every second column, counted from its own, becomes 4."""
    x1 = index_cells(I, HORIZONTAL, 2)
    x2 = lookup(x1, (0, 1, 1, 2))
    x3 = content_mask(I)
    x4 = apply_mask(x2, x3)
    x5 = color_in_line(x4, HORIZONTAL)
    x6 = rays(x5, UP)
    x7 = shift(I, DOWN)
    x8 = pair(x2, x6)
    x9 = common_cells(x8)
    x10 = content_mask(x9)
    x11 = fill_mask(x7, x10, 4)
    return x11
