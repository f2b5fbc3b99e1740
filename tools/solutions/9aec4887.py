from solver.grid import *


def solve(I):
    """The 8 figure goes into the frame; its cells take the colour of the nearest side, and stay 8 on the diagonals."""
    x1 = drop_color(I, 8)
    x2 = crop_content(x1)
    x3 = keep_color(I, 8)
    x4 = crop_content(x3)
    x5 = width(x2)
    x6 = blank(x5, x5)
    x7 = center_on(x4, x6)
    x8 = content_mask(x7)
    x9 = spread_colors(x2, CONN4)
    x10 = apply_mask(x9, x8)
    x11 = diagonal(x5, 8)
    x12 = transform(x11, FLIP_LR)
    x13 = overlay(x11, x12)
    x14 = apply_mask(x13, x8)
    x15 = overlay(x10, x14)
    x16 = overlay(x15, x2)
    return x16
