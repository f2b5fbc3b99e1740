from solver.grid import *


def solve(I):
    """Rows and columns without any cell turn red throughout."""
    x1 = count_in_line(I, HORIZONTAL)
    x2 = count_in_line(I, VERTICAL)
    x3 = mask_of_color(x1, 0)
    x4 = mask_of_color(x2, 0)
    x5 = mask_logic(x3, x4, OR)
    x6 = fill_mask(I, x5, 2)
    return x6
