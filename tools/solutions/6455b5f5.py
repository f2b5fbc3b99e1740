from solver.grid import *


def solve(I):
    """The largest region of background turns blue, the smallest ones light blue."""
    x1 = background_regions(I, CONN4)
    x2 = keep(x1, SIZE, MAX)
    x3 = recolor(x2, 1)
    x4 = paint(x3, I)
    x5 = keep(x1, SIZE, MIN)
    x6 = recolor(x5, 8)
    x7 = paint(x6, x4)
    return x7
