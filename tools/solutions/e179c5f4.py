from solver.grid import *


def solve(I):
    """The 1 climbs on a path that is reflected by the sides, and the background becomes 8."""
    x1 = zigzag(I, UP)
    x2 = replace_color(x1, 0, 8)
    return x2
