from solver.grid import *


def solve(I):
    """Every dot colours the cell of the block that it faces."""
    x1 = ranked_color(I, MAX)
    x2 = attract_cells(I, x1)
    x3 = drop_color(x2, x1)
    x4 = dilate(x3, CONN4)
    x5 = mask_of_color(I, x1)
    x6 = apply_mask(x4, x5)
    x7 = overlay(I, x6)
    return x7
