from solver.grid import *


def solve(I):
    """The largest frame is cut out with its content and takes the colour of the scattered cells."""
    x1 = find_objects(I, CONN4, ONE_COLOR)
    x2 = crop_region(x1, I, SIZE, MAX)
    x3 = object_color(x1, SIZE, MIN)
    x4 = paint_all(x2, x3)
    return x4
