from solver.grid import *


def solve(I):
    """Every dot that faces the rectangle is joined to it by a line of its colour."""
    x1 = background_color(I)
    x2 = replace_color(I, x1, 0)
    x3 = find_objects(x2, CONN4, ONE_COLOR)
    x4 = object_color(x3, SIZE, MIN)
    x5 = connect_to(x2, x4)
    x6 = replace_color(x5, 0, x1)
    return x6
