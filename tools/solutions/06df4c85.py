from solver.grid import *


def solve(I):
    """Panels of one colour in one row or column are joined by panels of that colour."""
    x1 = cell_grid(I)
    x2 = connect_both(x1, HORIZONTAL)
    x3 = fill_panels(x2, I)
    return x3
