from solver.grid import *


def solve(I):
    """The tallest bar becomes 1, the shortest 2, and all others vanish."""
    x1 = find_objects(I, CONN4, ONE_COLOR)
    x2 = keep(x1, SIZE, MAX)
    x3 = recolor(x2, 1)
    x4 = keep(x1, SIZE, MIN)
    x5 = recolor(x4, 2)
    x6 = paint_alone(x3)
    x7 = paint(x5, x6)
    return x7
