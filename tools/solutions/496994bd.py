from solver.grid import *


def solve(I):
    """The picture is completed to be symmetric upside down."""
    x1 = complete_symmetry(I, FLIP_UD)
    return x1
