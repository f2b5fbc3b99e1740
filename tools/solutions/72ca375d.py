from solver.grid import *


def solve(I):
    """Cut out the object that is its own mirror image."""
    x1 = find_objects(I, CONN8, ONE_COLOR)
    x2 = crop_object(x1, SYMMETRY_COUNT, MAX)
    return x2
