from solver.grid import *


def solve(I):
    """The four corner pieces are put together to a square with an empty middle."""
    x1 = paint_all(I, 1)
    x2 = diagonal(2, 1)
    x3 = rays(x2, LEFT)
    x4 = find_pattern(x1, x3)
    x5 = apply_mask(I, x4)
    x6 = crop_content(x5)
    x7 = transform(x3, ROT90)
    x8 = find_pattern(x1, x7)
    x9 = apply_mask(I, x8)
    x10 = crop_content(x9)
    x11 = transform(x3, ROT180)
    x12 = find_pattern(x1, x11)
    x13 = apply_mask(I, x12)
    x14 = crop_content(x13)
    x15 = transform(x3, ROT270)
    x16 = find_pattern(x1, x15)
    x17 = apply_mask(I, x16)
    x18 = crop_content(x17)
    x19 = concat(x10, x14, HORIZONTAL)
    x20 = concat(x6, x18, HORIZONTAL)
    x21 = concat(x19, x20, VERTICAL)
    return x21
