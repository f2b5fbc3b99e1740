from solver.grid import *


def solve(I):
    """The pattern is repeated in the two other panels, turned by a quarter and by half."""
    x1 = split_separators(I)
    x2 = nth(x1, 0)
    x3 = transform(x2, ROT90)
    x4 = transform(x2, ROT180)
    x5 = place(x4, I, UP_RIGHT)
    x6 = center_on(x3, x5)
    return x6
