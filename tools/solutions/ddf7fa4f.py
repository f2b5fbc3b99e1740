from solver.grid import *


def solve(I):
    """Every block takes the colour of the dot in the first row above it."""
    x1 = ranked_color(I, MAX)
    x2 = drop_color(I, x1)
    x3 = rays(x2, DOWN)
    x4 = mask_of_color(I, x1)
    x5 = apply_mask(x3, x4)
    x6 = find_objects(x5, CONN4, ONE_COLOR)
    x7 = objects_of_color(I, x1, CONN4)
    x8 = recolor_from(x7, x6)
    x9 = paint(x8, I)
    return x9
