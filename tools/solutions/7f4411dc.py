from solver.grid import *


def solve(I):
    """Only solid rectangles stay, all specks vanish."""
    x1 = rectangles(I)
    x2 = paint_alone(x1)
    return x2
