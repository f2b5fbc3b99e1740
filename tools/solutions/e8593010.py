from solver.grid import *


def solve(I):
    """Background regions of one cell become 3, of two 2 and of three 1."""
    x1 = background_regions(I, CONN4)
    x2 = color_objects(x1, I, SIZE, (1, 3, 2, 2, 3, 1))
    return x2
