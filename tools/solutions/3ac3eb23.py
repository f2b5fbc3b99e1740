from solver.grid import *


def solve(I):
    """Below every dot of the first row its column holds it in every second row, and the columns beside it in the rows between."""
    x1 = rays(I, DOWN)
    x2 = stripe_mask(I, HORIZONTAL, 0)
    x3 = apply_mask(x1, x2)
    x4 = shift(x1, LEFT)
    x5 = shift(x1, RIGHT)
    x6 = overlay(x4, x5)
    x7 = stripe_mask(I, HORIZONTAL, 1)
    x8 = apply_mask(x6, x7)
    x9 = overlay(x3, x8)
    return x9
