from solver.grid import *


def solve(I):
    """Cut out what the rectangular frame encloses."""
    x1 = find_objects(I, CONN4, ONE_COLOR)
    x2 = keep_with_holes(x1)
    x3 = crop_region(x2, I, WIDTH, MAX)
    x4 = trim(x3, 1)
    return x4
