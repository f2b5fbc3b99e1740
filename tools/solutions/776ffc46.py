from solver.grid import *


def solve(I):
    """Blue objects of the same shape as the one in the closed grey frame take its colour."""
    x1 = objects_of_color(I, 5, CONN4)
    x2 = keep_with_holes(x1)
    x3 = box_mask(x2)
    x4 = apply_mask(I, x3)
    x5 = drop_color(x4, 5)
    x6 = crop_content(x5)
    x7 = ranked_color(x6, MAX)
    x8 = paint_all(x6, 1)
    x9 = recolor_occurrences(I, x8, x7)
    x10 = find_objects(x9, CONN8, ANY_COLOR)
    x11 = color_objects(x10, x9, NUM_COLORS_IN, (1, 10, 2, 1))
    return x11
