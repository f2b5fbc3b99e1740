from solver.grid import *


def solve(I):
    """The irregular figure moves straight until it touches the solid square."""
    x1 = find_objects(I, CONN8, ONE_COLOR)
    x2 = drop_solid_rectangles(x1)
    x3 = object_color(x2, SIZE, MAX)
    x4 = attract(I, x3)
    return x4
