from solver.grid import *


def solve(I):
    """As many cells as there are 1s become 2: the first row from the left, and the fourth is the middle."""
    x1 = count_cells(I)
    x2 = blank(3, 3)
    x3 = fill_first(x2, 1, 1)
    x4 = shift(x3, DOWN)
    x5 = fill_first(x4, x1, 2)
    x6 = drop_color(x5, 1)
    return x6
