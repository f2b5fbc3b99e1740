from solver.grid import *


def solve(I):
    """The dot draws lines along both diagonals."""
    x1 = diagonals(I)
    return x1
