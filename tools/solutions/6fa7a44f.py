from solver.grid import *


def solve(I):
    """The mirror image is attached below."""
    x1 = mirror_concat(I, DOWN)
    return x1
