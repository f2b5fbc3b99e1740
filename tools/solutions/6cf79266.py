from solver.grid import *


def solve(I):
    """Empty squares of three by three cells become 1."""
    x1 = blank(3, 3)
    x2 = solid(3, 3, 1)
    x3 = replace_patches(I, x1, x2)
    return x3
