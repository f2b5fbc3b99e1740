from solver.grid import *


def solve(I):
    """The largest empty rectangle becomes 6."""
    x1 = replace_color(I, 0, 9)
    x2 = replace_color(x1, 1, 0)
    x3 = rectangles(x2)
    x4 = keep_objects_of_color(x3, 9)
    x5 = keep(x4, SIZE, MAX)
    x6 = recolor(x5, 6)
    x7 = paint(x6, I)
    return x7
