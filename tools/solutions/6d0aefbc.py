from solver.grid import *


def solve(I):
    """The mirror image is attached on the right."""
    x1 = mirror_concat(I, RIGHT)
    return x1
