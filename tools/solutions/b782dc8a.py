from solver.grid import *


def solve(I):
    """The colours of the seed alternate along all corridors that it reaches."""
    x1 = ranked_color(I, SECOND_MIN)
    x2 = flood_from(I, x1)
    x3 = ranked_color(I, MAX)
    x4 = drop_color(x2, x3)
    x5 = checker_mask(I, 0)
    x6 = apply_mask(x4, x5)
    x7 = checker_mask(I, 1)
    x8 = apply_mask(x4, x7)
    x9 = pair(x6, x8)
    x10 = pick(x9, NUM_COLORS_IN, MAX)
    x11 = content_mask(x10)
    x12 = ranked_color(I, MIN)
    x13 = fill_mask(x2, x11, x12)
    return x13
