from solver.grid import *


def solve(I):
    """Square meshes of the net become 3, those joined through gaps 4."""
    x1 = background_regions(I, CONN4)
    x2 = recolor(x1, 4)
    x3 = paint(x2, I)
    x4 = keep_squares(x1)
    x5 = keep_solid_rectangles(x4)
    x6 = recolor(x5, 3)
    x7 = paint(x6, x3)
    return x7
