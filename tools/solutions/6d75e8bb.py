from solver.grid import *


def solve(I):
    """The bounding box of the shape is filled up with colour 2."""
    x1 = find_objects(I, CONN8, ANY_COLOR)
    x2 = fill_box_background(x1, I, 2)
    return x2
