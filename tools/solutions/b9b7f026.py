from solver.grid import *


def solve(I):
    """The answer is one cell in the colour of the rectangle that has a hole."""
    x1 = find_objects(I, CONN4, ONE_COLOR)
    x2 = object_color(x1, HOLES, MAX)
    x3 = solid(1, 1, x2)
    return x3
