from solver.grid import *


def solve(I):
    """Each dot gives its colour to the frame of its half of the grid and to its own row."""
    x1 = rays_axis(I, HORIZONTAL)
    x2 = spread_colors(x1, CONN4)
    x3 = draw_frame(x1, 1)
    x4 = content_mask(x3)
    x5 = apply_mask(x2, x4)
    return x5
