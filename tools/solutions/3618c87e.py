from solver.grid import *


def solve(I):
    """The cells that stand on the stalks sink to the bottom row."""
    x1 = ranked_color(I, MIN)
    x2 = fill_solid(I, 0)
    x3 = draw_side(x2, DOWN, 1)
    x4 = mask_of_color(x3, 1)
    x5 = lines_through(I, x1, VERTICAL)
    x6 = mask_of_color(x5, x1)
    x7 = mask_logic(x4, x6, AND)
    x8 = drop_color(I, x1)
    x9 = fill_mask(x8, x7, x1)
    return x9
