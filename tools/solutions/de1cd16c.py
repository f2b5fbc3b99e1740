from solver.grid import *


def solve(I):
    """The answer is the colour of the area with the most specks."""
    x1 = find_objects(I, CONN4, ONE_COLOR)
    x2 = object_color(x1, SIZE, MIN)
    x3 = drop_color(I, x2)
    x4 = find_objects(x3, CONN4, ONE_COLOR)
    x5 = object_color(x4, HOLES, MAX)
    x6 = solid(1, 1, x5)
    return x6
