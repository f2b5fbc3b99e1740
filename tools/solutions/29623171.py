from solver.grid import *


def solve(I):
    """The panels with the most cells are filled with the colour, and all others are emptied."""
    x1 = keep_panels(I, SIZE, MAX)
    x2 = cell_grid(x1)
    x3 = fill_panels(x2, I)
    return x3
