from solver.grid import *


def solve(I):
    """The row stands at the bottom left of a square, and every cell shoots a ray up and to the right."""
    x1 = width(I)
    x2 = count_cells(I)
    x3 = multiply(x1, x2)
    x4 = blank(x3, x3)
    x5 = place(I, x4, DOWN_LEFT)
    x6 = rays_diagonal(x5, UP_RIGHT)
    return x6
