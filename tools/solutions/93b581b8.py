from solver.grid import *


def solve(I):
    """Each cell of the square appears as a larger square beyond the opposite corner."""
    x1 = whole(I)
    x2 = flip_objects(x1, ROT180)
    x3 = paint_alone(x2)
    x4 = dilate(I, CONN8)
    x5 = dilate(x4, CONN8)
    x6 = content_mask(x5)
    x7 = count_in_line(I, HORIZONTAL)
    x8 = content_mask(x7)
    x9 = count_in_line(I, VERTICAL)
    x10 = content_mask(x9)
    x11 = mask_logic(x8, x10, OR)
    x12 = spread_colors(x3, CONN4)
    x13 = mask_logic(x6, x11, DIFF)
    x14 = apply_mask(x12, x13)
    x15 = overlay(x14, I)
    return x15
