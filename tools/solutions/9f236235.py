from solver.grid import *


def solve(I):
    """Each panel becomes one cell of its colour, mirrored left to right."""
    x1 = cell_grid(I)
    x2 = transform(x1, FLIP_LR)
    return x2
