from solver.grid import *


def solve(I):
    """Beside the line stand ever shorter columns, and their colours alternate between its own and 8."""
    x1 = index_cells(I, HORIZONTAL, 2)
    x2 = lookup(x1, (0, 1, 1, 2))
    x3 = content_mask(I)
    x4 = apply_mask(x2, x3)
    x5 = color_in_line(x4, HORIZONTAL)
    x6 = rays_diagonal(I, UP_LEFT)
    x7 = rays_diagonal(I, UP_RIGHT)
    x8 = overlay(x6, x7)
    x9 = pair(x2, x5)
    x10 = common_cells(x9)
    x11 = combine(x8, x10, (0, 8, 0, 10, 10))
    return x11
