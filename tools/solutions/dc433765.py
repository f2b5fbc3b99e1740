from solver.grid import *


def solve(I):
    """The 3 moves one step towards the 4, straight or diagonally."""
    x1 = replace_color(I, 4, 3)
    x2 = connect_both(x1, HORIZONTAL)
    x3 = connect_diagonal(x1)
    x4 = overlay(x2, x3)
    x5 = difference_mask(x4, x1)
    x6 = neighbor_mask(I, 3, 2)
    x7 = mask_logic(x5, x6, AND)
    x8 = drop_color(I, 3)
    x9 = fill_mask(x8, x7, 3)
    return x9
