from solver.grid import *


def solve(I):
    """The number of 2 x 2 blocks of colour 1 is shown as that many cells of a row of five."""
    x1 = objects_of_color(I, 1, CONN4)
    x2 = keep_size(x1, 4)
    x3 = count_objects(x2)
    x4 = blank(1, 5)
    x5 = fill_first(x4, x3, 1)
    return x5
