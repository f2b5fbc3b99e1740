from solver.grid import *


def solve(I):
    """On a grid twice as large every cell draws a diagonal to the lower right."""
    x1 = height(I)
    x2 = multiply(x1, 2)
    x3 = width(I)
    x4 = multiply(x3, 2)
    x5 = blank(x2, x4)
    x6 = place(I, x5, UP_LEFT)
    x7 = rays_diagonal(x6, DOWN_RIGHT)
    return x7
