from solver.grid import *


def solve(I):
    """The plain rectangle amid the noise is cut out, and its specks become full rows and columns."""
    x1 = ranked_color(I, MAX)
    x2 = keep_color(I, x1)
    x3 = count_neighbors(x2, 1)
    x4 = lookup(x3, (0, 0, 1, 0, 2, 0, 3, 0, 4, 0, 5, 1, 6, 1, 7, 1, 8, 1))
    x5 = content_mask(x4)
    x6 = fill_mask(x2, x5, x1)
    x7 = largest_rectangle(x6, x1)
    x8 = objects_from_mask(x7, CONN4)
    x9 = crop_region(x8, I, SIZE, MAX)
    x10 = ranked_color(x9, MIN)
    x11 = lines_through(x9, x10, HORIZONTAL)
    x12 = lines_through(x9, x10, VERTICAL)
    x13 = keep_color(x12, x10)
    x14 = overlay(x11, x13)
    return x14
