from solver.grid import *


def solve(I):
    """The answer's colour tells which of the two upper corners are filled."""
    x1 = corner_color(I, UP_LEFT)
    x2 = corner_color(I, UP_RIGHT)
    x3 = solid(1, 1, x1)
    x4 = solid(1, 1, x2)
    x5 = combine(x3, x4, (6, 1, 3, 2, -1))
    return x5
