from solver.grid import *


def solve(I):
    """The bar grows by one cell in each further row, for half as many rows as it is wide."""
    x1 = width(I)
    x2 = divide(x1, 2)
    x3 = tile(I, x2, 1)
    x4 = shear(x3, RIGHT)
    x5 = rays(x4, LEFT)
    return x5
