from solver.grid import *


def solve(I):
    """The cell is 8 if the two 2 blocks are joined by a path of cells, else 0."""
    x1 = find_objects(I, CONN8, ANY_COLOR)
    x2 = mask_of_color(I, 2)
    x3 = keep_overlapping(x1, x2)
    x4 = count_objects(x3)
    x5 = subtract(2, x4)
    x6 = blank(1, 1)
    x7 = fill_first(x6, x5, 8)
    return x7
