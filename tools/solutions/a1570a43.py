from solver.grid import *


def solve(I):
    """The figure of colour 2 moves to the middle of the frame that its four corners mark."""
    x1 = keep_color(I, 3)
    x2 = rays_diagonal(x1, DOWN_RIGHT)
    x3 = content_mask(x2)
    x4 = rays_diagonal(x1, DOWN_LEFT)
    x5 = content_mask(x4)
    x6 = mask_logic(x3, x5, AND)
    x7 = fill_content_box(x1, 9)
    x8 = difference_mask(x7, x1)
    x9 = mask_logic(x6, x8, AND)
    x10 = mask_grid(x9, 9)
    x11 = keep_color(I, 2)
    x12 = crop_content(x11)
    x13 = stamp(x10, x12, 9)
    x14 = drop_color(x13, 9)
    x15 = overlay(x1, x14)
    return x15
