from solver.grid import *


def solve(I):
    """Grey cells fly to the red block, straight or diagonally, until they touch it."""
    x1 = attract_cells(I, 2)
    x2 = keep_color(I, 2)
    x3 = mark_corners(x2, 5)
    x4 = neighbor_mask(x2, 2, 0)
    x5 = mask_not(x4)
    x6 = apply_mask(x1, x5)
    x7 = diagonals_of(x6, 5)
    x8 = mask_of_color(x3, 5)
    x9 = apply_mask(x7, x8)
    x10 = apply_mask(x1, x4)
    x11 = overlay(x2, x9)
    x12 = overlay(x11, x10)
    return x12
