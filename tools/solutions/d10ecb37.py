from solver.grid import *


def solve(I):
    """The upper left square of two by two cells is cut out."""
    x1 = solid(2, 2, 1)
    x2 = fill_solid(I, 0)
    x3 = place(x1, x2, UP_LEFT)
    x4 = content_mask(x3)
    x5 = objects_from_mask(x4, CONN4)
    x6 = crop_region(x5, I, SIZE, MAX)
    return x6
