from solver.grid import *


def solve(I):
    """The grey triangles vanish, and a parallel to the line touches the tip of each of them."""
    x1 = keep_color(I, 5)
    x2 = drop_color(I, 5)
    x3 = ranked_color(x2, MAX)
    x4 = neighbor_mask(x1, 5, 1)
    x5 = neighbor_mask(x1, 5, 0)
    x6 = mask_logic(x4, x5, DIFF)
    x7 = neighbor_mask(x2, x3, 0)
    x8 = mask_logic(x6, x7, DIFF)
    x9 = content_mask(x2)
    x10 = mask_logic(x8, x9, DIFF)
    x11 = mask_grid(x10, x3)
    x12 = rays_diagonal(x11, UP_LEFT)
    x13 = rays_diagonal(x12, DOWN_RIGHT)
    x14 = overlay(x2, x13)
    return x14
