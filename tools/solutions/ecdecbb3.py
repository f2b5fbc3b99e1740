from solver.grid import *


def solve(I):
    """Every dot draws lines to the long lines it sees, which get a ring around the meeting point."""
    x1 = ranked_color(I, MIN)
    x2 = ranked_color(I, MAX)
    x3 = connect_to(I, x1)
    x4 = keep_color(x3, x1)
    x5 = dilate(x4, CONN4)
    x6 = mask_of_color(I, x2)
    x7 = apply_mask(x5, x6)
    x8 = decorate(x7, 2, x2)
    x9 = overlay(x3, x8)
    return x9
