from solver.grid import *


def solve(I):
    """The object that the grey cell touches is cut out."""
    x1 = drop_color(I, 5)
    x2 = find_objects(x1, CONN8, ANY_COLOR)
    x3 = mask_of_color(I, 5)
    x4 = keep_touching(x2, x3)
    x5 = crop_object(x4, SIZE, MAX)
    return x5
