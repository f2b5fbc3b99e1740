from solver.grid import *


def solve(I):
    """What the frames enclose becomes 3, and the frames vanish."""
    x1 = flood(I, 3, CONN4)
    x2 = difference_mask(x1, I)
    x3 = apply_mask(x1, x2)
    return x3
