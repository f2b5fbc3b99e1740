from solver.grid import *


def solve(I):
    """Below the opening of each shape a 4 lies on the ground."""
    x1 = find_objects(I, CONN4, ONE_COLOR)
    x2 = fill_box_background(x1, I, 4)
    x3 = gravity_of(x2, 4, DOWN)
    return x3
