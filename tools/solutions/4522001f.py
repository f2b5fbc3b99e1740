from solver.grid import *


def solve(I):
    """The little square grows into two big green ones, which lie on the diagonal through its corner."""
    x1 = diagonal(2, 3)
    x2 = upscale(x1, 4)
    x3 = transform(x2, FLIP_LR)
    x4 = blank(9, 9)
    x5 = place(x2, x4, UP_LEFT)
    x6 = corner_color(I, UP_LEFT)
    x7 = fill_solid(x4, x6)
    x8 = content_mask(x7)
    x9 = apply_mask(x5, x8)
    x10 = place(x2, x4, DOWN_RIGHT)
    x11 = corner_color(I, DOWN_RIGHT)
    x12 = fill_solid(x4, x11)
    x13 = content_mask(x12)
    x14 = apply_mask(x10, x13)
    x15 = place(x3, x4, UP_RIGHT)
    x16 = corner_color(I, UP_RIGHT)
    x17 = fill_solid(x4, x16)
    x18 = content_mask(x17)
    x19 = apply_mask(x15, x18)
    x20 = place(x3, x4, DOWN_LEFT)
    x21 = corner_color(I, DOWN_LEFT)
    x22 = fill_solid(x4, x21)
    x23 = content_mask(x22)
    x24 = apply_mask(x20, x23)
    x25 = overlay(x9, x14)
    x26 = overlay(x19, x24)
    x27 = overlay(x25, x26)
    return x27
