from solver.grid import *


def solve(I):
    """Within the bounding box of the rarest colour the cells of the other colour become 3."""
    x1 = ranked_color(I, MIN)
    x2 = keep_color(I, x1)
    x3 = whole(x2)
    x4 = box_mask(x3)
    x5 = ranked_color(I, MAX)
    x6 = mask_of_color(I, x5)
    x7 = mask_logic(x4, x6, AND)
    x8 = fill_mask(I, x7, 3)
    return x8
