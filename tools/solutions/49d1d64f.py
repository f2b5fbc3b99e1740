from solver.grid import *


def solve(I):
    """The picture gets a frame that repeats its edge cells; the corners stay empty."""
    x1 = replace_color(I, 0, 9)
    x2 = pad(x1, 0)
    x3 = dilate(x2, CONN4)
    x4 = replace_color(x3, 9, 0)
    return x4
