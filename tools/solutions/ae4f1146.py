from solver.grid import *


def solve(I):
    """The square with the most blue cells is cut out."""
    x1 = find_objects(I, CONN4, ANY_COLOR)
    x2 = drop_color(I, 8)
    x3 = crop_all_regions(x1, x2)
    x4 = pick(x3, SIZE, MAX)
    x5 = replace_color(x4, 0, 8)
    return x5
