from solver.grid import *


def solve(I):
    """The diagonal line goes on in 3, reflected by the wall."""
    x1 = bounce(I)
    x2 = difference_mask(x1, I)
    x3 = fill_mask(I, x2, 3)
    return x3
