from solver.grid import *


def solve(I):
    """From the gap in the corner of each object a line of its colour leads diagonally to the border."""
    x1 = find_objects(I, CONN8, ANY_COLOR)
    x2 = box_mask(x1)
    x3 = content_mask(I)
    x4 = mask_logic(x2, x3, DIFF)
    x5 = mark_corners(I, 5)
    x6 = difference_mask(x5, I)
    x7 = mask_grid(x4, 5)
    x8 = neighbor_mask(x7, 5, 1)
    x9 = mask_logic(x6, x8, AND)
    x10 = mask_logic(x4, x9, OR)
    x11 = fill_mask(I, x10, 5)
    x12 = extend_lines(x11)
    x13 = fill_mask(x12, x4, 0)
    x14 = ranked_color(I, MAX)
    x15 = paint_all(x13, x14)
    return x15
