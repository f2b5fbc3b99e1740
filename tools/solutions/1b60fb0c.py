from solver.grid import *


def solve(I):
    """The missing part of the figure that is alike after a quarter turn is drawn in 2."""
    x1 = complete_symmetry_found(I, ROT90)
    x2 = difference_mask(x1, I)
    x3 = fill_mask(I, x2, 2)
    return x3
