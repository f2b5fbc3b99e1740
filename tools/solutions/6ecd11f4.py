from solver.grid import *


def solve(I):
    """The small pattern is kept where the big shape, shrunk to its size, has cells."""
    x1 = find_objects(I, CONN8, ANY_COLOR)
    x2 = crop_object(x1, SIZE, MAX)
    x3 = crop_object(x1, SIZE, MIN)
    x4 = height(x2)
    x5 = height(x3)
    x6 = divide(x4, x5)
    x7 = downscale(x2, x6)
    x8 = content_mask(x7)
    x9 = apply_mask(x3, x8)
    return x9
