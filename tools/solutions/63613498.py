from solver.grid import *


def solve(I):
    """The object with the same shape as the one in the framed corner turns grey."""
    x1 = find_objects(I, CONN8, ONE_COLOR)
    x2 = keep_repeated_shapes(x1)
    x3 = recolor(x2, 5)
    x4 = paint(x3, I)
    x5 = solid(3, 3, 1)
    x6 = fill_solid(I, 0)
    x7 = place(x5, x6, UP_LEFT)
    x8 = content_mask(x7)
    x9 = where(x8, I, x4)
    return x9
