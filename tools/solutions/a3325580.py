from solver.grid import *


def solve(I):
    """The colours of the largest objects stand side by side from left to right, as many rows as they have cells."""
    x1 = find_objects(I, CONN4, ONE_COLOR)
    x2 = keep(x1, SIZE, MAX)
    x3 = paint_alone(x2)
    x4 = squeeze(x3)
    x5 = color_in_line(x4, VERTICAL)
    x6 = dedupe_lines(x5)
    x7 = measure(x1, SIZE, MAX)
    x8 = tile(x6, x7, 1)
    return x8
