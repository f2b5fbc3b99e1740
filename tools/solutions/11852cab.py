from solver.grid import *


def solve(I):
    """The pattern is completed to be alike after a quarter turn."""
    x1 = complete_symmetry_content(I, ROT90)
    return x1
