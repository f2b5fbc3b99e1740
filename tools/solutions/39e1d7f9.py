from solver.grid import *


def solve(I):
    """Seen as one cell a panel, the complete figure is drawn around every other cell of its centre's colour."""
    x1 = cell_grid(I)
    x2 = complete_copies(x1, 0, 0)
    x3 = fill_panels(x2, I)
    return x3
