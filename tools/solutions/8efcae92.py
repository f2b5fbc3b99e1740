from solver.grid import *


def solve(I):
    """Cut out the rectangle with the most cells of the rarer colour."""
    x1 = find_objects(I, CONN4, ANY_COLOR)
    x2 = crop_object(x1, MINORITY_CELLS, MAX)
    return x2
