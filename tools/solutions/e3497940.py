from solver.grid import *


def solve(I):
    """The right half is folded over onto the left half."""
    x1 = half(I, LEFT)
    x2 = half(I, RIGHT)
    x3 = transform(x2, FLIP_LR)
    x4 = overlay(x1, x3)
    return x4
