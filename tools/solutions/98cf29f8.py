from solver.grid import *


def solve(I):
    """The rod is pulled in, so that the block that held it touches the other one."""
    x1 = find_objects(I, CONN4, ONE_COLOR)
    x2 = drop_solid_rectangles(x1)
    x3 = object_color(x2, SIZE, MAX)
    x4 = rectangles(I)
    x5 = paint_alone(x4)
    x6 = attract(x5, x3)
    return x6
