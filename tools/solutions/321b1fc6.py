from solver.grid import *


def solve(I):
    """The coloured figure disappears, and every shape of the most common colour takes its colours."""
    x1 = ranked_color(I, MAX)
    x2 = drop_color(I, x1)
    x3 = crop_content(x2)
    x4 = keep_color(I, x1)
    x5 = paint_all(x3, x1)
    x6 = replace_patches(x4, x5, x3)
    return x6
