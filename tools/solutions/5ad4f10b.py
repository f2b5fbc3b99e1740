from solver.grid import *


def solve(I):
    """The big shape shrunk to 3 x 3 cells, in the colour of the scattered cells."""
    x1 = find_objects(I, CONN8, ONE_COLOR)
    x2 = keep(x1, SIZE, MAX)
    x3 = crop_object(x1, SIZE, MAX)
    x4 = width(x3)
    x5 = divide(x4, 3)
    x6 = downscale(x3, x5)
    x7 = erase(x2, I)
    x8 = ranked_color(x7, MAX)
    x9 = paint_all(x6, x8)
    return x9
