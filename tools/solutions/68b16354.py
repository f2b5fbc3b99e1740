from solver.grid import *


def solve(I):
    """The picture is turned upside down."""
    x1 = transform(I, FLIP_UD)
    return x1
