from solver.grid import *


def solve(I):
    """Every block of the most common colour is replaced by the coloured pattern."""
    x1 = ranked_color(I, MAX)
    x2 = drop_color(I, x1)
    x3 = crop_content(x2)
    x4 = paint_all(x3, x1)
    x5 = replace_patches(I, x4, x3)
    return x5
