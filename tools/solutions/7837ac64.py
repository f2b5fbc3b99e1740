from solver.grid import *


def solve(I):
    """Every square of the net whose four corners are marked in one colour becomes a cell of that colour."""
    x1 = drop_ranked_color(I, MAX)
    x2 = squeeze(x1)
    x3 = trim_side(x2, UP)
    x4 = trim_side(x2, DOWN)
    x5 = combine(x3, x4, (0, 0, 0, 10, 0))
    x6 = trim_side(x5, LEFT)
    x7 = trim_side(x5, RIGHT)
    x8 = combine(x6, x7, (0, 0, 0, 10, 0))
    return x8
