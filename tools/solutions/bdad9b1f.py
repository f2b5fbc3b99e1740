from solver.grid import *


def solve(I):
    """The strokes become full lines, and where they cross the cell is 4."""
    x1 = find_objects(I, CONN8, ONE_COLOR)
    x2 = drop(x1, WIDTH, MIN)
    x3 = paint_alone(x2)
    x4 = rays_axis(x3, HORIZONTAL)
    x5 = keep(x1, WIDTH, MIN)
    x6 = paint_alone(x5)
    x7 = rays_axis(x6, VERTICAL)
    x8 = combine(x4, x7, (0, 10, 11, 4, 4))
    return x8
