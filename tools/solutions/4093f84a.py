from solver.grid import *


def solve(I):
    """All cells fly straight to the grey block and turn grey, too."""
    x1 = attract_cells(I, 5)
    x2 = paint_all(x1, 5)
    return x2
