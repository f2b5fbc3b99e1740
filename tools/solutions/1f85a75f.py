from solver.grid import *


def solve(I):
    """Cut out the largest object."""
    x1 = find_objects(I, CONN8, ONE_COLOR)
    x2 = crop_object(x1, SIZE, MAX)
    return x2
