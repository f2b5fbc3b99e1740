from solver.grid import *


def solve(I):
    """The bars are numbered by length, the longest is 1."""
    x1 = find_objects(I, CONN4, ONE_COLOR)
    x2 = recolor_rank(x1, SIZE)
    x3 = paint_alone(x2)
    return x3
